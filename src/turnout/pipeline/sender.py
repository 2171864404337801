"""Sends deliveries to one queue: batches them, judges what comes back entry by entry, repeats or gives up.

One sender serves one target; the dead-letter queue has one as well. What is sent is composed elsewhere (`compose`),
when it leaves is decided by the outbox, what a finished delivery means for its message by the settler.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from turnout.errors import Fault, SqsError, SqsRejected, SqsUnavailable
from turnout.message import Call, Delivery, Failure, Reason, Retry, State, queue_name
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.books import TargetBooks
from turnout.pipeline.outbox import Outbox
from turnout.sqs.api import MAX_MESSAGE_BYTES, EntryFailure, OutgoingMessage, Sqs
from turnout.telemetry.logs import about

__all__ = ["Sender"]

log = logging.getLogger(__name__)

# A missing queue or permission is an operator's to repair, so repeating is of little use; but right after a
# deployment both can be seen for a moment, so it has to be confirmed.
_CONFIG_CONFIRMATIONS = 3


class _Parcel(msgspec.Struct):
    """A delivery and what is sent for it, composed once so that every attempt sends the same."""

    delivery: Delivery
    message: OutgoingMessage
    size: int


def _size(parcel: _Parcel) -> int:
    return parcel.size


def _group(parcel: _Parcel) -> str | None:
    return parcel.message.group_id


class Sender:
    """The way to one queue. `settled` is called exactly once per delivery, when it is done or has failed for good."""

    def __init__(
        self,
        *,
        name: str,
        queue: str,
        sqs: Sqs,
        compose: Callable[[Delivery], OutgoingMessage],
        settled: Callable[[Delivery], None],
        backoff: Backoff,
        calls: int,
        books: TargetBooks,
    ) -> None:
        self.name = name
        self.queue = queue
        self._sqs = sqs
        self._compose = compose
        self._settled = settled
        self._backoff = backoff
        self._books = books
        ordered = queue.endswith(".fifo")
        self._outbox: Outbox[_Parcel] = (
            Outbox(f"send-{name}", self._flush, calls=calls, size=_size, lane=_group)
            if ordered
            else Outbox(f"send-{name}", self._flush, calls=calls, size=_size)
        )

    def start(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the concurrent batch calls; they run until cancelled."""
        return self._outbox.start(tasks)

    def put(self, delivery: Delivery) -> None:
        """Take a delivery over. What cannot be sent at all fails here and now."""
        message = self._compose(delivery)
        size = delivery.account.body_bytes + sum(value.size(name) for name, value in message.attributes.items())
        if size > MAX_MESSAGE_BYTES:
            self._give_up(
                delivery,
                Failure(
                    Reason.MESSAGE_TOO_LARGE,
                    Fault.DATA,
                    f"{size} bytes with its attributes; {queue_name(self.queue)} takes {MAX_MESSAGE_BYTES}",
                ),
            )
            return
        self._outbox.put(_Parcel(delivery, message, size))

    def withdraw(self, due_after: float) -> list[Delivery]:
        """Take back the deliveries whose next attempt is due later than loop time `due_after`."""
        return [parcel.delivery for parcel in self._outbox.withdraw(due_after)]

    async def _flush(self, parcels: list[_Parcel]) -> list[tuple[_Parcel, float]]:
        call = Call("send", self.queue, time.time_ns())
        call.count = len(parcels)
        for parcel in parcels:
            parcel.delivery.attempts += 1
            parcel.delivery.calls.append(call)
        failures: Sequence[EntryFailure]
        retry_after = 0.0
        try:
            failures = (await self._sqs.send(self.queue, [parcel.message for parcel in parcels])).failures
        except SqsError as error:
            call.error = error.code
            call.end_ns = time.time_ns()
            if isinstance(error, SqsRejected) and len(parcels) > 1:
                # One entry spoils the request, and SQS does not say which: each goes alone.
                return [again for parcel in parcels for again in await self._flush([parcel])]
            if isinstance(error, SqsUnavailable):
                retry_after = error.retry_after or 0.0
            failures = [
                EntryFailure(index, error.code, str(error), error.fault, error.retryable)
                for index in range(len(parcels))
            ]
        else:
            call.end_ns = time.time_ns()
        failed = {failure.index: failure for failure in failures}
        again: list[tuple[_Parcel, float]] = []
        for index, parcel in enumerate(parcels):
            failure = failed.get(index)
            if failure is None:
                self._done(parcel.delivery, call.end_ns)
            elif (delay := self._retry(parcel.delivery, failure, retry_after)) is not None:
                again.append((parcel, delay))
        return again

    def _done(self, delivery: Delivery, at_ns: int) -> None:
        delivery.state = State.DONE
        delivery.settled_ns = at_ns
        self._books.sent += 1
        self._settled(delivery)

    def _retry(self, delivery: Delivery, failure: EntryFailure, retry_after: float) -> float | None:
        """Seconds until the next attempt, or None when the delivery has failed for good (and was settled)."""
        limit = self._backoff.attempts
        if failure.fault is Fault.CONFIG:
            limit = min(limit, _CONFIG_CONFIRMATIONS)
        elif not failure.retryable:
            limit = 1
        if delivery.attempts >= limit:
            self._give_up(delivery, _final(failure, delivery.attempts))
            return None
        delay = self._backoff.delay(delivery.attempts, at_least=retry_after)
        delivery.retries.append(Retry(time.time_ns(), failure.code, delay))
        self._books.retried += 1
        log.debug(
            "send to %s failed, next attempt in %.1f s: %s",
            self.name,
            delay,
            failure.message,
            extra=about(delivery.account, target=self.name, code=failure.code),
        )
        return delay

    def _give_up(self, delivery: Delivery, failure: Failure) -> None:
        delivery.state = State.FAILED
        delivery.failure = failure
        delivery.settled_ns = time.time_ns()
        self._books.failed += 1
        self._settled(delivery)


def _final(failure: EntryFailure, attempts: int) -> Failure:
    if failure.fault is Fault.CONFIG:
        missing = "NonExistentQueue" in failure.code or "QueueDoesNotExist" in failure.code
        reason = Reason.QUEUE_MISSING if missing else Reason.ACCESS_DENIED
    elif failure.retryable:
        reason = Reason.RETRIES_EXHAUSTED
    else:
        reason = Reason.MESSAGE_REJECTED
    text = f"{failure.message} (after {attempts} attempts)" if attempts > 1 else failure.message
    return Failure(reason, failure.fault, text, failure.code)
