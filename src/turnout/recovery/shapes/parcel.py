"""What shapes look at: a body and attributes, and safe ways to ask for fields of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

import msgspec

from turnout.message import Attribute
from turnout.recovery.letter import Layer
from turnout.rules.decode import decode
from turnout.rules.model import Json, Rejection

__all__ = ["Parcel", "Shape", "field", "integer", "said", "scalar"]


class Parcel(msgspec.Struct, frozen=True):
    """What is inside the layers that were taken off so far. `event` is the body's object, empty when it is none."""

    body: str
    attributes: Mapping[str, Attribute]
    event: Mapping[str, Json]
    rejection: Rejection | None = None

    @classmethod
    def of(cls, body: str, attributes: Mapping[str, Attribute]) -> Parcel:
        """The parcel of this body."""
        decoded = decode(body)
        if isinstance(decoded, Rejection):
            return cls(body, attributes, {}, decoded)
        return cls(body, attributes, decoded)

    def attribute(self, name: str) -> str:
        """The text of an attribute; empty when there is none."""
        attribute = self.attributes.get(name)
        return attribute.text or "" if attribute is not None else ""

    def without(self, names: Collection[str]) -> dict[str, Attribute]:
        """The attributes less those that a wrapper added."""
        return {name: attribute for name, attribute in self.attributes.items() if name not in names}


Shape: TypeAlias = Callable[[Parcel], Layer | None]


def field(value: Json | Mapping[str, Json], *names: str) -> Json:
    """What stands at this place; None when nothing does."""
    found: object = value
    for name in names:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found  # type: ignore[return-value]  # a member of a Json value is one


def scalar(value: Json | Mapping[str, Json], *names: str) -> str:
    """The string or number at this place, as text; else empty."""
    found = field(value, *names)
    if isinstance(found, str):
        return found
    if isinstance(found, int | float) and not isinstance(found, bool):
        try:
            return str(found)
        except ValueError:  # an integer of more than 4,300 digits
            return ""
    return ""


def integer(text: str) -> int:
    """A small count in digits; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def said(pairs: Mapping[str, str]) -> dict[str, str]:
    """The pairs that say something."""
    return {name: text for name, text in pairs.items() if text}
