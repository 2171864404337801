"""From when on a letter that its queue does not show is gone for sure, whatever became of it.

Not to be seen proves nothing: somebody else may hold it. But no queue keeps a message beyond its retention, which a
standard queue counts from when the message was first sent, and a FIFO queue from when it came into that queue.
"""

from __future__ import annotations

from turnout.recovery.ledger.records import Record

__all__ = ["gone_at_ms", "is_gone"]

_SPARE_SECONDS = 13 * 3_600
"""Nobody can hide a message for more than twelve hours; the rest is for clocks that differ."""


def gone_at_ms(
    record: Record | None, queue: str, retention_seconds: float | None, planned_ms: int | None
) -> int | None:
    """The time, of a letter of a plan made at `planned_ms`; None when nothing proves it. `queue` is the queue's name.

    Whoever made a plan had seen its letters in the queue, so they had come there before.
    """
    if retention_seconds is None:
        return None
    came_ms = planned_ms
    # Where it was seen elsewhere, it may have come here at any time between that and its plan.
    if record is not None and record.queue == queue:
        sent_ms = 0 if queue.endswith(".fifo") else record.sent_ms
        came_ms = sent_ms or record.last_seen_ms or planned_ms
    return came_ms + int((retention_seconds + _SPARE_SECONDS) * 1000) if came_ms else None


def is_gone(record: Record, queue: str, retention_seconds: float | None, now_ms: float) -> bool:
    """Whether a letter that the ledger knows can be in the queue no more, whoever may have held it."""
    at_ms = gone_at_ms(record, queue, retention_seconds, None)
    return at_ms is not None and at_ms < now_ms
