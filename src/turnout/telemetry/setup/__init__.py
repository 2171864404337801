"""From the standard `OTEL_*` variables to running exporters: the only place that imports the OpenTelemetry SDK.

It does so when something is to be exported, and not before: a worker without an endpoint never loads it. `environment`
reads the variables, `traces` and `metrics` hold the exporters of the two signals.
"""

from turnout.telemetry.setup.metrics import MetricExport, MetricSettings, start_export, start_metrics
from turnout.telemetry.setup.traces import TraceSettings, start_spans, start_tracing

__all__ = [
    "MetricExport",
    "MetricSettings",
    "TraceSettings",
    "start_export",
    "start_metrics",
    "start_spans",
    "start_tracing",
]
