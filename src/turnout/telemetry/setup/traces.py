"""Exports spans over OTLP: settings from the environment, and a bounded queue in front of the SDK's batch processor.

Spans are not made by the SDK's tracer, whose price per span is what `turnout.telemetry.spans` avoids; finished records
wait in the SDK's batch processor as they are, and become bytes in its thread.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from turnout.telemetry.finished import FinishedSpans
from turnout.telemetry.masking import mask
from turnout.telemetry.records import Span, TracingCounts
from turnout.telemetry.redaction import redactor
from turnout.telemetry.sampling import Sampler
from turnout.telemetry.setup.environment import SignalSettings, number, read_endpoint, resource, started
from turnout.telemetry.tracing import LateTracing, NoTracing, Tracing

if TYPE_CHECKING:
    from turnout.telemetry.setup.transport import Transport, Waiting

__all__ = ["TraceSettings", "start_spans", "start_tracing"]

_QUEUE_SIZE = 16_384
"""Spans that may wait for the collector. The SDK's own 2,048 hold less than a second of a busy worker."""
_BATCH_SIZE = 512
_DELAY_MILLISECONDS = 5_000.0


class TraceSettings(SignalSettings, frozen=True):
    """What the environment says about traces."""

    queue_size: int = _QUEUE_SIZE
    batch_size: int = _BATCH_SIZE
    delay_milliseconds: float = _DELAY_MILLISECONDS
    sampler: Sampler = Sampler()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> TraceSettings:
        """Read the variables of the OpenTelemetry specification; off when none names an endpoint."""
        problems: list[str] = []
        protocol, timeout, _ = read_endpoint(environ, "traces", problems)
        sampler, wrong = Sampler.from_environ(environ)
        problems += wrong  # also where tracing is off: whoever reads of it is about to switch it on
        if not protocol:
            return cls(problems=tuple(problems))
        queue_size = int(number(environ, problems, _QUEUE_SIZE, "OTEL_BSP_MAX_QUEUE_SIZE"))
        batch_size = int(number(environ, problems, _BATCH_SIZE, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"))
        delay = number(environ, problems, _DELAY_MILLISECONDS, "OTEL_BSP_SCHEDULE_DELAY")
        queue_size = max(queue_size, 1)
        return cls(protocol, timeout, tuple(problems), queue_size, min(max(batch_size, 1), queue_size), delay, sampler)


def start_tracing(
    settings: TraceSettings, *, slow_seconds: float = 1.0, counts: TracingCounts | None = None
) -> Tracing:
    """Tracing as these settings want it. Endpoint, headers, TLS and compression are read by the exporter itself.

    Should the exporter not start (a compression that it does not know, say), that is logged and tracing is off.
    """
    counts = counts or TracingCounts()
    sink = _sink(settings, counts)
    if sink is None:
        return NoTracing()
    return LateTracing(sink, sampler=settings.sampler, slow_seconds=slow_seconds, counts=counts)


def start_spans(settings: TraceSettings) -> FinishedSpans:
    """A way out for spans that somebody else builds, as these settings want it; see `start_tracing`."""
    counts = TracingCounts()
    return FinishedSpans(_sink(settings, counts), sampler=settings.sampler, counts=counts)


def _sink(settings: TraceSettings, counts: TracingCounts) -> _OtlpSink | None:
    def start() -> _OtlpSink:
        from turnout.telemetry.setup.transport import open_transport

        transport = open_transport(settings.protocol, settings.timeout_seconds, resource())
        return _OtlpSink(transport, settings, counts)

    return started(settings, start, "traces", "Tracing is off")


class _OtlpSink:
    """A bounded queue of spans in front of a transport, emptied by the SDK's batch processor in its own thread.

    The processor drops the *oldest* span when its queue is full, which beheads traces; so it is never let run full:
    `room` says what still fits, and whoever has more drops whole messages, and counts them.
    """

    def __init__(self, transport: Transport, settings: TraceSettings, counts: TracingCounts) -> None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

        from turnout.telemetry.setup.transport import Waiting

        sink = self
        redact = redactor(os.environ)

        class Counting(SpanExporter):
            """Counts what leaves the queue and what became of it."""

            def export(self, spans: Sequence[Waiting]) -> SpanExportResult:  # type: ignore[override] # `emit` makes them
                sink._taken += len(spans)
                taken = False
                try:
                    if not sink._abandoned:
                        taken = transport.export([mask(waiting.span, redact) for waiting in spans])
                finally:
                    if taken:
                        counts.exported += len(spans)
                    else:
                        counts.export_failed += len(spans)
                return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

            def shutdown(self) -> None:
                transport.shutdown()

        self._capacity = settings.queue_size
        self._emitted = 0
        self._taken = 0  # written by the export thread only, under the processor's own lock
        self._abandoned = False
        self._waiting = Waiting
        self._processor = BatchSpanProcessor(
            Counting(),
            max_queue_size=settings.queue_size,
            schedule_delay_millis=settings.delay_milliseconds,
            max_export_batch_size=settings.batch_size,
            # Of no effect: the exporter has its own. Given, because what the variable says is else read all the same.
            export_timeout_millis=settings.timeout_seconds * 1000,
        )

    def room(self) -> int:
        return self._capacity - (self._emitted - self._taken)

    def emit(self, finished: Sequence[Span]) -> None:
        self._emitted += len(finished)
        for span in finished:
            self._processor.on_end(self._waiting(span))

    def abandon(self) -> None:
        self._abandoned = True

    def flush(self) -> None:
        self._processor.force_flush()

    def shutdown(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]
