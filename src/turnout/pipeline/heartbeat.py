"""Keeps every held message invisible to others, in batches, until it is settled or SQS's 12 hours are over."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence

from turnout.account import Account
from turnout.errors import SqsError, SqsRejected
from turnout.pipeline.books import Books
from turnout.pipeline.claims import Claims
from turnout.pipeline.inflight import InFlight
from turnout.sqs.api import MAX_BATCH_ENTRIES, MAX_VISIBILITY_SECONDS, EntryFailure, Sqs
from turnout.telemetry.logs import about
from turnout.words import count

__all__ = ["Heartbeat"]

log = logging.getLogger(__name__)


class Heartbeat:
    """Looks at the held messages six times per visibility timeout and extends those that have used half of theirs.

    So each extension has three tries before the message would reappear. A message settled within half its timeout,
    which is nearly every one, costs nothing.
    """

    def __init__(
        self, sqs: Sqs, in_flight: InFlight, books: Books, visibility_seconds: int, claims: Claims | None = None
    ) -> None:
        self._sqs = sqs
        self._in_flight = in_flight
        self._books = books
        self._visibility = visibility_seconds
        self._claims = claims

    async def run(self) -> None:
        """Extend until cancelled."""
        loop = asyncio.get_running_loop()
        at = loop.time()
        while True:
            at = max(at + self._visibility / 6, loop.time())  # by the clock, however long the calls take
            await asyncio.sleep(at - loop.time())
            await self.beat()

    async def beat(self) -> None:
        """One round: extend what is due. Failures are left to the next round."""
        now = asyncio.get_running_loop().time()
        due: dict[tuple[str, int], list[Account]] = defaultdict(list)
        for account in self._in_flight:
            if account.visible_at - now > self._visibility / 2:
                continue
            # SQS counts 12 hours from the (newest) receive, whatever the extensions.
            left = int(MAX_VISIBILITY_SECONDS - (now - account.handle_at)) - 1
            if left > 0:
                due[account.message.queue, min(self._visibility, left)].append(account)
        async with asyncio.TaskGroup() as tasks:
            for (queue, seconds), accounts in due.items():
                for start in range(0, len(accounts), MAX_BATCH_ENTRIES):
                    batch = accounts[start : start + MAX_BATCH_ENTRIES]
                    tasks.create_task(self._extend(queue, batch, seconds), name="heartbeat-batch")

    async def _extend(self, queue: str, accounts: list[Account], seconds: int) -> None:
        # A call that hangs must not keep the next beat from the others.
        extended = False
        try:
            async with asyncio.timeout(self._visibility / 6):
                extended = await self._change(queue, accounts, seconds)
                if extended and self._claims is not None:
                    await self._claims.renew(accounts)
        except TimeoutError:
            if extended:
                claims = count(len(accounts), "claim")
                log.warning("the idempotency store did not renew %s in time, duplicates are possible", claims)
            else:
                log.warning("visibility of %s not extended in time, trying again", count(len(accounts), "message"))

    async def _change(self, queue: str, accounts: list[Account], seconds: int) -> bool:
        """Extend, and keep the books; False when the call as a whole failed."""
        asked_at = asyncio.get_running_loop().time()
        handles = [account.handle for account in accounts]
        failures: Sequence[EntryFailure]
        try:
            failures = await self._sqs.change_visibility(queue, handles, seconds)
        except SqsRejected as error:
            if len(accounts) > 1:
                # One handle spoils the call, and SQS does not say which: each goes alone.
                return any([await self._change(queue, [account], seconds) for account in accounts])
            failures = (EntryFailure(0, error.code, str(error), error.fault, error.retryable),)
        except SqsError as error:
            messages = count(len(accounts), "message")
            log.warning("visibility of %s not extended, trying again: %s", messages, error)
            return False
        failed = {failure.index: failure for failure in failures}
        for index, account in enumerate(accounts):
            if account.handle != handles[index]:
                continue  # handed out again meanwhile: the newer handle has a timeout of its own
            failure = failed.get(index)
            if failure is None:
                account.visible_at = asked_at + seconds
                self._books.extensions += 1
            elif not failure.retryable and not self._perhaps_settled(account):
                # Gone from our hands: SQS may hand it out again, and then the newer handle is taken over.
                account.visible_at = asked_at + MAX_VISIBILITY_SECONDS
                self._books.expired += 1
                log.warning(
                    "message can no longer be kept invisible and may be received again: %s",
                    failure.message,
                    extra=about(account, code=failure.code),
                )
        return True

    def _perhaps_settled(self, account: Account) -> bool:
        """Whether a handle may be good for nothing because the message was settled while its extension was under way.

        A delete that has no answer yet may have come first; should it fail, the next beat looks again.
        """
        return account not in self._in_flight or (account.outcome is not None and not account.deletes)
