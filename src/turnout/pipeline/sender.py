"""Sends deliveries to one target: batches them, judges what comes back entry by entry, repeats or gives up.

One sender serves one target; the dead-letter queue has one as well. What is sent is composed elsewhere (`compose`),
when it leaves is decided by the outbox, whether the target is to be left alone by the breaker, how long a delivery is
tried in `patience`, what a finished delivery means for its message by the router.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from operator import attrgetter

import msgspec

from turnout.account import Call, Delivery, Retry, State
from turnout.errors import CallError, Fault, TargetError
from turnout.failures import Failure, Reason
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.books import PlaceBooks, TargetBooks
from turnout.pipeline.breaker import Breaker, BreakerConfig, BreakerState
from turnout.pipeline.fitting import size_of, untraced
from turnout.pipeline.outbox import Outbox
from turnout.pipeline.patience import Patience
from turnout.pipeline.rate import Rate
from turnout.pipeline.reasons import composing_failed, given_up, taken_none
from turnout.pipeline.slots import Slots
from turnout.sqs.api import EntryFailure, OutgoingMessage
from turnout.targets.api import MESSAGE_TOO_LONG, Destination
from turnout.telemetry.logs import about

__all__ = ["Sender", "SenderConfig"]

log = logging.getLogger(__name__)


class SenderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one sender."""

    backoff: Backoff
    breaker: BreakerConfig
    calls: int
    """Batches under way at a time."""
    hold_seconds: float
    """How long a delivery may wait for a target whose breaker is open, or that asks to be left alone for long."""
    max_held: int
    """How many deliveries may wait for such a target, or for their next attempt at one that works now and then."""
    per_second: float | None = None
    """Messages a second, at most."""
    longest_rest_seconds: float = math.inf
    """How long a target may ask to be left alone before one attempt; what it asks beyond that is not heeded."""
    try_seconds: float = math.inf
    """For how long, from when it counts as held, a delivery that fails is tried again, whatever its target does."""


# Named once, for what that costs: see `turnout.account`.
_DONE = State.DONE

_size = attrgetter("size")


def _received_at(delivery: Delivery) -> float:
    return delivery.account.receive.at


def _group(delivery: Delivery) -> str | None:
    return delivery.message.group_id


