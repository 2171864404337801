"""How span records reach a collector: the library's exporters, given requests that `turnout.telemetry.otlp` encoded.

Endpoint, headers, TLS, compression, retries and timeouts stay the exporters' own. Neither has a public way to take
bytes, so each is looked at once, when it is made: has it the shape known here, it is used; else it gets the library's
own spans, which it encodes itself, at some ten times the price.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Protocol, get_type_hints

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from turnout import __version__
from turnout.telemetry.otlp import RequestEncoder
from turnout.telemetry.records import Kind, Span
from turnout.telemetry.semconv import SCHEMA_URL
from turnout.words import count

__all__ = ["ConvertingTransport", "Transport", "Waiting", "converter", "encoder", "open_transport"]

_log = logging.getLogger(__name__)

_RECORDED = TraceFlags(TraceFlags.SAMPLED)
_NO_STATE = TraceState()
_KINDS = {
    Kind.INTERNAL: SpanKind.INTERNAL,
    Kind.CLIENT: SpanKind.CLIENT,
    Kind.PRODUCER: SpanKind.PRODUCER,
    Kind.CONSUMER: SpanKind.CONSUMER,
}


class Waiting(ReadableSpan):
    """A span record on its way through the SDK's batch processor, which asks only whether its context is sampled."""

    __slots__ = ("span",)

    # Whatever the head decision said (it is what we propagate), this span is being exported.
    context = SpanContext(1, 1, is_remote=False, trace_flags=_RECORDED)

    def __init__(self, span: Span) -> None:
        self.span = span


class Transport(Protocol):
    """A way to a collector. Used by one thread at a time."""

    def export(self, spans: Sequence[Span]) -> bool:
        """Bring these spans; whether the collector took them. Blocks until that is known, or the time is over."""
        ...

    def shutdown(self) -> None:
        """Give up what is under way, and take no more. Called from another thread, maybe."""
        ...


def open_transport(protocol: str, timeout_seconds: float, source: Resource) -> Transport:
    """The way that `protocol` (`grpc` or `http/protobuf`) and the exporter's own variables name.

    Raises whatever the exporter raises that cannot start.
    """
    return _over_grpc(timeout_seconds, source) if protocol == "grpc" else _over_http(timeout_seconds, source)


def _over_grpc(timeout_seconds: float, source: Resource) -> Transport:
    # gRPC's core writes to standard error by itself, past all logging: a line for every collector that restarts.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    if not _asks_for_requests(OTLPSpanExporter):
        return ConvertingTransport(OTLPSpanExporter(timeout=timeout_seconds), source)
    encode = encoder(source).encode

    class Exporter(OTLPSpanExporter):
        """Takes records, although it does not say so."""

        def _translate_data(self, data: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
            # The stub wants the object. To parse it and encode it again costs 1 us per span, in C.
            request: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(encode(data))  # type: ignore[arg-type]
            return request

    return _GrpcTransport(Exporter(timeout=timeout_seconds))


def _asks_for_requests(exporter: type[SpanExporter]) -> bool:
    """Whether this exporter gets the request from a method `_translate_data`, as in 1.30 and 1.45."""
    try:
        asked = any("_translate_data" in getattr(base, "__abstractmethods__", ()) for base in exporter.__mro__)
        answer = get_type_hints(exporter._translate_data)["return"]  # type: ignore[attr-defined]
    except (AttributeError, KeyError, NameError, TypeError):
        return False
    return asked and answer is ExportTraceServiceRequest


class _GrpcTransport:
    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[Span]) -> bool:
        return self._exporter.export(spans) is SpanExportResult.SUCCESS  # type: ignore[arg-type]

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _over_http(timeout_seconds: float, source: Resource) -> Transport:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(timeout=timeout_seconds)
    sends = _sender(exporter)
    if sends is None:
        return ConvertingTransport(exporter, source)
    return _HttpTransport(exporter, *sends, encoder(source))


class _Answer(Protocol):
    @property
    def success(self) -> bool: ...


