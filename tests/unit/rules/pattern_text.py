"""Reads the JSON text of an event pattern: every key and value with its line and column, nothing lost.

Rule files are YAML; AWS's recorded patterns are JSON, and tests write theirs as that. The standard library's decoder
keeps neither places nor duplicate keys.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from turnout.rules.condition.ast import Condition
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.pattern.nodes import (
    ArrayNode,
    Mark,
    Member,
    ObjectNode,
    PatternError,
    PatternNode,
    PatternProblem,
    ValueNode,
)
from turnout.rules.pattern.pattern import compile_pattern
from turnout.rules.problems import Code

__all__ = ["parse_pattern_text", "pattern_or_refusal"]

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
_WORD = re.compile(r"\w+")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_LONGEST_INTEGER = 4_300


def parse_pattern_text(text: str, limits: Limits = DEFAULT_LIMITS) -> PatternNode:
    """The pattern in JSON text. Raises `PatternError` with the one place where the text stops being JSON.

    Text after the pattern's end is refused too, which EventBridge's own engine lets pass.
    """
    reader = _Reader(text, limits)
    node = reader.value(0)
    reader.space()
    if reader.position < len(text):
        reader.fail("there is more text after the end of the pattern")
    return node


def pattern_or_refusal(text: str) -> Condition | None:
    """The condition, or None when the pattern is refused, which must have a reason and a place."""
    try:
        return compile_pattern(parse_pattern_text(text)).condition
    except PatternError as error:
        refusal = error
    assert refusal.problems
    assert all(found.message and found.mark.line >= 1 and found.mark.column >= 1 for found in refusal.problems)
    return None


def _number(spelling: str) -> int | float:
    """The value of a JSON number; beyond what a double or 4,300 digits hold it is infinite, as in a decoded event."""
    if not any(character in spelling for character in ".eE") and len(spelling) <= _LONGEST_INTEGER:
        return int(spelling)
    return float(spelling)


class _Reader:
    def __init__(self, text: str, limits: Limits) -> None:
        self.position = 0
        self._text = text
        self._limits = limits
        self._line = 1
        self._line_start = 0
        self._counted = 0

    def fail(self, message: str, code: Code = Code.PATTERN_SHAPE) -> NoReturn:
        """Refuse the text at the place reached."""
        raise PatternError([PatternProblem(code, message, self._mark(self.position, self.position + 1))])

    def space(self) -> None:
        """Skip blanks and line breaks."""
        self.position = self._end_of(_SPACE)

    def _end_of(self, expression: re.Pattern[str]) -> int:
        found = expression.match(self._text, self.position)
        return found.end() if found else self.position

    def _mark(self, start: int, end: int) -> Mark:
        # Places are asked for in rising order, so every line is counted once.
        breaks = self._text.count("\n", self._counted, start)
        if breaks:
            self._line += breaks
            self._line_start = self._text.rindex("\n", self._counted, start) + 1
        self._counted = max(self._counted, start)
        return Mark(self._line, start - self._line_start + 1, max(1, end - start))

    def _next(self, wanted: str) -> str:
        """The character that comes next, after blanks."""
        self.space()
        if self.position >= len(self._text):
            self.fail(f"the text ends where {wanted} is expected")
        return self._text[self.position]

    def value(self, depth: int) -> PatternNode:
        """The value that begins here."""
        character = self._next("a value")
        if character in "{[":
            if depth >= self._limits.yaml_depth:
                self.fail(f"nested more than {self._limits.yaml_depth} levels deep", Code.PATTERN_LIMIT)
            return self._object(depth) if character == "{" else self._array(depth)
        start = self.position
        if character == '"':
            text = self._string()
            return ValueNode(text, self._mark(start, self.position))
        end = self._end_of(_NUMBER)
        if end > start:
            self.position = end
            spelling = self._text[start:end]
            return ValueNode(_number(spelling), self._mark(start, end), spelling)
        end = self._end_of(_WORD)
        word = self._text[start:end]
        if word not in _CONSTANTS:
            self.fail(f"{(word or character)[:40]!r} is no JSON value; strings stand in double quotes")
        self.position = end
        return ValueNode(_CONSTANTS[word], self._mark(start, end))

    def _string(self) -> str:
        found = _STRING.match(self._text, self.position)
        if found is None:
            self.fail('this string has no closing ", or holds a control character or an escape that JSON does not know')
        self.position = found.end()
        text: str = json.loads(found[0])
        return text

    def _object(self, depth: int) -> ObjectNode:
        mark = self._mark(self.position, self.position + 1)
        self.position += 1
        members: list[Member] = []
        while self._next("a key or '}'") != "}" or members:
            if self._text[self.position] != '"':
                self.fail("a key in double quotes is expected")
            start = self.position
            name = self._string()
            at = self._mark(start, self.position)
            if self._next("':'") != ":":
                self.fail("a ':' is expected after the key")
            self.position += 1
            members.append(Member(name, at, self.value(depth + 1)))
            if not self._continues("}"):
                break
        self.position += 1
        return ObjectNode(tuple(members), mark)

    def _array(self, depth: int) -> ArrayNode:
        mark = self._mark(self.position, self.position + 1)
        self.position += 1
        items: list[PatternNode] = []
        while self._next("a value or ']'") != "]" or items:
            items.append(self.value(depth + 1))
            if not self._continues("]"):
                break
        self.position += 1
        return ArrayNode(tuple(items), mark)

    def _continues(self, close: str) -> bool:
        """Whether a comma follows; at the closing bracket not, at anything else never."""
        character = self._next(f"',' or '{close}'")
        if character == ",":
            self.position += 1
            return True
        if character != close:
            self.fail(f"',' or '{close}' is expected")
        return False
