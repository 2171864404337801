"""Which terms of a rule its tests have seen true, and which they have seen false.

A term counts as seen when it was asked. In `a and b`, an event for which `a` is false does not ask `b`, so seeing `b`
false takes an event for which `a` is true: else the rule would pass its tests without `b`. Likewise in `a or b`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from turnout.rules.condition.ast import And, Condition, Constant, Every, Not, Or, Path, Some
from turnout.rules.condition.interpret import Scope, find, holds
from turnout.rules.condition.wording import Wording, is_term, parts, whole_path
from turnout.rules.model import Rule

__all__ = ["Coverage", "RuleCoverage", "TermCoverage"]


class TermCoverage(msgspec.Struct, frozen=True):
    """One term, in its author's words, and what was seen of it."""

    text: str
    seen_true: bool
    seen_false: bool

    @property
    def gap(self) -> str:
        """What is missing, in words; empty when nothing is."""
        if self.seen_true and self.seen_false:
            return ""
        if self.seen_true or self.seen_false:
            return "never seen false" if self.seen_true else "never seen true"
        return "never asked"


class RuleCoverage(msgspec.Struct, frozen=True):
    """The terms of one rule."""

    rule: str
    place: str
    terms: tuple[TermCoverage, ...]

    @property
    def gaps(self) -> tuple[TermCoverage, ...]:
        """The terms that were not seen both true and false."""
        return tuple(term for term in self.terms if term.gap)


class Coverage:
    """Collects what is seen of the terms of rules."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._terms: dict[str, list[_Term]] = {}
        self._trees = {rule.id: _tree(rule.condition, self._terms.setdefault(rule.id, [])) for rule in self._rules}

    def see(self, rule: Rule, event: object, metadata: object = None) -> None:
        """Hold one event against one rule."""
        _ask(self._trees[rule.id], Scope(event, metadata))

    def see_all(self, event: object, metadata: object = None) -> None:
        """Hold one event against every rule."""
        for rule in self._rules:
            self.see(rule, event, metadata)

    def report(self) -> tuple[RuleCoverage, ...]:
        """What was seen so far. Terms that are always true, or never, have nothing to show and are left out."""
        return tuple(RuleCoverage(rule.id, str(rule.place), tuple(self._of(rule))) for rule in self._rules)

    def _of(self, rule: Rule) -> Iterable[TermCoverage]:
        wording = Wording(rule.source)
        for term in self._terms[rule.id]:
            if not isinstance(term.condition, Constant):
                yield TermCoverage(wording.text(term.condition, term.around), True in term.seen, False in term.seen)


@dataclass
class _Term:
    """One term, and the verdicts that were seen of it. `around` is the path to the elements that it is about."""

    condition: Condition
    around: Path | None
    seen: set[bool] = field(default_factory=set)


@dataclass
class _Joint:
    """What is inside a condition that is not one term."""

    condition: Condition
    inside: list[_Term | _Joint]


def _tree(condition: Condition, terms: list[_Term], around: Path | None = None) -> _Term | _Joint:
    """The condition as a tree of terms, which are collected in the order of the source."""
    match condition:
        case And() | Or() if not is_term(condition):
            return _Joint(condition, [_tree(part, terms, around) for part in parts(condition)])
        case Not(item=inner) if not is_term(condition):
            return _Joint(condition, [_tree(inner, terms, around)])
        case Some(path=path, condition=inner) | Every(path=path, condition=inner) if not is_term(condition):
            return _Joint(condition, [_tree(inner, terms, whole_path(path, around))])
    terms.append(_Term(condition, around))
    return terms[-1]


def _ask(node: _Term | _Joint, scope: Scope) -> bool:
    """The verdict. As in the worker, what cannot change it any more is not asked."""
    if isinstance(node, _Term):
        verdict = holds(node.condition, scope)
        node.seen.add(verdict)
        return verdict
    match node.condition:
        case And():
            return all(_ask(part, scope) for part in node.inside)
        case Or():
            return any(_ask(part, scope) for part in node.inside)
        case Some(path=path):
            return any(_ask(node.inside[0], scope._replace(element=value)) for value in find(path, scope))
        case Every(path=path):
            found = find(path, scope)
            return bool(found) and all(_ask(node.inside[0], scope._replace(element=value)) for value in found)
        case _:
            return not _ask(node.inside[0], scope)
