"""Rewrites conditions into equal ones that an index can do more with: what alternatives share is pulled out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter

from turnout.rules.condition.ast import (
    And,
    Condition,
    Constant,
    Path,
    Some,
)
from turnout.rules.condition.building import conjunction, disjunction

__all__ = ["either", "every"]

_TRUE = Constant(True)


def every(conditions: Iterable[Condition]) -> Condition:
    """All of the conditions; what is always true is left out."""
    kept = [condition for condition in conditions if condition != _TRUE]
    return conjunction(kept) if kept else _TRUE


def either(conditions: Iterable[Condition]) -> Condition:
    """One of the conditions (at least one), with what they all demand in front.

    `(a and b) or (a and c)` becomes `a and (b or c)`, and likewise inside tests on the same element of an array.
    """
    choices = tuple(conditions)
    if len(choices) > 1:
        choices = tuple(dict.fromkeys(choices))
    if len(choices) == 1 or _TRUE in choices:
        return choices[0] if len(choices) == 1 else _TRUE
    parts = [choice.items if isinstance(choice, And) else (choice,) for choice in choices]
    demanded = Counter(item for part in parts for item in dict.fromkeys(part))
    shared = frozenset(item for item in parts[0] if demanded[item] == len(parts))
    if not shared:
        return disjunction(_elements(_grouped(parts, demanded)))
    in_front = tuple(item for item in parts[0] if item in shared)
    rest = [tuple(item for item in part if item not in shared) for part in parts]
    # One that demands nothing more makes the others superfluous.
    return conjunction((*in_front, either(map(conjunction, rest)))) if all(rest) else conjunction(in_front)


def _grouped(parts: Sequence[tuple[Condition, ...]], demanded: Counter[Condition]) -> list[Condition]:
    """The choices, grouped by what most of them demand: `(a and c) or (b and c) or d` becomes `c and (a or b) or d`.

    Heads that are followed by the same are one group, so that a product of alternatives is a product again.
    """
    holders: dict[Condition, list[int]] = {}
    for index, part in enumerate(parts):
        for item in dict.fromkeys(part):
            holders.setdefault(item, []).append(index)
    left = dict.fromkeys(range(len(parts)))
    heads_by_rest: dict[Condition, list[Condition]] = {}
    while left:
        head, count = max(demanded.items(), key=itemgetter(1))
        if count < 2:
            break
        members = [index for index in holders[head] if index in left]
        rest = either(every(item for item in parts[index] if item != head) for index in members)
        heads_by_rest.setdefault(rest, []).append(head)
        for index in members:
            del left[index]
            demanded.subtract(frozenset(parts[index]))
    grouped = [every((either(heads), rest)) for rest, heads in heads_by_rest.items()]
    return [*grouped, *(conjunction(parts[index]) for index in left)]


def _elements(choices: Iterable[Condition]) -> list[Condition]:
    """The choices, with those about elements of the same array made one."""
    groups: dict[Path, list[Some]] = {}
    others: list[Condition] = []
    for choice in choices:
        if isinstance(choice, Some):
            groups.setdefault(choice.path, []).append(choice)
        else:
            others.append(choice)
    elements = [
        group[0] if len(group) == 1 else Some(path, either(choice.condition for choice in group), group[0].at)
        for path, group in groups.items()
    ]
    return [*others, *elements]
