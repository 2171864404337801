"""What the processor has done since it started: plain counters, and a picture of them for health and metrics."""

from __future__ import annotations

import time
from collections import Counter
from enum import StrEnum

import msgspec

__all__ = ["UNFINISHED", "Counts", "Ended", "Result"]


class Result(StrEnum):
    """What a letter's turn ended with."""

    DELIVERED = "delivered"
    ARCHIVED = "archived"
    PARKED = "parked"
    EXHAUSTED = "exhausted"
    REMOVED = "removed"
    """Taken out of its queue, after an earlier run had seen to it."""
    WAITING = "waiting"
    """Parked before, and still."""
    PUT_OFF = "put_off"
    """For later: its target or its conversation is not ready, or the processor stops."""
    ELSEWHERE = "elsewhere"
    """Another worker has it."""
    FAILED = "failed"
    """Something that is needed for it failed: the archive, the ledger, the queue."""


UNFINISHED = frozenset({Result.PUT_OFF, Result.ELSEWHERE, Result.FAILED})
"""Of letters that are to have another turn."""

_SEEN_TO = frozenset({Result.WAITING, Result.REMOVED})
"""How turns end in the rounds that follow: what this processor has parked waits, what it is done with may be listed."""


class Ended(msgspec.Struct):
    """What became of each letter, over the rounds of a processor that ends by itself."""

    letters: dict[str, Result] = {}
    unseen: int | None = None
    """About how many letters could not be seen in any round, because somebody else held them; None before the first."""

    def add(self, results: dict[str, Result], unseen: int | None) -> None:
        """Add how the turns of a round ended. What was to have another turn and is not there any more is forgotten.

        `unseen` is how many letters somebody else held; None after a round that failed, which may have seen less than
        there is. The fewest count: queues go on for a while to count what this processor gave back after the round
        before.
        """
        if unseen is not None:
            self.unseen = unseen if self.unseen is None else min(self.unseen, unseen)
        kept = {
            id_: result
            for id_, result in self.letters.items()
            if result not in UNFINISHED and results.get(id_, Result.WAITING) in _SEEN_TO
        }
        self.letters = results | kept

    @property
    def results(self) -> Counter[Result]:
        """Letters by how their last turn ended."""
        return Counter(self.letters.values())

    @property
    def left(self) -> int:
        """Letters that are to have another turn."""
        return sum(result in UNFINISHED for result in self.letters.values())


class Counts(msgspec.Struct):
    """Counters. Times are seconds since the epoch, 0 for never, but for `beat_at`."""

    started_at: float
    results: Counter[str] = msgspec.field(default_factory=Counter)
    """Turns of letters, by `Result`."""
    attempts: int = 0
    attempts_failed: int = 0
    told: int = 0
    told_failed: int = 0
    rounds: int = 0
    rounds_failed: int = 0
    round_at: float = 0.0
    """When the last round ended that read all it wanted."""
    round_seconds: float = 0.0
    held: int = 0
    """Letters that are being worked on now."""
    beat_at: float = msgspec.field(default_factory=time.monotonic)
    """When the processor last got somewhere, on the clock that nobody sets."""
    error: str = ""
    """Why the last round failed; empty when it did not."""
    running: bool = False
    draining: bool = False
