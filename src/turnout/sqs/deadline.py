"""The bound of one call to another service, which does not take our own standing still for the other's silence.

A suspended machine or a paused container wakes up with timers that are long due, and timers come before what there is
to read: with `asyncio.timeout`, an answer that has arrived meanwhile would be thrown away, and what it answers done
again.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

__all__ = ["Deadline"]

_HELD_UP_SECONDS = 1.0
"""A timer that is so late says that we did not run: what came meanwhile may be read within as long again."""


class Deadline:
    """`async with Deadline(seconds)`: as `asyncio.timeout` it ends in `TimeoutError`."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._at = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._at, self._due)
        self._timeout = asyncio.timeout(None)

    def lift(self) -> None:
        """What had to come in time is there: the rest is no longer bounded."""
        self._timer.cancel()
        self._timeout.reschedule(None)

    async def __aenter__(self) -> Deadline:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _due(self) -> None:
        now = self._loop.time()
        if now - self._at > _HELD_UP_SECONDS:
            # Once: who is always held up must not wait for ever.
            self._timer = self._loop.call_later(_HELD_UP_SECONDS, self._timeout.reschedule, now)
        else:
            self._timeout.reschedule(now)
