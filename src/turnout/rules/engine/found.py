"""What the engine finds: numbers of rules, and of groups of rules that are always found together.

A group is one number below zero, so that fifty rules behind one threshold are found, and recognised, as one.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Groups"]


class Groups:
    """The groups of one engine."""

    def __init__(self) -> None:
        self._members: list[tuple[int, ...]] = []
        self._known: dict[tuple[int, ...], int] = {}

    def found(self, numbers: Sequence[int]) -> int:
        """These rules, at least one, as one number to find."""
        if len(numbers) == 1:
            return numbers[0]
        members = tuple(numbers)
        known = self._known.get(members)
        if known is None:
            known = self._known[members] = ~len(self._members)
            self._members.append(members)
        return known

    def members(self, found: int) -> tuple[int, ...]:
        """The rules that a number stands for."""
        return (found,) if found >= 0 else self._members[~found]

    def numbers(self, found: Sequence[int]) -> list[int]:
        """The numbers of all rules that were found, each once, in order."""
        distinct: set[int] = set()
        for each in found:
            if each < 0:
                distinct.update(self._members[~each])
            else:
                distinct.add(each)
        return sorted(distinct)
