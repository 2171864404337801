"""What makes two messages the same event.

`event_key` is for any event; `genesys_key` also recognises an event that Genesys published a second time under a new
envelope id, which happens while it retries for up to four days.
"""

from __future__ import annotations

import hashlib

import msgspec

__all__ = ["event_key", "genesys_key"]


def event_key(event_id: str | None, body: str) -> str:
    """The event's own `id`, which is stable through EventBridge retries, redrives and replays; else the body."""
    return f"id:{_hash(event_id)}" if event_id is not None else f"body:{_hash(body)}"


class _EventBody(msgspec.Struct, rename="camel"):
    event_time: int | str | None = None
    conversation_id: str | None = None
    participant_id: str | None = None
    session_id: str | None = None


class _Detail(msgspec.Struct, rename="camel"):
    topic_name: str
    event_body: _EventBody
    timestamp: str | None = None


class _Event(msgspec.Struct):
    detail: _Detail


_decoder = msgspec.json.Decoder(_Event)

# The topics of which two events that share all of the key's fields are one event published twice, but for some kinds.
# Of these, and of all other topics (metrics, utterances of a transcript), several can be of one moment: the body tells
# them apart. To take two events for one would lose the second.
_ONE_AT_A_TIME = "v2.detail.events.conversation."
_SEVERAL_AT_A_TIME = (".attributes", ".flow.outcome")


def genesys_key(event_id: str | None, body: str) -> str:
    """Topic, time, conversation, participant and session of a Genesys event, with its `eventBody` where these do not
    identify it; as `event_key` for an event without time or conversation."""
    try:
        detail = _decoder.decode(body).detail
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return event_key(event_id, body)
    event = detail.event_body
    when = event.event_time if event.event_time is not None else detail.timestamp
    if when is None or event.conversation_id is None:
        return event_key(event_id, body)
    parts = [detail.topic_name, str(when), event.conversation_id, event.participant_id or "", event.session_id or ""]
    identified = event.participant_id is not None and event.session_id is not None
    one = detail.topic_name.startswith(_ONE_AT_A_TIME) and not detail.topic_name.endswith(_SEVERAL_AT_A_TIME)
    if not identified or not one:
        parts.append(_event_body(body))
    return f"genesys:{_hash(chr(0).join(parts))}"


def _event_body(body: str) -> str:
    """The `eventBody` alone: the envelope of a second publication has another id and time."""
    detail = msgspec.json.decode(body, type=dict[str, msgspec.Raw])["detail"]
    return bytes(msgspec.json.decode(detail, type=dict[str, msgspec.Raw])["eventBody"]).decode("utf-8", "replace")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
