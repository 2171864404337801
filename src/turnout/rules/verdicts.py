"""What comes of a set of matching rules: ids, targets each once, shadow rules, `stop`, and what shapes the messages.

Events that match the same rules share one verdict. Which rules match is the engine's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import msgspec

from turnout.rules.engine.packing import Texts
from turnout.rules.model import Mode, Rule
from turnout.rules.shaping import Shaper, compile_shaper

__all__ = ["Verdict", "Verdicts"]

_ROOM = 500_000
"""Rules in all remembered verdicts together before they are forgotten: between 10 and 50 MB."""
_MOST_ONCE = 100_000
"""Sets of rules that were found once, before they are forgotten: 10 MB."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What comes of one set of matching rules, as `Match` tells it. `shapers` is by target."""

    rules: tuple[str, ...]
    targets: tuple[str, ...]
    shadow: tuple[str, ...] = ()
    shapers: Mapping[str, Shaper] | None = None


class Verdicts:
    """The verdicts of one ruleset. Rules are known by their position in `rules`."""

    known: dict[tuple[int, ...], Verdict]
    """By what was found: to be asked first."""

    def __init__(
        self, rules: Sequence[Rule], unmatched: tuple[str, ...], numbers: Callable[[Sequence[int]], list[int]]
    ) -> None:
        """`unmatched` are the targets of an event that no rule matches; `numbers` is the engine's."""
        self._numbers = numbers
        self._rules = tuple(rules)
        self._unmatched = unmatched
        # Names lie next to each other and equal ones are one object: of texts scattered by the ten thousand, hardly one
        # is in the processor's cache.
        texts = Texts()
        self._id_of = [texts.one(rule.id) for rule in rules].__getitem__
        sends = [tuple(map(texts.one, rule.send)) for rule in rules]
        self._send_of = sends.__getitem__
        self._sole_of = [send[0] for send in sends].__getitem__ if all(len(send) == 1 for send in sends) else None
        self._shapers = {number: shaper for number, rule in enumerate(rules) if (shaper := compile_shaper(rule))}
        stopping = (number for number, rule in enumerate(rules) if rule.stop)
        shadow = (number for number, rule in enumerate(rules) if rule.mode is Mode.SHADOW)
        # Rules that do more than add their targets.
        self._special = frozenset((*self._shapers, *stopping, *shadow))
        self._frequent: dict[tuple[int, ...], Verdict] = {(): self._tell([])}
        for number in range(len(rules)):
            self._frequent[number,] = self._tell([number])
        self._forget()

    def of(self, found: tuple[int, ...]) -> Verdict:
        """What comes of what the engine found. When that was found before, it is known from now on."""
        numbers = self._numbers(found)
        verdict = self._tell(numbers)
        # Of sets that come but once, and rules on many fields make many of them, only the hash is kept.
        mark = hash(found)
        if mark not in self._once:
            self._once.add(mark)
        else:
            self.known[found] = verdict
            self._room -= len(found) + len(numbers)
        if self._room < 0 or len(self._once) > _MOST_ONCE:
            self._forget()
        return verdict

    def _forget(self) -> None:
        self.known = self._frequent.copy()
        self._once: set[int] = set()
        self._room = _ROOM

    def _tell(self, numbers: Sequence[int]) -> Verdict:
        if not numbers:
            return Verdict((), self._unmatched)
        if self._special and not self._special.isdisjoint(numbers):
            return self._tell_special(numbers)
        named = map(self._sole_of, numbers) if self._sole_of else chain.from_iterable(map(self._send_of, numbers))
        targets = dict.fromkeys(named)
        return Verdict(tuple(map(self._id_of, numbers)), tuple(targets))

    def _tell_special(self, numbers: Sequence[int]) -> Verdict:
        rules: list[str] = []
        shadow: list[str] = []
        targets: dict[str, Shaper | None] = {}
        for number in numbers:
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
