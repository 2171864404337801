"""A collector to test against: it takes traces and metrics as OTLP over gRPC and over HTTP, and keeps what came.

It can also be slow, refuse, or accept connections and never say a word, as collectors do.
"""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

__all__ = ["CollectedLink", "CollectedSpan", "Collector", "silent_endpoint"]

Value = str | int | float | bool | list[str]


@dataclass(frozen=True)
class CollectedLink:
    """A link of a received span; ids in hex."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Value]


@dataclass(frozen=True)
class CollectedEvent:
    """An event of a received span."""

    name: str
    at_ns: int
    attributes: Mapping[str, Value]


@dataclass(frozen=True)
class CollectedSpan:
    """One received span; ids in hex, `parent_id` empty for a root, `kind` and `status` as OTLP names them."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    parent_is_remote: bool
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    links: tuple[CollectedLink, ...]
    events: tuple[CollectedEvent, ...]
    status: str
    description: str
    state: str
    resource: Mapping[str, Value]
    scope: str


@dataclass
class Collector:
    """The collector. `mode` is one of `ok`, `slow` (answers after `delay_seconds`) and `refuse`."""

    mode: str = "ok"
    delay_seconds: float = 1.0
    spans: list[CollectedSpan] = field(default_factory=list)
    metrics: list[ResourceMetrics] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    requests: int = 0
    grpc_endpoint: str = ""
    http_endpoint: str = ""

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._released = threading.Event()

    @contextmanager
    def running(self) -> Iterator[Collector]:
        """Serve both protocols on free ports of 127.0.0.1."""
        server = grpc.server(ThreadPoolExecutor(4))
        add_TraceServiceServicer_to_server(_Servicer(self), server)  # type: ignore[no-untyped-call]
        self.grpc_endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        add_MetricsServiceServicer_to_server(_MetricsServicer(self), server)  # type: ignore[no-untyped-call]
        server.start()
        web = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        web.daemon_threads = True
        self.http_endpoint = f"http://127.0.0.1:{web.server_address[1]}"
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._released.set()
            web.shutdown()
            web.server_close()
            server.stop(None).wait(5)
            thread.join(5)

    def endpoint(self, protocol: str) -> str:
        """The endpoint to put into OTEL_EXPORTER_OTLP_ENDPOINT for `grpc` or `http/protobuf`."""
        return self.grpc_endpoint if protocol == "grpc" else self.http_endpoint

    def wait_for(self, enough: Callable[[list[CollectedSpan]], bool], timeout_seconds: float = 10.0) -> None:
        """Wait until the spans received so far satisfy this."""
        with self._changed:
            if not self._changed.wait_for(lambda: enough(self.spans), timeout_seconds):
                names = [span.name for span in self.spans]
                raise AssertionError(f"the collector waited {timeout_seconds} s in vain; it has {names}")

    def named(self, name: str) -> list[CollectedSpan]:
        """The spans of this name, in order of arrival."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> CollectedSpan:
        """The only span of this name."""
        found = self.named(name)
        assert len(found) == 1, f"{len(found)} spans named {name!r} among {[span.name for span in self.spans]}"
        return found[0]

    def wait_for_metrics(self, count: int, timeout_seconds: float = 10.0) -> dict[str, Metric]:
        """Wait until metrics have come so many times; the last ones, by name."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.metrics) >= count, timeout_seconds), len(self.metrics)
            last = self.metrics[-1]
        return {metric.name: metric for scope in last.scope_metrics for metric in scope.metrics}

    def take(self, request: ExportTraceServiceRequest | ExportMetricsServiceRequest, headers: dict[str, str]) -> bool:
        """Keep what this request brings; False when the collector refuses it."""
        with self._changed:
            self.requests += 1
            self.headers.append(headers)
            self._changed.notify_all()
        if self.mode == "slow":
            self._released.wait(self.delay_seconds)
        if self.mode == "refuse":
            return False
        with self._changed:
            if isinstance(request, ExportTraceServiceRequest):
                self.spans += _spans(request)
            else:
                self.metrics += request.resource_metrics
            self._changed.notify_all()
        return True


class _Servicer(TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(  # noqa: N802 - the name is gRPC's
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        headers = {str(key): str(value) for key, value in context.invocation_metadata()}
        if not self._collector.take(request, headers):
            context.abort(grpc.StatusCode.UNAVAILABLE, "no")
        return ExportTraceServiceResponse()


class _MetricsServicer(MetricsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(  # noqa: N802 - the name is gRPC's
        self, request: ExportMetricsServiceRequest, context: grpc.ServicerContext
    ) -> ExportMetricsServiceResponse:
        headers = {str(key): str(value) for key, value in context.invocation_metadata()}
        if not self._collector.take(request, headers):
            context.abort(grpc.StatusCode.UNAVAILABLE, "no")
        return ExportMetricsServiceResponse()


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            forms: dict[str, type[ExportTraceServiceRequest | ExportMetricsServiceRequest]] = {
                "/v1/traces": ExportTraceServiceRequest,
                "/v1/metrics": ExportMetricsServiceRequest,
            }
            known = self.path in forms
            taken = known and collector.take(
                forms[self.path].FromString(body), {key.lower(): value for key, value in self.headers.items()}
            )
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if taken else 503 if known else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


def _spans(request: ExportTraceServiceRequest) -> Iterator[CollectedSpan]:
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield CollectedSpan(
                    name=span.name,
                    kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    parent_is_remote=bool(span.flags & 0x200),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    links=tuple(
                        CollectedLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
                        for link in span.links
                    ),
                    events=tuple(
                        CollectedEvent(event.name, event.time_unix_nano, _attributes(event.attributes))
                        for event in span.events
                    ),
                    status={0: "UNSET", 1: "OK", 2: "ERROR"}[span.status.code],
                    description=span.status.message,
                    state=span.trace_state,
                    resource=resource,
                    scope=scope_spans.scope.name,
                )


def _attributes(pairs: object) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for pair in pairs:  # type: ignore[attr-defined]
        assert isinstance(pair, KeyValue)
        found[pair.key] = _value(pair.value)
    return found


def _value(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "bool_value":
            return value.bool_value
        case "array_value":
            return [item.string_value for item in value.array_value.values]
        case other:
            raise AssertionError(f"a span attribute of type {other} was not expected")


@contextmanager
def silent_endpoint() -> Iterator[str]:
    """An endpoint that accepts connections and never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepted: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                accepted.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in accepted:
            connection.close()
        thread.join(5)


def main() -> None:
    """Collect until interrupted, printing a line per span; for looking at what a worker sends."""
    with Collector().running() as collector:
        print(f"OTLP gRPC {collector.grpc_endpoint}  HTTP {collector.http_endpoint}", flush=True)
        seen = 0
        while True:
            time.sleep(0.2)
            for span in collector.spans[seen:]:
                print(span.trace_id, span.span_id, span.parent_id or "-" * 16, span.name, span.status, flush=True)
                seen += 1


if __name__ == "__main__":
    main()
