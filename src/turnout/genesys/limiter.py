"""One rate limiter for all calls with one OAuth client, taught by what the answers say.

Genesys counts requests per token and minute (300 for client credentials) and tells in each answer how many it counted
(`inin-ratelimit-count`), how many it allows (`-allowed`) and in how many seconds it starts again (`-reset`). Others may
use the same client, so the server's count is believed over our own. Limits of single resources are told in the same
headers: within a window the tightest counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from turnout.genesys.answers import seconds_in
from turnout.genesys.errors import parked

__all__ = ["RateLimiter"]

log = logging.getLogger(__name__)

_WINDOW_SECONDS = 60.0
_LONGEST_WINDOW = 3_600.0
_LONG_SECONDS = 5.0
"""Waits that somebody who looks on should know of."""
_ROUNDING = 1.5
"""The headers give whole seconds: ends of windows closer together than this are the same end."""


class RateLimiter:
    """Hands out turns. For the tasks of one event loop."""

    def __init__(self, allowed: int = 300, *, longest_wait_seconds: float = 180.0) -> None:
        self._allowed = allowed
        self._longest = longest_wait_seconds
        self._left = allowed
        self._ends = 0.0
        """When the window ends, in the event loop's time."""
        self._told = False
        """Whether the window is the server's, not a guess."""
        self._held_until = 0.0
        self._under_way = 0
        self._said_until = 0.0

    async def turn(self, operation: str) -> None:
        """Wait for a turn, which `done` gives back.

        Raises `GenesysParked` at once when the wait would end later than `longest_wait_seconds` from now.
        """
        started = _now()
        while (opens := self._opens(_now())) > _now():
            self._check(started, opens, operation)
            self._tell(opens)
            await asyncio.sleep(opens - _now())
        self._left -= 1
        self._under_way += 1

    def done(self, headers: Mapping[str, str] | None) -> None:
        """End a turn; `headers` are those of the answer, or None when there was none."""
        self._under_way -= 1
        if headers is not None:
            self._learn(headers)

    def hold(self, seconds: float) -> None:
        """Let nobody go for so long: a 429 said it."""
        self._held_until = max(self._held_until, _now() + seconds)

    def _tell(self, opens: float) -> None:
        """Say that a long wait begins: once for all who wait."""
        wait = opens - _now()
        if wait >= _LONG_SECONDS and opens > self._said_until + _ROUNDING:
            self._said_until = opens
            log.warning("the rate limit of Genesys is reached: the next request goes out in %.0f s", wait)

    def _check(self, started: float, opens: float, operation: str) -> None:
        # The end of a window, and a sleep, may be off by a little: no reason to park.
        if opens - started > self._longest + 0.001:
            raise parked(operation, opens - _now(), self._longest)

    def _opens(self, now: float) -> float:
        if now >= self._ends:
            self._left, self._ends, self._told = self._allowed, now + _WINDOW_SECONDS, False
        return max(self._held_until, self._ends if self._left <= 0 else now)

    def _learn(self, headers: Mapping[str, str]) -> None:
        count, allowed, reset = (seconds_in(headers.get(f"inin-ratelimit-{name}", "")) for name in _HEADERS)
        if count is None or allowed is None or reset is None or allowed < 1:
            return
        # Those still under way may not be in the server's count yet.
        left = int(min(allowed, 1e9)) - int(min(count, 1e9)) - self._under_way
        ends = _now() + min(reset, _LONGEST_WINDOW)
        self._allowed = int(min(allowed, 1e9))
        if not self._told or ends > self._ends + _ROUNDING:
            self._left, self._ends, self._told = left, ends, True
        elif ends >= self._ends - _ROUNDING:
            self._left = min(self._left, left)
        elif left <= 0:  # another limit, whose window ends earlier
            self._held_until = max(self._held_until, ends)


_HEADERS = ("count", "allowed", "reset")


def _now() -> float:
    return asyncio.get_running_loop().time()
