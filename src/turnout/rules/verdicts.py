"""What comes of a set of matching rules: ids, targets each once, shadow rules, `stop`, and what shapes the messages.

Events that match the same rules share one verdict. Which rules match is the engine's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import msgspec

from turnout.rules.engine import Found, numbers
from turnout.rules.model import Mode, Rule
from turnout.rules.shaping import Shaper, compile_shaper

__all__ = ["Verdict", "Verdicts"]

_ROOM = 500_000
"""Rules in all remembered verdicts together before they are forgotten: between 10 and 50 MB."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What comes of one set of matching rules, as `Match` tells it. `shapers` is by target."""

    rules: tuple[str, ...]
    targets: tuple[str, ...]
    shadow: tuple[str, ...] = ()
    shapers: Mapping[str, Shaper] | None = None


class Verdicts:
    """The verdicts of one ruleset. Rules are known by their position in `rules`."""

    known: dict[tuple[Found, ...], Verdict]
    """By what was found: to be asked first."""

    def __init__(self, rules: Sequence[Rule], unmatched: tuple[str, ...]) -> None:
        """`unmatched` are the targets of an event that no rule matches."""
        self._rules = tuple(rules)
        self._unmatched = unmatched
        self._id_of = [rule.id for rule in rules].__getitem__
        self._send_of = [rule.send for rule in rules].__getitem__
        self._shapers = {number: shaper for number, rule in enumerate(rules) if (shaper := compile_shaper(rule))}
        stopping = (number for number, rule in enumerate(rules) if rule.stop)
        shadow = (number for number, rule in enumerate(rules) if rule.mode is Mode.SHADOW)
        # Rules that do more than add their targets.
        self._special = frozenset((*self._shapers, *stopping, *shadow))
        self._frequent: dict[tuple[Found, ...], Verdict] = {(): self._tell([])}
        for number in range(len(rules)):
            self._frequent[number,] = self._tell([number])
        self._forget()

    def of(self, found: Sequence[Found]) -> Verdict:
        """What comes of what was found, which may be in any order and name a rule twice. It is known from now on."""
        verdict = self._tell(numbers(found))
        self._room -= len(found) + len(verdict.rules)
        if self._room < 0:
            self._forget()
        self.known[tuple(found)] = verdict
        return verdict

    def _forget(self) -> None:
        self.known = self._frequent.copy()
        self._room = _ROOM

    def _tell(self, found: Sequence[int]) -> Verdict:
        if not found:
            return Verdict((), self._unmatched)
        if self._special and not self._special.isdisjoint(found):
            return self._tell_special(found)
        targets = dict.fromkeys(chain.from_iterable(map(self._send_of, found)))
        return Verdict(tuple(map(self._id_of, found)), tuple(targets))

    def _tell_special(self, found: Sequence[int]) -> Verdict:
        rules: list[str] = []
        shadow: list[str] = []
        targets: dict[str, Shaper | None] = {}
        for number in found:
            rule = self._rules[number]
            if rule.mode is Mode.SHADOW:
                shadow.append(rule.id)
                continue
            rules.append(rule.id)
            for target in rule.send:
                targets.setdefault(target, self._shapers.get(number))
            if rule.stop:
                break
        shapers = {name: shaper for name, shaper in targets.items() if shaper}
        return Verdict(tuple(rules), tuple(targets) if rules else self._unmatched, tuple(shadow), shapers or None)