_Send = Callable[[bytes], _Answer]


def _sender(exporter: SpanExporter) -> tuple[_Send, int] | None:
    """How this exporter sends an encoded request, with retries, and how large one may be; as in 1.45."""
    try:
        send, limit = exporter._client.export, exporter._max_request_size  # type: ignore[attr-defined]
        taken = get_type_hints(send)
        answer = get_type_hints(taken.pop("return"))
        known = list(taken.values()) == [bytes] and answer["success"] is bool and type(limit) is int
    except (AttributeError, KeyError, NameError, TypeError):
        return None
    return (send, limit) if known else None


class _HttpTransport:
    def __init__(self, exporter: SpanExporter, send: _Send, limit: int, encoder: RequestEncoder) -> None:
        self._exporter = exporter
        self._send = send
        self._limit = limit
        self._encoder = encoder
        self._shut_down = False

    def export(self, spans: Sequence[Span]) -> bool:
        if self._shut_down:
            return False
        request = self._encoder.encode(spans)
        if 0 < self._limit < len(request):
            _log.warning(
                "Dropped %s: a request of %d bytes is more than the %d that may be sent at once. "
                "Lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE.",
                count(len(spans), "span"),
                len(request),
                self._limit,
            )
            return False
        return self._send(request).success

    def shutdown(self) -> None:
        self._shut_down = True
        self._exporter.shutdown()


class ConvertingTransport:
    """An exporter of an unknown shape: it is given the library's own spans, by its public method."""

    def __init__(self, exporter: SpanExporter, source: Resource) -> None:
        self._exporter = exporter
        self._readable = converter(source)
        _log.info(
            "Spans are encoded by the OpenTelemetry library, which costs about ten times as much as need be: "
            "version %s of opentelemetry-exporter-otlp is not known here. Nothing is lost by that.",
            version("opentelemetry-exporter-otlp"),
        )

    def export(self, spans: Sequence[Span]) -> bool:
        """Convert, and bring these spans."""
        return self._exporter.export([self._readable(span) for span in spans]) is SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()


def encoder(source: Resource) -> RequestEncoder:
    """An encoder of requests from `source`. What comes once in a request the library encodes, once."""
    somebody = Span("", Kind.INTERNAL, "0" * 31 + "1", 1, 0, 0, 0, {})
    (resource_spans,) = encode_spans([converter(source)(somebody)]).resource_spans
    (scope_spans,) = resource_spans.scope_spans
    del scope_spans.spans[:]
    scope = scope_spans.SerializeToString()
    del resource_spans.scope_spans[:]
    return RequestEncoder(resource_spans.SerializeToString(), scope)


def converter(source: Resource) -> Callable[[Span], ReadableSpan]:
    """A function that turns our records into the SDK's."""
    scope = InstrumentationScope("turnout", __version__, SCHEMA_URL)
    unset = Status(StatusCode.UNSET)

    def readable(span: Span) -> ReadableSpan:
        trace_id = int(span.trace, 16)
        state = TraceState.from_header([span.state]) if span.state else _NO_STATE
        return ReadableSpan(
            name=span.name,
            context=SpanContext(trace_id, span.span_id, False, _RECORDED, state),
            parent=SpanContext(trace_id, span.parent, span.remote_parent, _RECORDED, state) if span.parent else None,
            resource=source,
            attributes=span.attributes,
            events=[Event(event.name, event.attributes, event.at_ns) for event in span.events],
            links=[
                Link(
                    SpanContext(int(link.trace, 16), link.span_id, link.remote, _RECORDED, _NO_STATE),
                    {"messaging.message.id": link.message_id} if link.message_id else None,
                )
                for link in span.links
            ],
            kind=_KINDS[span.kind],
            status=unset if span.error is None else Status(StatusCode.ERROR, span.error),
            start_time=span.start_ns,
            end_time=max(span.start_ns, span.end_ns),
            instrumentation_scope=scope,
        )

    return readable
