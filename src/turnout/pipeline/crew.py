"""How many of a source queue's pollers poll: one while the queue is empty, up to all of them while it has plenty.

Each long poll holds a connection, and an empty one costs as much as a full one. So pollers rest until they are called:
a poll that brought at least half of what it asked for calls one more, and a poller whose poll brought nothing rests,
unless it is the last. Under load all are at work within a few round trips; at an empty queue, after one long poll, one.
"""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Crew"]


class Crew:
    """The pollers of one source queue. Each calls `join` before it polls, and again after it was told to rest."""

    def __init__(self) -> None:
        self._resting: deque[asyncio.Future[None]] = deque()
        self.working = 0
        """Pollers that poll, or would if they had room; the others rest."""

    async def join(self) -> None:
        """Rest until called. The first does not rest, since one always works."""
        if not self.working:
            self.working = 1
            return
        call: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._resting.append(call)
        await call

    def polled(self, count: int, wanted: int) -> bool:
        """A poll for `wanted` messages brought `count`. False sends the poller that asks to rest."""
        if count == 0 and self.working > 1:
            self.working -= 1
            return False
        if count * 2 >= wanted:
            self._call_one()
        return True

    def _call_one(self) -> None:
        while self._resting:
            call = self._resting.popleft()
            if not call.done():  # it is when the poller was cancelled
                self.working += 1
                call.set_result(None)
                return
