"""Lets people watch messages as they are settled: a tap between the pipeline and its tracing.

While nobody watches it costs one call per message. Who watches gets what passes the filter, as many a second as asked
for; the rest is counted, never queued.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from turnout.account import Account, Delivery
from turnout.queues import queue_name
from turnout.rules import Match
from turnout.service.routed import Routed, routed
from turnout.telemetry.tracing import Tracing

__all__ = ["Tap", "TooManyWatchers", "Watched"]

_MOST_WATCHERS = 5
_MOST_WAITING = 1_000
"""Records that one watcher may be behind; those beyond are counted as skipped."""


class TooManyWatchers(Exception):
    """As many are watching as may."""


class Watched(msgspec.Struct, frozen=True):
    """Which messages to show. Empty: all of them."""

    queue: str = ""
    """Name of a source queue, a target, a target's queue, or the dead-letter queue."""
    rule: str = ""
    per_second: float = 10.0
    bodies: bool = False

    def wants(self, account: Account) -> bool:
        """Whether a settled message is one to show."""
        if self.rule:
            match = account.match
            if not isinstance(match, Match) or (self.rule not in match.rules and self.rule not in match.shadow):
                return False
        if not self.queue or queue_name(account.message.queue) == self.queue:
            return True
        letters = (account.letter,) if account.letter else ()
        return any(self.queue == each.target or self.queue == _queue(each) for each in (*account.deliveries, *letters))


def _queue(delivery: Delivery) -> str | None:
    """The name of the queue it goes to, if it goes to one: else `queue` is an ARN, or an endpoint in other words."""
    return queue_name(delivery.queue) if delivery.queue.startswith("http") else None


class _Watcher:
    """One who watches, from another event loop."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.loop = asyncio.get_running_loop()
        self.records: asyncio.Queue[Routed] = asyncio.Queue(_MOST_WAITING)
        self.tokens = watched.per_second
        self.at = time.monotonic()
        self.skipped = 0

    def may(self) -> bool:
        """Whether one more fits into this second; takes its place."""
        now = time.monotonic()
        most = max(1.0, self.watched.per_second)
        self.tokens = min(most, self.tokens + (now - self.at) * self.watched.per_second)
        self.at = now
        if self.tokens < 1 or self.records.full():
            return False
        self.tokens -= 1
        return True

    def put(self, record: Routed) -> None:
        """Called in the watcher's loop, which may have been busy since `may` looked."""
        try:
            self.records.put_nowait(record)
        except asyncio.QueueFull:
            self.skipped += record.skipped + 1


class Tap:
    """The tracing that it is given, and those who watch. `bodies_allowed`: whether anybody may see bodies."""

    def __init__(self, tracing: Tracing, redact: Callable[[str], str], *, bodies_allowed: bool = False) -> None:
        self._tracing = tracing
        self._redact = redact
        self._watchers: tuple[_Watcher, ...] = ()
        self.bodies_allowed = bodies_allowed
        self.received = tracing.received
        self.inject = tracing.inject
        self.aclose = tracing.aclose

    def settled(self, accounts: Sequence[Account]) -> None:
        """Pass on to tracing, and show to those who watch."""
        self._tracing.settled(accounts)
        if self._watchers:
            for account in accounts:
                self._show(account)

    @contextlib.contextmanager
    def watching(self, watched: Watched) -> Iterator[asyncio.Queue[Routed]]:
        """Watch, from any event loop; the records come in the queue. Raises `TooManyWatchers`."""
        if len(self._watchers) >= _MOST_WATCHERS:
            raise TooManyWatchers
        watcher = _Watcher(watched)
        self._watchers = (*self._watchers, watcher)
        try:
            yield watcher.records
        finally:
            self._watchers = tuple(each for each in self._watchers if each is not watcher)

    def _show(self, account: Account) -> None:
        for watcher in self._watchers:
            if not watcher.watched.wants(account):
                continue
            if not watcher.may():
                watcher.skipped += 1
                continue
            record = routed(account, self._redact, bodies=watcher.watched.bodies and self.bodies_allowed)
            record = msgspec.structs.replace(record, skipped=watcher.skipped)
            watcher.skipped = 0
            with contextlib.suppress(RuntimeError):  # its loop is closed: it is going away
                watcher.loop.call_soon_threadsafe(watcher.put, record)
