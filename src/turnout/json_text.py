"""The parts of a JSON text exactly as they are written: what a wrapper carries must come out byte for byte.

msgspec does that faster by far, but refuses half a surrogate pair (`"\\ud800"`), which JSON allows and events may have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

__all__ = ["items", "members"]

_SPACE = re.compile(r"[ \t\r\n]*")


def members(text: str) -> dict[str, str]:
    """The members of an object: name to the JSON of the value. Of a name that stands twice, the last value counts.

    Raises `ValueError` when the text is no JSON object.
    """
    return dict(_parts(text, "{", "}", named=True))


def items(text: str) -> list[str]:
    """The JSON of each item of an array. Raises `ValueError` when the text is no JSON array."""
    return [item for _, item in _parts(text, "[", "]", named=False)]


def _parts(text: str, opening: str, closing: str, *, named: bool) -> Iterator[tuple[str, str]]:
    at = _skip(text, 0)
    at = _skip(text, _expect(text, at, opening))
    if text[at : at + 1] == closing:
        return _end(text, at + 1)
    while True:
        name = ""
        if named:
            _expect(text, at, '"')
            name, at = _decoder.raw_decode(text, at)
            at = _skip(text, _expect(text, _skip(text, at), ":"))
        try:
            _, end = _decoder.raw_decode(text, at)
        except RecursionError:
            raise ValueError("nested too deep") from None
        yield name, text[at:end]
        at = _skip(text, end)
        if text[at : at + 1] == closing:
            return _end(text, at + 1)
        at = _skip(text, _expect(text, at, ","))


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _expect(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        raise ValueError(f"no {character} at character {at + 1}")
    return at + 1


def _end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise ValueError(f"more at character {at + 1} than one value")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


# Values are stepped over, not used: a number of any length is fine.
_decoder = json.JSONDecoder(parse_constant=_refuse, parse_int=len, parse_float=len)
