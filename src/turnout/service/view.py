"""What the HTTP port shows: the view of one worker, asked for from another thread than the worker's.

`serving` and the pages know a worker by the protocol `View` alone, so that they can show something else as well: a
supervisor's view of many.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from turnout.rules import Ruleset
from turnout.service.observer import Observer
from turnout.service.watchdog import Watchdog
from turnout.telemetry.snapshot import Snapshot

__all__ = ["NotAnswering", "View", "WorkerView", "loop_blocked"]

_ANSWER_SECONDS = 2.0
"""How long the worker's event loop may take for a snapshot."""


class NotAnswering(Exception):
    """There is no answer to be had from a worker; the text says why."""


def loop_blocked(seconds: float) -> NotAnswering:
    """What to raise when the watchdog's event loop has not come round for so long."""
    return NotAnswering(f"the event loop has been blocked for {seconds:.1f} s; the log shows by what")


class View(Protocol):
    """What is shown. Used in the HTTP server's thread."""

    @property
    def ruleset(self) -> Ruleset:
        """The active rules."""
        ...

    async def snapshot(self) -> Snapshot:
        """How things are now. Raises `NotAnswering`."""
        ...


class WorkerView:
    """One worker of this process."""

    def __init__(self, observer: Observer, watchdog: Watchdog) -> None:
        self._observer = observer
        self._watchdog = watchdog

    @property
    def ruleset(self) -> Ruleset:
        """The active rules; immutable, so any thread may use them."""
        return self._observer.ruleset

    async def snapshot(self) -> Snapshot:
        """Ask the worker's event loop, and wait a little. Raises `NotAnswering`."""
        if blocked := self._watchdog.blocked_seconds:
            raise loop_blocked(blocked)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await asyncio.wrap_future(self._observer.request())
        except (TimeoutError, RuntimeError):  # RuntimeError: the loop is closed
            raise loop_blocked(max(self._watchdog.blocked_seconds, _ANSWER_SECONDS)) from None
