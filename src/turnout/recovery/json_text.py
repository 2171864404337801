"""Parts of a JSON text, exactly as they are written there: what a wrapper carries must come out byte for byte."""

from __future__ import annotations

import json
import re

__all__ = ["member_texts"]

_SPACE = re.compile(r"[ \t\n\r]*")
# Values are stepped over, not used: a number of any length is fine.
_step = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).raw_decode


def member_texts(text: str) -> dict[str, str]:
    """The members of the JSON object that `text` is: name to the value's own text. Of equal names the last counts.

    Raises ValueError when it is no JSON object, RecursionError when it is nested too deep.
    """
    members: dict[str, str] = {}
    at = _expect(text, 0, "{")
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise ValueError(f"a member's name expected at character {at + 1}")
        name, at = _step(text, at)
        start = _expect(text, at, ":")
        _, end = _step(text, start)
        members[name] = text[start:end]
        at = _skip(text, end)
        if text[at : at + 1] != "}":
            at = _expect(text, at, ",")
    return members


def _expect(text: str, at: int, character: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != character:
        raise ValueError(f"{character!r} expected at character {at + 1}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
