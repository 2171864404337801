"""The interface of an idempotency store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from turnout.errors import TurnoutError

__all__ = ["Claim", "IdempotencyStore", "StoreUnavailable"]


class StoreUnavailable(TurnoutError):
    """The store cannot answer: throttled, unreachable, not permitted, or its table is missing."""


class Claim(msgspec.Struct, frozen=True):
    """The answer to a claim.

    `done` are the targets that took the event earlier. `busy_seconds` above 0 means that somebody else holds the event
    for at most so long; then nothing was claimed. `unavailable` says why the store could not answer for this event
    alone; then nothing is known of it.
    """

    done: frozenset[str] = frozenset()
    busy_seconds: float = 0.0
    unavailable: str = ""


class IdempotencyStore(Protocol):
    """Claims are leases: who claims an event may send it until the lease ends, renews it while it holds the event, and
    records at the end what was done. A lease that ends without a record (a crash) leaves the event to the next claim.

    All methods raise `StoreUnavailable` and nothing else. `owner` names the process and the message.
    """

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        """Claim events: key to owner. Answers for every key; raises when there is an answer for none."""
        ...

    async def renew(
        self, keys: Mapping[str, str], lease_seconds: float, done: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        """Extend leases that are still held by their owner; others are left alone. Of those that are extended, `done`
        names the targets that took the event until now: should its owner die, the next one finds them."""
        ...

    async def record(self, done: Mapping[str, tuple[str, frozenset[str]]]) -> None:
        """Record the targets that took each event (key to owner and targets), and end the owner's lease."""
        ...
