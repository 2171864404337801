"""Exports metrics over OTLP: every so often a snapshot is read and sent, in a thread of its own.

The SDK's instruments are not used: they cost the hot path more than the work, and there is no histogram among those
that are read from outside. What `turnout.telemetry.metrics` reads is put into the SDK's own records and handed to its
exporter.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from turnout import __version__
from turnout.telemetry.aside import aside
from turnout.telemetry.histogram import Counted
from turnout.telemetry.metric import Kind, Metric, Reading
from turnout.telemetry.semconv import SCHEMA_URL
from turnout.telemetry.setup.environment import SignalSettings, number, read_endpoint, resource, started

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric as SdkMetric
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData
    from opentelemetry.sdk.resources import Resource

__all__ = ["MetricExport", "MetricSettings", "start_metrics"]

_log = logging.getLogger(__name__)

_INTERVAL_SECONDS = 60.0


class MetricSettings(SignalSettings, frozen=True):
    """What the environment says about metrics."""

    interval_seconds: float = _INTERVAL_SECONDS

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> MetricSettings:
        """Read the variables of the OpenTelemetry specification; off when none names an endpoint."""
        problems: list[str] = []
        protocol, timeout, _ = read_endpoint(environ, "metrics", problems)
        if not protocol:
            return cls(problems=tuple(problems))
        milliseconds = number(environ, problems, _INTERVAL_SECONDS * 1000, "OTEL_METRIC_EXPORT_INTERVAL")
        preference = environ.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "").strip().lower()
        if preference not in ("", "cumulative"):
            problems.append(
                f"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: {preference!r} is not available here. Using "
                "cumulative; a collector can convert it (cumulativetodelta)."
            )
        return cls(protocol, timeout, tuple(problems), milliseconds / 1000)


class MetricExport:
    """Sends metrics until it is closed. `read` may block a while and raise TimeoutError."""

    def __init__(
        self,
        exporter: MetricExporter,
        source: Resource,
        settings: MetricSettings,
        read: Callable[[], Reading],
    ) -> None:
        self._exporter = exporter
        self._resource = source
        self._settings = settings
        self._read = read
        self._failing = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="turnout-metrics", daemon=True)
        self._thread.start()

    async def aclose(self, last: Reading, timeout_seconds: float) -> None:
        """Send this last reading and shut down, in at most `timeout_seconds`."""
        self._stopped.set()

        def finish() -> None:
            self._thread.join()
            self._export(last)
            self._exporter.shutdown()

        if not await aside(finish, "shutdown", timeout_seconds, _defect):
            _log.warning("The collector did not take the last metrics within %.1f s.", timeout_seconds)

    def _run(self) -> None:
        while not self._stopped.wait(self._settings.interval_seconds):
            try:
                reading = self._read()
            except (TimeoutError, RuntimeError):  # blocked, or gone: the next round will tell
                continue
            except Exception:  # noqa: BLE001 - a defect of ours costs one round: nobody would notice that the thread has ended
                _log.exception("Metrics could not be read, please report this.")
                continue
            self._export(reading)

    def _export(self, reading: Reading) -> None:
        from opentelemetry.sdk.metrics.export import MetricExportResult

        try:
            data = _data(reading, self._resource)
            # The timeout is the exporter's own, given when it was made.
            failed = self._exporter.export(data) is not MetricExportResult.SUCCESS
        except Exception:  # noqa: BLE001 - what a foreign exporter may raise is not known; the worker goes on
            _log.exception("Metrics could not be exported.")
            return
        if failed and not self._failing:
            _log.warning("The collector does not take metrics; trying on every %g s.", self._settings.interval_seconds)
        self._failing = failed


def _defect(name: str) -> None:
    _log.exception("Metrics failed in %s.", name)


def start_metrics(settings: MetricSettings, read: Callable[[], Reading]) -> MetricExport | None:
    """Start exporting as these settings want it; None when they want nothing, or when the exporter does not start.

    `read` is called in a thread of its own. Endpoint, headers, TLS and compression are read by the
    exporter itself.
    """
    return started(
        settings,
        lambda: MetricExport(_exporter(settings), resource(), settings, read),
        "metrics",
        "Metrics are not exported",
    )


def _exporter(settings: MetricSettings) -> MetricExporter:
    if settings.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter

        return GrpcExporter(timeout=settings.timeout_seconds)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter

    return HttpExporter(timeout=settings.timeout_seconds)


def _data(reading: Reading, source: Resource) -> MetricsData:
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    scope = InstrumentationScope("turnout", __version__, SCHEMA_URL)
    start, now = int(reading.started_at * 1e9), int(reading.taken_at * 1e9)
    converted = [_metric(metric, start, now) for metric in reading.metrics if metric.samples]
    scoped = ScopeMetrics(scope, converted, SCHEMA_URL)
    return MetricsData([ResourceMetrics(source, [scoped], source.schema_url)])


def _metric(metric: Metric, start: int, now: int) -> SdkMetric:
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        Gauge,
        Histogram,
        HistogramDataPoint,
        NumberDataPoint,
        Sum,
    )
    from opentelemetry.sdk.metrics.export import Metric as SdkMetric

    data: Histogram | Gauge | Sum
    if metric.kind is Kind.HISTOGRAM:
        data = Histogram(
            [
                HistogramDataPoint(
                    attributes=dict(sample.labels),
                    start_time_unix_nano=start,
                    time_unix_nano=now,
                    count=sample.value.count,
                    sum=sample.value.total,
                    bucket_counts=sample.value.counts,
                    explicit_bounds=sample.value.bounds,
                    # Not kept; None leaves the field out.
                    min=None,  # type: ignore[arg-type]
                    max=None,  # type: ignore[arg-type]
                )
                for sample in metric.samples
                if isinstance(sample.value, Counted)
            ],
            AggregationTemporality.CUMULATIVE,
        )
    else:
        points = [
            NumberDataPoint(dict(sample.labels), start, now, sample.value)
            for sample in metric.samples
            if not isinstance(sample.value, Counted)
        ]
        if metric.kind is Kind.COUNTER:
            data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
        else:
            data = Gauge(points)
    return SdkMetric(metric.name, metric.description, metric.unit, data)
