"""Routes one batch: the worker's own pipeline, built for one call and told to stop before Lambda's deadline."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from turnout.account import Outcome
from turnout.errors import Fault, SqsError, TargetError
from turnout.idempotency.api import IdempotencyStore
from turnout.message import Message, OutgoingMessage
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.books import Books
from turnout.pipeline.worker import Worker, WorkerConfig
from turnout.queues import queue_name
from turnout.rules import Ruleset, Target
from turnout.serverless.source import BatchSource, Settlements
from turnout.sqs.api import SentBatch, Sqs
from turnout.targets.api import Destination
from turnout.telemetry.tracing import Tracing
from turnout.words import count

__all__ = ["BatchRouter", "Routed"]

log = logging.getLogger(__name__)

# What is kept of the time for handing back, recording and telemetry: a part of it, and at most so many seconds.
_RESERVE_PART = 0.25
_RESERVE_SECONDS = 4.0
_LAST_ATTEMPTS = 4
# Of the time for the batch, what asking the source queue for its redrive policy may take.
_ASKING_PART = 0.25


class Routed(msgspec.Struct, frozen=True):
    """What became of a batch."""

    failed: tuple[str, ...]
    """Ids of messages that are to stay in the queue."""
    books: Books


class BatchRouter:
    """Routes batches, one at a time, with what stays open between them."""

    def __init__(
        self,
        config: WorkerConfig,
        ruleset: Ruleset,
        sqs: Sqs,
        tracing: Tracing,
        store: IdempotencyStore | None,
        destinations: Callable[[Target], Destination],
    ) -> None:
        self.config = config
        self.ruleset = ruleset
        self.tracing = tracing
        self._sqs = sqs
        self._store = store
        self._destinations = destinations
        self._receives: dict[str, int] = {}

    async def route(self, messages: Sequence[Message], seconds: float) -> Routed:
        """Route the messages of one call, which ends in `seconds`. What is not accounted for by then has failed."""
        if not messages:
            return Routed((), Books())
        clock = asyncio.get_running_loop().time
        reserve = min(_RESERVE_SECONDS, seconds * _RESERVE_PART)
        budget = max(0.0, seconds - reserve)
        end = clock() + budget
        source = BatchSource(self._sqs, messages)
        config = msgspec.structs.replace(
            self.config, sources=source.queues, pollers=1, wait_seconds=0, drain_seconds=reserve / 2
        )
        destinations = self._destinations
        if await self._last_chance(messages, budget * _ASKING_PART):
            config = _hurried(config, max(0.0, end - clock()) / _longest_group(messages))
            destinations = _briefly(destinations, config.try_seconds, end - config.try_seconds)
        tracing = Settlements(self.tracing, source)
        worker = Worker(config, self.ruleset, source, tracing, self._store, destinations)
        try:
            await self._run(worker, source, max(0.0, end - clock()))
        except* Exception:
            # What was settled before stays settled; everything else comes again.
            log.exception("routing a batch failed, please report this")
        _count_unseen(worker.books, source)
        return Routed(tuple(source.failed), worker.books)

    async def _run(self, worker: Worker, source: BatchSource, budget: float) -> None:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(worker.run(stop), name="worker")
            finishing = tasks.create_task(source.finished.wait(), name="batch")
            await asyncio.wait((working, finishing), timeout=budget, return_when=asyncio.FIRST_COMPLETED)
            if not source.finished.is_set():
                log.warning("not done in time, so that it comes again: %s", count(len(source.failed), "message"))
            source.close()
            stop.set()
            finishing.cancel()

    async def _last_chance(self, messages: Sequence[Message], seconds: float) -> bool:
        """Whether SQS would move one of these away if it failed again, without saying why it failed.

        To ask for redrive policies takes `seconds` at most.
        """
        counts: dict[str, int] = {}
        for message in messages:
            counts[message.queue] = max(counts.get(message.queue, 0), message.receive_count)
        for queue, receives in counts.items():
            most = self._receives.get(queue)
            if most is None:
                most = await self._max_receives(queue, seconds / len(counts))
            if most and receives >= most:
                return True
        return False

    async def _max_receives(self, queue: str, seconds: float) -> int:
        """The queue's maxReceiveCount; 0 when it has none or it is not known. What time may tell is asked for again."""
        try:
            async with asyncio.timeout(seconds):
                attributes = await self._sqs.queue_attributes(queue)
        except TimeoutError:
            _warn_unknown(queue, f"no answer within {seconds:.1f} s", "TimeoutError")
            return 0
        except SqsError as error:
            if not error.retryable:
                self._receives[queue] = 0
            _warn_unknown(queue, str(error), error.code)
            return 0
        self._receives[queue] = _max_receive_count(attributes.get("RedrivePolicy", ""))
        return self._receives[queue]


