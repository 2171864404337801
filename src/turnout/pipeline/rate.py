"""Keeps a target to so many messages a second. Arithmetic only; time comes in as an argument."""

from __future__ import annotations

__all__ = ["Rate"]


class Rate:
    """The generic cell rate algorithm (ITU-T I.371): one number, no bucket to refill.

    `burst` messages may go at once, thereafter `per_second`.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = 1.0 / per_second
        self._tolerance = burst * self._interval
        self._due = 0.0

    def spend(self, count: int, now: float) -> float:
        """`count` messages go now; the time before which no further ones may (0: at once)."""
        self._due = max(self._due, now) + count * self._interval
        next_at = self._due - self._tolerance
        return next_at if next_at > now else 0.0
