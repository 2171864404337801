"""How values and names of an event are shown to people: in one line, cut short, nothing a terminal would obey."""

from __future__ import annotations

import json

__all__ = ["kind_of", "printable", "shown"]

_LONGEST = 120
_MOST_MEMBERS = 10
_MOST_ELEMENTS = 5


def kind_of(value: object) -> str:
    """What a value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "an array" if value else "an empty array"
        case _:
            return "an object"


def shown(value: object) -> str:
    """A scalar as JSON; of an object the names of its members, of an array its first elements."""
    if isinstance(value, dict):
        names = ", ".join(_text(name) for name in list(value)[:_MOST_MEMBERS])
        text = f"{{{names}{', ...' if len(value) > _MOST_MEMBERS else ''}}}"
    elif isinstance(value, list):
        few = ", ".join(
            kind_of(item) if isinstance(item, dict | list) else _scalar(item) for item in value[:_MOST_ELEMENTS]
        )
        text = f"[{few}{', ...' if len(value) > _MOST_ELEMENTS else ''}]"
    else:
        text = _scalar(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def printable(text: str) -> str:
    """The text with everything escaped that cannot be printed: control characters, halves of surrogate pairs."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    try:
        return json.dumps(value)
    except ValueError:  # an integer of more than 4,300 digits
        return "a number of more than 4,300 digits"


def _text(value: str) -> str:
    return printable(json.dumps(value[: _LONGEST + 1], ensure_ascii=False))
