"""Ignoring case as EventBridge does: character by character, never changing a text's length.

`str.lower` and `str.casefold` are about words: they turn `İ` into two characters, `ß` into `ss` and the Kelvin sign
into `k`. Here two characters are the same letter only when each is the other's only lower or upper case.
"""

from __future__ import annotations

import functools

__all__ = ["fold"]


def fold(text: str) -> str:
    """The text with every letter that has one lower case replaced by it. As long as the text."""
    return text.lower() if text.isascii() else "".join(map(_fold, text))


@functools.lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 and lower.upper() == character else character
