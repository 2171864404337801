"""Answers probes for the processor of dead letters, in the HTTP server's thread: see `turnout.service.probes`."""

from __future__ import annotations

import time
from collections.abc import Iterable

from turnout.recovery.processor.metrics import read_metrics
from turnout.recovery.processor.rounds import Processor
from turnout.service.health import Health
from turnout.service.view import loop_blocked
from turnout.service.watchdog import Watchdog
from turnout.telemetry.metric import Metric, Reading
from turnout.words import count

__all__ = ["ProcessorProbes"]

_SILENT_SECONDS = 300.0
"""Longer than any wait of a service that a round may have to sit out; a processor that is silent longer hangs."""


class ProcessorProbes:
    """Implements `turnout.service.probes.Probes`. Counters are read from another thread than that which writes them."""

    def __init__(self, processor: Processor, watchdog: Watchdog, name: str) -> None:
        self._processor = processor
        self._watchdog = watchdog
        self._name = name

    async def alive(self) -> Health:
        """Whether it gets somewhere."""
        if blocked := self._watchdog.blocked_seconds:
            raise loop_blocked(blocked)
        counts = self._processor.counts
        silent = time.monotonic() - counts.beat_at
        hangs = counts.running and silent > _SILENT_SECONDS
        reasons = (f"nothing has happened for {silent:.0f} s",) if hangs else ()
        return Health(not reasons, reasons, self._checks())

    async def ready(self) -> Health:
        """Whether it reads letters and can see to them."""
        counts = self._processor.counts
        reasons = []
        if not counts.running:
            reasons.append("starting: no round has begun")
        elif counts.draining:
            reasons.append(f"draining: it was told to stop, {count(counts.held, 'letter')} under way")
        elif counts.error:
            reasons.append(f"the last round failed: {counts.error}")
        return Health(not reasons, tuple(reasons), self._checks())

    async def metrics(self) -> Iterable[Metric]:
        """See `turnout.recovery.processor.metrics`."""
        return self.reading().metrics

    def reading(self) -> Reading:
        """All metrics now."""
        counts = self._processor.counts
        metrics = tuple(read_metrics(counts, self._processor.resting, self._name))
        return Reading(metrics, counts.started_at, time.time())

    def _checks(self) -> dict[str, object]:
        counts = self._processor.counts
        return {
            "source": self._name,
            "rounds": counts.rounds,
            "round_at": round(counts.round_at, 3),
            "held": counts.held,
            "resting": list(self._processor.resting),
        }