class _Brief:
    """A destination whose answers are waited for `seconds` at most, and not beyond the event loop's time `end`."""

    def __init__(self, destination: Destination, seconds: float, end: float) -> None:
        self._destination = destination
        self._seconds = seconds
        self._end = end
        self.name = destination.name
        self.url = destination.url
        self.max_entries = destination.max_entries
        self.max_message_bytes = destination.max_message_bytes
        self.max_batch_bytes = destination.max_batch_bytes
        self.ordered = destination.ordered

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """See `Destination.send`."""
        seconds = min(self._seconds, self._end - asyncio.get_running_loop().time())
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    return await self._destination.send(messages)
        text = f"no answer within {seconds:.1f} s" if seconds > 0 else "no time left to send it"
        raise TargetError(text, code="TimeoutError", fault=Fault.SYSTEM, retryable=True, target=self.name)


def _briefly(
    destinations: Callable[[Target], Destination], seconds: float, end: float
) -> Callable[[Target], Destination]:
    def brief(target: Target) -> Destination:
        return _Brief(destinations(target), seconds, end)

    return brief


def _count_unseen(books: Books, source: BatchSource) -> None:
    """Count what the worker was never handed, behind a failure in its group or for lack of time: that comes again."""
    books.received += source.unseen
    books.outcomes[Outcome.HANDED_BACK] += source.unseen


def _warn_unknown(queue: str, why: str, code: str) -> None:
    log.warning(
        "the redrive policy of %s is not known, so messages may be moved away without a letter: %s",
        queue_name(queue),
        why,
        extra={"code": code},
    )


def _max_receive_count(policy: str) -> int:
    try:
        return int(json.loads(policy)["maxReceiveCount"])
    except (ValueError, TypeError, KeyError):
        return 0


def _longest_group(messages: Sequence[Message]) -> int:
    """How many messages of the batch go one after the other, and share the time: those of one group of a FIFO queue."""
    return max(Counter(message.lane or message.id for message in messages).values())


def _hurried(config: WorkerConfig, budget: float) -> WorkerConfig:
    """A configuration by which a delivery is done or given up, and its letter written, within the budget."""
    backoff = Backoff(
        config.backoff.base_seconds,
        min(config.backoff.cap_seconds, budget / 8),
        min(config.backoff.attempts, _LAST_ATTEMPTS),
    )
    # Whether a delivery has waited long enough is seen when its target is tried again.
    breaker = msgspec.structs.replace(
        config.breaker,
        probe_seconds=min(config.breaker.probe_seconds, budget / 12),
        probe_cap_seconds=min(config.breaker.probe_cap_seconds, budget / 6),
    )
    return msgspec.structs.replace(
        config,
        backoff=backoff,
        breaker=breaker,
        hold_seconds=min(config.hold_seconds, budget / 3),
        longest_rest_seconds=backoff.cap_seconds,
        # An attempt takes as long at most, and the wait before it less: there is time for the last one, and the letter.
        try_seconds=budget / 3,
    )
