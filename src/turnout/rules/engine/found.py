"""What the engine finds: the numbers of rules, singly or in groups that are always found together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

__all__ = ["Found", "Group", "found", "numbers"]


class Group:
    """Rules found together. Compared by identity, so that what was found before is recognised at once."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: Iterable[int]) -> None:
        self.numbers = tuple(numbers)


Found: TypeAlias = int | Group


def found(numbers: Sequence[int]) -> Found:
    """These rules, at least one, as something that can be found."""
    return numbers[0] if len(numbers) == 1 else Group(numbers)


def numbers(found: Sequence[Found]) -> list[int]:
    """The numbers of the rules that were found, each once, in order."""
    distinct: set[int] = set()
    for each in found:
        if isinstance(each, Group):
            distinct.update(each.numbers)
        else:
            distinct.add(each)
    return sorted(distinct)
