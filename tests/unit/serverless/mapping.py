"""An event source mapping in miniature: it receives from a queue in memory, calls, and deletes what did not fail."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from turnout.message import Attribute, Message
from turnout.queues import queue_name
from turnout.sqs.memory import MemorySqs

Call = Callable[[dict[str, Any]], Awaitable[list[str]]]
"""Given an SQS event, answers the ids of the messages that failed."""

REGION, ACCOUNT = "eu-west-1", "123456789012"


class Context:
    """Lambda's context, with the time that is left."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def sqs_event(*messages: Message) -> dict[str, Any]:
    """The event that Lambda makes of messages."""
    return {"Records": [sqs_record(message) for message in messages]}


def sqs_record(message: Message) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.handle,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1765552590101", **message.system},
        "messageAttributes": {name: _attribute(value) for name, value in message.attributes.items()},
        "md5OfBody": "not-looked-at",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue_name(message.queue)}",
        "awsRegion": REGION,
    }


def _attribute(value: Attribute) -> dict[str, Any]:
    given = {"dataType": value.data_type, "stringListValues": [], "binaryListValues": []}
    if value.text is not None:
        return {**given, "stringValue": value.text}
    return {**given, "binaryValue": base64.b64encode(value.data or b"").decode()}


async def poll(sqs: MemorySqs, queue: str, call: Call, batch: int = 10) -> list[str]:
    """One call with up to `batch` messages; returns the bodies of those that stay in the queue."""
    messages: list[Message] = []
    while len(messages) < batch:
        found = await sqs.receive(queue, max_messages=min(10, batch - len(messages)), wait_seconds=0)
        if not found:
            break
        messages += found
    failed = await call(sqs_event(*messages))
    assert set(failed) <= {message.id for message in messages}
    done = [message.handle for message in messages if message.id not in failed]
    for start in range(0, len(done), 10):
        assert not await sqs.delete(queue, done[start : start + 10])
    return [message.body for message in messages if message.id in failed]
