"""What SNS delivers: the notification around a message. SNS says nothing about why a delivery failed."""

from __future__ import annotations

from collections.abc import Mapping

from turnout.recovery.letter import Layer, Origin
from turnout.recovery.messages import attributes_of
from turnout.recovery.shapes.parcel import Parcel, field, scalar
from turnout.rules.model import Json

__all__ = ["from_notification", "notification"]


def notification(parcel: Parcel) -> Layer | None:
    """A message that was delivered without raw message delivery."""
    return from_notification(parcel.event)


def from_notification(document: Mapping[str, Json]) -> Layer | None:
    """The layer of a notification, else None."""
    message = field(document, "Message")
    if document.get("Type") != "Notification" or not isinstance(message, str) or not scalar(document, "TopicArn"):
        return None
    return Layer(
        Origin.SNS,
        message,
        attributes_of(field(document, "MessageAttributes")),
        source=scalar(document, "TopicArn"),
    )
