"""Rewrites conditions into equal ones that an index can do more with: shared parts pulled out, elements opened.

Nothing here changes a verdict: `either` for no event, `without_arrays` for none whose members on the way are objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from turnout.rules.ast import (
    And,
    Condition,
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

__all__ = ["either", "without_arrays"]

_DEEP = Spread(deep=True)


def either(conditions: Sequence[Condition]) -> Condition:
    """One of the conditions (at least one), with what they all demand in front.

    `(a and b) or (a and c)` becomes `a and (b or c)`, and likewise inside tests on the same element of an array.
    """
    conditions = tuple(dict.fromkeys(conditions))
    if len(conditions) == 1:
        return conditions[0]
    parts = [condition.items if isinstance(condition, And) else (condition,) for condition in conditions]
    others = [frozenset(part) for part in parts[1:]]
    shared = tuple(item for item in parts[0] if all(item in other for other in others))
    if shared:
        rest = [tuple(item for item in part if item not in shared) for part in parts]
        if not all(rest):
            return conjunction(shared)  # one of them demands nothing more
        return conjunction((*shared, either([conjunction(part) for part in rest])))
    by_path: dict[Path, list[Condition]] = {}
    merged: list[Condition] = []
    for condition in conditions:
        if isinstance(condition, Some):
            by_path.setdefault(condition.path, []).append(condition)
        else:
            merged.append(condition)
    for path, group in by_path.items():
        inner = [condition.condition for condition in group if isinstance(condition, Some)]
        merged.append(group[0] if len(group) == 1 else Some(path, either(inner), group[0].at))
    return disjunction(merged)


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
            return conjunction(_open(item, element) for item in items)
        case Or(items=items):
            return disjunction(_open(item, element) for item in items)
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
