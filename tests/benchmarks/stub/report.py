"""What the stub tells about a queue: counts since its last reset, and how long messages were held."""

from __future__ import annotations

import msgspec
from tests.benchmarks.stub.queues import Queue

__all__ = ["QueueReport"]


class QueueReport(msgspec.Struct, frozen=True):
    """Counts of calls and messages; seconds. `checksum` is the sum of the bodies' MD5s, as decimal digits.

    `busy_seconds` is from the first receive to the last delete; `p50_seconds` and `p99_seconds` are from receive to
    delete.
    """

    sends: int
    sent: int
    checksum: str
    receives: int
    empty_receives: int
    received: int
    deletes: int
    deleted: int
    visible: int
    held: int
    busy_seconds: float
    p50_seconds: float
    p99_seconds: float

    @classmethod
    def of(cls, queue: Queue) -> QueueReport:
        """The report on a queue as it stands."""
        held = sorted(queue.held_seconds)
        return cls(
            queue.sends,
            queue.sent,
            str(queue.checksum),
            queue.receives,
            queue.empty_receives,
            queue.received,
            queue.deletes,
            queue.deleted,
            len(queue),
            queue.held,
            max(0.0, queue.last_deleted - queue.first_received),
            held[len(held) // 2] if held else 0.0,
            held[len(held) * 99 // 100] if held else 0.0,
        )
