"""The demonstration's queues on the embedded server: created, filled, and drained through `turnout.sqs`.

The rules' own targets are never touched, whatever they are: an embedded queue stands in for each.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import sha256

import httpx
import msgspec

from turnout.demo.events import DemoMessage
from turnout.demo.server import REGION, DemoServerError
from turnout.errors import TurnoutError
from turnout.message import Message
from turnout.queues import queue_name
from turnout.rules import Target
from turnout.sqs.api import MAX_BATCH_ENTRIES, OutgoingMessage, SentBatch, Sqs
from turnout.sqs.batching import batches
from turnout.targets.queue import QueueDestination

__all__ = ["SOURCE", "Queues", "create_queues", "drain", "publish"]

MAX_RECEIVES = 5
"""After so many receives SQS itself moves a message to the dead-letter queue."""

CALL_SECONDS = 10.0

SOURCE = "turnout-source"
"""The name of the queue that events are published to."""

_DEAD_LETTER = "turnout-dead-letter"
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}")
"""Of the 80 characters that there may be, `.fifo` may take five."""


class Queues(msgspec.Struct, frozen=True):
    """URLs of the embedded queues; `targets` by target name."""

    source: str
    dead_letter: str
    targets: Mapping[str, str]

    def destination(self, sqs: Sqs, target: Target) -> QueueDestination:
        """Where the worker sends what is meant for `target`."""
        return _StandIn(sqs, self.targets[target.name])

    @property
    def fifo(self) -> frozenset[str]:
        """Names of the targets whose queue takes a repeated event only once."""
        return frozenset(name for name, url in self.targets.items() if url.endswith(".fifo"))


class _StandIn(QueueDestination):
    """An embedded queue that can be drained and counted at once, whatever the rules say of delays and of repetition.

    A delayed message would not be seen, and of several events that a rule's `deduplicate` takes for one only the first
    would be there: both would be counted as lost. Here nothing is delayed, and one event is what has one body.
    """

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """SendMessageBatch; raises `SqsError`."""
        return await super().send([self._countable(message) for message in messages])

    def _countable(self, message: OutgoingMessage) -> OutgoingMessage:
        once = sha256(message.body.encode()).hexdigest() if self.ordered else None
        return msgspec.structs.replace(message, delay_seconds=0, deduplication_id=once)


async def create_queues(endpoint: str, targets: Sequence[Target]) -> Queues:
    """Create a source queue, its dead-letter queue, and one queue per target, each with a redrive policy.

    A target whose queue is a FIFO queue gets one. Raises `DemoServerError` when the server refuses.
    """
    async with httpx.AsyncClient(base_url=endpoint, timeout=CALL_SECONDS, trust_env=False) as client:
        dead_letter = await _create(client, _DEAD_LETTER, {})
        redrive = {"RedrivePolicy": _redrive_policy(dead_letter)}
        source = await _create(client, SOURCE, redrive)
        urls: dict[str, str] = {}
        for number, target in enumerate(targets, 1):
            name = f"turnout-{target.name}"
            if not _QUEUE_NAME.fullmatch(name) or name in (SOURCE, _DEAD_LETTER):
                name = f"turnout_{number}"  # which no target's name makes
            if target.address.endswith(".fifo"):
                urls[target.name] = await _create(client, f"{name}.fifo", {"FifoQueue": "true"})
            else:
                urls[target.name] = await _create(client, name, redrive)
        return Queues(source, dead_letter, urls)


async def _create(client: httpx.AsyncClient, name: str, attributes: Mapping[str, str]) -> str:
    # Plain AWS JSON, unsigned: the embedded server asks for no credentials, and `Sqs` creates no queues.
    answer = await client.post(
        "/",
        headers={"X-Amz-Target": "AmazonSQS.CreateQueue", "Content-Type": "application/x-amz-json-1.0"},
        content=json.dumps({"QueueName": name, "Attributes": attributes}),
    )
    if answer.status_code != httpx.codes.OK:
        raise DemoServerError(f"The embedded server did not create the queue {name}: {answer.text[:200]}")
    return str(answer.json()["QueueUrl"])


def _redrive_policy(dead_letter: str) -> str:
    arn = f"arn:aws:sqs:{REGION}:000000000000:{queue_name(dead_letter)}"
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES})


async def publish(sqs: Sqs, queue: str, messages: Sequence[DemoMessage]) -> None:
    """Send `messages` in as few batches as they fit. Raises `TurnoutError` when the queue does not take one."""
    outgoing = [OutgoingMessage(message.body, message.attributes) for message in messages]
    for batch in batches(outgoing, OutgoingMessage.size):
        sent = await sqs.send(queue, batch)
        if sent.failures:
            failure = sent.failures[0]
            raise TurnoutError(f"The source queue did not take an event: {failure.code}: {failure.message}")


async def drain(sqs: Sqs, queue: str) -> AsyncIterator[Message]:
    """Read and delete until the queue is empty. What is invisible now is not seen."""
    while messages := await sqs.receive(queue, max_messages=MAX_BATCH_ENTRIES, wait_seconds=0):
        await sqs.delete(queue, [message.handle for message in messages])
        for message in messages:
            yield message
