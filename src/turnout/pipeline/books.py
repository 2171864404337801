"""The worker's books: plain counters of what came in and how each message's stay ended.

At any moment `received == delivered + dead_lettered + dropped + handed_back + in flight`. Counters are plain integers
because adding to a metrics instrument costs more than routing a message; telemetry reads them from outside.
"""

from __future__ import annotations

from collections import Counter

from turnout.message import Outcome

__all__ = ["Books", "TargetBooks"]


class TargetBooks:
    """What happened to the deliveries of one target."""

    __slots__ = ("failed", "retried", "sent")

    def __init__(self) -> None:
        self.sent = 0
        """Deliveries that the target accepted."""
        self.failed = 0
        """Deliveries given up."""
        self.retried = 0
        """Attempts that failed and were repeated."""


class Books:
    """Counters of one worker process since its start. Only the event loop's thread writes them."""

    def __init__(self) -> None:
        self.received = 0
        """Messages taken in. A message handed out again while still held here is counted in `redelivered` only."""
        self.redelivered = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.unmatched = 0
        self.letters: Counter[str] = Counter()
        """Letters accepted by the dead-letter queue, by reason."""
        self.matches: Counter[str] = Counter()
        """Messages that each rule matched, by rule id; shadow rules included."""
        self.targets: dict[str, TargetBooks] = {}
        self.polls = 0
        self.poll_errors = 0
        self.extensions = 0
        """Visibility timeouts extended."""
        self.expired = 0
        """Messages whose visibility could not be kept; each may be received again."""
        self.suppressed = 0
        """Deliveries not made because the target had taken the event before."""
        self.store_errors = 0
        """Failed calls to the idempotency store."""
        self.attributes_dropped = 0
        """Message attributes left behind because a message carries ten at most."""

    def target(self, name: str) -> TargetBooks:
        """The books of one target, opened at first use."""
        books = self.targets.get(name)
        if books is None:
            books = self.targets[name] = TargetBooks()
        return books

    @property
    def settled(self) -> int:
        """Messages whose stay here has ended, however it ended."""
        return self.outcomes.total()

    @property
    def in_flight(self) -> int:
        """Messages received and not yet settled, by the books alone."""
        return self.received - self.settled
