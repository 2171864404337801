"""An event loop whose time is simulated: it jumps ahead when nothing is left to do now.

So hours of backoff, visibility timeouts and long polls take milliseconds, and the same inputs give the same run.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping

__all__ = ["SimulatedLoop"]

_START = 1_000_000.0


class _Selector(selectors.DefaultSelector):
    """Never waits: what there is to wait for is time alone, and that is moved."""

    now = _START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events and timeout is None:
            raise RuntimeError("every task waits for something that will never happen")
        if not events and timeout:
            self.now += timeout
        return events


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop for code without real I/O. `time()` is seconds, from an arbitrary start."""

    def __init__(self) -> None:
        self._simulated = _Selector()
        super().__init__(self._simulated)
        self._clock_resolution = 1e-6
        self.errors: list[Mapping[str, object]] = []
        """What would have been logged as an unhandled error of a task or a callback."""
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def time(self) -> float:
        """The simulated time."""
        return self._simulated.now

    def time_ns(self) -> int:
        """The same in nanoseconds, to stand in for `time.time_ns`."""
        return int(self._simulated.now * 1e9)
