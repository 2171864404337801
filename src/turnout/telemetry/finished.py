"""Takes finished spans from whoever builds them itself, and hands them on when they are wanted and there is room."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from turnout.telemetry.aside import shut_down
from turnout.telemetry.propagation import Context
from turnout.telemetry.records import Span, SpanSink, TracingCounts
from turnout.telemetry.sampling import Sampler

__all__ = ["FinishedSpans"]

_log = logging.getLogger(__name__)


class FinishedSpans:
    """Spans on their way to a sink. Without one (tracing is off) nothing is wanted."""

    def __init__(
        self, sink: SpanSink | None = None, *, sampler: Sampler | None = None, counts: TracingCounts | None = None
    ) -> None:
        self._sink = sink
        self._sampler = sampler or Sampler()
        self.counts = counts or TracingCounts()

    def wants(self, trace: str, parent: Context | None) -> bool:
        """Whether spans of this trace are recorded; `parent` is where it came from. What failed is wanted always."""
        return self._sink is not None and self._sampler.samples(trace, parent)

    def add(self, spans: Sequence[Span]) -> None:
        """Hand spans on; those for which there is no room are counted and dropped. Never blocks."""
        if self._sink is None:
            return
        if self._sink.room() < len(spans):
            self.counts.spans_dropped += len(spans)
        else:
            self._sink.emit(spans)

    async def aclose(self, timeout_seconds: float) -> None:
        """Send what is waiting and shut down, in at most `timeout_seconds`."""
        sink, self._sink = self._sink, None
        if sink is not None:
            await shut_down(sink, timeout_seconds, _defect)


def _defect(where: str) -> None:
    _log.exception("Tracing failed in %s; what was done is not affected.", where)
