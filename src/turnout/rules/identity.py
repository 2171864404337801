"""What an event is about: its id, its type, its time and the conversation it belongs to.

Any of them may be missing; that is not an error. The places where a conversation id stands differ between Genesys's
topics and the in-house shapes that copied tutorials, so there is a list of them, tried in order.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from turnout.rules.model import Json

__all__ = ["conversation_id", "text_at", "time_ns"]

_CONVERSATION_PATHS = (
    ("detail", "eventBody", "conversationId"),
    ("detail", "conversationId"),
    ("detail", "interactionId"),
    ("detail", "conversation", "id"),
    ("interactionId",),
    ("detail", "id"),
)

# v2.detail.events.conversation.<id>.user.end, v2.conversations.<id>.transcription; not queue or user topics.
_TOPIC = re.compile(
    r"\Av2\.(?:[a-z]+\.){0,3}conversations?\.([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})(?:\.|\Z)"
)


def text_at(event: Json, names: tuple[str, ...]) -> str | None:
    """The non-empty string at this place, else None."""
    for name in names:
        if not isinstance(event, dict):
            return None
        event = event.get(name)
    return event if isinstance(event, str) and event else None


def conversation_id(event: Json) -> str | None:
    """The id of the conversation (in tutorials: interaction) that the event is about."""
    for names in _CONVERSATION_PATHS:
        if found := text_at(event, names):
            return found
    topic = text_at(event, ("detail", "topicName"))
    found_in_topic = _TOPIC.match(topic) if topic else None
    return found_in_topic[1] if found_in_topic else None


# EventBridge gives whole seconds, so most events of one moment share theirs.
@lru_cache(maxsize=256)
def time_ns(text: str) -> int | None:
    """The moment that an ISO 8601 text names, in nanoseconds since the epoch; None for any other text.

    A text that names no zone is taken as UTC, which EventBridge's `time` always is.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1e6) * 1000
