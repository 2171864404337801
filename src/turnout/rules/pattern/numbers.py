"""Numbers in event patterns: which ones EventBridge compares, and the expressions of `numeric`."""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence

from turnout.rules.condition.ast import Bound, OneOf, Predicate, Range, literal
from turnout.rules.pattern.nodes import ArrayNode, PatternNode, Refused, ValueNode, shown
from turnout.rules.problems import Code

__all__ = ["read_comparable", "read_numeric"]

_OPERATORS = ("=", "<", "<=", ">", ">=")
_LONGEST_SHOWN = 60


def read_comparable(node: ValueNode) -> int | float:
    """The number, if it is the shortest spelling of a double: 0.1 is, 2^53 + 1 and 1e400 are not.

    Raises `Refused` when it is not.
    """
    value, spelling = node.value, node.spelling or repr(node.value)
    if not isinstance(value, int | float) or not _comparable(value, spelling):
        raise Refused(Code.PATTERN_NUMBER, f"Cannot compare number : {spelling[:_LONGEST_SHOWN]}", node.mark)
    return value


def _comparable(value: int | float, spelling: str) -> bool:
    try:
        rounded = float(value)
        return math.isfinite(rounded) and decimal.Decimal(repr(rounded)) == decimal.Decimal(spelling)
    except (OverflowError, decimal.InvalidOperation):
        return False


def read_numeric(operand: PatternNode) -> Predicate:
    """The predicate of `numeric`. Raises `Refused`."""
    if not isinstance(operand, ArrayNode):
        raise _refused("Value of numeric must be an array.", operand)
    items = operand.items
    if not items:
        raise _refused("Invalid member in numeric match: ]", operand)
    operator = _word(items[0], "Invalid member in numeric match")
    if operator not in _OPERATORS:
        raise _refused(f"Unrecognized numeric range operator: {shown(items[0])}", items[0])
    value = _value("equals" if operator == "=" else operator, items, 1, operand)
    if operator in (">", ">=") and len(items) > 2:
        return _between(Bound(value, operator == ">="), value, operand)
    if len(items) > 2:
        raise _refused("Too many elements in numeric expression", items[2])
    if operator == "=":
        return OneOf((literal(value),))
    bound = Bound(value, inclusive="=" in operator)
    return Range(low=bound) if operator in (">", ">=") else Range(high=bound)


def _between(low: Bound, bottom: int | float, operand: ArrayNode) -> Predicate:
    """The range from this bound to the one that the third and the fourth element say."""
    items = operand.items
    operator = _word(items[2], "Bad value in numeric range")
    if operator not in ("<", "<="):
        raise _refused(f"Bad numeric range operator: {shown(items[2])}", items[2])
    top = _value(operator, items, 3, operand)
    if len(items) > 4:
        raise _refused("Too many terms in numeric range expression", items[4])
    if not bottom < top:
        raise Refused(Code.PATTERN_NUMBER, "Bottom must be less than top", items[3].mark)
    return Range(low, Bound(top, inclusive=operator == "<="))


def _word(node: PatternNode, wrong: str) -> str:
    if isinstance(node, ValueNode) and isinstance(node.value, str):
        return node.value
    raise _refused(f"{wrong}: {shown(node)}", node)


def _value(name: str, items: Sequence[PatternNode], index: int, operand: ArrayNode) -> int | float:
    node = items[index] if index < len(items) else operand
    if isinstance(node, ValueNode) and node.is_number:
        return read_comparable(node)
    raise _refused(f"Value of {name} must be numeric", node)


def _refused(message: str, node: PatternNode) -> Refused:
    return Refused(Code.PATTERN_OPERAND, message, node.mark)
