"""Puts comparisons and memberships together: which node of ast.py each of them is.

Constants are folded, constants on the left are flipped to the right, and nested connectives are flattened, so that
conditions which mean the same tend to be the same tree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from turnout.rules.condition.ast import (
    Absent,
    And,
    Bound,
    Compare,
    Condition,
    Constant,
    Except,
    Kind,
    Literal,
    Not,
    OneOf,
    Or,
    Order,
    Path,
    Predicate,
    Present,
    Range,
    Scalar,
    Span,
    Spread,
    Term,
    Test,
)
from turnout.rules.condition.values import equal, ordered
from turnout.rules.problems import Code, ExpressionError

__all__ = [
    "ListLiteral",
    "Operand",
    "between",
    "compare",
    "conjunction",
    "disjunction",
    "in_list",
    "in_path",
    "read_scalar",
]

_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_NUMBER = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,3})?")
_FLIPPED = {Order.LT: Order.GT, Order.LE: Order.GE, Order.GT: Order.LT, Order.GE: Order.LE}


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """A list of literals: only `in` knows what to do with it."""

    items: tuple[Literal, ...]
    at: Span


Operand: TypeAlias = Literal | Term | ListLiteral


def conjunction(items: Iterable[Condition]) -> Condition:
    """All of the conditions (at least one), flat."""
    flat = [part for item in items for part in (item.items if isinstance(item, And) else (item,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def disjunction(items: Iterable[Condition]) -> Condition:
    """One of the conditions (at least one), flat."""
    flat = [part for item in items for part in (item.items if isinstance(item, Or) else (item,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def compare(left: Operand, order: Order, right: Operand, order_at: Span, at: Span) -> Condition:
    """The condition `left order right`; `order_at` is the operator's place, `at` the whole comparison's.

    Raises `ExpressionError` for what cannot be compared.
    """
    if isinstance(left, ListLiteral) or isinstance(right, ListLiteral):
        place = left.at if isinstance(left, ListLiteral) else right.at
        raise ExpressionError(Code.SYNTAX, "a list can only stand to the right of 'in'", place or at)
    if isinstance(left, Literal):
        if isinstance(right, Literal):
            return Constant(_constants(left, order, right), at)
        return compare(right, _FLIPPED.get(order, order), left, order_at, at)
    if not isinstance(right, Literal):
        return Compare(left, order, right, at)
    if order is Order.EQ:
        return Absent(left, at) if right.kind is Kind.NULL else Test(left, OneOf((right,)), at)
    if order is Order.NE:
        return Test(left, Except(OneOf((right,))), at)
    if not isinstance(right.value, str | int | float) or isinstance(right.value, bool):
        raise ExpressionError(
            Code.SYNTAX, f"only numbers and strings are ordered, not {right.kind.value}", right.at or order_at
        )
    bound = Bound(right.value, inclusive=order in (Order.LE, Order.GE))
    return Test(left, Range(high=bound) if order in (Order.LT, Order.LE) else Range(low=bound), at)


def _constants(left: Literal, order: Order, right: Literal) -> bool:
    if order in (Order.EQ, Order.NE):
        return equal(left.value, right) is (order is Order.EQ)
    return ordered(left.value, order, right.value)


def between(first: Literal, rising: Order, second_order: Order, last: Literal) -> Predicate | None:
    """The range of `first < x < last` or `first > x > last`; None when it is not one."""
    upward = rising in (Order.LT, Order.LE) and second_order in (Order.LT, Order.LE)
    downward = rising in (Order.GT, Order.GE) and second_order in (Order.GT, Order.GE)
    if first.kind is not last.kind or first.kind not in (Kind.NUMBER, Kind.STRING) or not (upward or downward):
        return None
    assert isinstance(first.value, str | int | float)  # noqa: S101  # what the kind says, for the type checker
    assert isinstance(last.value, str | int | float)  # noqa: S101
    near = Bound(first.value, inclusive=rising in (Order.LE, Order.GE))
    far = Bound(last.value, inclusive=second_order in (Order.LE, Order.GE))
    return Range(near, far) if upward else Range(far, near)


def in_list(left: Literal | Term, right: ListLiteral, negated: bool, at: Span) -> Condition:
    """The condition `left in [...]`, or `left not in [...]`."""
    if isinstance(left, Literal):
        return Constant(any(equal(left.value, item) for item in right.items) is not negated, at)
    items = tuple(dict.fromkeys(right.items))
    if negated:
        return Test(left, Except(OneOf(items)), at)
    # `x in ['a', null]` means what `x == 'a' or x == null` means: the missing are in.
    scalars = tuple(item for item in items if item.kind is not Kind.NULL)
    if len(scalars) == len(items):
        return Test(left, OneOf(items), at)
    absent = Absent(left, at)
    return Or((absent, Test(left, OneOf(scalars), at))) if scalars else absent


def in_path(left: Literal | Term, right: Path, negated: bool, at: Span) -> Condition:
    """`'vip' in detail.tags`: an element of the array equals it. `not in`: there is a value, and none equals it."""
    inside = replace(right, segments=(*right.segments, Spread()))
    held: Condition
    present: list[Condition] = [Present(right, at)]
    if isinstance(left, Literal):
        held = Test(inside, OneOf((left,)), at)
    else:
        held = Compare(left, Order.EQ, inside, at)
        if isinstance(left, Path):
            present.insert(0, Present(left, at))
    return And((*present, Not(held, at))) if negated else held


def read_scalar(text: str) -> Scalar:
    """What a bare `${NAME}` stands for: a number, true, false or null when it reads like one, else a string."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not _NUMBER.fullmatch(text):
        return text
    value = int(text) if text.lstrip("-").isdigit() else float(text)
    return value if abs(value) < math.inf else text
