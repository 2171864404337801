"""How large what is sent for a delivery is, and how it becomes a little smaller. Letters are cut in `deadletter`."""

from __future__ import annotations

import msgspec

from turnout.account import Delivery
from turnout.sqs.api import OutgoingMessage
from turnout.telemetry.propagation import TRACEPARENT, TRACESTATE

__all__ = ["size_of", "untraced"]

_CONTEXT = frozenset((TRACEPARENT, TRACESTATE))


def size_of(delivery: Delivery, message: OutgoingMessage) -> int:
    """Bytes of the message with its attributes: `message.size()`, faster, as the body's are known."""
    size = delivery.account.body_bytes
    for name, value in message.attributes.items():
        size += value.size(name)
    return size


def untraced(delivery: Delivery) -> OutgoingMessage:
    """The message without the trace context that was added here: that must not be what makes it too large."""
    message, came = delivery.message, delivery.account.message.attributes
    kept = {name: value for name, value in message.attributes.items() if name in came or name not in _CONTEXT}
    return msgspec.structs.replace(message, attributes=kept)
