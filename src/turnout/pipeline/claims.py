"""Asks the idempotency store before sending, tells it afterwards, and decides what happens when it does not answer.

What a store is lives in `turnout.idempotency`; here is only its use by the worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence

from turnout.account import Account, State
from turnout.idempotency.api import Claim, IdempotencyStore, StoreUnavailable
from turnout.pipeline.books import Books
from turnout.rules import Match

__all__ = ["Claims"]

log = logging.getLogger(__name__)

_FREE = Claim()

# A store that says no does so soon. One that let us wait for longer than this is asked again after a pause, by one
# batch: if every batch waited for it, going on without it would mean to stand still.
_LONG_SECONDS = 1.5
_PAUSE_SECONDS = 5.0

# Batches renewed at a time. A request to DynamoDB takes a millisecond to make: those for all that wait for a failing
# target, begun at once, would keep the event loop from everything else for a second and more.
_RENEWALS = 5


class Claims:
    """The worker's side of the store.

    `wait_on_error` says what an unreachable store means: True hands messages back until it answers, False goes on
    without it, at the price of a possible duplicate, and asks or tells one that let it wait from time to time only.
    Neither loses a message.
    """

    def __init__(
        self,
        store: IdempotencyStore,
        *,
        key: Callable[[str | None, str], str],
        lease_seconds: float,
        wait_on_error: bool,
        books: Books,
    ) -> None:
        self._store = store
        self._key = key
        self._lease = lease_seconds
        self._wait_on_error = wait_on_error
        self._books = books
        self._asked_again_at = 0.0
        """Event-loop time before which a store that did not answer in time is not asked."""
        self._asking = 0
        self._answered = asyncio.Event()
        self._renewing = asyncio.Semaphore(_RENEWALS)
        self._process = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"

    async def claim(self, accounts: Sequence[Account]) -> Sequence[Claim]:
        """One answer per account, in order. Claimed accounts get their `key`; while that is asked, those that may be
        claimed have it: who gives up an account meanwhile gives up the claim."""
        keys = [self._account_key(account) for account in accounts]
        owners: dict[str, str] = {}
        for account, key in zip(accounts, keys, strict=True):
            owners.setdefault(key, self._owner(account))
        unknown = Claim(busy_seconds=self._lease) if self._wait_on_error else _FREE
        asked_at = asyncio.get_running_loop().time()
        if self._goes_on_without():
            return [unknown] * len(accounts)
        if self._asked_again_at:
            self._asked_again_at = asked_at + _PAUSE_SECONDS  # for the others, until this one knows
        for account, key in zip(accounts, keys, strict=True):
            if owners[key] == self._owner(account):
                account.key = key
        self._asking += 1
        try:
            claims = await self._store.claim(owners, self._lease)
        except StoreUnavailable as error:
            for account in accounts:
                account.key = ""
            self._pause_after(asked_at)
            self._failed(str(error))
            return [unknown] * len(accounts)
        finally:
            self._asking -= 1
            if not self._asking:
                self._answered.set()
        self._asked_again_at = 0.0
        if failed := [claim.unavailable for claim in claims.values() if claim.unavailable]:
            self._failed(failed[0])
        answers = []
        for account, key in zip(accounts, keys, strict=True):
            claim = claims[key]
            account.key = ""
            if claim.unavailable:
                if not self._wait_on_error:
                    account.key = key  # the store answers for others, and may be told what was done
                answers.append(unknown)
                continue
            if not claim.busy_seconds and owners[key] != self._owner(account):
                # The same event twice in one batch: the first goes, the other waits to see what becomes of it.
                claim = Claim(busy_seconds=1.0)
            if not claim.busy_seconds:
                account.key = key
            answers.append(claim)
        return answers

    async def answered(self, seconds: float) -> None:
        """Wait for so long at most until no claim is under way: only then is it known what there is to give up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._asking:
                    self._answered.clear()
                    await self._answered.wait()

    def _failed(self, why: str) -> None:
        self._books.store_errors += 1
        what = "messages wait" if self._wait_on_error else "going on without it, duplicates are possible"
        log.error("%s: %s", what, why, extra={"code": "StoreUnavailable"})

    async def renew(self, accounts: Sequence[Account]) -> None:
        """Keep the claims of messages that are held for long, and tell which targets have them already.

        One target may keep a message here for a quarter of an hour; should this process die meanwhile, the others are
        not to get it again.
        """
        keys = {account.key: self._owner(account) for account in accounts if account.key}
        if keys:
            done = {account.key: taken for account in accounts if account.key and (taken := _taken(account))}
            async with self._renewing:
                await self._told(self._store.renew(keys, self._lease, done))

    async def record(self, accounts: Sequence[Account]) -> None:
        """Tell the store which targets took each event, and give the claims up."""
        done = {account.key: (self._owner(account), _taken(account)) for account in accounts if account.key}
        if done and not self._goes_on_without():
            await self._told(self._store.record(done))

    def _goes_on_without(self) -> bool:
        """Whether the store, which did not answer in time, is to be left alone for now."""
        return asyncio.get_running_loop().time() < self._asked_again_at and not self._wait_on_error

    def _pause_after(self, asked_at: float) -> None:
        """Leave the store alone for a while, when it took long to say nothing."""
        now = asyncio.get_running_loop().time()
        if now - asked_at > _LONG_SECONDS:
            self._asked_again_at = now + _PAUSE_SECONDS

    async def _told(self, telling: Awaitable[None]) -> None:
        asked_at = asyncio.get_running_loop().time()
        try:
            await telling
        except StoreUnavailable as error:
            self._pause_after(asked_at)
            self._books.store_errors += 1
            log.error("not recorded, duplicates are possible: %s", error, extra={"code": "StoreUnavailable"})

    def _account_key(self, account: Account) -> str:
        match = account.match
        event_id = match.event_id if isinstance(match, Match) else None
        if event_id is None:
            # Events without an id may share a body; a FIFO queue's producer has told them apart.
            event_id = account.message.sent_as
        key = self._key(event_id, account.message.body)
        replay = account.message.replay
        # A replay is meant to be sent again: once per replay.
        return f"{key}:replay:{replay}" if replay else key

    def _owner(self, account: Account) -> str:
        return f"{self._process}:{account.message.id}"


def _taken(account: Account) -> frozenset[str]:
    return frozenset(delivery.target for delivery in account.deliveries if delivery.state is State.DONE)
