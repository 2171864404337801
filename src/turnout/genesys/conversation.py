"""What is kept of a conversation, and careful reading of the JSON it comes in.

Names, addresses, numbers and attributes of the people in it are not kept: no report of ours needs them.
"""

from __future__ import annotations

import re

import msgspec

from turnout.genesys.answers import JsonObject

__all__ = ["Conversation", "Participant", "is_uuid", "objects_in", "text_in", "unique"]

# Not only RFC 4122's versions: real ids of events have others.
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LONGEST_TEXT = 256


class Participant(msgspec.Struct, frozen=True):
    """One who takes part: the id that status is written to, and the purpose (`agent`, `customer`, `acd`, ...)."""

    id: str
    purpose: str


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation (in tutorials: an interaction). What the service did not tell is empty."""

    id: str
    started_at: str = ""
    ended_at: str = ""
    direction: str = ""
    media_types: tuple[str, ...] = ()
    """As the service spells them; `channels` in tutorials."""
    queue_ids: tuple[str, ...] = ()
    division_ids: tuple[str, ...] = ()
    participants: tuple[Participant, ...] = ()


def is_uuid(text: str) -> bool:
    """Whether a text has the form of Genesys's ids, and so may stand in a URL."""
    return _UUID.fullmatch(text) is not None


def text_in(document: JsonObject, name: str) -> str:
    """The text of a member, cut to what fits a report; empty when there is none or it is no text."""
    value = document.get(name)
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""


def objects_in(document: JsonObject, name: str) -> list[JsonObject]:
    """The objects in a list; what is no list, or no object, is passed over."""
    value = document.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def unique(texts: list[str]) -> tuple[str, ...]:
    """The texts that are not empty, each once, in order."""
    return tuple(dict.fromkeys(filter(None, texts)))
