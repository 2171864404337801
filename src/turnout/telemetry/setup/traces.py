"""Exports spans over OTLP: settings from the environment, and a bounded queue in front of the SDK's batch processor.

Spans are not made by the SDK's tracer, whose price per span is what `turnout.telemetry.spans` avoids; finished records
are turned into the SDK's `ReadableSpan` and handed to its batch processor.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from turnout.telemetry.finished import FinishedSpans
from turnout.telemetry.records import Kind, Span, TracingCounts
from turnout.telemetry.sampling import Sampler
from turnout.telemetry.semconv import SCHEMA_URL
from turnout.telemetry.setup.environment import installed_version, number, read_endpoint, resource
from turnout.telemetry.tracing import LateTracing, NoTracing, Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["TraceSettings", "start_spans", "start_tracing"]

_log = logging.getLogger(__name__)

_QUEUE_SIZE = 16_384
"""Spans that may wait for the collector. The SDK's own 2,048 hold less than a second of a busy worker."""
_BATCH_SIZE = 512


class TraceSettings(msgspec.Struct, frozen=True):
    """What the environment says about traces. `protocol` is empty when tracing is off.

    `problems` holds one sentence per variable that cannot be used; tracing then falls back to something sensible,
    because a worker must not stay down for want of traces.
    """

    protocol: str = ""
    timeout_seconds: float = 2.0
    queue_size: int = _QUEUE_SIZE
    batch_size: int = _BATCH_SIZE
    sampler: Sampler = Sampler()
    problems: tuple[str, ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> TraceSettings:
        """Read the variables of the OpenTelemetry specification; off when none names an endpoint."""
        problems: list[str] = []
        protocol, timeout = read_endpoint(environ, "traces", problems)
        if not protocol:
            return cls(problems=tuple(problems))
        sampler, wrong = Sampler.from_environ(environ)
        problems += wrong
        queue_size = int(number(environ, problems, _QUEUE_SIZE, "OTEL_BSP_MAX_QUEUE_SIZE"))
        batch_size = int(number(environ, problems, _BATCH_SIZE, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"))
        queue_size = max(queue_size, 1)
        return cls(protocol, timeout, queue_size, min(max(batch_size, 1), queue_size), sampler, tuple(problems))


def start_tracing(
    settings: TraceSettings, *, slow_seconds: float = 1.0, counts: TracingCounts | None = None
) -> Tracing:
    """Tracing as these settings want it. Endpoint, headers, TLS and compression are read by the exporter itself.

    Should the exporter not start (a certificate that cannot be read, say), that is logged and tracing is off.
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
    for problem in settings.problems:
        _log.warning("%s", problem)
    if not settings.protocol:
        return None
    try:
        return _OtlpSink(_exporter(settings), resource(), settings, counts)
    except Exception:  # noqa: BLE001 - what a foreign exporter may raise is not known; the process runs without
        _log.exception("Tracing is off: the exporter could not be started. Check the OTEL_EXPORTER_OTLP_* variables.")
        return None


def _exporter(settings: TraceSettings) -> SpanExporter:
    if settings.protocol == "grpc":
        # gRPC's core writes to standard error by itself, past all logging: a line for every collector that restarts.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter(timeout=settings.timeout_seconds)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

    return HttpExporter(timeout=settings.timeout_seconds)


class _OtlpSink:
    """A bounded queue of spans in front of an OTLP exporter, emptied by the SDK's batch processor in its own thread.

    The processor drops the *oldest* span when its queue is full, which beheads traces; so it is never let run full:
    `room` says what still fits, and whoever has more drops whole messages, and counts them.
    """

    def __init__(
        self, exporter: SpanExporter, source: Resource, settings: TraceSettings, counts: TracingCounts
    ) -> None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

        sink = self

        class Counting(SpanExporter):
            """Counts what leaves the queue and what became of it."""

            def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
                sink._taken += len(spans)
                result = SpanExportResult.FAILURE
                try:
                    if not sink._abandoned:
                        result = exporter.export(spans)
                finally:
                    if result is SpanExportResult.SUCCESS:
                        counts.exported += len(spans)
                    else:
                        counts.export_failed += len(spans)
                return result

            def shutdown(self) -> None:
                exporter.shutdown()

        self._capacity = settings.queue_size
        self._emitted = 0
        self._taken = 0  # written by the export thread only, under the processor's own lock
        self._abandoned = False
        self._readable = _converter(source)
        self._processor = BatchSpanProcessor(
            Counting(), max_queue_size=settings.queue_size, max_export_batch_size=settings.batch_size
        )

    def room(self) -> int:
        return self._capacity - (self._emitted - self._taken)

    def emit(self, finished: Sequence[Span]) -> None:
        self._emitted += len(finished)
        for span in finished:
            self._processor.on_end(self._readable(span))

    def abandon(self) -> None:
        self._abandoned = True

    def flush(self) -> None:
        self._processor.force_flush()

    def shutdown(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def _converter(source: Resource) -> Callable[[Span], ReadableSpan]:
    """A function that turns our records into the SDK's. Built once, so that the imports are paid once."""
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

    recorded = TraceFlags(TraceFlags.SAMPLED)
    scope = InstrumentationScope("turnout", installed_version(), SCHEMA_URL)
    unset = Status(StatusCode.UNSET)
    no_state = TraceState()
    kinds = {
        Kind.INTERNAL: SpanKind.INTERNAL,
        Kind.CLIENT: SpanKind.CLIENT,
        Kind.PRODUCER: SpanKind.PRODUCER,
        Kind.CONSUMER: SpanKind.CONSUMER,
    }

    def readable(span: Span) -> ReadableSpan:
        trace_id = int(span.trace, 16)
        state = TraceState.from_header([span.state]) if span.state else no_state
        return ReadableSpan(
            name=span.name,
            # Whatever the head decision said (it is what we propagate), this span is being exported.
            context=SpanContext(trace_id, span.span_id, False, recorded, state),
            parent=SpanContext(trace_id, span.parent, span.remote_parent, recorded, state) if span.parent else None,
            resource=source,
            attributes=span.attributes,
            events=[Event(event.name, event.attributes, event.at_ns) for event in span.events],
            links=[
                Link(
                    SpanContext(int(link.trace, 16), link.span_id, link.remote, recorded, no_state),
                    {"messaging.message.id": link.message_id} if link.message_id else None,
                )
                for link in span.links
            ],
            kind=kinds[span.kind],
            status=unset if span.error is None else Status(StatusCode.ERROR, span.error),
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=scope,
        )

    return readable
