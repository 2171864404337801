"""Looks at messages without consuming them: they are received, and given back as soon as enough have been seen.

SQS has no other way to look. Each look counts as a receive, and for its time the messages are invisible to others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from turnout.errors import SqsRejected
from turnout.message import Message
from turnout.queues import queue_name
from turnout.sqs.api import MAX_BATCH_ENTRIES, Sqs

__all__ = ["peek"]

_VISIBILITY_SECONDS = 60
_WAIT_SECONDS = 2
_EMPTY_ANSWERS = 2
"""SQS asks a part of its servers, so that one empty answer does not mean an empty queue."""
_FEWEST_RECEIVES = 3


async def peek(sqs: Sqs, queue: str, count: int) -> list[Message]:
    """Up to `count` messages of the queue with this URL, each once; fewer when there are no more for the moment.

    They are visible again when this returns, at the latest a minute after they were received. Raises `SqsError`:
    `SqsRejected` also when looking could push messages into the queue's dead-letter queue.
    """
    await _refuse_if_looking_consumes(sqs, queue)
    messages: dict[str, Message] = {}
    empty = 0
    try:
        while len(messages) < count and empty < _EMPTY_ANSWERS:
            wanted = min(MAX_BATCH_ENTRIES, count - len(messages))
            found = await sqs.receive(
                queue, max_messages=wanted, wait_seconds=_WAIT_SECONDS, visibility_seconds=_VISIBILITY_SECONDS
            )
            fresh = [message for message in found if message.id not in messages]
            # Messages that come round again mean that the first of them became visible: there are no others.
            empty = 0 if fresh else empty + 1
            messages.update((message.id, message) for message in found)
    finally:
        await _give_back(sqs, queue, [message.handle for message in messages.values()])
    return list(messages.values())


async def _refuse_if_looking_consumes(sqs: Sqs, queue: str) -> None:
    attributes = await sqs.queue_attributes(queue)
    try:
        receives = int(json.loads(attributes.get("RedrivePolicy", "{}")).get("maxReceiveCount", _FEWEST_RECEIVES))
    except (ValueError, TypeError, AttributeError):
        return
    if receives < _FEWEST_RECEIVES:
        message = (
            "this queue gives a message to its dead-letter queue after "
            f"{receives} receive{'' if receives == 1 else 's'}, and looking counts as one"
        )
        raise SqsRejected(message, code="RedrivePolicy", operation="ReceiveMessage", queue=queue_name(queue))


async def _give_back(sqs: Sqs, queue: str, handles: Sequence[str]) -> None:
    # One that cannot be given back becomes visible by itself, within a minute.
    for first in range(0, len(handles), MAX_BATCH_ENTRIES):
        await sqs.change_visibility(queue, handles[first : first + MAX_BATCH_ENTRIES], 0)
