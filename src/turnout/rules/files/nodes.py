"""The nodes of a YAML file, which know their place. What plain scalars mean is JSON's: null, true, false and numbers.

document.py reads a text into them.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

from turnout.rules.model import Json

__all__ = ["ListNode", "MapNode", "Node", "ScalarNode", "to_json"]

_INTEGER = re.compile(r"[-+]?[0-9]{1,4300}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class ScalarNode(msgspec.Struct, gc=False):
    """A scalar. `line` and `column` count from 0 and point at its first character (or quote, or `|`)."""

    text: str
    style: str
    """The quote, `|` or `>`; empty for a plain scalar."""
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def value(self) -> str | int | float | bool | None:
        """What the scalar means; a quoted or block scalar is always a string."""
        if self.style:
            return self.text
        if self.text in _WORDS:
            return _WORDS[self.text]
        if _INTEGER.fullmatch(self.text):
            return int(self.text)
        return float(self.text) if _FLOAT.fullmatch(self.text) else self.text


class ListNode(msgspec.Struct, gc=False):
    """A sequence."""

    line: int
    column: int
    items: list[Node] = []


class MapNode(msgspec.Struct, gc=False):
    """A mapping; its keys are scalars, each once, in document order."""

    line: int
    column: int
    items: dict[str, tuple[ScalarNode, Node]] = {}

    def get(self, key: str) -> Node | None:
        """The value under a key."""
        found = self.items.get(key)
        return found[1] if found else None


Node: TypeAlias = ScalarNode | ListNode | MapNode


def to_json(node: Node) -> Json:
    """The node as a JSON value. A number beyond a 64-bit float is infinite, as in a decoded event."""
    match node:
        case ScalarNode():
            return node.value
        case ListNode(items=items):
            return [to_json(item) for item in items]
        case MapNode(items=members):
            return {name: to_json(value) for name, (_, value) in members.items()}
