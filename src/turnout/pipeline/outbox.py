"""A buffer that is flushed in batches by a few concurrent calls: the common core of senders, letters and deletes.

What is buffered and what a flush does is its owner's business; here lives only *when* and *how much*:

- A batch goes out at once when nothing is under way, and otherwise as soon as it is full or the last call returns
  (Nagle's rule). So an idle worker adds no delay, a busy one sends full batches, and there is no linger to tune.
- A batch holds at most `max_items` items and `max_bytes` bytes.
- Items of one lane (a FIFO message group) go one after the other: the next starts when the one before is finished,
  retries included, so that their order survives partial failures.
- Items to be repeated wait here for their time and then go first.
- The owner may hold everything until some time (`hold`): a breaker that is open, a rate that is used up.
- Who shares `slots` with other outboxes waits for its share before the batch is cut, so that it fills meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import itemgetter
from typing import Generic, TypeVar

from turnout.pipeline.slots import Slots
from turnout.sqs.api import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES
from turnout.sqs.batching import take_batch

__all__ = ["Outbox"]

T = TypeVar("T")


def _weightless(_: object) -> int:
    return 0


class Outbox(Generic[T]):
    """Batches items of type T. `put` never blocks: what bounds the buffer is the worker's in-flight limit.

    `flush` gets one batch and returns the items to repeat, each with its delay in seconds; every other item of the
    batch counts as finished. It must not raise: an exception there is a bug and ends the worker. `taken` is told how
    many items each batch has, before it is flushed; it may call `hold`.
    """

    def __init__(
        self,
        name: str,
        flush: Callable[[list[T]], Awaitable[Iterable[tuple[T, float]]]],
        *,
        calls: int,
        size: Callable[[T], int] | None = None,
        lane: Callable[[T], str | None] | None = None,
        max_items: int = MAX_BATCH_ENTRIES,
        max_bytes: int = MAX_BATCH_BYTES,
        slots: Slots | None = None,
        priority: int = 0,
        taken: Callable[[int], None] | None = None,
    ) -> None:
        self.name = name
        self._flush = flush
        self._calls = calls
        self._size = size
        self._lane = lane
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._share = slots.share() if slots is not None else None
        self.priority = priority
        """By which the next call gets its slot: 0 is the most urgent."""
        self._taken = taken
        self._held_until = 0.0
        self._stopped = False
        self._hold_timer: asyncio.TimerHandle | None = None
        self._buffer: deque[T] = deque()
        self._bytes = 0
        self._active = 0
        self._idle: deque[asyncio.Future[None]] = deque()
        self._lanes: dict[str, deque[T]] = {}
        self._shut: set[str] = set()
        self._later: list[tuple[float, int, T]] = []
        self._later_count = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the concurrent flushers; they run until cancelled."""
        return [tasks.create_task(self._run(), name=f"{self.name}-{number}") for number in range(self._calls)]

    def put(self, item: T) -> None:
        """Take an item in; it goes out in the order of `put` as far as its lane is concerned."""
        if self._lane is not None:
            lane = self._lane(item)
            if lane is not None:
                waiting = self._lanes.get(lane)
                if waiting is not None:
                    waiting.append(item)
                    return
                self._lanes[lane] = deque()
        self._buffer.append(item)
        if self._size is not None:
            self._bytes += self._size(item)
        self._wake()

    def extend(self, items: Sequence[T]) -> None:
        """Take several items in, as `put` takes one."""
        if self._lane is not None:
            for item in items:
                self.put(item)
            return
        self._buffer.extend(items)
        if self._size is not None:
            self._bytes += sum(map(self._size, items))
        self._wake()

    def __len__(self) -> int:
        """Items held back for any reason; those in a call under way are not counted."""
        return len(self._buffer) + len(self._later) + sum(map(len, self._lanes.values()))

    @property
    def repeating(self) -> int:
        """Items that wait for a retry."""
        return len(self._later)

    def hold(self, until: float) -> None:
        """Flush nothing before loop time `until`; 0 ends a hold, infinity holds until the next call of this."""
        if self._stopped:
            return
        self._held_until = until
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None
        if until == 0.0:
            self._wake()
        elif until != math.inf:
            self._hold_timer = asyncio.get_running_loop().call_at(until, self.hold, 0.0)

    def stop(self) -> None:
        """Begin no further call, for good; those under way go on."""
        self.hold(math.inf)
        self._stopped = True

    def remove(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take out every item that is `unwanted`, wherever it waits; calls under way go on."""
        behind: list[T] = []
        for lane, waiting in self._lanes.items():
            behind += filter(unwanted, waiting)
            self._lanes[lane] = deque(item for item in waiting if not unwanted(item))
        removed = [item for item in self._buffer if unwanted(item)]
        self._buffer = deque(item for item in self._buffer if not unwanted(item))
        self._bytes = 0 if self._size is None else sum(map(self._size, self._buffer))
        removed += [item for _, _, item in self._later if unwanted(item)]
        self._later = [entry for entry in self._later if not unwanted(entry[2])]
        heapq.heapify(self._later)
        self._free_lanes(removed)
        return removed + behind

    def trim(self, keep: int) -> list[T]:
        """Take out what came last until `keep` items are left; what waits for a retry goes last of all."""
        excess = len(self) - keep
        if excess <= 0:
            return []
        queued = [item for _, _, item in sorted(self._later, key=itemgetter(1))]
        queued += [*self._buffer, *(item for waiting in self._lanes.values() for item in waiting)]
        last = {id(item) for item in queued[-excess:]}
        return self.remove(lambda item: id(item) in last)

    def withdraw(self, due_after: float) -> list[T]:
        """Take out every item that waits for a retry due later than loop time `due_after`, and what waits behind it.

        What comes to its lane thereafter must not overtake it: it stays here for the next call of this.
        """
        kept: list[tuple[float, int, T]] = []
        withdrawn: list[tuple[float, int, T]] = []
        for entry in self._later:
            (withdrawn if entry[0] > due_after else kept).append(entry)
        heapq.heapify(kept)
        self._later = kept
        items = [item for _, _, item in withdrawn]
        if self._lane is not None:
            self._shut.update(lane for lane in map(self._lane, items) if lane is not None)
        for lane in self._shut:
            waiting = self._lanes[lane]
            items.extend(waiting)
            waiting.clear()
        return items

    def due_after(self, at: float) -> int:
        """How many items wait for a retry that is due later than loop time `at`."""
        return sum(due > at for due, _, _ in self._later)

    def hasten(self) -> None:
        """Try at once what waits for a retry."""
        if self._timer is not None:
            self._timer.cancel()
        now = asyncio.get_running_loop().time()
        self._later = [(min(due, now), number, item) for due, number, item in self._later]
        heapq.heapify(self._later)
        self._retry_due()

    def _ready(self) -> bool:
        return (
            bool(self._buffer)
            and not self._held_until
            and (self._active == 0 or len(self._buffer) >= self._max_items or self._bytes >= self._max_bytes)
        )

    def _wake(self) -> None:
        while self._idle and self._ready():
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._ready():
                waiter = loop.create_future()
                self._idle.append(waiter)
                try:
                    await waiter
                except asyncio.CancelledError:
                    if waiter in self._idle:
                        self._idle.remove(waiter)
                    raise
            self._active += 1
            try:
                if self._share is None:
                    await self._send_one()
                else:
                    await self._share.acquire(self.priority)
                    try:
                        await self._send_one()
                    finally:
                        self._share.release()
            finally:
                self._active -= 1
            self._wake()

    async def _send_one(self) -> None:
        if self._held_until:  # since the slot was asked for
            return
        batch = self._take()
        if not batch:
            return
        if self._taken is not None:
            self._taken(len(batch))
        self._wake()
        self._finish(batch, await self._flush(batch))

    def _take(self) -> list[T]:
        buffer = self._buffer
        if self._bytes <= self._max_bytes and len(buffer) <= self._max_items:  # all of it fits, as it mostly does
            batch = list(buffer)
            buffer.clear()
            self._bytes = 0
            return batch
        size = self._size or _weightless
        batch = take_batch(buffer, size, max_entries=self._max_items, max_bytes=self._max_bytes)
        self._bytes -= sum(map(size, batch))
        return batch

    def _finish(self, batch: list[T], again: Iterable[tuple[T, float]]) -> None:
        repeated = set()
        for item, delay in again:
            repeated.add(id(item))
            self._later_count += 1
            due = asyncio.get_running_loop().time() + delay
            heapq.heappush(self._later, (due, self._later_count, item))
        if repeated:
            self._set_timer()
        if self._lanes:
            self._free_lanes(item for item in batch if id(item) not in repeated)

    def _free_lanes(self, finished: Iterable[T]) -> None:
        if self._lanes:
            for item in finished:
                self._next_in_lane(item)

    def _next_in_lane(self, item: T) -> None:
        lane = self._lane(item) if self._lane is not None else None
        if lane is None:
            return
        waiting = self._lanes[lane]
        if waiting:
            following = waiting.popleft()
            self._buffer.append(following)
            self._bytes += self._size(following) if self._size is not None else 0
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
            self._bytes += self._size(item) if self._size is not None else 0
        self._set_timer()
        self._wake()
