"""An idempotency store in trouble: the shipped one, which lets one wait, fails, or fails for some events alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from turnout.idempotency.api import Claim, StoreUnavailable
from turnout.idempotency.memory import MemoryStore

__all__ = ["TroubledStore"]

_CALL_SECONDS = 10.0
"""After so long without an answer a call ends, as a call of the table does."""


class TroubledStore:
    """Implements `turnout.idempotency.api.IdempotencyStore` over a `MemoryStore`.

    While `answers` is not set, calls wait for it, and have their effect thereafter.
    """

    def __init__(self, memory: MemoryStore) -> None:
        self._memory = memory
        self.answers = asyncio.Event()
        self.answers.set()
        self.failing = 0
        """So many calls fail."""
        self.losing = 0
        """So many calls have their effect, and fail all the same."""
        self.refusing = 0
        """So many claims get an answer for every other event only."""

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        """See `IdempotencyStore.claim`."""
        await self._begin()
        refused: list[str] = []
        if self.refusing and len(keys) > 1:
            self.refusing -= 1
            refused = list(keys)[::2]
        claims = await self._memory.claim(
            {key: owner for key, owner in keys.items() if key not in refused}, lease_seconds
        )
        self._end()
        return {**claims, **dict.fromkeys(refused, Claim(unavailable="too busy for this one"))}

    async def renew(
        self, keys: Mapping[str, str], lease_seconds: float, done: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        """See `IdempotencyStore.renew`."""
        await self._begin()
        await self._memory.renew(keys, lease_seconds, done)
        self._end()

    async def record(self, done: Mapping[str, tuple[str, frozenset[str]]]) -> None:
        """See `IdempotencyStore.record`."""
        await self._begin()
        await self._memory.record(done)
        self._end()

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                await self.answers.wait()
        except TimeoutError:
            raise StoreUnavailable("no answer in time") from None
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("it fails")

    def _end(self) -> None:
        if self.losing:
            self.losing -= 1
            raise StoreUnavailable("the answer was lost")
