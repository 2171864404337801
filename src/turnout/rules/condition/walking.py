"""Follows the segments of a path through a JSON value: the generic, always right way to find values.

The compiled form takes shortcuts for paths of plain members; every other path comes here, the interpreter always does.
Nothing here recurses, so no document is too deep for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from turnout.rules.condition.ast import (
    Children,
    Condition,
    Descend,
    Item,
    Items,
    Key,
    Keys,
    Scalars,
    Segment,
    Slice,
    Spread,
    Unconditional,
    Where,
)

__all__ = ["below", "find", "step"]

Keep = Callable[[Condition, object], bool]
"""Whether the condition of a filter holds for an element."""


def find(segments: Iterable[Segment], start: object, keep: Keep) -> list[object]:
    """The values that the segments lead to, in document order; empty when there are none."""
    values = [start]
    for segment in segments:
        if isinstance(segment, Where):
            values = [child for value in values for child in below(value) if keep(segment.condition, child)]
        else:
            values = [found for value in values for found in step(segment, value)]
        if not values:
            break
    return values


def step(segment: Unconditional, value: object) -> Iterable[object]:
    """The values that one segment leads to from one value."""
    match segment:
        case Key(name=name):
            return (value[name],) if isinstance(value, dict) and name in value else ()
        case Item(index=index):
            if not isinstance(value, list) or not -len(value) <= index < len(value):
                return ()
            return (value[index],)
        case Children():
            return below(value)
        case Spread(deep=deep):
            return _spread(value, deep)
        case Scalars():
            return () if isinstance(value, dict | list) else (value,)
        case Descend():
            return _descend(value)
        case Keys(names=names):
            return [value[name] for name in names if name in value] if isinstance(value, dict) else ()
        case Items(indices=indices):
            if not isinstance(value, list):
                return ()
            size = len(value)
            # 0 and -1 can be the same element: each is taken once, or nested lists of them would multiply.
            positions = dict.fromkeys(index % size for index in indices if -size <= index < size)
            return [value[position] for position in positions]
        case Slice(start=start, stop=stop, step=step):
            return value[start:stop:step] if isinstance(value, list) else ()


def below(value: object) -> Sequence[object]:
    """The members of an object, the elements of an array; nothing for anything else."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()


def _spread(value: object, deep: bool) -> Iterable[object]:
    if not isinstance(value, list):
        return (value,)
    return _flat(value) if deep else value


def _flat(array: list[object]) -> Iterator[object]:
    stack = [iter(array)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, list):
                stack.append(iter(value))
                break
            yield value
        else:
            stack.pop()


def _descend(value: object) -> Iterator[object]:
    stack = [value]
    while stack:
        value = stack.pop()
        yield value
        stack.extend(reversed(below(value)))
