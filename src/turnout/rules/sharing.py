"""Rewrites conditions into equal ones that an index can do more with: shared parts pulled out, elements opened.

Nothing here changes a verdict: `either` for no event, `without_arrays` for none whose members on the way are objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import itemgetter

from turnout.rules.ast import (
    And,
    Condition,
    Constant,
    Key,
    Not,
    Or,
    Path,
    Present,
    Root,
    Some,
    Spread,
    Test,
)
from turnout.rules.building import conjunction, disjunction

__all__ = ["either", "every", "without_arrays"]

_TRUE = Constant(True)
_DEEP = Spread(deep=True)


def every(conditions: Iterable[Condition]) -> Condition:
    """All of the conditions, each once; what is always true is left out."""
    kept = [condition for condition in dict.fromkeys(conditions) if condition != _TRUE]
    return conjunction(kept) if kept else _TRUE


def either(conditions: Iterable[Condition]) -> Condition:
    """One of the conditions (at least one), with what they all demand in front.

    `(a and b) or (a and c)` becomes `a and (b or c)`, and likewise inside tests on the same element of an array.
    """
    choices = tuple(dict.fromkeys(conditions))
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


def without_arrays(condition: Condition) -> Condition:
    """The condition for events in which no member on the way to a leaf is an array: tests on plain members.

    `Some(detail; @.channel == 'voice' and ...)` becomes `detail.channel == 'voice' and ...`, and `Spread` goes from
    before every `Key`. The last `Spread` of a path stays, because a leaf may be an array all the same. For an event
    with an array on the way the original condition must be asked.
    """
    return _open(condition, None)


def _open(condition: Condition, element: Path | None) -> Condition:
    """`element` is the path whose value `Root.ELEMENT` stands for, when it is opened."""
    match condition:
        case And(items=items):
            return every(_open(item, element) for item in items)
        case Or(items=items):
            return either(_open(item, element) for item in items)
        case Not(item=item):
            return replace(condition, item=_open(item, element))
        case Test(term=Path() as path):
            return replace(condition, term=_open_path(path, element))
        case Present(path=path):
            return replace(condition, path=_open_path(path, element))
        case Some(path=path, condition=inner):
            opened = _open_path(path, element)
            if opened.member_names and isinstance(opened.segments[-1], Spread):
                return _open(inner, opened)
            return replace(condition, path=opened)
    return condition


def _open_path(path: Path, element: Path | None) -> Path:
    root, segments = path.root, path.segments
    if element is not None and root is Root.ELEMENT:
        root, segments = element.root, (*element.segments, *segments)
    before = (*segments[1:], None)
    kept = tuple(
        segment
        for segment, following in zip(segments, before, strict=True)
        if not (segment == _DEEP and isinstance(following, Key))
    )
    return path if kept == path.segments and root is path.root else Path(root, kept, "", path.at)
