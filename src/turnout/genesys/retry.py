"""When a call is tried again, and after how long: exponential backoff with full jitter, or what the server says."""

from __future__ import annotations

from collections.abc import Callable
from random import random

import msgspec

from turnout.errors import GenesysError

__all__ = ["Retry"]


class Retry(msgspec.Struct, frozen=True):
    """The wait after attempt n is uniform between 0 and min(cap, base * 2**(n-1)) seconds, but at least Retry-After."""

    attempts: int = 4
    """The first one included."""
    base_seconds: float = 1.0
    cap_seconds: float = 30.0
    uniform: Callable[[], float] = random

    def wait(self, error: GenesysError, attempts_made: int) -> float | None:
        """Seconds to wait after `attempts_made` (>= 1) attempts; None when it is not worth another."""
        if not error.retryable or attempts_made >= self.attempts:
            return None
        ceiling = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempts_made - 1, 60))
        return max(error.retry_after or 0.0, self.uniform() * ceiling)