class Sender:
    """The way to one target. `settled` is given each delivery exactly once, when it is done or has failed for good.

    `overflow` is given the deliveries that wait here and are too many, when the target does not work, or not always; it
    answers with `refuse`, or takes the whole message away. `refit` composes less when a message was too large; by
    default, the trace context is left out. `since` says from which event-loop time on a delivery counts as held. `kind`
    and `unrepaired` are words for the log: what this is the way to, and what happens until an operator has repaired it.
    """

    def __init__(
        self,
        *,
        name: str,
        priority: int,
        destination: Destination,
        compose: Callable[[Delivery], OutgoingMessage],
        settled: Callable[[Sequence[Delivery]], None],
        overflow: Callable[[Sender, Delivery], None],
        config: SenderConfig,
        slots: Slots | None,
        books: TargetBooks,
        place: PlaceBooks,
        refit: Callable[[Delivery], OutgoingMessage] | None = None,
        since: Callable[[Delivery], float] = _received_at,
        kind: str = "target",
        unrepaired: str = "everything for it is dead-lettered",
    ) -> None:
        self.name = name
        self._kind = kind
        self._unrepaired = unrepaired
        self.destination = destination
        self.breaker = Breaker(config.breaker)
        self._compose = compose
        self._refit = refit or untraced
        self._patience = Patience(self.breaker, config.backoff, config.hold_seconds, config.try_seconds, since)
        self._settled = settled
        self._overflow = overflow
        self._config = config
        self._books = books
        self._place = place
        self._rate: Rate | None = None
        self._refusal = EntryFailure(0, "", "", Fault.CONFIG, False)
        """The failure that opened the breaker, or made one delivery too many wait."""
        self._outbox: Outbox[Delivery] = Outbox(
            f"send-{name}",
            self._flush,
            calls=config.calls,
            size=_size,
            lane=_group if destination.ordered else None,
            max_items=destination.max_entries,
            max_bytes=destination.max_batch_bytes,
            slots=slots,
            priority=priority,
            taken=self._taken,
        )
        self._limit(config.per_second)

    def adapt(self, priority: int, per_second: float | None) -> None:
        """Go by what new rules say of the same target. What waits here waits on: nothing overtakes it."""
        self._outbox.priority = priority
        if per_second != self._per_second:
            self._limit(per_second)
            if self.breaker.state is BreakerState.CLOSED:
                self._outbox.hold(0.0)  # which the old limit may have asked for

    def _limit(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._rate = Rate(per_second, self.destination.max_entries) if per_second else None

    def start(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the concurrent batch calls; they run until cancelled."""
        return self._outbox.start(tasks)

    def __len__(self) -> int:
        """Deliveries that wait here."""
        return len(self._outbox)

    @property
    def full(self) -> bool:
        """Whether the target fails and as many deliveries wait for it as may."""
        return self.breaker.state is not BreakerState.CLOSED and len(self._outbox) >= self._config.max_held

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Take deliveries over. What cannot be sent at all fails here and now."""
        if self.breaker.state is BreakerState.OPEN and self._hopeless():
            for delivery in deliveries:
                self._give_up(delivery, given_up(self._refusal, 0))
            return
        destination = self.destination
        url, most, compose = destination.url, destination.max_message_bytes, self._compose
        ready = []
        for delivery in deliveries:
            delivery.queue = url
            try:
                message = delivery.message = compose(delivery)
                size = size_of(delivery, message)
                if size > most:
                    message = untraced(delivery)
                    size = size_of(delivery, message)
            except Exception as error:  # noqa: BLE001 - a bug of ours must cost one letter, not the worker
                self._give_up(delivery, composing_failed(error, delivery))
                continue
            delivery.message = message
            delivery.size = size
            if size > most:
                text = f"{size} bytes with its attributes; {destination.name} takes {most}"
                self._give_up(delivery, Failure(Reason.MESSAGE_TOO_LARGE, Fault.DATA, text))
            else:
                ready.append(delivery)
        self._outbox.extend(ready)

    def refuse(self, delivery: Delivery) -> None:
        """Give a delivery up because too many wait for the target."""
        self._give_up(delivery, Failure(Reason.RETRIES_EXHAUSTED, Fault.SYSTEM, self._refusal.message))

    def withdraw(self, due_after: float) -> list[Delivery]:
        """Take back the deliveries that will not be tried before loop time `due_after`."""
        if self.breaker.state is BreakerState.OPEN and self.breaker.probe_at > due_after:
            return self._outbox.remove(lambda _: True)
        return self._outbox.withdraw(due_after)

    def stop(self) -> None:
        """Send nothing more: what waits here is no longer ours."""
        self._outbox.stop()

    def _taken(self, count: int) -> None:
        now = asyncio.get_running_loop().time()
        if self.breaker.state is not BreakerState.CLOSED:
            self.breaker.start()
            self._outbox.hold(math.inf)
        elif self._rate is not None and (until := self._rate.spend(count, now)):
            self._outbox.hold(until)

    async def _flush(self, deliveries: list[Delivery]) -> list[tuple[Delivery, float]]:
        """Make one call. Returns what to repeat of it, each with its delay in seconds; the rest is done or given up."""
        call = Call("send", self.destination.url, time.time_ns())
        call.at = asyncio.get_running_loop().time()
        call.count = len(deliveries)
        only = (call,)
        for delivery in deliveries:
            delivery.attempts += 1
            delivery.calls = delivery.calls + only if delivery.calls else only
        try:
            sent = await self.destination.send([delivery.message for delivery in deliveries])
        except Exception as foreign:  # noqa: BLE001 - see _understood
            return await self._not_sent(deliveries, call, foreign)
        call.end_ns = now = time.time_ns()
        self._place.calls.add(call)
        if sent.failures and (refusal := taken_none(sent)) is not None:
            self._call_failed(refusal, len(deliveries))
            return self._judged([(deliveries[failure.index], failure) for failure in sent.failures])
        self._call_succeeded()
        failed = {failure.index: failure for failure in sent.failures} if sent.failures else {}
        done = []
        for index, (delivery, message_id) in enumerate(zip(deliveries, sent.message_ids, strict=True)):
            if failed and index in failed:
                continue
            delivery.message_id = message_id or ""
            delivery.state = _DONE
            delivery.settled_ns = now
            done.append(delivery)
        self._books.sent += len(done)
        self._place.sent += len(done)
        self._settled(done)
        return self._judged([(deliveries[index], failure) for index, failure in failed.items()]) if failed else []

    async def _not_sent(
        self, deliveries: list[Delivery], call: Call, foreign: Exception
    ) -> list[tuple[Delivery, float]]:
        """The same for a call that failed as a whole."""
        error = self._understood(foreign)
        call.error = error.code
        call.end_ns = time.time_ns()
        self._place.calls.add(call)
        if len(deliveries) > 1 and (error is not foreign or (error.fault is Fault.DATA and not error.retryable)):
            # One entry spoils the request, and nobody says which: each goes alone, while it is ours.
            alone = ([delivery] for delivery in deliveries if delivery.account.outcome is None)
            return [again for one in alone for again in await self._flush(one)]
        failure = EntryFailure(0, error.code, str(error), error.fault, error.retryable)
        rest = min(error.retry_after or 0.0, self._config.longest_rest_seconds)
        self._call_failed(failure, len(deliveries), rest)
        return self._judged([(delivery, failure) for delivery in deliveries], rest)

    def _judged(
        self, failed: Sequence[tuple[Delivery, EntryFailure]], rest: float = 0.0
    ) -> list[tuple[Delivery, float]]:
        """Those of the failed deliveries that are to be repeated, each with its delay; the others are given up."""
        again: list[tuple[Delivery, float]] = []
        for delivery, failure in failed:
            self._books.errors[failure.code] += 1
            self._place.errors[failure.code] += 1
            if (delay := self._retry(delivery, failure, rest, len(again))) is not None:
                again.append((delivery, delay))
        return again

    def _understood(self, error: Exception) -> CallError:
        """A bug in one destination is that target's failure: it must not end the worker and with it all the others."""
        if isinstance(error, CallError):
            return error
        log.error(
            "sending to %s failed in an unforeseen way, please report this", self.name, exc_info=error,
            extra={"target": self.name},
        )  # fmt: skip
        name = type(error).__name__
        text = f"sending failed in an unforeseen way: {name}"
        return TargetError(text, code=name, fault=Fault.SYSTEM, retryable=True, target=self.destination.name)

    def _call_succeeded(self) -> None:
        if self.breaker.succeeded():
            log.warning("%s %s works again", self._kind, self.name, extra={"target": self.name})
            self._outbox.hold(0.0)

    def _call_failed(self, failure: EntryFailure, count: int, rest: float = 0.0) -> None:
        if failure.fault is Fault.DATA:  # it answered, only this message it does not want
            self._call_succeeded()
            return
        now = asyncio.get_running_loop().time()
        opened = self.breaker.failed(failure.fault, now, min(rest, self._config.hold_seconds))
        if self.breaker.state is BreakerState.CLOSED:
            return
        self._refusal = failure
        self._outbox.hold(self.breaker.probe_at)
        config = self.breaker.fault is Fault.CONFIG
        if opened:
            what = "it is left alone, tried from time to time, and its deliveries wait"
            if config:
                what = f"{self._unrepaired} until that is repaired (turnout doctor says how)"
            log.error(
                "%s %s fails, %s: %s", self._kind, self.name, what, failure.message,
                extra={"target": self.name, "code": failure.code},
            )  # fmt: skip
        for delivery in self._outbox.remove(lambda delivery: config or self._patience.held_too_long(delivery, now)):
            self._give_up(delivery, given_up(failure, delivery.attempts))
        for delivery in self._outbox.trim(max(0, self._config.max_held - count)):
            self._overflow(self, delivery)

    def _hopeless(self) -> bool:
        """Of an open breaker: whether an operator has to act first, and it is not yet time to look again."""
        return self.breaker.fault is Fault.CONFIG and asyncio.get_running_loop().time() < self.breaker.probe_at

    def _retry(self, delivery: Delivery, failure: EntryFailure, rest: float, beside: int) -> float | None:
        """Seconds until the next attempt, or None when there is none: the delivery has failed for good, or is one too
        many to wait (and was seen to). `rest` is what the target asks for; `beside` others of the same call wait too.
        """
        now = asyncio.get_running_loop().time()
        if rest > self._config.backoff.cap_seconds:  # else it is no longer than we wait by ourselves
            rest = min(rest, self._patience.rest_left(delivery, now))
        if failure.code == MESSAGE_TOO_LONG and self._refitted(delivery):
            delay = 0.0
        elif rest < 0.0 or self._patience.exhausted(delivery, failure, now):
            self._give_up(delivery, given_up(failure, delivery.attempts))
            return None
        elif self._crowded(beside):
            self._refusal = failure
            self._overflow(self, delivery)
            return None
        else:
            delay = self._config.backoff.delay(delivery.attempts, at_least=rest)
        delivery.retries += (Retry(time.time_ns(), failure.code, delay),)
        self._books.retried += 1
        log.debug(
            "send to %s failed, next attempt in %.1f s: %s", self.name, delay, failure.message,
            extra=about(delivery.account, target=self.name, code=failure.code),
        )  # fmt: skip
        return delay

    def _crowded(self, beside: int) -> bool:
        """Whether as many deliveries wait for a retry as may, though the target does not fail as a whole.

        A target that takes some and tells the others to come back in ten minutes keeps its breaker closed, and would
        fill the worker with what waits for it. Where order counts one of a group waits, and nothing may pass it.
        """
        if self.breaker.state is not BreakerState.CLOSED or self.destination.ordered:
            return False
        return self._outbox.repeating + beside >= self._config.max_held

    def _refitted(self, delivery: Delivery) -> bool:
        """Whether there is less to send than what was too large; then that is what is sent from now on."""
        message = self._refit(delivery)
        size = size_of(delivery, message)
        if size >= delivery.size:
            return False
        delivery.message, delivery.size = message, size
        return True

    def _give_up(self, delivery: Delivery, failure: Failure) -> None:
        delivery.state = State.FAILED
        delivery.failure = failure
        delivery.queue = self.destination.url  # it may not have been taken in
        delivery.settled_ns = time.time_ns()
        self._books.failed += 1
        self._settled((delivery,))
