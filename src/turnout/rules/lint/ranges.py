"""Ranges, and which of them lie around a given one: those that do are listed without looking at those that do not."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import TypeAlias

from turnout.rules.condition.ast import Range

__all__ = ["RangeIndex", "intersection"]

_Edge: TypeAlias = tuple[int, str | int | float, int]
"""Orders bounds of one kind: open ends are before and after all, and at one value an excluded low end is later."""


class RangeIndex:
    """Numbered ranges, whose bounds are all numbers or all strings."""

    def __init__(self, entries: Iterable[tuple[Range, int]]) -> None:
        found = sorted(((_low(each), _high(each), number) for each, number in entries), key=itemgetter(0))
        self._lows = [low for low, _, _ in found]
        self._numbers = [number for _, _, number in found]
        size = 1
        while size < len(found):
            size *= 2
        self._size = size
        # A tree over the ranges in the order of their low ends; each node knows the highest end below it.
        self._highest: list[_Edge] = [(-2, 0, 0)] * (2 * size)
        self._highest[size : size + len(found)] = [high for _, high, _ in found]
        for node in range(size - 1, 0, -1):
            self._highest[node] = max(self._highest[2 * node], self._highest[2 * node + 1])

    def __len__(self) -> int:
        return len(self._numbers)

    def around(self, each: Range) -> Iterator[int]:
        """The numbers of the ranges that lie around this one, those that begin lowest first."""
        last, high = bisect_right(self._lows, _low(each)), _high(each)
        stack = [(1, 0, self._size)]
        while stack:
            node, first, width = stack.pop()
            if first >= last or self._highest[node] < high:
                continue
            if width == 1:
                yield self._numbers[first]
            else:
                half = width // 2
                stack += [(2 * node + 1, first + half, half), (2 * node, first, half)]


def intersection(first: Range, second: Range) -> Range:
    """What lies in both ranges, whose bounds are of one kind. It may be empty."""
    low, high = max(first, second, key=_low).low, min(first, second, key=_high).high
    return Range(low, high)


def _low(each: Range) -> _Edge:
    return (0, each.low.value, 0 if each.low.inclusive else 1) if each.low else (-1, 0, 0)


def _high(each: Range) -> _Edge:
    return (0, each.high.value, 0 if each.high.inclusive else -1) if each.high else (1, 0, 0)
