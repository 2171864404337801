"""The messages this worker holds: capacity taken before each fetch, and the register that heartbeat and drain read.

A message is held from the moment it is received until it is settled. Holding is bounded by count and by bytes of
body, so that neither many small nor a few huge messages exhaust memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator

from turnout.account import Account

__all__ = ["InFlight"]


class InFlight:
    """Register and limiter of held messages. Used from the event loop's thread only."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._held: dict[tuple[str, str], Account] = {}
        self._bytes = 0
        self._reserved = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._shrunk = asyncio.Event()
        self._watchers = 0

    def __len__(self) -> int:
        """Messages held now."""
        return len(self._held)

    def __contains__(self, account: Account) -> bool:
        """Whether this very receive of a message is still held."""
        return self._held.get((account.message.queue, account.message.id)) is account

    @property
    def bytes(self) -> int:
        """Bytes of message bodies held now."""
        return self._bytes

    def __iter__(self) -> Iterator[Account]:
        """The held messages, oldest first; a snapshot, safe to change the register while iterating."""
        return iter(list(self._held.values()))

    async def reserve(self, count: int) -> None:
        """Wait until `count` more messages may be fetched, and set their places aside. First come, first served."""
        if not self._waiting and self._has_room(count):
            self._reserved += count
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((count, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.unreserve(count)
            raise

    def unreserve(self, count: int) -> None:
        """Give back places that a fetch has used or did not need."""
        self._reserved -= count
        self._wake()

    def add(self, accounts: Iterable[Account]) -> list[Account]:
        """Register received messages, and return those that are to be processed.

        A message that is held already, because its visibility lapsed and SQS handed it out again, is not among them:
        the held account takes over the newer receipt handle.
        """
        register = self._held.setdefault
        fresh = []
        size = 0
        for account in accounts:
            message = account.message
            held = register((message.queue, message.id), account)
            if held is account:
                size += account.body_bytes
                fresh.append(account)
            else:
                held.handle = message.handle
                held.handle_at = account.handle_at
                held.visible_at = account.visible_at
        self._bytes += size
        return fresh

    def remove(self, accounts: Iterable[Account]) -> None:
        """Forget settled messages and let waiting pollers go on."""
        for account in accounts:
            message = account.message
            del self._held[message.queue, message.id]
            self._bytes -= account.body_bytes
        if self._watchers:
            self._shrunk.set()
        if self._waiting:
            self._wake()

    async def wait_until(self, count: int, timeout_seconds: float) -> bool:
        """Wait until at most `count` messages are held; False when that did not happen in time."""
        self._watchers += 1
        try:
            async with asyncio.timeout(timeout_seconds):
                while len(self._held) > count:
                    self._shrunk.clear()
                    await self._shrunk.wait()
        except TimeoutError:
            return False
        finally:
            self._watchers -= 1
        return True

    def _has_room(self, count: int) -> bool:
        return len(self._held) + self._reserved + count <= self._max_messages and self._bytes < self._max_bytes

    def _wake(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._has_room(self._waiting[0][0])):
            count, place = self._waiting.popleft()
            if not place.done():
                # Taken on the sleeper's behalf, so that nobody slips in before it runs.
                self._reserved += count
                place.set_result(None)
