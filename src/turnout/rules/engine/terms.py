"""How a term is read on the fast way, from an event of which only the members that rules look at are decoded.

The fast way assumes that an event has the shape the rules expect: an object wherever a path goes on to a member, or an
array of objects where a pattern does (below the event's own members). Decoding checks that (projection.py); an event
that differs is matched the slow way. Under this assumption a path of members has one value, and a pattern's field has
one unless there is an array.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from turnout.rules.condition import ast
from turnout.rules.condition.ast import Key, Path, Root, Spread, Term

__all__ = ["Reading", "Values", "Wrap", "in_filters", "is_passed", "read"]


class Values(Enum):
    """How many values a term has on the fast way."""

    ONE = "one"
    """One, or none."""
    SPREAD = "spread"
    """One or none; when it is an array, its elements instead."""
    MANY = "many"
    """Whatever the rest of the path finds below the base."""


class Wrap(Enum):
    """What is made of the value."""

    LOWER = "lower"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How a term is read: go to the base by member names, follow `steps`, then (unless `ONE`) find `rest` from there.

    `strict` means that an array on the way is not a missing value; unless it is `opened`, the event does not fit the
    fast way.
    A `Preparer` has one reading per term, so they are compared by identity.
    """

    term: Term
    root: Root
    names: tuple[str, ...]
    steps: tuple[str | int, ...] = ()
    values: Values = Values.ONE
    strict: bool = False
    scalars: bool = False
    """Of what is spread, only scalars are values."""
    opened: frozenset[int] = frozenset()
    """After how many of the names an array stands for its elements, so that the values of all of them are read."""
    rest: Term | None = None
    """What is left of the term, rooted at the base."""
    elements: tuple[str, ...] = ()
    """The members to follow from each element of the base, when that is all that is left: `b`, `c` of `a[*].b.c`."""
    itself: bool = False
    """Whether a base that is an object and no array stands for itself there: in `any(a, @.b == 1)`, not in `a[*].b`."""
    wrap: Wrap | None = None


def read(term: Term) -> Reading | None:
    """How the term is read; None when only the whole event will do."""
    if isinstance(term, Path):
        return _read_path(term)
    inner = read(term.term)
    if inner is None:
        return None
    wrap = Wrap.LOWER if isinstance(term, ast.Lower) else Wrap.LENGTH
    if inner.values is Values.ONE and inner.wrap is None:
        return Reading(term, inner.root, inner.names, inner.steps, strict=inner.strict, wrap=wrap)
    if inner.rest is None:
        return None
    rest = ast.Lower(inner.rest) if isinstance(term, ast.Lower) else ast.Length(inner.rest)
    return Reading(term, inner.root, inner.names, values=Values.MANY, strict=inner.strict, rest=rest)


def _read_path(path: Path) -> Reading | None:
    names, rest, strict = _split(path)
    if path.root is Root.ELEMENT or any(inner.root is Root.EVENT for inner in in_filters(rest)):
        return None
    steps = tuple(
        segment.name if isinstance(segment, Key) else segment.index
        for segment in rest
        if isinstance(segment, Key | ast.Item)
    )
    singular = len(steps) == len(rest)
    if path.root is Root.METADATA:
        return Reading(path, Root.METADATA, (), (*names, *steps)) if singular and not strict else None
    if not names:
        return None
    if singular:
        return Reading(path, Root.EVENT, names, steps, strict=strict)
    scalars = isinstance(rest[-1], ast.Scalars)
    spread = isinstance(rest[0], Spread) and len(rest) == 1 + scalars
    elements = _elements(rest)
    return Reading(
        path,
        Root.EVENT,
        names,
        values=Values.SPREAD if spread else Values.MANY,
        strict=strict,
        scalars=scalars and spread,
        opened=_opened(path.segments) if spread else frozenset(),
        rest=Path(Root.EVENT, rest),
        elements=elements,
        itself=bool(elements) and isinstance(rest[0], Spread),
    )


def _elements(rest: tuple[ast.Segment, ...]) -> tuple[str, ...]:
    if not isinstance(rest[0], ast.Children) and rest[0] != Spread():
        return ()
    names = tuple(segment.name for segment in rest[1:] if isinstance(segment, Key))
    return names if len(names) == len(rest) - 1 else ()


def _opened(segments: tuple[ast.Segment, ...]) -> frozenset[int]:
    """The positions at which the path goes through arrays. A member of the event itself, such as `detail`, is an object
    in every event but odd ones, and in most rules: to ask each time would cost more than those events do.
    """
    names = 0
    found = set()
    for segment in segments:
        if isinstance(segment, Key):
            names += 1
        elif is_passed(segment) and names > 1:
            found.add(names)
    return frozenset(found)


def _split(path: Path) -> tuple[tuple[str, ...], tuple[ast.Segment, ...], bool]:
    """The member names that the path begins with, the other segments, and whether arrays are opened on the way."""
    names: list[str] = []
    strict = False
    segments = path.segments
    for position, segment in enumerate(segments):
        if isinstance(segment, Key):
            names.append(segment.name)
        elif is_passed(segment) and isinstance(next(iter(segments[position + 1 :]), None), Key):
            # The event itself is no array, so only below its members this can matter.
            strict |= bool(names)
        else:
            return tuple(names), segments[position:], strict
    return tuple(names), (), strict


def is_passed(segment: ast.Segment) -> bool:
    """Whether the segment is there for an array that may come, but mostly does not.

    So it is in patterns, which name what is below an array as if it were an object. `any(path, ...)` expects one.
    """
    return isinstance(segment, Spread) and segment.deep


def in_filters(segments: Iterable[ast.Segment]) -> list[Path]:
    """The paths in the filters of a path."""
    return [path for segment in segments if isinstance(segment, ast.Where) for path in ast.paths(segment.condition)]
