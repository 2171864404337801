"""Conditions prepared for the fast way: over readings instead of terms, and without what has no short form there.

What they are made of is decided in preparing.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from turnout.rules.condition import ast
from turnout.rules.condition.ast import Constant, Order, Predicate
from turnout.rules.engine.terms import Reading

__all__ = [
    "All",
    "Compares",
    "Either",
    "Fits",
    "Inverse",
    "Lone",
    "Missing",
    "Opaque",
    "Prepared",
    "There",
    "Within",
    "all_of",
    "inside",
]


class Fits(msgspec.Struct, frozen=True, gc=False):
    """Some value fits the predicate."""

    reading: Reading
    predicate: Predicate


class Compares(msgspec.Struct, frozen=True, gc=False):
    """Both values are there and compare so."""

    left: Reading
    order: Order
    right: Reading


class There(msgspec.Struct, frozen=True, gc=False):
    """There is a value, or the object that a path goes through."""

    reading: Reading


class Missing(msgspec.Struct, frozen=True, gc=False):
    """There is no value, or null."""

    reading: Reading


class Lone(msgspec.Struct, frozen=True, gc=False):
    """There is no array: what the path leads to is the only object, or missing."""

    reading: Reading


class Opaque(msgspec.Struct, frozen=True, gc=False):
    """A condition evaluated as a whole: at the member `base` of the event, or at the whole event.

    `missing` is its verdict when the base is missing.
    """

    condition: ast.Condition
    base: Reading | None
    missing: bool
    held: tuple[Prepared, ...] = ()
    """What holds whenever the condition does, under which it can be filed. It need not be verified."""


class Within(msgspec.Struct, frozen=True, gc=False):
    """All tests, each of a member, hold of one object of the array that `base` leads to."""

    base: Reading
    tests: tuple[Fits, ...]
    whole: Opaque
    """The same for an array that was decoded in another way."""


class Inverse(msgspec.Struct, frozen=True, gc=False):
    """The condition does not hold."""

    item: Prepared


class All(msgspec.Struct, frozen=True, gc=False):
    """All conditions hold. Two at least, none of them an `All`."""

    items: tuple[Prepared, ...]


class Either(msgspec.Struct, frozen=True, gc=False):
    """One condition at least holds."""

    items: tuple[Prepared, ...]


Prepared: TypeAlias = Constant | Fits | Compares | There | Missing | Lone | Opaque | Within | Inverse | All | Either


def all_of(conditions: Iterable[Prepared | None]) -> Prepared | None:
    """The conjunction of those that are given; None when there are none."""
    flat: list[Prepared] = []
    for condition in conditions:
        if isinstance(condition, All):
            flat += condition.items
        elif condition is not None:
            flat.append(condition)
    return All(tuple(flat)) if len(flat) > 1 else flat[0] if flat else None


def inside(condition: Prepared) -> Iterator[Prepared]:
    """The condition and all conditions in it."""
    stack: list[Prepared] = [condition]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, All | Either):
            stack.extend(node.items)
        elif isinstance(node, Inverse):
            stack.append(node.item)
        elif isinstance(node, Opaque):
            stack.extend(node.held)
