"""Sees every message settle: counts them, wakes who waits for that, and remembers one message's whole story.

It stands in the worker's place for tracing, because tracing is told of each message last of all, and passes
everything on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from turnout.account import Account, Outcome
from turnout.telemetry.tracing import Tracing

__all__ = ["Witness"]


class Witness:
    """Implements `turnout.telemetry.tracing.Tracing` around another one."""

    def __init__(self, tracing: Tracing, progress: Callable[[int], None]) -> None:
        self._tracing = tracing
        self._progress = progress
        self._finished: set[str] = set()
        self._changed = asyncio.Event()
        self.last = time.monotonic()
        """When the last message was settled; until then, when the witness was made."""
        self.story: Account | None = None
        """The delivered message with the most deliveries so far."""
        self.received = tracing.received
        self.inject = tracing.inject
        self.aclose = tracing.aclose

    @property
    def accounted(self) -> int:
        """Different messages that are accounted for; one that was only handed back is not."""
        return len(self._finished)

    async def next(self, stop: asyncio.Event, timeout_seconds: float) -> bool:
        """Wait until another message is settled or `stop` is set; False when neither happens in time."""
        self._changed.clear()
        waits = [
            asyncio.create_task(self._changed.wait(), name="settled"),
            asyncio.create_task(stop.wait(), name="stopped"),
        ]
        try:
            done, _ = await asyncio.wait(waits, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)

    def settled(self, accounts: Sequence[Account]) -> None:
        """As `Tracing.settled`, and note it."""
        self._tracing.settled(accounts)
        for account in accounts:
            self._note(account)

    def _note(self, account: Account) -> None:
        if account.outcome is None or account.outcome is Outcome.HANDED_BACK:
            return
        self.last = time.monotonic()
        self._finished.add(account.message.id)
        self._changed.set()
        self._progress(len(self._finished))
        if account.outcome is Outcome.DELIVERED and (
            self.story is None or len(account.deliveries) > len(self.story.deliveries)
        ):
            self.story = account
