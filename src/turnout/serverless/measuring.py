"""What one call of the router function counted, as metrics that CloudWatch makes of the function's log.

The names are the worker's (docs/metrics.md). Each combination of dimensions is a metric that is paid for, so rules,
which may be many, are not among them: how often each matched is a property, `rules`, for queries of the log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

from turnout.message import Outcome
from turnout.pipeline.books import Books
from turnout.telemetry.emf import emf_lines
from turnout.telemetry.metric import Kind, Metric, Sample

__all__ = ["NAMESPACE", "batch_lines", "batch_metrics"]

NAMESPACE = "Turnout"

_MOST_RULES = 100


def batch_lines(books: Books, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The lines to print, none when nothing was received; the function's name is a dimension of all of them."""
    if not books.received:
        return
    function = environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    matches = dict(books.matches.most_common(_MOST_RULES))
    yield from emf_lines(
        batch_metrics(books),
        namespace=NAMESPACE,
        now=time.time(),
        dimensions={"FunctionName": function} if function else {},
        properties={"rules": matches},
    )


def batch_metrics(books: Books) -> Iterator[Metric]:
    """What was counted, without what stayed at nothing; a metric that nobody counted is not paid for."""
    yield _counter("turnout.messages.received", [Sample({}, books.received)])
    yield _counter(
        "turnout.messages.settled",
        [Sample({"outcome": str(outcome)}, books.outcomes[outcome]) for outcome in Outcome if books.outcomes[outcome]],
    )
    if books.unmatched:
        yield _counter("turnout.messages.unmatched", [Sample({}, books.unmatched)])
    yield _counter(
        "turnout.letters", [Sample({"reason": reason}, count) for reason, count in books.letters.items() if count]
    )
    targets = books.targets.items()
    for name, counts in (
        ("turnout.target.sent", {target: counted.sent for target, counted in targets}),
        ("turnout.target.failed", {target: counted.failed for target, counted in targets}),
        ("turnout.target.retried", {target: counted.retried for target, counted in targets}),
    ):
        yield _counter(name, [Sample({"target": target}, count) for target, count in counts.items() if count])
    for name, count, unit in (
        ("turnout.idempotency.suppressed", books.suppressed, "{message}"),
        ("turnout.idempotency.errors", books.store_errors, "{call}"),
        ("turnout.attributes.dropped", books.attributes_dropped, "{attribute}"),
    ):
        if count:
            yield _counter(name, [Sample({}, count)], unit)
    yield Metric("messaging.process.duration", Kind.HISTOGRAM, "s", "", [Sample({}, books.processing.counted())])
    yield Metric("turnout.queue.age", Kind.HISTOGRAM, "s", "", [Sample({}, books.queue_age.counted())])
    yield Metric("turnout.latency", Kind.HISTOGRAM, "s", "", [Sample({}, books.latency.counted())])


def _counter(name: str, samples: list[Sample], unit: str = "{message}") -> Metric:
    return Metric(name, Kind.COUNTER, unit, "", samples)
