"""A buffer that is flushed in batches by a few concurrent calls: the common core of senders, letters and deletes.

What is buffered and what a flush does is its owner's business; here lives only *when* and *how much*:

- A batch goes out at once when nothing is under way, and otherwise as soon as it is full or the last call returns
  (Nagle's rule). So an idle worker adds no delay, a busy one sends full batches, and there is no linger to tune.
- A batch holds at most ten items and 1 MiB.
- Items of one lane (a FIFO message group) go one after the other: the next starts when the one before is finished,
  retries included, so that their order survives partial failures.
- Items to be repeated wait here for their time and then go first.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from turnout.sqs.api import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES

__all__ = ["Outbox"]

T = TypeVar("T")


def _no_lane(_: object) -> None:
    return None


def _no_size(_: object) -> int:
    return 0


class Outbox(Generic[T]):
    """Batches items of type T. `put` never blocks: what bounds the buffer is the worker's in-flight limit.

    `flush` gets one batch and returns the items to repeat, each with its delay in seconds; every other item of the
    batch counts as finished. It must not raise: an exception there is a bug and ends the worker.
    """

    def __init__(
        self,
        name: str,
        flush: Callable[[list[T]], Awaitable[Iterable[tuple[T, float]]]],
        *,
        calls: int,
        size: Callable[[T], int] = _no_size,
        lane: Callable[[T], str | None] = _no_lane,
    ) -> None:
        self.name = name
        self._flush = flush
        self._calls = calls
        self._size = size
        self._lane = lane
        self._buffer: deque[T] = deque()
        self._bytes = 0
        self._active = 0
        self._idle: deque[asyncio.Future[None]] = deque()
        self._lanes: dict[str, deque[T]] = {}
        self._later: list[tuple[float, int, T]] = []
        self._later_count = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the concurrent flushers; they run until cancelled."""
        return [tasks.create_task(self._run(), name=f"{self.name}-{number}") for number in range(self._calls)]

    def put(self, item: T) -> None:
        """Take an item in; it goes out in the order of `put` as far as its lane is concerned."""
        lane = self._lane(item)
        if lane is not None:
            waiting = self._lanes.get(lane)
            if waiting is not None:
                waiting.append(item)
                return
            self._lanes[lane] = deque()
        self._buffer.append(item)
        self._bytes += self._size(item)
        self._wake()

    def __len__(self) -> int:
        """Items held back for any reason; those in a call under way are not counted."""
        return len(self._buffer) + len(self._later) + sum(map(len, self._lanes.values()))

    def withdraw(self, due_after: float) -> list[T]:
        """Take out every item that waits for a retry due later than loop time `due_after`, and what waits behind it."""
        kept: list[tuple[float, int, T]] = []
        withdrawn: list[tuple[float, int, T]] = []
        for entry in self._later:
            (withdrawn if entry[0] > due_after else kept).append(entry)
        heapq.heapify(kept)
        self._later = kept
        items = [item for _, _, item in withdrawn]
        for item in list(items):
            lane = self._lane(item)
            if lane is not None:
                items.extend(self._lanes.pop(lane))
        return items

    def _ready(self) -> bool:
        return bool(self._buffer) and (
            self._active == 0 or len(self._buffer) >= MAX_BATCH_ENTRIES or self._bytes >= MAX_BATCH_BYTES
        )

    def _wake(self) -> None:
        if self._idle and self._ready():
            self._idle.popleft().set_result(None)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._ready():
                waiter = loop.create_future()
                self._idle.append(waiter)
                try:
                    await waiter
                finally:
                    if not waiter.done() or waiter.cancelled():
                        self._idle.remove(waiter)
            batch = self._take()
            self._active += 1
            self._wake()
            try:
                again = await self._flush(batch)
            finally:
                self._active -= 1
            self._finish(batch, again)

    def _take(self) -> list[T]:
        batch: list[T] = []
        room = MAX_BATCH_BYTES
        while self._buffer and len(batch) < MAX_BATCH_ENTRIES:
            size = self._size(self._buffer[0])
            if size > room and batch:
                break
            room -= size
            self._bytes -= size
            batch.append(self._buffer.popleft())
        return batch

    def _finish(self, batch: list[T], again: Iterable[tuple[T, float]]) -> None:
        repeated = set()
        now = asyncio.get_running_loop().time()
        for item, delay in again:
            repeated.add(id(item))
            self._later_count += 1
            heapq.heappush(self._later, (now + delay, self._later_count, item))
        if repeated:
            self._set_timer()
        if self._lanes:
            for item in batch:
                if id(item) not in repeated:
                    self._next_in_lane(item)
        self._wake()

    def _next_in_lane(self, item: T) -> None:
        lane = self._lane(item)
        if lane is None:
            return
        waiting = self._lanes[lane]
        if waiting:
            following = waiting.popleft()
            self._buffer.append(following)
            self._bytes += self._size(following)
        else:
            del self._lanes[lane]

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._later[0][0], self._retry_due) if self._later else None

    def _retry_due(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        due = []
        while self._later and self._later[0][0] <= now:
            due.append(heapq.heappop(self._later)[2])
        # They have waited longest, so they go first; reversed because each goes to the very front.
        for item in reversed(due):
            self._buffer.appendleft(item)
            self._bytes += self._size(item)
        self._set_timer()
        self._wake()
