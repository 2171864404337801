"""The interface of a destination: what a sender needs to know of the place it sends to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnout.sqs.api import OutgoingMessage, SentBatch

__all__ = ["EVENT_DENIED", "INVALID_URL", "MESSAGE_TOO_LONG", "MISSING", "TOO_LONG", "Destination"]

MESSAGE_TOO_LONG = "MessageTooLong"
"""The code of an entry's failure when the destination itself takes less than `max_message_bytes`."""

TOO_LONG = frozenset({MESSAGE_TOO_LONG, "HTTP 413", "RequestTooLargeException"})
"""Codes with which destinations of any kind refuse a message for its size."""

EVENT_DENIED = frozenset({"NotAuthorizedForDetailTypeException"})
"""Codes of what an operator has to allow for one kind of event: others the destination may take."""

INVALID_URL = "InvalidURL"
"""The code of a call that was not made, because an endpoint's URL is none."""

MISSING = frozenset(
    {
        INVALID_URL,
        *(f"HTTP {status}" for status in range(300, 400)),
        "HTTP 404",
        "HTTP 405",
        "HTTP 410",
        "HTTP 501",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "StateMachineDeleting",
        "StateMachineDoesNotExist",
    }
)
"""Codes that say of a destination of any kind that there is none: what the rules name is not there, or elsewhere."""


class Destination(Protocol):
    """One place that takes messages in batches.

    `send` takes 1 to `max_entries` messages that together have at most `max_batch_bytes`, each of at most
    `max_message_bytes` (body and attributes). It raises `turnout.errors.CallError` when the call as a whole failed and
    returns the failures of single entries otherwise. It does not retry. Cancelling it is safe.
    """

    @property
    def name(self) -> str:
        """For logs, metrics and spans: a queue's name, a host, an ARN's last part."""
        ...

    @property
    def url(self) -> str:
        """For spans: the queue's URL, an ARN, or `semconv.ENDPOINT` and the address of an HTTP endpoint; no secrets."""
        ...

    @property
    def max_entries(self) -> int:
        """Messages in one call."""
        ...

    @property
    def max_message_bytes(self) -> int:
        """Body and attributes of one message."""
        ...

    @property
    def max_batch_bytes(self) -> int:
        """Bodies and attributes of one call."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether messages of one group must arrive in the order in which they were given (FIFO)."""
        ...

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """Send one batch; see the class."""
        ...
