"""Whether one value can satisfy several demands at once. "No" is certain; "yes" may mean that nobody knows.

A JSON value is of one kind, and each kind is looked at in turn: null, true, false, objects and arrays are simply tried,
numbers and texts are cut into stretches by the bounds that the demands name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple, TypeAlias

from turnout.rules.condition import ast, interpret
from turnout.rules.condition.ast import Bound, Contains, Except, Kind, OneOf, Predicate, Prefix, Range
from turnout.rules.lint.texts import exclude, fits_every_text, has_capitals, implies

__all__ = ["ANY", "Ask", "Shape", "can_satisfy", "shapes_of"]


class Shape(Enum):
    """The kinds of JSON values, those first that conditions ask for most."""

    TEXT = "text"
    NUMBER = "number"
    NULL = "null"
    BOOL = "bool"
    ARRAY = "array"
    OBJECT = "object"


ANY = frozenset(Shape)
_LEAVES = ANY - {Shape.ARRAY, Shape.OBJECT}
_Edge: TypeAlias = str | int | float

_MOST_TRIED = 10_000
"""Edges that are tried times demands that each is held against, a hundred ranges say; with more, nobody knows."""


class Ask(NamedTuple):
    """A demand on a value: that it fits, or (`wanted` is false) that it does not.

    To fit, it is of one of the `shapes`, and fits the predicate, if there is one.
    """

    predicate: Predicate | None
    wanted: bool = True
    shapes: frozenset[Shape] = ANY


def shapes_of(leaves_only: bool) -> frozenset[Shape]:
    """All shapes, or those of leaves."""
    return _LEAVES if leaves_only else ANY


def can_satisfy(asks: Sequence[Ask], term: ast.Term) -> bool:
    """Whether a value of such a term can satisfy all demands."""
    match term:
        case ast.Lower():
            return _text(_for(Shape.TEXT, asks), lower=True)
        case ast.Length():
            return _number(_for(Shape.NUMBER, asks), whole=True)
    return any(_possible(shape, _for(shape, asks)) for shape in Shape)


class _Plain(NamedTuple):
    """A demand on a value of a known shape."""

    predicate: Predicate
    wanted: bool


def _for(shape: Shape, asks: Iterable[Ask]) -> list[_Plain] | None:
    """What the demands come to for values of one shape; None when they cannot be satisfied."""
    found: list[_Plain] = []
    for predicate, wanted, shapes in asks:
        if shape not in shapes or predicate is None:
            if (shape in shapes) is not wanted:
                return None
            continue
        while isinstance(predicate, Except):
            predicate, wanted = predicate.predicate, not wanted
        found.append(_Plain(predicate, wanted))
    return found


def _possible(shape: Shape, asks: list[_Plain] | None) -> bool:
    if asks is None:
        return False
    match shape:
        case Shape.NULL:
            return _satisfies(None, asks)
        case Shape.BOOL:
            return _satisfies(True, asks) or _satisfies(False, asks)
        case Shape.OBJECT:
            return _satisfies({}, asks)
        case Shape.ARRAY:
            # Only `contains` looks into arrays; every other predicate is false of all of them.
            others = [ask for ask in asks if not isinstance(ask.predicate, Contains)]
            return _satisfies([], others) and not _contradict(asks)
        case Shape.NUMBER:
            return _number(asks, whole=False)
        case Shape.TEXT:
            return _text(asks, lower=False)


def _satisfies(value: object, asks: Iterable[_Plain]) -> bool:
    return all(interpret.fits(predicate, value) is wanted for predicate, wanted in asks)


def _contradict(asks: Iterable[_Plain]) -> bool:
    """Whether the same is wanted and not wanted."""
    wanted = {ask.predicate for ask in asks if ask.wanted}
    return any(ask.predicate in wanted for ask in asks if not ask.wanted)


# ------------------------------------------------------------------------------------------------------------- numbers


def _number(asks: list[_Plain] | None, *, whole: bool) -> bool:
    if asks is None:
        return False
    named = _named(asks, Kind.NUMBER)
    if named is not None:
        others = [ask for ask in asks if not isinstance(ask.predicate, OneOf)]
        return any(_satisfies(value, others) for value in named if not whole or _is_length(value))
    ranges: list[tuple[Range, bool]] = []
    for predicate, wanted in asks:
        if isinstance(predicate, Range) and not isinstance(_edge(predicate), str):
            ranges.append((predicate, wanted))
        elif wanted:
            return False  # no number fits anything else; those that are named were tried
    if whole:
        ranges.append((Range(low=Bound(0, inclusive=True)), True))
    edges = sorted({bound.value for each, _ in ranges for bound in (each.low, each.high) if bound})
    if len(edges) * len(asks) > _MOST_TRIED:
        return True
    if any(_satisfies(edge, asks) for edge in edges if not whole or _is_length(edge)):
        return True
    return any(
        not whole or _holds_whole(low, high)
        for low, high in _gaps(edges)
        if all(_covers(each, low, high) is wanted for each, wanted in ranges)
    )


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and value >= 0 and (isinstance(value, int) or value.is_integer())


def _holds_whole(low: _Edge | None, high: _Edge | None) -> bool:
    """Whether a whole number lies between the two."""
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return True
    return math.floor(low) + 1 < high


# --------------------------------------------------------------------------------------------------------------- texts


def _text(asks: list[_Plain] | None, *, lower: bool) -> bool:
    if asks is None:
        return False
    named = _named(asks, Kind.STRING)
    if named is not None:
        others = [ask for ask in asks if not isinstance(ask.predicate, OneOf)]
        return any(_satisfies(value, others) for value in named if not lower or str(value).lower() == value)
    wanted = [ask.predicate for ask in asks if ask.wanted]
    unwanted = [ask.predicate for ask in asks if not ask.wanted]
    if (
        any(map(_is_for_no_text, wanted))
        or (lower and any(map(has_capitals, wanted)))
        or any(map(fits_every_text, unwanted))
        or any(implies(one, other) for one in wanted for other in unwanted)
        or any(exclude(one, other) for index, one in enumerate(wanted) for other in wanted[:index])
    ):
        return False
    ranges = [(each, ask.wanted) for ask in asks if (each := _text_range(ask.predicate))]
    edges = sorted({str(bound.value) for each, _ in ranges for bound in (each.low, each.high) if bound})
    if len(edges) * len(asks) > _MOST_TRIED:
        return True
    if any(_satisfies(edge, asks) for edge in edges if not lower or edge.lower() == edge):
        return True
    return any(all(_covers(each, low, high) is wanted for each, wanted in ranges) for low, high in _gaps(edges))


def _is_for_no_text(predicate: Predicate) -> bool:
    match predicate:
        case OneOf():
            return True  # those that name texts were tried
        case Range():
            return not isinstance(_edge(predicate), str)
        case Contains(item=item):
            return item.kind is not Kind.STRING
    return False


def _text_range(predicate: Predicate) -> Range | None:
    """The stretch of texts, in the order of code points, that a predicate is."""
    match predicate:
        case Range() if isinstance(_edge(predicate), str):
            return predicate
        case Prefix(text=text, fold=False) if text:
            # The texts that begin with 'ab' are those from 'ab' up to, not including, 'ac'.
            kept = text.rstrip("\U0010ffff")
            high = Bound(kept[:-1] + chr(ord(kept[-1]) + 1), inclusive=False) if kept else None
            return Range(Bound(text, inclusive=True), high)
    return None


# ------------------------------------------------------------------------------------------------------------ for both


def _named(asks: Iterable[_Plain], kind: Kind) -> list[object] | None:
    """The values of this kind that fit what the demands name; None when none of them names the only ones that fit."""
    lists = [(frozenset(ask.predicate.items), ask.wanted) for ask in asks if isinstance(ask.predicate, OneOf)]
    wanted = [items for items, is_wanted in lists if is_wanted]
    if not wanted:
        return None
    left = frozenset.intersection(*wanted).difference(*(items for items, is_wanted in lists if not is_wanted))
    return [item.value for item in left if item.kind is kind]


def _edge(each: Range) -> _Edge | None:
    bound = each.low or each.high
    return bound.value if bound else None


def _gaps(edges: Sequence[_Edge]) -> Iterator[tuple[_Edge | None, _Edge | None]]:
    """What lies between neighbouring edges, below the first and above the last."""
    return zip((None, *edges), (*edges, None), strict=True)


def _covers(each: Range, low: _Edge | None, high: _Edge | None) -> bool:
    """Whether the range covers all between two neighbouring edges, of which its own bounds are; else it covers none."""
    above = each.low is None or (low is not None and low >= each.low.value)  # type: ignore[operator]
    below = each.high is None or (high is not None and high <= each.high.value)  # type: ignore[operator]
    return above and below
