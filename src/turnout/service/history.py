"""The last minutes of a worker, sampled from its snapshots: rates, distributions, and when each rule matched last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from turnout.telemetry.histogram import Counted
from turnout.telemetry.snapshot import Snapshot

__all__ = ["History", "Window"]

_MINUTE = 60.0
_KEPT = 150
"""Samples; at one every two seconds, five minutes."""
_RULES_EVERY = 15.0
"""Between two copies of all rules' counts, which may be many."""
_ABOUT_A_MINUTE = _MINUTE + _RULES_EVERY
"""Who looks once a minute looks a little later than that."""


class _Sample(msgspec.Struct, frozen=True):
    at: float
    received: int
    settled: int
    letters: int
    sent: Mapping[str, int]
    processing: Counted
    queue_age: Counted
    latency: Counted


class Window(msgspec.Struct, frozen=True):
    """What happened in the last minute, or since there are samples. Rates are per second."""

    seconds: float
    received: float
    settled: float
    letters: int
    sent: Mapping[str, float]
    processing: Counted
    queue_age: Counted
    latency: Counted


class History:
    """Fed with snapshots by `add`, regularly. One thread uses it."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_KEPT)
        self._marks: deque[tuple[float, Mapping[str, int]]] = deque(maxlen=int(_MINUTE / _RULES_EVERY) + 1)
        self._matches: Mapping[str, int] = {}
        self.last: Snapshot | None = None
        """The newest snapshot."""
        self.last_match: dict[str, float] = {}
        """When each rule was seen to have matched, in seconds since the epoch; off by the time between two samples."""

    def add(self, snapshot: Snapshot) -> None:
        """Remember a snapshot."""
        if self.last is not None and snapshot.taken_at < self.last.taken_at:
            # The clock was set back: what lies between times of before and of now is not known.
            self._samples.clear()
            self._marks.clear()
            self.last_match = {rule: min(at, snapshot.taken_at) for rule, at in self.last_match.items()}
        matches = snapshot.rules.matches
        if self.last is not None:
            before = self._matches
            for rule, count in matches.items():
                if count and count != before.get(rule, 0):
                    self.last_match[rule] = snapshot.taken_at
        self._matches = matches
        self.last = snapshot
        self._samples.append(_sample(snapshot))
        if not self._marks or snapshot.taken_at - self._marks[-1][0] >= _RULES_EVERY:
            self._marks.append((snapshot.taken_at, matches))

    def window(self) -> Window | None:
        """The last minute; None before there are two samples."""
        if len(self._samples) < 2:
            return None
        new, last = self._samples[-1], self._samples[-2]
        old = next(sample for sample in self._samples if new.at - sample.at <= _MINUTE)
        if old is new and new.at - last.at <= _ABOUT_A_MINUTE:
            old = last
        seconds = new.at - old.at
        if seconds <= 0:
            return None
        return Window(
            seconds,
            _rate(new.received - old.received, seconds),
            _rate(new.settled - old.settled, seconds),
            max(0, new.letters - old.letters),
            {name: _rate(count - old.sent.get(name, 0), seconds) for name, count in new.sent.items()},
            _since(new.processing, old.processing),
            _since(new.queue_age, old.queue_age),
            _since(new.latency, old.latency),
        )

    def matched(self, rule: str) -> int:
        """How often a rule matched in the last minute, about."""
        now = self._samples[-1].at if self._samples else 0.0
        before = next((matches for at, matches in self._marks if now - at <= _ABOUT_A_MINUTE), self._matches)
        return max(0, self._matches.get(rule, 0) - before.get(rule, 0))

    def received_rates(self) -> list[float]:
        """Messages received per second, from sample to sample, oldest first."""
        return [
            _rate(new.received - old.received, new.at - old.at)
            for old, new in pairwise(self._samples)
            if new.at > old.at
        ]


def _sample(snapshot: Snapshot) -> _Sample:
    return _Sample(
        snapshot.taken_at,
        snapshot.received,
        sum(snapshot.settled.values()),
        sum(snapshot.letters.values()),
        {target.name: target.sent for target in snapshot.targets},
        snapshot.processing,
        snapshot.queue_age,
        snapshot.latency,
    )


def _rate(count: int, seconds: float) -> float:
    # A worker that was replaced counts from 0 again.
    return max(0, count) / seconds


def _since(new: Counted, old: Counted) -> Counted:
    counts = tuple(max(0, now - then) for now, then in zip(new.counts, old.counts, strict=True))
    return Counted(new.bounds, counts, max(0.0, new.total - old.total))
