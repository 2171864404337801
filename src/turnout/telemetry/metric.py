"""What a metric is: name, kind, unit, and its series with their values. Which metrics there are is in `metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from turnout.telemetry.histogram import Counted

__all__ = ["Kind", "Metric", "Reading", "Sample"]

Labels = Mapping[str, str]


class Kind(StrEnum):
    """What may happen to the value: a counter only grows, a gauge goes up and down."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Sample(msgspec.Struct, frozen=True):
    """One series: its attributes and what it holds now (`Counted` for histograms)."""

    labels: Labels
    value: float | Counted


class Metric(msgspec.Struct, frozen=True):
    """One metric with all its series. `unit` is UCUM, as OTLP has it: `s`, `By`, `{message}`, `1`."""

    name: str
    kind: Kind
    unit: str
    description: str
    samples: Sequence[Sample]


class Reading(msgspec.Struct, frozen=True):
    """All metrics of a process at one moment. Times are seconds since the epoch.

    `metrics` may be made while they are gone through, and then only once.
    """

    metrics: Iterable[Metric]
    started_at: float
    taken_at: float
