"""Where in a file the characters of a YAML scalar stand, so that a caret can point into an expression.

Quoting, folding and block indentation shift characters; the scalar's value is laid along its source text again.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from turnout.rules.files.nodes import ScalarNode

__all__ = ["Source", "line_and_column"]

_LINE_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\r\n|.|\n)", re.DOTALL)
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
"""Anchor and tag, with which a scalar begins; its value does not begin so unless it is quoted."""
_BLANK = " \t\n\r\x85\u2028\u2029"


class Source:
    """The text of one rule file."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._text = text
        self._starts: list[int] | None = None
        self._laid: tuple[ScalarNode, list[int] | None] | None = None
        """The scalar that was looked at last, and where its characters stand: several problems come from one."""

    def line(self, number: int) -> str:
        """A line by its number from 0, without its line break."""
        starts = self._line_starts()
        if number >= len(starts):
            return ""
        end = starts[number + 1] if number + 1 < len(starts) else len(self._text)
        return self._text[starts[number] : end].rstrip("\r\n\x85\u2028\u2029")

    def place(self, node: ScalarNode, offset: int) -> tuple[int, int]:
        """Line and column, from 0, of the character at `offset` of the scalar's value; its start when unknown."""
        starts = self._line_starts()
        begin = starts[node.line] + node.column
        end = starts[node.end_line] + node.end_column if node.end_line < len(starts) else len(self._text)
        if self._laid is None or self._laid[0] is not node:
            self._laid = node, _offsets(self._text[begin:end], node)
        offsets = self._laid[1]
        if offsets is None:
            return node.line, node.column
        after = offsets[-1] + 1 if offsets else 0
        position = begin + (offsets[offset] if offset < len(offsets) else after)
        line = bisect_right(starts, position) - 1
        return line, position - starts[line]

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(self._text))]
        return self._starts


def line_and_column(before: str) -> tuple[int, int]:
    """Line and column, from 0, of what follows this text at the beginning of a file."""
    return before.count("\n"), len(before) - before.rfind("\n") - 1


def _offsets(raw: str, node: ScalarNode) -> list[int] | None:
    """For each character of the value, its offset in the raw source; None when the two cannot be laid together."""
    properties = _PROPERTIES.match(raw)
    position = properties.end() if properties else 0
    if node.style in ("'", '"'):
        position += 1
    elif node.style in ("|", ">"):
        found = _LINE_BREAK.search(raw)
        if not found:
            return None
        position = found.end()
    offsets: list[int] = []
    for character in node.text:
        if character in _BLANK:
            # Blanks may be folded or come from a line break: they stay where they are, and the next word re-aligns.
            offsets.append(min(position, len(raw)))
            if position < len(raw) and raw[position] in _BLANK:
                position += 1
            elif node.style == '"' and (escape := _ESCAPE.match(raw, position)):
                position = escape.end()
            continue
        found_at, position = _find(raw, position, character, node.style)
        if found_at is None:
            return None
        offsets.append(found_at)
    return offsets


def _find(raw: str, position: int, character: str, style: str) -> tuple[int | None, int]:
    """Where a character that is not blank stands, at `position` or after blanks, and where the next one may."""
    while position < len(raw):
        here = raw[position]
        if here in _BLANK:
            position += 1
        elif style == '"' and here == "\\" and (escape := _ESCAPE.match(raw, position)):
            if escape[0][1] in "\r\n":
                position = escape.end()  # an escaped line break stands for nothing
                continue
            return position, escape.end()
        elif here == character:
            return position, position + (2 if style == "'" and here == "'" else 1)
        else:
            return None, position
    return None, position
