"""Receives: one poller is one long poll at a time on one source queue. Several run at once.

Room for a full batch is taken before each poll, so a busy worker stops fetching instead of hoarding messages.
"""

from __future__ import annotations

import asyncio
import logging
import time

from turnout.errors import SqsError
from turnout.message import Account, Call, queue_name
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.books import Books
from turnout.pipeline.inflight import InFlight
from turnout.sqs.api import MAX_BATCH_ENTRIES, Sqs
from turnout.telemetry.tracing import Tracing

__all__ = ["Poller"]

log = logging.getLogger(__name__)


class Poller:
    """Feeds the queue of received batches until it is told to stop.

    `waiting` is true while no poll is under way: the poller waits for room, or after an error. Its task may then be
    cancelled at no loss. To cancel it during a poll may leave messages invisible until their timeout ends; a batch once
    received is registered as in flight before anything is awaited.
    """

    def __init__(
        self,
        *,
        queue: str,
        sqs: Sqs,
        in_flight: InFlight,
        received: asyncio.Queue[list[Account]],
        tracing: Tracing,
        books: Books,
        batch: int,
        wait_seconds: int,
        visibility_seconds: int,
        backoff: Backoff,
    ) -> None:
        self._queue = queue
        self._sqs = sqs
        self._in_flight = in_flight
        self._received = received
        self._tracing = tracing
        self._books = books
        self._batch = min(batch, MAX_BATCH_ENTRIES)
        self._wait = wait_seconds
        self._visibility = visibility_seconds
        self._backoff = backoff
        self._stopping = False
        self.waiting = True

    def stop(self) -> None:
        """Make the poll under way the last one."""
        self._stopping = True

    async def run(self) -> None:
        """Poll until stopped or cancelled."""
        errors = 0
        while not self._stopping:
            self.waiting = True
            await self._in_flight.reserve(self._batch)
            self.waiting = False
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
                errors += 1
                await self._pause(failed, errors)
                continue
            errors = 0
            if accounts:
                await self._received.put(accounts)

    async def _pause(self, error: SqsError, errors: int) -> None:
        self.waiting = True
        self._books.poll_errors += 1
        delay = self._backoff.delay(errors)
        name = queue_name(self._queue)
        log.error("cannot receive from %s, next try in %.1f s: %s", name, delay, error, extra={"code": error.code})
        await asyncio.sleep(delay)

    async def _receive(self) -> list[Account]:
        call = Call("receive", self._queue, time.time_ns())
        visible_at = asyncio.get_running_loop().time() + self._visibility
        messages = await self._sqs.receive(
            self._queue, max_messages=self._batch, wait_seconds=self._wait, visibility_seconds=self._visibility
        )
        self._books.polls += 1
        if not messages:
            return []
        call.end_ns = time.time_ns()
        call.count = len(messages)
        accounts = []
        for message in messages:
            account = Account(message, call, call.end_ns)
            account.visible_at = visible_at
            if self._in_flight.add(account):
                accounts.append(account)
            else:
                self._books.redelivered += 1
        self._books.received += len(accounts)
        self._tracing.received(accounts)
        return accounts
