"""Ends the stay of every message: deletes what is accounted for, leaves or hands back what is not, closes the books.

This is the only module that deletes from a source queue.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

import msgspec

from turnout.errors import SqsError
from turnout.message import Account, Call, Outcome
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.books import Books
from turnout.pipeline.inflight import InFlight
from turnout.pipeline.outbox import Outbox
from turnout.sqs.api import MAX_BATCH_ENTRIES, EntryFailure, Sqs
from turnout.telemetry.logs import about
from turnout.telemetry.tracing import Tracing

__all__ = ["Settler"]

log = logging.getLogger(__name__)

_POSTPONE_SECONDS = 300


class _Deletion(msgspec.Struct):
    account: Account
    attempts: int = 0


class Settler:
    """Deletes in batches, one outbox per source queue, and repeats the deletes that fail."""

    def __init__(
        self,
        *,
        sources: Sequence[str],
        sqs: Sqs,
        in_flight: InFlight,
        tracing: Tracing,
        books: Books,
        backoff: Backoff,
        calls: int,
    ) -> None:
        self._sqs = sqs
        self._in_flight = in_flight
        self._tracing = tracing
        self._books = books
        self._backoff = backoff
        self._outboxes: dict[str, Outbox[_Deletion]] = {
            queue: Outbox("delete", self._flush, calls=calls) for queue in sources
        }
        self._postponed: dict[str, Outbox[Account]] = {
            queue: Outbox("postpone", self._postpone, calls=1) for queue in sources
        }

    def start(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the concurrent batch calls; they run until cancelled."""
        deleting = [task for outbox in self._outboxes.values() for task in outbox.start(tasks)]
        return deleting + [task for outbox in self._postponed.values() for task in outbox.start(tasks)]

    def delete(self, account: Account, outcome: Outcome) -> None:
        """Delete a message that is accounted for."""
        account.outcome = outcome
        self._outboxes[account.message.queue].put(_Deletion(account))

    def leave(self, account: Account) -> None:
        """Stop holding a message without deleting it: it comes back when its visibility timeout runs out."""
        account.outcome = Outcome.HANDED_BACK
        self._close(account)

    def postpone(self, account: Account) -> None:
        """Hand a message back for some minutes, because none of its targets can take it or hold it."""
        account.outcome = Outcome.HANDED_BACK
        self._postponed[account.message.queue].put(account)

    async def hand_back(self, accounts: Iterable[Account]) -> None:
        """Make messages visible to other workers at once (visibility 0); should that fail, they return later."""
        queues: dict[str, list[Account]] = {}
        for account in accounts:
            account.outcome = Outcome.HANDED_BACK
            queues.setdefault(account.message.queue, []).append(account)
        async with asyncio.TaskGroup() as tasks:
            for queue, held in queues.items():
                for start in range(0, len(held), MAX_BATCH_ENTRIES):
                    batch = held[start : start + MAX_BATCH_ENTRIES]
                    tasks.create_task(self._hand_back(queue, batch), name="hand-back")

    async def _postpone(self, accounts: list[Account]) -> list[tuple[Account, float]]:
        # Each return costs the message one of the receives that its queue's redrive policy allows it.
        await self._hand_back(accounts[0].message.queue, accounts, _POSTPONE_SECONDS)
        return []

    async def _hand_back(self, queue: str, accounts: list[Account], seconds: int = 0) -> None:
        try:
            failures = await self._sqs.change_visibility(queue, [account.handle for account in accounts], seconds)
        except SqsError as error:
            log.warning("%d messages not handed back, they return when their visibility ends: %s", len(accounts), error)
        else:
            for failure in failures:
                log.warning("message not handed back, it returns when its visibility ends: %s", failure.message)
        for account in accounts:
            self._close(account)

    async def _flush(self, deletions: list[_Deletion]) -> list[tuple[_Deletion, float]]:
        queue = deletions[0].account.message.queue
        call = Call("delete", queue, time.time_ns())
        call.count = len(deletions)
        failures: Sequence[EntryFailure]
        try:
            failures = await self._sqs.delete(queue, [deletion.account.handle for deletion in deletions])
        except SqsError as error:
            call.error = error.code
            failures = [
                EntryFailure(index, error.code, str(error), error.fault, error.retryable)
                for index in range(len(deletions))
            ]
        call.end_ns = time.time_ns()
        failed = {failure.index: failure for failure in failures}
        again: list[tuple[_Deletion, float]] = []
        for index, deletion in enumerate(deletions):
            deletion.attempts += 1
            deletion.account.delete = call
            failure = failed.get(index)
            if failure is None:
                self._close(deletion.account)
            elif failure.retryable and deletion.attempts < self._backoff.attempts:
                again.append((deletion, self._backoff.delay(deletion.attempts)))
            else:
                log.error(
                    "message is done but could not be deleted, it may be delivered again: %s",
                    failure.message,
                    extra=about(deletion.account, code=failure.code),
                )
                self.leave(deletion.account)
        return again

    def _close(self, account: Account) -> None:
        account.settled_ns = time.time_ns()
        if account.outcome is not None:
            self._books.outcomes[account.outcome] += 1
        self._in_flight.remove(account)
        self._tracing.settled(account)
