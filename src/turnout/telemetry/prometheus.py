"""Metrics as Prometheus reads them: its text format 0.0.4, with names made from those of OTLP.

The names follow OpenTelemetry's own rule for Prometheus: dots become underscores, the unit and (for counters) `_total`
are appended, so `messaging.process.duration` in `s` is `messaging_process_duration_seconds` whichever way it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from turnout.telemetry.histogram import Counted
from turnout.telemetry.metric import Kind, Metric

__all__ = ["CONTENT_TYPE", "prometheus_name", "render"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_UNITS = {"s": "seconds", "By": "bytes"}
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_]")


def prometheus_name(metric: Metric) -> str:
    """The metric's name in Prometheus."""
    parts = [_FORBIDDEN.sub("_", metric.name)]
    unit = _UNITS.get(metric.unit)
    if unit:
        parts.append(unit)
    if metric.kind is Kind.COUNTER:
        parts.append("total")
    return "_".join(parts)


def render(metrics: Iterable[Metric]) -> str:
    """The text of a scrape."""
    lines: list[str] = []
    for metric in metrics:
        name = prometheus_name(metric)
        lines.append(f"# HELP {name} {_escape(metric.description)}")
        lines.append(f"# TYPE {name} {metric.kind}")
        for sample in metric.samples:
            if isinstance(sample.value, Counted):
                _histogram(lines, name, sample.labels, sample.value)
            else:
                lines.append(f"{name}{_labels(sample.labels)} {_number(sample.value)}")
    return "\n".join(lines) + "\n"


def _histogram(lines: list[str], name: str, labels: Mapping[str, str], counted: Counted) -> None:
    below = 0
    for bound, count in zip((*counted.bounds, None), counted.counts, strict=True):
        below += count
        text = "+Inf" if bound is None else _number(bound)
        lines.append(f"{name}_bucket{_labels({**labels, 'le': text})} {below}")
    lines.append(f"{name}_sum{_labels(labels)} {_number(counted.total)}")
    lines.append(f"{name}_count{_labels(labels)} {below}")


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{_FORBIDDEN.sub("_", name)}="{_escape(value, quotes=True)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escape(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    if quotes:
        text = text.replace('"', '\\"')
    # A lone surrogate cannot be sent.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _number(value: float) -> str:
    return repr(value)
