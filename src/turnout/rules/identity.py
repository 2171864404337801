"""What an event is about: its id, its type and the conversation it belongs to.

Any of them may be missing; that is not an error. The places where a conversation id stands differ between Genesys's
topics and the in-house shapes that copied tutorials, so there is a list of them, tried in order.
"""

from __future__ import annotations

import re

from turnout.rules.model import Json

__all__ = ["conversation_id", "text_at"]

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
