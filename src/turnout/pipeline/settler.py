"""Ends the stay of every message: deletes what is accounted for, leaves or hands back what is not, closes the books.

This is the only module that deletes from a source queue.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Iterable, Sequence

import msgspec

from turnout.account import Account, Call, Outcome
from turnout.errors import Fault, SqsError, SqsRejected
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.books import Books
from turnout.pipeline.claims import Claims
from turnout.pipeline.inflight import InFlight
from turnout.pipeline.outbox import Outbox
from turnout.queues import queue_name
from turnout.rules import Match
from turnout.sqs.api import MAX_BATCH_ENTRIES, MAX_VISIBILITY_SECONDS, EntryFailure, Sqs
from turnout.telemetry.logs import about
from turnout.telemetry.tracing import Tracing
from turnout.words import count

__all__ = ["Settler"]

log = logging.getLogger(__name__)

# Named once, for what that costs: see `turnout.account`.
_HANDED_BACK = Outcome.HANDED_BACK

# Older events are replayed ones: SQS keeps nothing longer than 14 days.
_OLDEST_NS = 14 * 86_400 * 1_000_000_000


class _Leaving(msgspec.Struct, eq=False):
    account: Account
    handle: str


class _Postponement(msgspec.Struct, eq=False):
    account: Account
    seconds: int


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
        claims: Claims | None,
        backoff: Backoff,
        calls: int,
    ) -> None:
        self._sqs = sqs
        self._in_flight = in_flight
        self._tracing = tracing
        self._claims = claims
        self._books = books
        self._backoff = backoff
        self._outboxes: dict[str, Outbox[Account]] = {
            queue: Outbox("delete", self._flush, calls=calls) for queue in sources
        }
        self._postponed: dict[str, Outbox[_Postponement]] = {
            queue: Outbox("postpone", self._postpone, calls=1) for queue in sources
        }
        self._leaving: Outbox[_Leaving] = Outbox("leave", self._leave, calls=1)

    def start(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the concurrent batch calls; they run until cancelled."""
        deleting = [task for outbox in self._outboxes.values() for task in outbox.start(tasks)]
        deleting += self._leaving.start(tasks)
        return deleting + [task for outbox in self._postponed.values() for task in outbox.start(tasks)]

    def delete(self, accounts: Sequence[Account], outcome: Outcome) -> None:
        """Delete messages that are accounted for."""
        for account in accounts:
            account.outcome = outcome
        for queue, outbox in self._outboxes.items():
            outbox.extend([account for account in accounts if account.message.queue == queue])

    def leave(self, account: Account) -> None:
        """Stop holding a message without deleting it: it comes back when its visibility timeout runs out."""
        account.outcome = Outcome.HANDED_BACK
        if account.key:
            self._leaving.put(_Leaving(account, account.handle))
        else:
            self._close([account])

    def postpone(self, account: Account, seconds: float) -> None:
        """Hand a message back for so many seconds, because nothing can be done with it now."""
        account.outcome = Outcome.HANDED_BACK
        self._postponed[account.message.queue].put(_Postponement(account, math.ceil(seconds)))

    def deletes_after(self, at: float) -> int:
        """How many deletes have failed and are to be repeated later than loop time `at` only."""
        return sum(outbox.due_after(at) for outbox in self._outboxes.values())

    def hasten(self) -> None:
        """Repeat at once the deletes that have failed: there is no later for them."""
        for outbox in self._outboxes.values():
            outbox.hasten()

    async def hand_back(self, accounts: Iterable[Account], *, record_seconds: float) -> None:
        """Make messages visible to other workers at once (visibility 0); should that fail, they return later.

        The idempotency store is told before, for at most `record_seconds`.
        """
        queues: dict[str, list[Account]] = {}
        for account in accounts:
            account.outcome = Outcome.HANDED_BACK
            queues.setdefault(account.message.queue, []).append(account)
        async with asyncio.TaskGroup() as tasks:
            for queue, held in queues.items():
                for start in range(0, len(held), MAX_BATCH_ENTRIES):
                    batch = held[start : start + MAX_BATCH_ENTRIES]
                    tasks.create_task(self._hand_back(queue, batch, record_seconds), name="hand-back")

    async def _postpone(self, postponements: list[_Postponement]) -> list[tuple[_Postponement, float]]:
        queue = postponements[0].account.message.queue
        for seconds in {postponement.seconds for postponement in postponements}:
            accounts = [each.account for each in postponements if each.seconds == seconds]
            await self._record(accounts)
            # Let go before the call: should its answer take longer than the postponement, a poll of ours brings them
            # first, and is to take them for new.
            self._close(accounts)
            await self._release(queue, accounts, min(seconds, MAX_VISIBILITY_SECONDS))
        return []

    async def _leave(self, leavings: list[_Leaving]) -> list[tuple[_Leaving, float]]:
        await self._record([leaving.account for leaving in leavings])
        again: list[Account] = []
        for leaving in leavings:
            if leaving.account.handle == leaving.handle:
                self._close([leaving.account])
            else:
                again.append(leaving.account)
        # SQS handed these out again meanwhile, and they were taken for held: nobody else will look at them. They are
        # let go before the call, as postponed ones are.
        self._close(again)
        for account in again:
            await self._release(account.message.queue, [account], 0)
        return []

    async def _hand_back(self, queue: str, accounts: list[Account], record_seconds: float) -> None:
        try:
            async with asyncio.timeout(record_seconds):
                await self._record(accounts)
        except TimeoutError:
            log.warning("the idempotency store did not answer in time: what is handed back may be delivered twice")
        await self._release(queue, accounts, 0)
        self._close(accounts)

    async def _release(self, queue: str, accounts: Sequence[Account], seconds: int) -> None:
        try:
            failures = await self._sqs.change_visibility(queue, [account.handle for account in accounts], seconds)
        except SqsError as error:
            if isinstance(error, SqsRejected) and len(accounts) > 1:
                for account in accounts:  # one handle spoils the call, as in `_flush`
                    await self._release(queue, [account], seconds)
                return
            messages = count(len(accounts), "message")
            log.warning("%s not handed back, to return when their visibility ends: %s", messages, error)
        else:
            for failure in failures:
                log.warning(
                    "message not handed back, it returns when its visibility ends: %s",
                    failure.message,
                    extra=about(accounts[failure.index], code=failure.code),
                )

    async def _record(self, accounts: Sequence[Account]) -> None:
        if self._claims is not None:
            await self._claims.record(accounts)

    async def _flush(self, accounts: list[Account]) -> list[tuple[Account, float]]:
        queue = accounts[0].message.queue
        call = Call("delete", queue, time.time_ns())
        call.count = len(accounts)
        failures: Sequence[EntryFailure]
        spoilt = False
        # First what was done, then the delete: a crash in between costs a redelivery that is recognised.
        await self._record(accounts)
        handles = [account.handle for account in accounts]
        try:
            failures = await self._sqs.delete(queue, handles)
        except SqsError as error:
            call.error = error.code
            if error.fault is Fault.CONFIG:  # said at once: the last attempt, which tells of each message, is far away
                log.warning(
                    "%s of %s done but not deleted (turnout doctor says how to repair this), trying again: %s",
                    count(len(accounts), "message"),
                    queue_name(queue),
                    error,
                    extra={"code": error.code},
                )
            spoilt = isinstance(error, SqsRejected) and len(accounts) > 1
            failures = [
                EntryFailure(index, error.code, str(error), error.fault, error.retryable)
                for index in range(len(accounts))
            ]
        call.end_ns = time.time_ns()
        self._books.source(queue).deletes.add(call)
        if spoilt:
            # One handle spoils the call, and SQS does not say which: each goes alone.
            return [again for account in accounts for again in await self._flush([account])]
        again = self._judged(accounts, handles, call, failures)
        self._measure(accounts[0])
        return again

    def _judged(
        self, accounts: Sequence[Account], handles: Sequence[str], call: Call, failures: Sequence[EntryFailure]
    ) -> list[tuple[Account, float]]:
        """Close what `call` has deleted by these handles; those to be tried again, each with its delay in seconds."""
        failed = {failure.index: failure for failure in failures} if failures else None
        again: list[tuple[Account, float]] = []
        deleted: list[Account] = []
        for index, account in enumerate(accounts):
            account.deletes += 1
            account.delete = call
            failure = failed.get(index) if failed else None
            renewed = account.handle != handles[index]
            if failure is None and not renewed:
                deleted.append(account)
                continue
            repeat = account.deletes < self._backoff.attempts
            if repeat and renewed:
                # SQS handed the message out again meanwhile: whatever it says, only the newest handle deletes.
                again.append((account, 0.0))
            elif failure is None:
                deleted.append(account)
            elif repeat and failure.fault is not Fault.DATA:
                again.append((account, self._backoff.delay(account.deletes)))
            else:
                log.error(
                    "message is done but could not be deleted, it may be delivered again: %s",
                    failure.message,
                    extra=about(account, code=failure.code),
                )
                self.leave(account)
        self._close(deleted)
        return again

    def _measure(self, account: Account) -> None:
        """Count how long an event took from its own time until all its targets had it."""
        match = account.match
        if account.outcome is Outcome.DELIVERED and account.settled_ns and isinstance(match, Match):
            occurred_ns = match.event_time_ns
            if occurred_ns is not None and (latency := account.settled_ns - occurred_ns) < _OLDEST_NS:
                self._books.latency.add(latency)

    def _close(self, accounts: Sequence[Account]) -> None:
        now = time.time_ns()
        for account in accounts:
            account.settled_ns = now
        # Most came together and ended alike: to count each kind takes a third of what counting one by one takes.
        outcomes = [account.outcome for account in accounts]
        for outcome in set(outcomes):
            if outcome is not None:
                self._books.outcomes[outcome] += outcomes.count(outcome)
        times = [account.received_ns for account in accounts]
        for received_ns in set(times):
            self._books.processing.add(now - received_ns, times.count(received_ns))
        self._in_flight.remove(accounts)
        self._tracing.settled(accounts)
        for account in accounts:
            if account.outcome is not _HANDED_BACK:  # a sender may still be at work on what is handed back
                account.forget_cycles()
