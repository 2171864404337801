"""An event pattern written in a rule file: the nodes of YAML become the nodes that pattern/ compiles."""

from __future__ import annotations

from collections.abc import Callable

from turnout.rules.files.nodes import ListNode, Node, ScalarNode
from turnout.rules.pattern.nodes import ArrayNode, Mark, Member, ObjectNode, PatternNode, ValueNode

__all__ = ["from_yaml"]


def from_yaml(node: Node, resolve: Callable[[ScalarNode], str]) -> PatternNode:
    """The pattern. `resolve` replaces the environment references in a text; keys are taken as they are."""
    if isinstance(node, ScalarNode):
        value = node.value
        if isinstance(value, str):
            resolved = resolve(node)
            return ValueNode(resolved, _mark(node), "" if resolved == value else value)
        return ValueNode(value, _mark(node), node.text)
    begin = Mark(node.line + 1, node.column + 1)
    if isinstance(node, ListNode):
        return ArrayNode(tuple([from_yaml(item, resolve) for item in node.items]), begin)
    members = [Member(name, _mark(key), from_yaml(value, resolve)) for name, (key, value) in node.items.items()]
    return ObjectNode(tuple(members), begin)


def _mark(node: ScalarNode) -> Mark:
    width = node.end_column - node.column if node.end_line == node.line else 1
    return Mark(node.line + 1, node.column + 1, width or 1)
