"""Both ways to a collector: with requests that we encode, and with the library's own spans where it is a stranger."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import pytest
from opentelemetry.exporter.otlp.common.http import _OTLPHTTPClient
from opentelemetry.exporter.otlp.proto.grpc.exporter import OTLPExporterMixin
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from tests.servers.otlp import Collector

from turnout.telemetry.records import Event, Kind, Link, Span
from turnout.telemetry.setup.environment import resource
from turnout.telemetry.setup.transport import ConvertingTransport, Transport, open_transport

Open = Callable[[str], Transport]

PROTOCOLS = ["grpc", "http/protobuf"]
SPANS = [
    Span(
        name="process orders",
        kind=Kind.CONSUMER,
        trace="0af7651916cd43dd8448eb211c80319c",
        span_id=2**64 - 1,
        parent=7,
        start_ns=1_700_000_000_000_000_000,
        end_ns=1_700_000_000_004_000_000,
        attributes={"text": "größer", "count": -3, "seconds": 0.25, "done": True, "rules": ["a", "b"]},
        links=[Link("1" * 32, 5), Link("2" * 32, 6, "message-1", remote=True)],
        events=[
            Event("retry", 1_700_000_000_001_000_000, {"error.type": "Throttled", "turnout.retry.delay_seconds": 0.5})
        ],
        error="It failed.",
        remote_parent=True,
        state="vendor=1",
    ),
    Span("evaluate rules", Kind.INTERNAL, "0" * 31 + "1", 1, 0, 1, 2, {}),
]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector().running() as running:
        yield running


@pytest.fixture
def opened(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a transport to the collector."""

    def open_it(protocol: str) -> Transport:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint(protocol))
        return open_transport(protocol, 5.0, resource())

    return open_it


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_installed_library_takes_the_requests_that_we_encode(
    protocol: str, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """When this fails after an upgrade: see how the exporters take requests now, and teach `setup.transport` that."""
    caplog.set_level(logging.INFO)
    transport = opened(protocol)
    transport.shutdown()
    assert not isinstance(transport, ConvertingTransport)
    assert [record for record in caplog.records if record.name.startswith("turnout")] == []


def asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OTLPExporterMixin, "__abstractmethods__", frozenset({"_count_data"}))


def makes_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def translate(exporter: GrpcExporter, data: Sequence[ReadableSpan]) -> object:
        return made(exporter, data)

    made = GrpcExporter._translate_data
    monkeypatch.setattr(GrpcExporter, "_translate_data", translate)


def has_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    class Renamed(trace_exporter.OTLPSpanExporter):
        def __init__(self, timeout: float) -> None:
            super().__init__(timeout=timeout)
            self._renamed = self._client
            del self._client

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            self._client = self._renamed
            return super().export(spans)

    monkeypatch.setattr(trace_exporter, "OTLPSpanExporter", Renamed)


def answers_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_OTLPHTTPClient.export.__annotations__, "return", "bool")


def wants_more_than_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_OTLPHTTPClient.export.__annotations__, "signal", "str")


def knows_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_exporter, "_DEFAULT_MAX_REQUEST_SIZE", 1e9)


@pytest.mark.parametrize(
    ("protocol", "change"),
    [
        ("grpc", asked_no_more),
        ("grpc", makes_something_else),
        ("http/protobuf", has_no_client),
        ("http/protobuf", answers_otherwise),
        ("http/protobuf", wants_more_than_bytes),
        ("http/protobuf", knows_no_limit),
    ],
)
def test_a_library_of_another_shape_brings_the_same_spans_in_its_own_way(
    protocol: str,
    change: Callable[[pytest.MonkeyPatch], None],
    opened: Open,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    direct = opened(protocol)
    assert direct.export(SPANS)
    direct.shutdown()
    caplog.set_level(logging.INFO, "turnout")
    change(monkeypatch)
    stranger = opened(protocol)
    assert isinstance(stranger, ConvertingTransport)
    assert stranger.export(SPANS)
    stranger.shutdown()
    assert [span.name for span in collector.spans[:2]] == ["process orders", "evaluate rules"]
    assert collector.spans[2:] == collector.spans[:2]
    assert caplog.text.count("Spans are encoded by the OpenTelemetry library") == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_headers_and_compression_are_those_of_the_environment(
    protocol: str, opened: Open, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=routing")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    transport = opened(protocol)
    assert transport.export(SPANS)
    transport.shutdown()
    assert collector.headers[0]["x-team"] == "routing"
    if protocol != "grpc":  # gRPC tells its server's own layer only
        assert collector.headers[0]["content-encoding"] == "gzip"
    assert [span.name for span in collector.spans] == ["process orders", "evaluate rules"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_is_sent_after_the_shutdown(protocol: str, opened: Open, collector: Collector) -> None:
    transport = opened(protocol)
    transport.shutdown()
    assert not transport.export(SPANS)
    assert collector.requests == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refusal_is_told(protocol: str, opened: Open, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    collector.mode = "refuse"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint(protocol))
    transport = open_transport(protocol, 0.2, resource())
    assert not transport.export(SPANS)
    transport.shutdown()
    assert collector.requests == 1


def test_a_request_that_is_too_large_is_not_sent(
    opened: Open, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trace_exporter, "_DEFAULT_MAX_REQUEST_SIZE", 300)
    transport = opened("http/protobuf")
    assert not transport.export(SPANS)
    transport.shutdown()
    assert collector.requests == 0
    assert "Dropped 2 spans" in caplog.text
    assert "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" in caplog.text
