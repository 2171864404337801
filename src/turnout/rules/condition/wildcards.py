r"""Wildcard patterns: `*` stands for any run of characters, `\*` and `\\` for themselves.

Matching looks for the literal pieces from left to right and never backtracks, so it is linear in the text.
"""

from __future__ import annotations

__all__ = ["WildcardError", "fits", "pieces"]


class WildcardError(ValueError):
    """The pattern is not valid; `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        self.position = position
        super().__init__(message)


def pieces(pattern: str) -> tuple[str, ...]:
    """The literal texts between the stars: one more than there are stars. Raises `WildcardError`."""
    found: list[str] = []
    piece: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            if pattern[position + 1 : position + 2] == "*":
                raise WildcardError("two '*' in a row mean the same as one", position + 1)
            found.append("".join(piece))
            piece = []
        elif character == "\\":
            position += 1
            if pattern[position : position + 1] not in ("*", "\\"):
                raise WildcardError(r"after a backslash only '*' or another backslash may follow", position - 1)
            piece.append(pattern[position])
        else:
            piece.append(character)
        position += 1
    found.append("".join(piece))
    return tuple(found)


def fits(text: str, pieces: tuple[str, ...]) -> bool:
    """Whether the whole text fits the pattern with these pieces."""
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        position = text.find(piece, position, end)
        if position < 0:
            return False
        position += len(piece)
    return True
