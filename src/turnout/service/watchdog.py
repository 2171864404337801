"""Notices when the event loop is blocked, and logs the stack of what blocks it while it does.

A timer in the loop notes the time; a thread looks whether it still does. When not only the loop but the whole process
stood still (a suspended machine, a library that holds the interpreter lock), the thread itself comes late; then there
is no stack worth showing, and the loop is not blamed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from types import FrameType

from turnout.telemetry.snapshot import LoopSnapshot

__all__ = ["Watchdog"]

log = logging.getLogger(__name__)

_DEEPEST_STACK = 40


class Watchdog:
    """Watches the event loop in whose thread it is started. `start` once, then `stop`."""

    def __init__(self, seconds: float) -> None:
        self._limit = seconds
        self._beat_at = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="turnout-watchdog", daemon=True)
        self.counts = LoopSnapshot()

    @property
    def blocked_seconds(self) -> float:
        """For how long the loop has not come round by now, when that is longer than allowed; else 0. Any thread."""
        silent = time.monotonic() - self._beat_at
        return silent if silent > self._limit and not self._stopped.is_set() else 0.0

    def start(self) -> None:
        """Start watching the running event loop."""
        self._loop_thread = threading.get_ident()
        self._beat(asyncio.get_running_loop())
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; takes no longer than one look of the thread."""
        if self._timer is not None:
            self._timer.cancel()
        self._stopped.set()
        self._thread.join()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beat_at = time.monotonic()
        self._timer = loop.call_later(self._limit / 4, self._beat, loop)

    def _watch(self) -> None:
        pause = self._limit / 4
        blocked_from = 0.0
        looked_at = time.monotonic()
        while not self._stopped.wait(pause):
            now = time.monotonic()
            late, looked_at = now - looked_at > self._limit, now
            beat_at = self._beat_at
            if blocked_from:
                if beat_at > blocked_from:
                    self._over(beat_at - blocked_from)
                    blocked_from = 0.0
            elif not late and now - beat_at > self._limit:
                blocked_from = beat_at
                log.warning(
                    "the event loop has been blocked for %.1f s, nothing is received or sent meanwhile; it is at:\n%s",
                    now - beat_at,
                    self._stack(),
                )

    def _over(self, seconds: float) -> None:
        counts = self.counts
        self.counts = LoopSnapshot(counts.blocked + 1, counts.blocked_seconds + seconds)
        log.warning("the event loop goes on after %.1f s", seconds)

    def _stack(self) -> str:
        frame: FrameType | None = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame, limit=_DEEPEST_STACK)).rstrip() if frame else "(unknown)"
