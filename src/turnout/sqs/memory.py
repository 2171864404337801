"""An SQS in memory, for tests of your own rules and of anything else that takes a `turnout.sqs.api.Sqs`.

It behaves like SQS where it matters: visibility timeouts, receive counts, delays, redrive to a dead-letter queue, FIFO
groups and deduplication, long polls, receipt handles, size and character rules, failures of single entries. It passes
the same contract suite as the real clients. Time can be moved by hand, and failures can be ordered:

    async def test_orders_reach_their_queue():
        sqs = MemorySqs()
        dead = sqs.create_queue("orders-dead")
        orders = sqs.create_queue("orders", dead_letter_queue=dead, max_receive_count=3)
        await sqs.send(orders, [OutgoingMessage("{}")])
        (message,) = await sqs.receive(orders)
        sqs.advance(31)                                          # the visibility timeout passes
        sqs.fail_calls(orders, "DeleteMessageBatch", "ServiceUnavailable", times=1)
        ...
        assert [stored.message.body for stored in sqs.messages(orders)] == ["{}"]

The life of one message is in `turnout.sqs.memory_queue`; nothing here talks to a network.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from turnout.errors import SqsError
from turnout.message import Message
from turnout.queues import queue_name
from turnout.sqs.api import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ENTRIES,
    MAX_MESSAGE_BYTES,
    MAX_VISIBILITY_SECONDS,
    MAX_WAIT_SECONDS,
    EntryFailure,
    OutgoingMessage,
    SentBatch,
)
from turnout.sqs.codes import call_error, entry_failure
from turnout.sqs.limits import Refusal, check_batch, refusal
from turnout.sqs.memory_queue import MemoryQueue, QueueSettings, StoredMessage

__all__ = ["MemorySqs"]

RECEIVE, SEND = "ReceiveMessage", "SendMessageBatch"
DELETE, CHANGE = "DeleteMessageBatch", "ChangeMessageVisibilityBatch"
ATTRIBUTES = "GetQueueAttributes"


class MemorySqs:
    """Implements `turnout.sqs.api.Sqs` over queues in this process. Not for use from several threads.

    `clock` gives seconds since the epoch; `advance` moves on from what it says. Wherever a queue is asked for, its
    URL or its name will do.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._advanced = 0.0
        self._queues: dict[str, MemoryQueue] = {}
        self._waiting: dict[asyncio.Future[None], None] = {}  # in the order in which they came, as they are woken
        self._faults: list[_Fault] = []
        self._closed = False

    # For the test that uses it

    def create_queue(
        self,
        name: str,
        *,
        visibility_seconds: int = 30,
        delay_seconds: int = 0,
        retention_seconds: int = 345_600,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        content_based_deduplication: bool = False,
        dead_letter_queue: str | None = None,
        max_receive_count: int = 3,
    ) -> str:
        """Create an empty queue and return its URL; a name that ends in `.fifo` makes it a FIFO queue.

        With `dead_letter_queue` (which must exist), a message that was received `max_receive_count` times moves there
        instead of being received once more.
        """
        dead_letters = None if dead_letter_queue is None else self._queues[queue_name(dead_letter_queue)]
        settings = QueueSettings(
            name,
            fifo=name.endswith(".fifo"),
            content_based_deduplication=content_based_deduplication,
            visibility_seconds=visibility_seconds,
            delay_seconds=delay_seconds,
            retention_seconds=retention_seconds,
            max_message_bytes=max_message_bytes,
            dead_letter_queue=None if dead_letters is None else dead_letters.settings.name,
            max_receive_count=max_receive_count,
        )
        self._queues[name] = MemoryQueue(settings, dead_letters)
        return f"http://sqs.memory/000000000000/{name}"

    def messages(self, queue: str) -> list[StoredMessage]:
        """Everything that is in `queue` now, in flight and delayed included, in the order of arrival."""
        found = self._queues[queue_name(queue)]
        found.settle_due(self.now())
        return list(found)

    def now(self) -> float:
        """The time the queues go by, in seconds since the epoch."""
        return self._clock() + self._advanced

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass for all queues at once; receives that wait look again."""
        self._advanced += seconds
        self._wake()

    def fail_calls(self, queue: str, operation: str, code: str, *, times: int | None = None) -> None:
        """Let calls of `operation` ("SendMessageBatch", ...) on `queue` fail with `code`: `times`, or from now on."""
        self._faults.append(_Fault(queue_name(queue), operation, code, times, entries=None))

    def fail_entries(
        self,
        queue: str,
        operation: str,
        code: str,
        *,
        when: Callable[[OutgoingMessage | str], bool] = lambda _: True,
        times: int | None = None,
    ) -> None:
        """Let single entries fail with `code`: those for which `when` is true, `times` of them, or from now on.

        `when` is given the message of a SendMessageBatch, or the receipt handle of the other batch calls.
        """
        self._faults.append(_Fault(queue_name(queue), operation, code, times, entries=when))

    def heal(self) -> None:
        """Forget all ordered failures."""
        self._faults.clear()

    # The interface

    async def receive(
        self, queue: str, *, max_messages: int = 10, wait_seconds: int = 20, visibility_seconds: int | None = None
    ) -> list[Message]:
        """See `Sqs.receive`."""
        found = await self._enter(queue, RECEIVE)
        if not 1 <= max_messages <= MAX_BATCH_ENTRIES:
            raise _error("InvalidParameterValue", "MaxNumberOfMessages must be 1 to 10.", RECEIVE, queue)
        if not 0 <= wait_seconds <= MAX_WAIT_SECONDS:
            raise _error("InvalidParameterValue", "WaitTimeSeconds must be 0 to 20.", RECEIVE, queue)
        if visibility_seconds is not None and not 0 <= visibility_seconds <= MAX_VISIBILITY_SECONDS:
            raise _error("InvalidParameterValue", "VisibilityTimeout must be 0 to 43200.", RECEIVE, queue)
        deadline = self.now() + wait_seconds
        while True:
            self._fail(queue, RECEIVE)
            now = self.now()
            taken = found.take(now, max_messages, visibility_seconds)
            if taken:
                self._wake()  # a redrive may have filled another queue
                return [Message(m.id, m.handle, m.body, queue, m.attributes, m.system) for m in taken]
            if now >= deadline:
                return []
            due = found.next_due()
            await self._change(min(deadline, due if due is not None else deadline) - now)

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """See `Sqs.send`."""
        found = await self._enter(queue, SEND)
        check_batch(messages, SEND, queue)
        _check_send(found.settings, messages, queue)
        refused = self._refused(queue, SEND, messages)
        fifo, max_bytes = found.settings.fifo, found.settings.max_message_bytes
        now = self.now()
        ids: list[str | None] = []
        failures: list[EntryFailure] = []
        for index, message in enumerate(messages):
            problem = refused.get(index) or refusal(message, fifo=fifo, max_bytes=max_bytes)
            if problem is None:
                ids.append(found.put(message, now))
            else:
                ids.append(None)
                failures.append(entry_failure(index, *problem))
        self._wake()
        return SentBatch(tuple(ids), tuple(failures))

    async def delete(self, queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
        """See `Sqs.delete`."""
        found = await self._enter(queue, DELETE)
        check_batch(handles, DELETE, queue)
        return self._each(queue, DELETE, handles, lambda handle: found.delete(handle, self.now()))

    async def change_visibility(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
        """See `Sqs.change_visibility`."""
        found = await self._enter(queue, CHANGE)
        check_batch(handles, CHANGE, queue)
        return self._each(queue, CHANGE, handles, lambda handle: found.change_visibility(handle, seconds, self.now()))

    async def queue_attributes(self, queue: str) -> Mapping[str, str]:
        """See `Sqs.queue_attributes`."""
        found = await self._enter(queue, ATTRIBUTES)
        return found.attributes(self.now())

    async def aclose(self) -> None:
        """See `Sqs.aclose`. The messages stay to be looked at."""
        self._closed = True
        self._wake()

    async def _enter(self, queue: str, operation: str) -> MemoryQueue:
        # A real call always lets others run; without this a test would never see two calls interleave.
        await asyncio.sleep(0)
        self._fail(queue, operation)
        found = self._queues.get(queue_name(queue))
        if found is None:
            raise _error("QueueDoesNotExist", "The specified queue does not exist.", operation, queue)
        return found

    def _fail(self, queue: str, operation: str) -> None:
        if self._closed:
            raise _error("Closed", "The client is closed.", operation, queue)
        for fault in self._faults:
            if fault.entries is None and fault.concerns(queue, operation):
                fault.spend()
                raise _error(fault.code, "This failure was ordered.", operation, queue)

    def _refused(self, queue: str, operation: str, entries: Iterable[OutgoingMessage | str]) -> dict[int, Refusal]:
        refused: dict[int, Refusal] = {}
        for index, entry in enumerate(entries):
            for fault in self._faults:
                if fault.entries is not None and fault.concerns(queue, operation) and fault.entries(entry):
                    fault.spend()
                    refused[index] = (fault.code, "This failure was ordered.")
                    break
        return refused

    def _each(
        self, queue: str, operation: str, handles: Sequence[str], act: Callable[[str], Refusal | None]
    ) -> tuple[EntryFailure, ...]:
        refused = self._refused(queue, operation, handles)
        failures = []
        for index, handle in enumerate(handles):
            problem = refused.get(index) or act(handle)
            if problem is not None:
                failures.append(entry_failure(index, *problem))
        self._wake()
        return tuple(failures)

    async def _change(self, seconds: float) -> None:
        """Wait until something happens to a queue, for at most `seconds`."""
        loop = asyncio.get_running_loop()
        change: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(max(seconds, 0.001), _resolve, change)
        self._waiting[change] = None
        try:
            await change
        finally:
            timer.cancel()
            del self._waiting[change]

    def _wake(self) -> None:
        for change in self._waiting:
            _resolve(change)


class _Fault:
    """An ordered failure: of whole calls (`entries` None), or of the entries for which `entries` is true."""

    def __init__(
        self,
        name: str,
        operation: str,
        code: str,
        times: int | None,
        *,
        entries: Callable[[OutgoingMessage | str], bool] | None,
    ) -> None:
        self.name = name
        self.operation = operation
        self.code = code
        self.times = times
        self.entries = entries

    def concerns(self, queue: str, operation: str) -> bool:
        return self.times != 0 and self.operation == operation and self.name == queue_name(queue)

    def spend(self) -> None:
        if self.times is not None:
            self.times -= 1


def _resolve(change: asyncio.Future[None]) -> None:
    if not change.done():
        change.set_result(None)


def _error(code: str, message: str, operation: str, queue: str) -> SqsError:
    return call_error(code, message, operation=operation, queue=queue_name(queue))


def _check_send(settings: QueueSettings, messages: Sequence[OutgoingMessage], queue: str) -> None:
    """What SQS refuses the whole SendMessageBatch for."""
    size = sum(message.size() for message in messages)
    if size > MAX_BATCH_BYTES:
        message = f"Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {size} bytes."
        raise _error("BatchRequestTooLong", message, SEND, queue)
    if settings.fifo and any(m.group_id is None for m in messages):
        raise _error("MissingParameter", "The request must contain the parameter MessageGroupId.", SEND, queue)
    if settings.fifo and not settings.content_based_deduplication and any(m.deduplication_id is None for m in messages):
        message = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided."
        raise _error("InvalidParameterValue", message, SEND, queue)
