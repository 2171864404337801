"""How JSON values compare: strict types, no coercion, a bool is not a number.

Shared by everything that evaluates. Objects and arrays are never equal to anything here: comparisons are about
scalars, which keeps every comparison linear in what is compared.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from turnout.rules.condition.ast import Kind, Literal, Order

__all__ = ["any_pair", "equal", "identity", "ordered"]

_KINDS: dict[type, Kind] = {
    str: Kind.STRING,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    bool: Kind.BOOL,
    type(None): Kind.NULL,
}


def identity(value: object) -> Hashable | None:
    """A key that two scalars share exactly when they are equal; None for objects and arrays."""
    kind = _KINDS.get(type(value))
    return None if kind is None else (kind, value)


def equal(value: object, item: Literal) -> bool:
    """Whether a value of an event equals a literal: same JSON type, same value; 300 equals 300.0."""
    return _KINDS.get(type(value)) is item.kind and value == item.value


def ordered(left: object, order: Order, right: object) -> bool:
    """Whether two numbers, or two strings (by code point), are in this order; false for everything else."""
    kind = _KINDS.get(type(left))
    if kind is not _KINDS.get(type(right)) or kind not in (Kind.NUMBER, Kind.STRING):
        return False
    match order:
        case Order.LT:
            return bool(left < right)  # type: ignore[operator]
        case Order.LE:
            return bool(left <= right)  # type: ignore[operator]
        case Order.GT:
            return bool(left > right)  # type: ignore[operator]
        case Order.GE:
            return bool(left >= right)  # type: ignore[operator]
        case Order.EQ | Order.NE:
            return (left == right) is (order is Order.EQ)


def any_pair(lefts: Sequence[object], order: Order, rights: Sequence[object]) -> bool:
    """Whether some value on the left and some value on the right compare so. Linear: pairs are never enumerated."""
    if not lefts or not rights:
        return False
    if order is Order.EQ:
        known = {key for key in map(identity, lefts) if key is not None}
        return any(identity(value) in known for value in rights)
    if order is Order.NE:
        keys = {identity(value) for value in (*lefts, *rights)}
        return None in keys or len(keys) > 1
    rising = order in (Order.LT, Order.LE)
    for kind in (Kind.NUMBER, Kind.STRING):
        left = [value for value in lefts if _KINDS.get(type(value)) is kind]
        right = [value for value in rights if _KINDS.get(type(value)) is kind]
        if left and right:
            # The best chance is the extreme of each side.
            low = min if rising else max
            high = max if rising else min
            if ordered(low(left), order, high(right)):  # type: ignore[type-var]
                return True
    return False
