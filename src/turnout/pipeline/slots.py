"""Shares out the calls that may be under way at once: each target has one of its own, the others go to the most urgent.

The call of its own is what a target keeps when others are slow: three endpoints that take twenty seconds for an answer
would hold every slot there is, and something critical for a queue that works would wait behind them.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque

__all__ = ["Share", "Slots"]

_ROOM = 16
"""Places in the line that are not worth clearing."""


class Slots:
    """The calls beyond the first of each share. The most urgent waiter (least `priority`) is first, then the oldest."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._line: list[tuple[int, int, asyncio.Future[None], Share]] = []
        self._arrivals = 0
        self._clear_at = _ROOM

    def share(self) -> Share:
        """What one target has of these."""
        return Share(self)

    def take(self) -> bool:
        """Take one if there is one. Nobody waits while there is: who gives one back gives it to a waiter."""
        if not self._free:
            return False
        self._free -= 1
        return True

    def queue(self, priority: int, turn: asyncio.Future[None], share: Share) -> None:
        """Stand in line: `turn` is resolved when one is given to `share`."""
        if len(self._line) >= self._clear_at:
            # While urgent ones never cease, those who got their own call instead, or have gone, never come up.
            self._line = [entry for entry in self._line if not entry[2].done()]
            heapq.heapify(self._line)
            self._clear_at = max(_ROOM, 2 * len(self._line))
        self._arrivals += 1
        heapq.heappush(self._line, (priority, self._arrivals, turn, share))

    def give(self) -> None:
        """Give one back; it goes to a waiter, if there is one, without ever being free in between."""
        while self._line:
            _, _, turn, share = heapq.heappop(self._line)
            if not turn.done():
                share.grant(turn)
                return
        self._free += 1


class Share:
    """One target's way to its calls: one that nobody else can have, and as many of the slots as its turn brings."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._held = 0
        self._line: deque[asyncio.Future[None]] = deque()

    async def acquire(self, priority: int) -> None:
        """Wait until one more call may begin."""
        if not self._held or self._slots.take():
            self._held += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        while self._line and self._line[0].done():
            self._line.popleft()
        self._line.append(turn)
        self._slots.queue(priority, turn, self)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """A call has ended. The last one under way was, or has become, the target's own: that goes to nobody else."""
        self._held -= 1
        if self._held:
            self._slots.give()
            return
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                self.grant(turn)
                return

    def grant(self, turn: asyncio.Future[None]) -> None:
        """Let the call begin that waits for `turn`."""
        self._held += 1
        turn.set_result(None)
