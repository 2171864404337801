"""What one call of a function counted, as metrics that CloudWatch makes of the function's log.

The names are the worker's (docs/metrics.md). Each combination of dimensions is a metric that is paid for, so rules,
which may be many, are not among them: how often each matched is a property, `rules`, for queries of the log.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping

from turnout.account import Outcome
from turnout.pipeline.books import Books
from turnout.telemetry.emf import emf_lines
from turnout.telemetry.metric import Kind, Metric, Sample

__all__ = ["NAMESPACE", "batch_lines", "batch_metrics", "counted_lines", "print_lines"]

NAMESPACE = "Turnout"

_MOST_RULES = 100


def batch_lines(books: Books, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """What the router counted, nothing when nothing was received; the function's name is a dimension of all of it."""
    if not books.received:
        return
    now, dimensions = time.time(), _function(environ)
    received, *others = batch_metrics(books)
    # In one line, because queries add up what the lines say.
    rules = {"rules": dict(books.matches.most_common(_MOST_RULES))}
    yield from emf_lines([received], namespace=NAMESPACE, now=now, dimensions=dimensions, properties=rules)
    yield from emf_lines(others, namespace=NAMESPACE, now=now, dimensions=dimensions)


def counted_lines(
    name: str, by: str, counts: Mapping[str, int], environ: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """One counter, told apart by the dimension `by`."""
    metric = _counter(name, [Sample({by: key}, count) for key, count in counts.items() if count])
    yield from emf_lines([metric], namespace=NAMESPACE, now=time.time(), dimensions=_function(environ))


def print_lines(lines: Iterable[str]) -> None:
    """Write each as a line of its own, as CloudWatch wants it: past the log, which would put it into a field."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _function(environ: Mapping[str, str]) -> Mapping[str, str]:
    name = environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    return {"FunctionName": name} if name else {}


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
