"""The array that ends every branch of an event pattern: its literals and operators become choices of predicates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from turnout.rules.condition import networks, wildcards
from turnout.rules.condition.ast import Except, InNetwork, Literal, OneOf, Predicate, Wildcard, literal
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.pattern.nodes import ArrayNode, Mark, ObjectNode, PatternNode, Refused, ValueNode
from turnout.rules.pattern.operators import read_operator
from turnout.rules.problems import Code

__all__ = ["Choice", "Leaf", "Report", "read_leaf"]

Report: TypeAlias = Callable[[Code, str, Mark], None]
"""Hears of one problem."""

_TANGLED = 10
"""Where a warning begins: of the patterns that EventBridge calls too complex, the simplest known one counts 11."""


class Choice(msgspec.Struct, frozen=True, gc=False):
    """One way for a value to fit: it fits all of these predicates. `node` is what says so in the pattern."""

    predicates: tuple[Predicate, ...]
    node: PatternNode


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """What the array of a field asks for: one of the choices, any value (`present`), or no value (`absent`)."""

    choices: tuple[Choice, ...]
    present: bool
    absent: bool
    node: ArrayNode

    @property
    def positive(self) -> bool:
        """Whether a value can satisfy the leaf."""
        return self.present or bool(self.choices)


def read_leaf(node: ArrayNode, report: Report, limits: Limits = DEFAULT_LIMITS) -> Leaf:
    """The leaf that the array says. What is wrong is reported, and missing from the leaf."""
    if not node.items:
        report(Code.PATTERN_SHAPE, "Empty arrays are not allowed", node.mark)
    if len(node.items) > limits.list_items:
        report(Code.PATTERN_LIMIT, f"more than {limits.list_items} values in one array", node.mark)
        return Leaf((), present=False, absent=False, node=node)
    literals: list[Literal] = []
    choices: list[Choice] = []
    exists: set[bool] = set()
    for item in node.items:
        match item:
            case ValueNode():
                address = networks.literal_address(item.value) if isinstance(item.value, str) else None
                if address is None:
                    literals.append(literal(item.value))
                else:
                    # EventBridge compares a text that is an IP address as an address, however it is spelled.
                    choices.append(Choice((InNetwork(str(networks.network(str(address)))),), item))
            case ArrayNode():
                message = "Match value must be String, number, true, false, or null"
                report(Code.PATTERN_SHAPE, message, item.mark)
            case ObjectNode():
                try:
                    found = read_operator(item, limits)
                except Refused as refused:
                    report(refused.code, refused.message, refused.mark)
                    continue
                if isinstance(found, bool):
                    exists.add(found)
                else:
                    choices.append(Choice(found, item))
    _warn(choices, node, report)
    if literals:
        choices.insert(0, Choice((OneOf(tuple(dict.fromkeys(literals))),), node))
    return Leaf(tuple(choices), True in exists, False in exists, node)


def _warn(choices: list[Choice], node: ArrayNode, report: Report) -> None:
    excluding = [choice for choice in choices if isinstance(choice.predicates[0], Except)]
    if len(excluding) > 1:
        message = (
            "several anything-but in one array are alternatives, so nearly every value fits one of them; "
            'to exclude several values write one list: {"anything-but": ["a", "b"]}'
        )
        report(Code.PATTERN_ANYTHING_BUT, message, excluding[1].node.mark)
    patterns = [found.pattern for choice in choices for found in choice.predicates if isinstance(found, Wildcard)]
    stars = [len(wildcards.pieces(pattern)) - 1 for pattern in patterns]
    if sum(2 * count - 1 for count in stars if count) >= _TANGLED:
        message = "EventBridge itself may refuse these wildcards: Rule is too complex"
        report(Code.PATTERN_COMPLEX, message, node.mark)
