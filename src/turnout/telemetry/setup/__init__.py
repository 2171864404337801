"""From the standard `OTEL_*` variables to running exporters: the only place that imports the OpenTelemetry SDK.

It does so when something is to be exported, and not before: a worker without an endpoint never loads it. `environment`
reads the variables, `traces` and `metrics` hold the exporters of the two signals.
"""

from __future__ import annotations

from collections.abc import Mapping

from turnout.telemetry.setup.metrics import MetricExport, MetricSettings, start_metrics
from turnout.telemetry.setup.traces import TraceSettings, start_spans, start_tracing

__all__ = [
    "MetricExport",
    "MetricSettings",
    "TraceSettings",
    "start_metrics",
    "start_spans",
    "start_tracing",
    "telemetry_problems",
]


def telemetry_problems(environ: Mapping[str, str]) -> tuple[str, ...]:
    """One sentence per `OTEL_*` variable that cannot be used. Whoever starts an exporter logs those of its signal."""
    both = (*TraceSettings.from_environ(environ).problems, *MetricSettings.from_environ(environ).problems)
    return tuple(dict.fromkeys(both))
