"""The operators of event patterns: `{"operator": operand}` becomes predicates, or is refused in EventBridge's words."""

from __future__ import annotations

from collections.abc import Callable

from turnout.rules.condition import networks, wildcards
from turnout.rules.condition.ast import (
    EqualsFold,
    Except,
    InNetwork,
    OneOf,
    Predicate,
    Prefix,
    Suffix,
    Wildcard,
    literal,
)
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.pattern.nodes import ArrayNode, Member, ObjectNode, PatternNode, Refused, ValueNode, shown
from turnout.rules.pattern.numbers import read_comparable, read_numeric
from turnout.rules.problems import Code
from turnout.rules.spelling import nearest

__all__ = ["read_operator"]


def read_operator(node: ObjectNode, limits: Limits = DEFAULT_LIMITS) -> tuple[Predicate, ...] | bool:
    """The predicates of which a value must fit all; for `exists`, what it says. Raises `Refused`."""
    name, mark, operand = _only_member(node, "Match expression name not found")
    if name == "exists":
        if isinstance(operand, ValueNode) and isinstance(operand.value, bool):
            return operand.value
        raise _wrong("exists match pattern must be either true or false.", operand)
    if name == "anything-but":
        return tuple(Except(predicate) for predicate in _anything_but(operand, limits))
    read = _READERS.get(name)
    if read is None:
        hint = nearest(name, (*_READERS, "exists", "anything-but"))
        raise Refused(Code.PATTERN_OPERATOR, f"Unrecognized match type {shown(name)}{hint}", mark)
    return (read(operand, limits),)


def _only_member(node: ObjectNode, empty: str) -> Member:
    if not node.members:
        raise Refused(Code.PATTERN_SHAPE, empty, node.mark)
    if len(node.members) > 1:
        raise Refused(Code.PATTERN_OPERATOR, "Only one key allowed in match expression", node.members[1].mark)
    return node.members[0]


def _wrong(message: str, node: PatternNode) -> Refused:
    return Refused(Code.PATTERN_OPERAND, message, node.mark)


def _string(name: str, operand: PatternNode) -> str:
    return _text(operand, f"{name} match pattern must be a string")


def _text(operand: PatternNode, wrong: str) -> str:
    if isinstance(operand, ValueNode) and isinstance(operand.value, str):
        return operand.value
    raise _wrong(wrong, operand)


# ---------------------------------------------------------------------------------------------------- single operators


def _affix(name: str, operand: PatternNode) -> tuple[str, bool]:
    """The text of a prefix or suffix, and whether case is ignored."""
    if not isinstance(operand, ObjectNode):
        return _string(name, operand), False
    inner, mark, value = _only_member(operand, "Match expression name not found")
    if inner != "equals-ignore-case":
        raise Refused(Code.PATTERN_OPERATOR, f"Unsupported {name} pattern: {shown(inner)}", mark)
    return _string(inner, value), True


def _cidr(operand: PatternNode) -> Predicate:
    text = _string("cidr", operand)
    written = operand.spelling if isinstance(operand, ValueNode) else ""
    try:
        return InNetwork(str(networks.aws_network(text, written)))
    except ValueError as error:
        raise Refused(Code.PATTERN_NETWORK, str(error), operand.mark) from error


def _wildcard(operand: PatternNode, limits: Limits) -> Predicate:
    text = _string("wildcard", operand)
    try:
        stars = len(wildcards.pieces(text)) - 1
    except wildcards.WildcardError as error:
        # The service counts from 1, and of two stars it names the first.
        if text[error.position] == "*":
            message = f"Consecutive wildcard characters at pos {error.position}"
        else:
            message = f"Invalid escape character at pos {error.position + 1}"
        raise Refused(Code.PATTERN_WILDCARD, message, operand.mark) from error
    if stars > limits.wildcard_stars:
        message = f"Rule is too complex: more than {limits.wildcard_stars} '*' in one wildcard"
        raise Refused(Code.PATTERN_LIMIT, message, operand.mark)
    return Wildcard(text)


_READERS: dict[str, Callable[[PatternNode, Limits], Predicate]] = {
    "prefix": lambda operand, limits: Prefix(*_affix("prefix", operand)),
    "suffix": lambda operand, limits: Suffix(*_affix("suffix", operand)),
    "equals-ignore-case": lambda operand, limits: EqualsFold(_string("equals-ignore-case", operand)),
    "numeric": lambda operand, limits: read_numeric(operand),
    "cidr": lambda operand, limits: _cidr(operand),
    "wildcard": _wildcard,
    # Not in AWS's documentation, but its engine knows it.
    "exactly": lambda operand, limits: OneOf((literal(_string("exact", operand)),)),
}


# -------------------------------------------------------------------------------------------------------- anything-but


def _anything_but(operand: PatternNode, limits: Limits) -> list[Predicate]:
    """What a value must not be: none of these."""
    match operand:
        case ObjectNode():
            name, mark, excluded = _only_member(operand, "Anything-But expression name not found")
            read = _EXCLUDERS.get(name)
            if read is None:
                raise Refused(Code.PATTERN_OPERATOR, f"Unsupported anything-but pattern: {shown(name)}", mark)
            items = excluded.items if isinstance(excluded, ArrayNode) else (excluded,)
            if not items:
                raise Refused(Code.PATTERN_SHAPE, "Empty arrays are not allowed", excluded.mark)
            _check_size(items, excluded, limits)
            return [read(item, limits) for item in items]
        case ArrayNode(items=items):
            _check_size(items, operand, limits)
            return [_excluded_list(operand)]
        case ValueNode(value=str() as text):
            return [OneOf((literal(text),))]
        case ValueNode() if operand.is_number:
            return [OneOf((literal(read_comparable(operand)),))]
    raise _wrong("Value of anything-but must be an array or single string/number value.", operand)


def _check_size(items: tuple[PatternNode, ...], node: PatternNode, limits: Limits) -> None:
    if len(items) > limits.list_items:
        raise Refused(Code.PATTERN_LIMIT, f"more than {limits.list_items} values in one array", node.mark)


def _excluded_list(node: ArrayNode) -> Predicate:
    found = []
    for item in node.items:
        if not isinstance(item, ValueNode) or not (item.is_number or isinstance(item.value, str)):
            raise _wrong("Inside anything but list, start|null|boolean is not supported.", item)
        found.append(literal(read_comparable(item) if item.is_number else item.value))
    if len({item.kind for item in found}) != 1:
        message = "Inside anything but list, either all values are number or string, mixed type is not supported"
        raise _wrong(message, node)
    return OneOf(tuple(dict.fromkeys(found)))


def _excluded_affix(operand: PatternNode) -> str:
    text = _string("prefix/suffix", operand)
    if not text:
        raise _wrong("Null prefix/suffix not allowed", operand)
    return text


def _excluded_fold(operand: PatternNode) -> str:
    wrong = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
    return _text(operand, wrong)


_EXCLUDERS: dict[str, Callable[[PatternNode, Limits], Predicate]] = {
    "prefix": lambda operand, limits: Prefix(_excluded_affix(operand)),
    "suffix": lambda operand, limits: Suffix(_excluded_affix(operand)),
    "equals-ignore-case": lambda operand, limits: EqualsFold(_excluded_fold(operand)),
    "wildcard": _wildcard,
}
