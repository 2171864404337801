"""The store of one process: bounded, and gone with the process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

import msgspec

from turnout.idempotency.api import Claim

__all__ = ["MemoryStore"]


class _Entry(msgspec.Struct):
    done: frozenset[str] = frozenset()
    owner: str = ""
    lease_until: float = 0.0


class MemoryStore:
    """Remembers the `capacity` events last seen."""

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        """See `IdempotencyStore.claim`."""
        now = self._clock()
        claims: dict[str, Claim] = {}
        for key, owner in keys.items():
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry()
            elif entry.owner and entry.owner != owner and entry.lease_until > now:
                claims[key] = Claim(entry.done, entry.lease_until - now)
                continue
            entry.owner = owner
            entry.lease_until = now + lease_seconds
            self._entries.move_to_end(key)
            claims[key] = Claim(entry.done)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
        return claims

    async def renew(
        self, keys: Mapping[str, str], lease_seconds: float, done: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        """See `IdempotencyStore.renew`."""
        until = self._clock() + lease_seconds
        for key, owner in keys.items():
            entry = self._entries.get(key)
            if entry is not None and entry.owner == owner:
                entry.lease_until = until
                entry.done |= (done or {}).get(key, frozenset())

    async def record(self, done: Mapping[str, tuple[str, frozenset[str]]]) -> None:
        """See `IdempotencyStore.record`."""
        for key, (owner, targets) in done.items():
            entry = self._entries.setdefault(key, _Entry())
            entry.done |= targets
            if entry.owner == owner:
                entry.owner = ""
