"""A histogram made of plain integers: what the hot path can afford to count durations with.

An instrument of OpenTelemetry costs 7 to 9 us per value, this about a quarter of one. What is counted where is the
pipeline's business; how histograms leave the process that of `metrics`, `prometheus` and `setup`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import add

import msgspec

__all__ = ["AGE_BOUNDS", "CALL_BOUNDS", "PROCESS_BOUNDS", "Counted", "Histogram"]

CALL_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 30.0)
"""Seconds of one call. The conventions' own bounds, and two beyond: a receive waits up to 20 s for messages."""
PROCESS_BOUNDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    900.0,
)
"""Seconds from receive to settle: milliseconds when all is well, minutes when a target is left alone."""
AGE_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0, 345600.0)
"""Seconds of a message's or event's age: SQS keeps messages for 4 days unless told otherwise, for 14 at most."""


class Counted(msgspec.Struct, frozen=True):
    """What a histogram held at one moment. Bounds are upper and inclusive; `counts` has one more, for what is above."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float
    """The sum of all values, in seconds."""

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    def __add__(self, other: Counted) -> Counted:
        """Both together; their bounds are the same."""
        counts = tuple(map(add, self.counts, other.counts))
        return Counted(self.bounds, counts, self.total + other.total)


class Histogram:
    """Counts durations given in nanoseconds under bounds given in seconds. One thread writes it."""

    __slots__ = ("_bounds", "_counts", "_seconds", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._seconds = tuple(bounds)
        self._bounds = [int(bound * 1e9) for bound in bounds]
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0

    def add(self, nanoseconds: int, times: int = 1) -> None:
        """Count one value, so many times. What a clock that was set back makes negative counts as 0."""
        if nanoseconds > 0:
            self._total += nanoseconds * times
        self._counts[bisect_left(self._bounds, nanoseconds)] += times

    def counted(self) -> Counted:
        """What was counted so far."""
        return Counted(self._seconds, tuple(self._counts), self._total / 1e9)
