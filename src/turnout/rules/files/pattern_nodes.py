"""An event pattern written in a rule file: the nodes of YAML become the nodes that pattern/ compiles."""

from __future__ import annotations

from collections.abc import Callable

from turnout.rules.files.document import ListNode, Node, ScalarNode
from turnout.rules.pattern.nodes import ArrayNode, Mark, Member, ObjectNode, PatternNode, ValueNode

__all__ = ["from_yaml"]


def from_yaml(node: Node, resolve: Callable[[ScalarNode], str]) -> PatternNode:
    """The pattern. `resolve` replaces the environment references in a text; keys are taken as they are."""
    match node:
        case ScalarNode(value=str()):
            return ValueNode(resolve(node), _mark(node))
        case ScalarNode(value=value):
            return ValueNode(value, _mark(node), node.text)
        case ListNode(items=items):
            return ArrayNode(tuple(from_yaml(item, resolve) for item in items), _mark(node))
        case _:
            members = (Member(name, _mark(key), from_yaml(value, resolve)) for name, (key, value) in node.items.items())
            return ObjectNode(tuple(members), _mark(node))


def _mark(node: Node) -> Mark:
    on_one_line = isinstance(node, ScalarNode) and node.end_line == node.line
    width = node.end_column - node.column if isinstance(node, ScalarNode) and on_one_line else 1
    return Mark(node.line + 1, node.column + 1, max(1, width))
