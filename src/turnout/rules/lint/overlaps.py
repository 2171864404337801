"""Finds rules that another rule makes needless: of the same condition, covered by it, or never tried because of it.

That one rule matches whatever another one does is no mistake by itself. It is one when the other rule sends nothing
further, or stops.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from turnout.rules.condition.ast import And, Condition, Constant, Every, Except, Not, OneOf, Or, Some, Test
from turnout.rules.lint.candidates import Candidates
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.reasoning import Patience, implies
from turnout.rules.model import Mode, Rule
from turnout.rules.problems import Code

__all__ = ["Overlap", "canonical", "find_overlaps", "warn_of_overlaps"]

_MOST_CANDIDATES = 400
"""Rules that are looked at as covering one rule."""
_MOST_QUESTIONS = 25
"""Rules of them whose conditions are compared with that rule's, unless there are very many rules."""
_FEWEST_QUESTIONS = 8
_QUESTIONS = 80_000
"""About so many for all rules together: each takes some 0.1 ms."""


_WORDS = {
    Code.UNREACHABLE: "this rule is never tried: {other} matches all its events, and stops",
    Code.DUPLICATE_CONDITION: "the same condition as that of {other}; one rule can send to several targets",
    Code.SUBSUMED: "this rule adds nothing: {other} matches all its events, and sends to the same targets",
}


class Overlap(NamedTuple):
    """A rule that is needless, in which way, and the rule that makes it so."""

    rule: Rule
    code: Code
    other: Rule


def warn_of_overlaps(rules: Sequence[Rule], findings: Findings, patience: Patience) -> None:
    """One warning at most per rule, about one rule that makes it needless."""
    for rule, code, other in find_overlaps(rules, patience):
        message = _WORDS[code].format(other=f"'{other.id}' at {other.place}")
        findings.condition(code, message, rule, rule.condition)


def find_overlaps(rules: Sequence[Rule], patience: Patience | None = None) -> Iterator[Overlap]:
    """The rules that are needless. Disabled ones are left out.

    `rules` are in the order in which they are tried; those that never match had better not be among them.
    """
    return _Overlaps([rule for rule in rules if rule.enabled], patience or Patience()).found()


class _Overlaps:
    def __init__(self, rules: Sequence[Rule], patience: Patience) -> None:
        self._rules = rules
        self._patience = patience
        self._sends = [frozenset(rule.send) for rule in rules]
        self._candidates = Candidates([rule.condition for rule in rules])
        self._catch_alls = [number for number, rule in enumerate(rules) if rule.condition == Constant(True)]
        self._stops = [number for number, rule in enumerate(rules) if rule.stop and rule.mode is Mode.ACTIVE]
        self._shaped = {target for rule in rules if rule.shapes_messages for target in rule.send}
        self._questions = max(_FEWEST_QUESTIONS, min(_MOST_QUESTIONS, _QUESTIONS // max(1, len(rules))))
        self._needless: set[int] = set()
        first: dict[Hashable, int] = {}
        self._twins = [
            first.setdefault((canonical(rule.condition), rule.mode, _shape(rule)), number)
            for number, rule in enumerate(rules)
        ]
        """For each rule the first one of the same condition, perhaps itself."""

    def found(self) -> Iterator[Overlap]:
        """Look at each rule."""
        for number, rule in enumerate(self._rules):
            overlap = self._overlap(number)
            if overlap is not None:
                self._needless.add(number)
                yield Overlap(rule, overlap[0], self._rules[overlap[1]])

    def _overlap(self, number: int) -> tuple[Code, int] | None:
        rule, twin = self._rules[number], self._twins[number]
        candidates = self._candidates.of(rule.condition, _MOST_CANDIDATES)
        others = [other for other in dict.fromkeys((*self._catch_alls, twin, *candidates)) if other != number]
        stop = self._implied(number, [other for other in others if self._stops_before(other, number)])
        if stop is not None:
            return Code.UNREACHABLE, stop
        if twin != number and twin not in self._needless:
            return Code.DUPLICATE_CONDITION, twin
        if rule.mode is Mode.ACTIVE and not rule.stop:
            cover = self._implied(number, [other for other in others if self._sends_the_same(other, number)])
            if cover is not None:
                return Code.SUBSUMED, cover
        return None

    def _implied(self, number: int, others: Sequence[int]) -> int | None:
        condition = self._rules[number].condition
        for other in others[: self._questions]:
            if implies(condition, self._rules[other].condition, self._patience):
                return other
        return None

    def _stops_before(self, other: int, number: int) -> bool:
        return other < number and self._rules[other].stop and self._rules[other].mode is Mode.ACTIVE

    def _sends_the_same(self, other: int, number: int) -> bool:
        """Whether a rule, if it matches too, makes the one with this number needless."""
        if not self._sends[number] <= self._sends[other]:
            return False
        if self._rules[other].mode is not Mode.ACTIVE or other in self._needless:
            return False
        if other < number:
            return True  # what goes with a message is said by the first rule that sends it
        if self._twins[other] == self._twins[number]:
            return False  # of twins, the later one is needless
        # A later rule has to be tried, too, and nothing may be said of the messages meanwhile.
        stopped = bisect_left(self._stops, other) > bisect_left(self._stops, number)
        return not stopped and self._shaped.isdisjoint(self._sends[number])


def canonical(condition: Condition) -> Hashable:
    """Equal for conditions that differ only in the order of what they join or list, or in how often they say it."""
    match condition:
        case And(items=items) | Or(items=items):
            parts = frozenset(map(canonical, items))
            return (type(condition), parts) if len(parts) > 1 else next(iter(parts))
        case Not(item=Not(item=item)):
            return canonical(item)
        case Not(item=item):
            return Not, canonical(item)
        case Some(path=path, condition=inner) | Every(path=path, condition=inner):
            return type(condition), path, canonical(inner)
        case Test(term=term, predicate=OneOf(items=items)):
            return OneOf, term, frozenset(items)
        case Test(term=term, predicate=Except(predicate=OneOf(items=items))):
            return Except, term, frozenset(items)
    return condition


def _shape(rule: Rule) -> Hashable:
    return rule.group, rule.deduplicate, rule.delay, tuple(sorted(rule.attributes.items(), key=lambda pair: pair[0]))
