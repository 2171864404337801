"""One in-memory queue: what SQS does with a message between send and delete, as a plain state machine.

Time is passed in, nothing waits, nothing is a coroutine: `turnout.sqs.memory` adds the interface and the waiting.
Where SQS leaves something open, this queue does what is hardest for a client: an outdated receipt handle of a standard
queue, for instance, succeeds and has no effect.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import heapq
import json
import uuid
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from turnout.message import Message
from turnout.sqs.api import MAX_MESSAGE_BYTES, MAX_VISIBILITY_SECONDS, OutgoingMessage

if TYPE_CHECKING:
    from turnout.sqs.limits import Refusal

__all__ = ["DEDUPLICATION_SECONDS", "MemoryQueue", "MessageState", "QueueSettings", "StoredMessage"]

DEDUPLICATION_SECONDS = 300


class QueueSettings(msgspec.Struct, frozen=True):
    """How a queue behaves: the queue attributes of SQS that matter here, in seconds and bytes.

    `fifo` queues have names that end in `.fifo`. `max_receive_count` goes with `dead_letter_queue` (a name).
    """

    name: str
    fifo: bool = False
    content_based_deduplication: bool = False
    visibility_seconds: int = 30
    delay_seconds: int = 0
    retention_seconds: int = 345_600
    max_message_bytes: int = MAX_MESSAGE_BYTES
    dead_letter_queue: str | None = None
    max_receive_count: int = 0


class MessageState(StrEnum):
    """Where a stored message stands."""

    READY = "ready"
    """The next receive may return it."""
    DELAYED = "delayed"
    """Sent with a delay that is not over."""
    IN_FLIGHT = "in flight"
    """Received, and neither deleted nor visible again."""


class StoredMessage:
    """A message in a queue. To be read by tests; only its queue changes it."""

    __slots__ = ("due", "first_received_ms", "id", "message", "receive_count", "sent_ms", "sequence", "source", "state")

    def __init__(self, sequence: int, message_id: str, message: OutgoingMessage, sent_ms: int) -> None:
        self.sequence = sequence
        self.id = message_id
        self.message = message
        """What was sent: `.body`, `.attributes`, `.group_id`, `.trace_header`, ..."""
        self.sent_ms = sent_ms
        self.state = MessageState.READY
        self.due = 0.0
        """When a delayed message, or one in flight, becomes ready (seconds since the epoch)."""
        self.receive_count = 0
        self.first_received_ms = 0
        self.source: str | None = None
        """ARN of the queue that redrive moved it from."""


class _Group:
    """A FIFO message group: how many of its messages are in flight, and which wait for that."""

    __slots__ = ("held", "parked")

    def __init__(self) -> None:
        self.held = 0
        self.parked: list[int] = []


class MemoryQueue:
    """The messages of one queue. `dead_letters` receives what was received too often."""

    def __init__(self, settings: QueueSettings, dead_letters: MemoryQueue | None = None) -> None:
        self.settings = settings
        self.arn = f"arn:aws:sqs:memory:000000000000:{settings.name}"
        self._dead_letters = dead_letters
        self._next_sequence = 1
        self._stored: dict[int, StoredMessage] = {}
        self._ready: list[int] = []
        self._timed: list[tuple[float, int]] = []  # outdated entries are skipped when they come up
        self._groups: dict[str, _Group] = {}
        self._seen: dict[str, tuple[float, str]] = {}  # deduplication id -> (when forgotten, message id), oldest first

    def __iter__(self) -> Iterator[StoredMessage]:
        return iter(list(self._stored.values()))

    def put(self, message: OutgoingMessage, now: float) -> str:
        """Store `message` and return its id; a FIFO duplicate is not stored, and gets the id of the first."""
        message_id = str(uuid.uuid4())
        if self.settings.fifo:
            key = message.deduplication_id or hashlib.sha256(message.body.encode()).hexdigest()
            message = msgspec.structs.replace(message, deduplication_id=key)
            self._forget_seen(now)
            if key in self._seen:
                return self._seen[key][1]
            self._seen[key] = (now + DEDUPLICATION_SECONDS, message_id)
        stored = self._add(message, message_id, int(now * 1000))
        delay = message.delay_seconds or self.settings.delay_seconds
        self._schedule(stored, MessageState.DELAYED, now + delay, now)
        return message_id

    def take(self, now: float, max_messages: int, visibility_seconds: int | None = None) -> list[Message]:
        """Hand out up to `max_messages`, oldest first; moves what was received too often to the dead letters."""
        self.settle_due(now)
        visibility = self.settings.visibility_seconds if visibility_seconds is None else visibility_seconds
        taken: list[StoredMessage] = []
        groups: set[str] = set()  # groups of which this very receive holds messages: their next may come along
        while self._ready and len(taken) < max_messages:
            stored = self._stored.get(heapq.heappop(self._ready))
            if stored is None or stored.state is not MessageState.READY:
                continue
            if self._blocked(stored, groups) or self._expired(stored, now) or self._redriven(stored, now):
                continue
            stored.receive_count += 1
            stored.first_received_ms = stored.first_received_ms or int(now * 1000)
            if self.settings.fifo and stored.message.group_id is not None:
                groups.add(stored.message.group_id)
            taken.append(stored)
        for stored in taken:  # afterwards: with a visibility of 0 they are ready again at once
            self._hold(stored, now + visibility, now)
        return [self._handed_out(stored) for stored in taken]

    def delete(self, handle: str, now: float) -> Refusal | None:
        """Delete by receipt handle; None when SQS would report success, which does not always mean it is gone."""
        found = self._find(handle)
        if found is None:
            return "ReceiptHandleIsInvalid", "The input receipt handle is invalid."
        stored, newest = found
        if stored is None:
            return None
        self.settle_due(now)
        if self.settings.fifo and not (newest and stored.state is MessageState.IN_FLIGHT):
            return "InvalidParameterValue", "Value for parameter ReceiptHandle is invalid. It has expired."
        if newest:
            self._remove(stored)
        return None

    def change_visibility(self, handle: str, seconds: int, now: float) -> Refusal | None:
        """Make a message in flight visible `seconds` from now."""
        found = self._find(handle)
        if found is None:
            return "ReceiptHandleIsInvalid", "The input receipt handle is invalid."
        if not 0 <= seconds <= MAX_VISIBILITY_SECONDS:
            return "InvalidParameterValue", f"VisibilityTimeout must be between 0 and {MAX_VISIBILITY_SECONDS}."
        stored, newest = found
        if stored is None:
            return "InvalidParameterValue", "Message does not exist or is not available for visibility timeout change."
        self.settle_due(now)
        if stored.state is not MessageState.IN_FLIGHT:
            return "MessageNotInflight", "The message referred to is not in flight."
        if not newest:
            if self.settings.fifo:
                return "InvalidParameterValue", "Value for parameter ReceiptHandle is invalid. It has expired."
            return None
        self._schedule(stored, MessageState.IN_FLIGHT, now + seconds, now)
        return None

    def settle_due(self, now: float) -> None:
        """Make ready what is due at `now`."""
        while self._timed and self._timed[0][0] <= now:
            due, sequence = heapq.heappop(self._timed)
            stored = self._stored.get(sequence)
            if stored is not None and stored.state is not MessageState.READY and stored.due == due:
                self._make_ready(stored)

    def next_due(self) -> float | None:
        """When `settle_due` may next have something to do; None if only a send can change anything."""
        return self._timed[0][0] if self._timed else None

    def attributes(self, now: float) -> dict[str, str]:
        """What GetQueueAttributes says."""
        self.settle_due(now)
        states = [stored.state for stored in self._stored.values()]
        settings = self.settings
        attributes = {
            "QueueArn": self.arn,
            "ApproximateNumberOfMessages": str(states.count(MessageState.READY)),
            "ApproximateNumberOfMessagesNotVisible": str(states.count(MessageState.IN_FLIGHT)),
            "ApproximateNumberOfMessagesDelayed": str(states.count(MessageState.DELAYED)),
            "VisibilityTimeout": str(settings.visibility_seconds),
            "DelaySeconds": str(settings.delay_seconds),
            "MaximumMessageSize": str(settings.max_message_bytes),
            "MessageRetentionPeriod": str(settings.retention_seconds),
            "ReceiveMessageWaitTimeSeconds": "0",
        }
        if settings.fifo:
            attributes["FifoQueue"] = "true"
            attributes["ContentBasedDeduplication"] = str(settings.content_based_deduplication).lower()
        if self._dead_letters is not None:
            policy = {"deadLetterTargetArn": self._dead_letters.arn, "maxReceiveCount": settings.max_receive_count}
            attributes["RedrivePolicy"] = json.dumps(policy)
        return attributes

    def _add(self, message: OutgoingMessage, message_id: str, sent_ms: int) -> StoredMessage:
        stored = StoredMessage(self._next_sequence, message_id, message, sent_ms)
        self._next_sequence += 1
        self._stored[stored.sequence] = stored
        return stored

    def _schedule(self, stored: StoredMessage, state: MessageState, due: float, now: float) -> None:
        stored.state, stored.due = state, due
        if due > now:
            heapq.heappush(self._timed, (due, stored.sequence))
        else:
            self._make_ready(stored)

    def _hold(self, stored: StoredMessage, due: float, now: float) -> None:
        group = self._group(stored)
        if group is not None:
            group.held += 1
        self._schedule(stored, MessageState.IN_FLIGHT, due, now)

    def _make_ready(self, stored: StoredMessage) -> None:
        was_held = stored.state is MessageState.IN_FLIGHT
        stored.state = MessageState.READY
        heapq.heappush(self._ready, stored.sequence)
        if was_held:
            self._release_group(stored)

    def _remove(self, stored: StoredMessage) -> None:
        del self._stored[stored.sequence]
        if stored.state is MessageState.IN_FLIGHT:
            self._release_group(stored)

    def _release_group(self, stored: StoredMessage) -> None:
        group = self._group(stored)
        if group is None:
            return
        group.held -= 1
        if group.held == 0:
            for sequence in group.parked:
                heapq.heappush(self._ready, sequence)
            del self._groups[stored.message.group_id or ""]

    def _group(self, stored: StoredMessage) -> _Group | None:
        return self._groups.setdefault(stored.message.group_id or "", _Group()) if self.settings.fifo else None

    def _blocked(self, stored: StoredMessage, groups: set[str]) -> bool:
        name = stored.message.group_id or ""
        if not self.settings.fifo or name in groups or name not in self._groups:
            return False
        self._groups[name].parked.append(stored.sequence)
        return True

    def _expired(self, stored: StoredMessage, now: float) -> bool:
        if now < stored.sent_ms / 1000 + self.settings.retention_seconds:
            return False
        self._remove(stored)
        return True

    def _redriven(self, stored: StoredMessage, now: float) -> bool:
        dead_letters = self._dead_letters
        if dead_letters is None or stored.receive_count < self.settings.max_receive_count:
            return False
        self._remove(stored)
        # A standard dead-letter queue keeps the time of the original send, a FIFO one starts afresh.
        sent_ms = int(now * 1000) if self.settings.fifo else stored.sent_ms
        moved = dead_letters._add(stored.message, stored.id, sent_ms)
        moved.source = self.arn
        dead_letters._make_ready(moved)
        return True

    def _forget_seen(self, now: float) -> None:
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest][0] > now:
                return
            del self._seen[oldest]

    def _handed_out(self, stored: StoredMessage) -> Message:
        sent = stored.message
        system = {
            "SenderId": "000000000000",
            "SentTimestamp": str(stored.sent_ms),
            "ApproximateReceiveCount": str(stored.receive_count),
            "ApproximateFirstReceiveTimestamp": str(stored.first_received_ms),
        }
        optional = {
            "SequenceNumber": f"{stored.sequence:020d}" if self.settings.fifo else None,
            "MessageGroupId": sent.group_id,
            "MessageDeduplicationId": sent.deduplication_id,
            "AWSTraceHeader": sent.trace_header,
            "DeadLetterQueueSourceArn": stored.source,
        }
        system.update((name, value) for name, value in optional.items() if value is not None)
        handle = base64.urlsafe_b64encode(f"{self.arn}|{stored.sequence}|{stored.receive_count}".encode()).decode()
        return Message(stored.id, handle, sent.body, "", sent.attributes, system)

    def _find(self, handle: str) -> tuple[StoredMessage | None, bool] | None:
        """The message a handle was given out for (None when it is gone), and whether it is its newest handle."""
        try:
            arn, sequence, count = base64.urlsafe_b64decode(handle).decode().split("|")
            stored = self._stored.get(int(sequence))
            newest = stored is not None and stored.receive_count == int(count)
        except (binascii.Error, ValueError):
            return None
        return (stored, newest) if arn == self.arn else None
