"""Telling a conversation what became of its message, and not mistaking the echo for news.

Each write makes Genesys emit an `attributes` event. Where that topic is subscribed to, the event comes back through
the very pipeline that wrote: so nothing is written because of an event that our own writing may have caused.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from turnout.genesys.answers import Json, JsonObject

__all__ = ["RetryStatus", "StatusUpdate", "WriteOutcome", "may_be_caused_by_us"]

_SYSTEM_NAMES = frozenset({"system.retryAttempt", "system.retryStatus"})
"""What the `tutorial` profile writes."""


class RetryStatus(StrEnum):
    """What became of a message."""

    RETRYING = "retrying"
    REPLAY_SUCCESSFUL = "replay_successful"
    REPLAY_FAILED = "replay_failed"
    EXHAUSTED_RETRIES = "exhausted_retries"


class WriteOutcome(StrEnum):
    """Whether a status was written, and if not, why."""

    WRITTEN = "written"
    OFF = "off"
    """`write_back` is `none`."""
    ECHO = "echo"
    """The event may come from our own writing."""
    NO_PARTICIPANT = "no_participant"
    """The event names no participant, whose attributes they would be."""
    MISSING = "missing"
    """The conversation is not there, or purged."""
    TAKEN = "taken"
    """The external tag is somebody else's, and there is only one."""


class StatusUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What to write. `event` is the event that the message carried, for the loop guard."""

    conversation_id: str
    status: RetryStatus
    attempt: int
    participant_id: str = ""
    event: JsonObject | None = None


def may_be_caused_by_us(event: JsonObject, prefix: str) -> bool:
    """Whether an event about attributes has one of ours: it may be an echo together with what was there before."""
    return any(_ours(name, prefix) for name in _attributes(event))


def _ours(name: str, prefix: str) -> bool:
    return name.startswith(prefix) or name in _SYSTEM_NAMES


def _attributes(event: JsonObject) -> list[str]:
    """The names of the attributes that an event about attributes tells; none for any other event."""
    detail = _object(event.get("detail"))
    kind, topic = (
        value if isinstance(value, str) else "" for value in (event.get("detail-type"), detail.get("topicName"))
    )
    if kind.startswith("v2.") or topic:
        if not (kind.endswith(".attributes") or topic.endswith(".attributes")):
            return []
        return list(_object(_object(detail.get("eventBody")).get("attributes")))
    if "attribute" not in kind.lower():
        return []
    attributes = _object(detail.get("attributes"))
    system = attributes.get("system")
    nested = [f"system.{name}" for name in system] if isinstance(system, dict) else []
    return [*attributes, *nested]


def _object(value: Json | Any) -> JsonObject:
    return value if isinstance(value, dict) else {}
