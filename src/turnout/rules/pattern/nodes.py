"""An event pattern as data that knows its place, and what is wrong with it.

Unlike a dict, an object here keeps duplicate keys, as EventBridge takes them, and a number keeps its spelling:
EventBridge refuses numbers that a double cannot hold. What a pattern means is in pattern.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import NamedTuple, TypeAlias

import msgspec

from turnout.rules.condition.ast import Scalar, Span
from turnout.rules.problems import Code

__all__ = [
    "ArrayNode",
    "Mark",
    "Member",
    "ObjectNode",
    "PatternError",
    "PatternNode",
    "PatternProblem",
    "Refused",
    "ValueNode",
    "quoted",
    "shown",
    "to_json",
]

_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_SHOWN = 60
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A place in the source: line and column count from 1, `width` characters are underlined."""

    line: int
    column: int
    width: int = 1


class ValueNode(msgspec.Struct, frozen=True, gc=False):
    """A string, number, boolean or null. `spelling` is how it was written, when that is not what the value says.

    That is so of numbers, and of texts that the environment had a part in: what is shown of them names the variable.
    """

    value: Scalar
    mark: Mark
    spelling: str = ""

    @property
    def is_number(self) -> bool:
        """Whether this is a number, which a boolean is not."""
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)


class ArrayNode(msgspec.Struct, frozen=True, gc=False):
    """An array."""

    items: tuple[PatternNode, ...]
    mark: Mark


class Member(NamedTuple):
    """A key, where it stands, and its value."""

    name: str
    mark: Mark
    value: PatternNode


class ObjectNode(msgspec.Struct, frozen=True, gc=False):
    """An object: every member in document order, those whose key stands twice included."""

    members: tuple[Member, ...]
    mark: Mark


PatternNode: TypeAlias = ValueNode | ArrayNode | ObjectNode


class PatternProblem(NamedTuple):
    """One thing that is wrong with a pattern, or worth a warning."""

    code: Code
    message: str
    mark: Mark


class PatternError(ValueError):
    """The pattern is refused. `problems` holds everything that is wrong with it, in document order."""

    def __init__(self, problems: Sequence[PatternProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{code} {message}" for code, message, _ in self.problems))


class Refused(Exception):  # it never leaves the reading of one array
    """One operator of a pattern is refused."""

    def __init__(self, code: Code, message: str, mark: Mark) -> None:
        self.code = code
        self.message = message
        self.mark = mark
        super().__init__(message)


def quoted(value: Scalar) -> str:
    """The value as JSON, readable where that can be printed: half of a surrogate pair stays an escape."""
    if not isinstance(value, str):
        return json.dumps(value)
    return encode_basestring(value) if value.isascii() or not _SURROGATE.search(value) else json.dumps(value)


def shown(found: PatternNode | str) -> str:
    """A name or value as a message shows it: strings without quotes, arrays and objects by their bracket."""
    if isinstance(found, ArrayNode | ObjectNode):
        return "[" if isinstance(found, ArrayNode) else "{"
    value = found if isinstance(found, str) else _written_value(found)
    text = quoted(value)[1:-1] if isinstance(value, str) else quoted(value)
    return text[:_LONGEST_SHOWN]


def _written_value(node: ValueNode) -> Scalar:
    return node.spelling if node.spelling and isinstance(node.value, str) else node.value


def to_json(node: PatternNode) -> tuple[str, dict[int, Span]]:
    """The pattern as JSON text, and where in it each node stands, by the node's `id`."""
    spans: dict[int, Span] = {}
    return _written(node, 0, spans), spans


def _written(node: PatternNode, start: int, spans: dict[int, Span]) -> str:
    if isinstance(node, ValueNode):
        is_spelt = node.spelling and node.is_number and _JSON_NUMBER.fullmatch(node.spelling)
        text = node.spelling if is_spelt else quoted(_written_value(node))
    elif isinstance(node, ArrayNode):
        text, separator = "[", ""
        for item in node.items:
            text += separator
            text += _written(item, start + len(text), spans)
            separator = ", "
        text += "]"
    else:
        text, separator = "{", ""
        for name, _, value in node.members:
            text += f"{separator}{quoted(name)}: "
            text += _written(value, start + len(text), spans)
            separator = ", "
        text += "}"
    spans[id(node)] = Span(start, start + len(text))
    return text
