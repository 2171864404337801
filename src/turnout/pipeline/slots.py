"""Shares out the calls that may be under way at once: urgent targets first, but nobody starves."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque

__all__ = ["Slots"]

# One grant in eight goes to whoever has waited longest, so the least urgent keep an eighth of the capacity.
_TURN_OF_THE_OLDEST = 8
# Each waiter stands in two lines; beyond this many places per waiter most are of those who have gone.
_ROOM = 16


class Slots:
    """A semaphore that serves the most urgent waiter (least `priority`) first, the oldest among equals."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._urgent: list[tuple[int, int, asyncio.Future[None]]] = []
        self._oldest: deque[asyncio.Future[None]] = deque()
        self._arrivals = 0
        self._grants = 0
        self._waiting = 0

    async def acquire(self, priority: int) -> None:
        """Wait for a slot."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._urgent, (priority, self._arrivals, turn))
        self._oldest.append(turn)
        self._waiting += 1
        if len(self._urgent) + len(self._oldest) > _ROOM * (self._waiting + 1):
            self._clear()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise
        finally:
            self._waiting -= 1

    def release(self) -> None:
        """Give a slot back; it goes to a waiter, if there is one, without ever being free in between."""
        turn = self._next()
        if turn is None:
            self._free += 1
        else:
            turn.set_result(None)

    def _next(self) -> asyncio.Future[None] | None:
        self._grants += 1
        # Each waiter stands in both lines; the one it is not served from is cleared when it comes up there.
        if self._grants % _TURN_OF_THE_OLDEST == 0:
            while self._oldest:
                turn = self._oldest.popleft()
                if not turn.done():
                    return turn
        while self._urgent:
            _, _, turn = heapq.heappop(self._urgent)
            if not turn.done():
                while self._oldest and (self._oldest[0].done() or self._oldest[0] is turn):
                    self._oldest.popleft()
                return turn
        self._oldest.clear()
        return None

    def _clear(self) -> None:
        """Drop who has gone: while urgent waiters never cease, the others served as the oldest never come up there."""
        self._urgent = [entry for entry in self._urgent if not entry[2].done()]
        heapq.heapify(self._urgent)
        self._oldest = deque(turn for turn in self._oldest if not turn.done())
