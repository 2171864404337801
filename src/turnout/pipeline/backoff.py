"""How long to wait before an attempt is repeated, and when to stop repeating. Arithmetic only."""

from __future__ import annotations

from collections.abc import Callable
from random import random

import msgspec

__all__ = ["Backoff"]


class Backoff(msgspec.Struct, frozen=True):
    """Exponential backoff with full jitter.

    The wait before attempt n+1 is uniform between 0 and min(cap, base * 2**(n-1)) seconds. Full jitter spreads the
    retries of many workers best; see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    base_seconds: float = 0.2
    cap_seconds: float = 30.0
    attempts: int = 12
    """Attempts in all, the first one included, before a failure counts as final."""

    def delay(self, attempts_made: int, *, at_least: float = 0.0, uniform: Callable[[], float] = random) -> float:
        """Seconds to wait after `attempts_made` (>= 1) failed attempts; `at_least` is what the service asked for."""
        ceiling = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempts_made - 1, 60))
        return max(at_least, uniform() * ceiling)
