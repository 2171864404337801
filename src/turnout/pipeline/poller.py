"""Receives: one poller is one long poll at a time on one source queue. How many run at once is in `crew`.

Room for a full batch is taken before each poll, so a busy worker stops fetching instead of hoarding messages.
"""

from __future__ import annotations

import asyncio
import logging
import time
from enum import StrEnum

from turnout.account import Account, Call
from turnout.errors import Fault, SqsError
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.books import Books
from turnout.pipeline.crew import Crew
from turnout.pipeline.inflight import InFlight
from turnout.queues import queue_name
from turnout.sqs.api import Sqs
from turnout.telemetry.tracing import Tracing

__all__ = ["Phase", "Poller"]

log = logging.getLogger(__name__)


class Phase(StrEnum):
    """What a poller is at."""

    RESTING = "resting"
    """The others are enough: waiting until the queue has plenty."""
    NO_ROOM = "no_room"
    """As many messages are held as may be: waiting until some are settled."""
    POLLING = "polling"
    HANDING_OVER = "handing_over"
    """Waiting for a router to take the batch."""
    PAUSING = "pausing"
    """Waiting after a poll that failed."""
    ENDED = "ended"
    """There are no more polls: the worker stops."""


class Poller:
    """Feeds the queue of received batches until it is told to stop.

    `waiting` is true while no poll is under way: the poller rests, waits for room, or after an error. Its task may then
    be cancelled at no loss. To cancel it during a poll may leave messages invisible until their timeout ends; a batch
    once received is registered as in flight before anything is awaited.
    """

    def __init__(
        self,
        *,
        queue: str,
        sqs: Sqs,
        crew: Crew,
        in_flight: InFlight,
        received: asyncio.Queue[list[Account]],
        tracing: Tracing,
        books: Books,
        batch: int,
        wait_seconds: int,
        visibility_seconds: int,
        backoff: Backoff,
    ) -> None:
        self.queue = queue
        """The source queue's URL."""
        self._sqs = sqs
        self._crew = crew
        self._in_flight = in_flight
        self._received = received
        self._tracing = tracing
        self._books = books
        self._batch = batch
        self._wait = wait_seconds
        self._visibility = visibility_seconds
        self._backoff = backoff
        self._source = books.source(queue)
        self._stopping = False
        self._working = False
        self.phase = Phase.RESTING
        self.since = 0.0
        """Event-loop time at which the phase began."""
        self.read_ns = 0
        """When a poll last succeeded."""
        self.errors = 0
        """Polls that have failed since then."""
        self.error = ""
        """The code of the last of them."""

    @property
    def waiting(self) -> bool:
        """Whether no poll is under way; see the class."""
        return self.phase in (Phase.RESTING, Phase.NO_ROOM, Phase.PAUSING)

    def stop(self) -> None:
        """Make the poll under way the last one."""
        self._stopping = True

    async def run(self) -> None:
        """Poll until stopped or cancelled."""
        try:
            await self._run()
        finally:
            self.phase = Phase.ENDED  # else a long drain would look like a poll that has stalled

    async def _run(self) -> None:
        while not self._stopping:
            if not self._working:
                self._enter(Phase.RESTING)
                await self._crew.join()
                self._working = True
            self._enter(Phase.NO_ROOM)
            await self._in_flight.reserve(self._batch)
            self._enter(Phase.POLLING)
            try:
                accounts = await self._receive()
            except SqsError as error:
                accounts = []
                failed: SqsError | None = error
            else:
                failed = None
            finally:
                self._in_flight.unreserve(self._batch)
            if failed is not None:
                self.errors += 1
                self.error = failed.code
                await self._pause(failed)
                continue
            self.errors = 0
            self.read_ns = time.time_ns()
            if accounts:
                self._enter(Phase.HANDING_OVER)
                await self._received.put(accounts)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.since = asyncio.get_running_loop().time()

    async def _pause(self, error: SqsError) -> None:
        self._enter(Phase.PAUSING)
        self._books.poll_errors += 1
        delay = self._backoff.delay(self.errors)
        name = queue_name(self.queue)
        advice = " (turnout doctor says how to repair this)" if error.fault is Fault.CONFIG else ""
        log.error(
            "cannot receive from %s%s, next try in %.1f s: %s", name, advice, delay, error, extra={"code": error.code}
        )
        await asyncio.sleep(delay)

    async def _receive(self) -> list[Account]:
        call = Call("receive", self.queue, time.time_ns())
        visible_at = asyncio.get_running_loop().time() + self._visibility
        # The first poll does not wait, so that it is soon known whether the queue can be read.
        wait = self._wait if self.read_ns else 0
        try:
            messages = await self._sqs.receive(
                self.queue, max_messages=self._batch, wait_seconds=wait, visibility_seconds=self._visibility
            )
        except SqsError as error:
            call.error, call.end_ns = error.code, time.time_ns()
            self._source.receives.add(call)
            raise
        self._books.polls += 1
        self._working = self._crew.polled(len(messages), self._batch)
        if not messages:
            return []
        call.end_ns = time.time_ns()
        call.at = asyncio.get_running_loop().time()
        call.count = len(messages)
        self._source.receives.add(call)
        if sent_ms := messages[0].sent_ms:
            self._books.queue_age.add(call.end_ns - sent_ms * 1_000_000)
        accounts = self._in_flight.add([Account(message, call, call.end_ns, visible_at) for message in messages])
        self._books.redelivered += len(messages) - len(accounts)
        self._books.received += len(accounts)
        self._source.received += len(accounts)
        self._tracing.received(accounts)
        return accounts
