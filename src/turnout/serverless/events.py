"""What Lambda passes to a function that an event source mapping calls for SQS, and what it wants back.

The form of both is in the Lambda developer guide, "Using Lambda with Amazon SQS": records with `messageId`, `body`,
`attributes`, `messageAttributes` and `eventSourceARN`; and `batchItemFailures` (`ReportBatchItemFailures`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import msgspec

from turnout.errors import TurnoutError
from turnout.message import Message
from turnout.queues import queue_name
from turnout.recovery.messages import as_message
from turnout.sqs.place import amazons_url

__all__ = [
    "Context",
    "InvalidEvent",
    "Response",
    "messages_of",
    "partial_response",
    "queue_of",
    "seconds_left",
]

Response = dict[str, list[dict[str, str]]]


class InvalidEvent(TurnoutError):
    """The function was called with something that is no batch of SQS messages."""


class Context(Protocol):
    """The part of Lambda's context object that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Time until Lambda kills the process."""
        ...


def seconds_left(context: Context) -> float:
    """How long this call may still take."""
    return context.get_remaining_time_in_millis() / 1000


def messages_of(event: object, queues: Sequence[str]) -> list[Message]:
    """The messages of an SQS event, in its order; one that is in it twice only once.

    `queues` are the URLs of queues whose messages are expected; a record of another queue gets the URL that its ARN
    tells. Raises `InvalidEvent`: then Lambda hands the whole batch out again, and nothing is lost.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise InvalidEvent("this function wants an event source mapping of an SQS queue: the event has no Records")
    found: dict[str, Message] = {}
    for record in records:
        if not isinstance(record, dict) or record.get("eventSource") != "aws:sqs":
            raise InvalidEvent("this function reads SQS only: connect other services through a queue")
        if not isinstance(record.get("messageId"), str) or not isinstance(record.get("body"), str):
            raise InvalidEvent("a record has no messageId or no body, so it could not be reported as failed")
        message = as_message(record, queue_of(str(record.get("eventSourceARN", "")), queues))
        # Lambda has checked the digest; a hand-written event's may be of anything.
        found.setdefault(message.id, msgspec.structs.replace(message, body_md5=None))
    return list(found.values())


def queue_of(arn: str, queues: Iterable[str]) -> str:
    """The URL of the queue with this ARN: one of `queues` by its name, else Amazon's own form."""
    parts = arn.split(":")
    if len(parts) != 6:
        return next(iter(queues), "")
    known = {queue_name(url): url for url in queues}
    return known.get(parts[5]) or amazons_url(arn)


def partial_response(failed: Collection[str]) -> Response:
    """What Lambda reads which messages to keep from; it deletes the others."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
