"""Metrics as lines of JSON that CloudWatch Logs turns into metrics: its embedded metric format, for Lambda functions.

A function has no port to scrape and may be frozen at any time; a line on its standard output costs nothing and is never
late. Names, units and attributes are those of OTLP (see `metrics`); attributes become dimensions. Specification:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import msgspec

from turnout.telemetry.histogram import Counted
from turnout.telemetry.metric import Metric

__all__ = ["MOST_DIMENSIONS", "MOST_METRICS", "MOST_VALUES", "emf_lines"]

MOST_METRICS = 100
"""Metrics of one line."""
MOST_VALUES = 100
"""Values of one metric in one line."""
MOST_DIMENSIONS = 30

_LONGEST_NAMESPACE = 1_024
_LONGEST_DIMENSION_NAME = 250
_LONGEST_DIMENSION_VALUE = 1_024
_UNITS = {"s": "Seconds", "By": "Bytes", "1": "None"}
"""CloudWatch's words for UCUM's; what is counted, `{message}` and the like, is `Count`."""

Value = float | list[float]


def emf_lines(
    metrics: Iterable[Metric],
    *,
    namespace: str,
    now: float,
    dimensions: Mapping[str, str] | None = None,
    properties: Mapping[str, object] | None = None,
) -> Iterator[str]:
    """One line for each set of attributes among the samples, without its end.

    Print each as a line of its own, with nothing before it. `now` is in seconds since the epoch. `dimensions` are added
    to every sample's own attributes (the function's name, say), at most 30 together; `properties` can be queried in the
    logs and cost no metric. Counters are taken as they are: CloudWatch adds up what it is given, so hand over what was
    counted since the last time. Of a histogram come up to 100 values, the upper bounds of their buckets; of more
    values 100 in proportion, so that percentiles hold and the number of samples does not.

    Raises `ValueError` when the namespace or the dimensions are not as CloudWatch wants them.
    """
    if not 0 < len(namespace) <= _LONGEST_NAMESPACE or not namespace.isascii() or not namespace.strip():
        raise ValueError(f"a CloudWatch namespace has 1 to {_LONGEST_NAMESPACE} ASCII characters, not {namespace!r}")
    common = dict(dimensions or {})
    groups: dict[tuple[tuple[str, str], ...], list[tuple[Metric, Value]]] = {}
    for metric in metrics:
        for sample in metric.samples:
            value = _values(sample.value) if isinstance(sample.value, Counted) else sample.value
            if value != []:  # a histogram without values says nothing
                key = tuple(sorted((common | dict(sample.labels)).items()))
                groups.setdefault(key, []).append((metric, value))
    encoder = msgspec.json.Encoder()
    for key, found in groups.items():
        about = {_name(name): _dimension_value(text) for name, text in key}
        if len(about) > MOST_DIMENSIONS:
            raise ValueError(f"CloudWatch takes {MOST_DIMENSIONS} dimensions, these are {len(about)}: {sorted(about)}")
        for start in range(0, len(found), MOST_METRICS):
            part = found[start : start + MOST_METRICS]
            directive = {
                "Namespace": namespace,
                "Dimensions": [list(about)],
                "Metrics": [{"Name": metric.name, "Unit": _UNITS.get(metric.unit, "Count")} for metric, _ in part],
            }
            members = {
                "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]},
                **about,
                **{metric.name: value for metric, value in part},
            }
            yield encoder.encode(dict(properties or {}) | members).decode()


def _values(counted: Counted) -> list[float]:
    """A value for each that was counted, or `MOST_VALUES` of them, evenly from the smallest to the largest."""
    bounds = (*counted.bounds, counted.bounds[-1])
    below = [0]
    for count in counted.counts:
        below.append(below[-1] + count)
    total = below[-1]
    shown = min(total, MOST_VALUES)
    values: list[float] = []
    ranks = [int((index + 0.5) * total / shown) for index in range(shown)]
    for bound, (low, high) in zip(bounds, pairwise(below), strict=True):
        values += [bound] * sum(low <= rank < high for rank in ranks)
    return values


def _name(name: str) -> str:
    if not 0 < len(name) <= _LONGEST_DIMENSION_NAME or not name.isascii() or name.startswith(":") or not name.strip():
        raise ValueError(f"a CloudWatch dimension cannot be named {name!r}")
    return name


def _dimension_value(text: str) -> str:
    """Printable ASCII with something in it: CloudWatch drops the whole line otherwise, without a word."""
    safe = "".join(char if " " <= char <= "~" else "?" for char in text[:_LONGEST_DIMENSION_VALUE])
    return safe if safe.strip() else "-"
