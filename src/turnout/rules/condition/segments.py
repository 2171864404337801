"""The segments of a path as functions, made once: for all values so far, the values that one segment leads to.

`walking` says what segments mean, one value at a time; tests hold the two to each other. Here the segments that rules
over arrays consist of take one pass over all values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from turnout.rules.condition import walking
from turnout.rules.condition.ast import Children, Condition, Key, Scalars, Segment, Spread, Where

__all__ = ["Step", "compile_segment"]

Step: TypeAlias = Callable[[Sequence[object], object, object], Sequence[object]]
"""(values, event, metadata) -> the values one segment further, in document order."""
Keep: TypeAlias = Callable[[object, object, object], object]
"""(event, metadata, element) -> whether a filter keeps the element."""


def compile_segment(segment: Segment, compile_filter: Callable[[Condition], Keep]) -> Step:
    """The segment as one function; `compile_filter` compiles what stands in a filter."""
    match segment:
        case Key(name=name):
            return lambda values, event, metadata: [
                value[name] for value in values if isinstance(value, dict) and name in value
            ]
        case Children():
            return _children
        case Spread(deep=False):
            return lambda values, event, metadata: [
                element for value in values for element in (value if isinstance(value, list) else (value,))
            ]
        case Scalars():
            return lambda values, event, metadata: [value for value in values if not isinstance(value, dict | list)]
        case Where(condition=condition):
            keep = compile_filter(condition)
            return lambda values, event, metadata: [
                child for child in _children(values, event, metadata) if keep(event, metadata, child)
            ]
        case _:
            return lambda values, event, metadata: [found for value in values for found in walking.step(segment, value)]


def _children(values: Sequence[object], event: object, metadata: object) -> Sequence[object]:
    if len(values) == 1:  # nearly always: the one array of the event that a path goes through
        return walking.below(values[0])
    return [child for value in values for child in walking.below(value)]
