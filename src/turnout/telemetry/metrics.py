"""Every metric of the worker, once: name, unit, meaning, and how it is read from a snapshot.

Names, units and attributes are those of OTLP; the `messaging.*` and `process.*` ones are those of the semantic
conventions (1.44, all still "development"). `prometheus` makes the form for Prometheus, `setup` that for OTLP.
Attributes are few and bounded on purpose: queues, targets, rules, reasons and error codes; never a message or an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from turnout import __version__
from turnout.failures import Reason
from turnout.telemetry import semconv
from turnout.telemetry.metric import Kind, Metric, Reading, Sample
from turnout.telemetry.snapshot import PlaceSnapshot, Snapshot, TargetSnapshot

__all__ = ["MOST_RULES", "OTHER_RULES", "read_metrics", "reading_of"]

MOST_RULES = 1_000
"""Rules with a series of their own, in the order they are tried; the others share one."""
OTHER_RULES = "(other)"

_BREAKER_STATES = ("closed", "open", "probing")


def reading_of(snapshot: Snapshot) -> Reading:
    """What is exported of a snapshot. The metrics are made when they are gone through: by the exporter's own thread."""
    return Reading(read_metrics(snapshot), snapshot.started_at, snapshot.taken_at)


def read_metrics(snapshot: Snapshot) -> Iterator[Metric]:
    """All metrics at the moment of the snapshot, each name once."""
    yield from _conventional(snapshot)
    yield from _books(snapshot)
    yield from _rules(snapshot)
    yield from _targets(snapshot.targets)
    yield from _reading(snapshot)
    yield from _itself(snapshot)


def _conventional(snapshot: Snapshot) -> Iterator[Metric]:
    yield _counter(
        "messaging.client.consumed.messages",
        "{message}",
        "Messages received from a source queue.",
        [Sample(_messaging(semconv.RECEIVE, source.queue), source.received) for source in snapshot.sources],
    )
    yield _counter(
        "messaging.client.sent.messages",
        "{message}",
        "Attempts to send a message to a queue; those that failed have an error.type.",
        _sent(snapshot.places),
    )
    yield Metric(
        "messaging.client.operation.duration",
        Kind.HISTOGRAM,
        "s",
        "Duration of calls to a queue; polls that brought nothing are left out.",
        [
            Sample(
                {
                    **_messaging(calls.operation, calls.destination, calls.error, calls.system),
                    semconv.OPERATION_TYPE: _operation_type(calls.operation),
                },
                calls.durations,
            )
            for calls in snapshot.calls
        ],
    )
    sources = snapshot.sources
    yield Metric(
        "messaging.process.duration",
        Kind.HISTOGRAM,
        "s",
        "From a message's receive until it is settled, waiting for batches and retries included.",
        [Sample(_messaging(semconv.PROCESS, sources[0].queue if len(sources) == 1 else ""), snapshot.processing)],
    )


def _books(snapshot: Snapshot) -> Iterator[Metric]:
    yield _total(
        "turnout.messages.received",
        "{message}",
        "Messages taken in. At any moment the sum of turnout.messages.settled and turnout.messages.in_flight.",
        snapshot.received,
    )
    yield _counter(
        "turnout.messages.settled",
        "{message}",
        "Messages whose stay has ended: deleted after delivery to all targets, deleted after their letter was written, "
        "deleted because no rule matched and the rules say drop, or handed back to their queue.",
        _by("outcome", snapshot.settled),
    )
    yield _gauge("turnout.messages.in_flight", "{message}", "Messages held now.", snapshot.in_flight)
    yield _gauge(
        "turnout.messages.in_flight.limit", "{message}", "Messages held at a time, at most.", snapshot.in_flight_limit
    )
    yield _gauge("turnout.messages.in_flight.size", "By", "Bytes of bodies held now.", snapshot.in_flight_bytes)
    yield _total(
        "turnout.messages.redelivered",
        "{message}",
        "Messages handed out again by the queue while they were still held here; not counted as received.",
        snapshot.redelivered,
    )
    yield _total("turnout.messages.unmatched", "{message}", "Messages that no rule matched.", snapshot.unmatched)
    yield _counter(
        "turnout.letters",
        "{message}",
        "Messages written to the dead-letter queue, by reason.",
        _by("reason", {**dict.fromkeys(map(str, Reason), 0), **snapshot.letters}),
    )
    yield Metric(
        "turnout.queue.age",
        Kind.HISTOGRAM,
        "s",
        "From a message's send to its receive here; of the first message of every receive.",
        [Sample({}, snapshot.queue_age)],
    )
    yield Metric(
        "turnout.latency",
        Kind.HISTOGRAM,
        "s",
        "From an event's own time (whole seconds in EventBridge) until all its targets had it; of the first message of "
        "every delete.",
        [Sample({}, snapshot.latency)],
    )


def _rules(snapshot: Snapshot) -> Iterator[Metric]:
    rules = snapshot.rules
    matches = list(rules.matches.items())
    samples = [Sample({"rule": rule}, count) for rule, count in matches[:MOST_RULES]]
    if len(matches) > MOST_RULES:
        samples.append(Sample({"rule": OTHER_RULES}, sum(count for _, count in matches[MOST_RULES:])))
    yield _counter("turnout.rule.matches", "{message}", "Messages that a rule matched; shadow rules included.", samples)
    yield Metric(
        "turnout.rules.info",
        Kind.GAUGE,
        "1",
        "1 for the fingerprint of the active rules.",
        [Sample({"fingerprint": rules.fingerprint}, 1)],
    )
    yield _gauge("turnout.rules.active", "{rule}", "Rules that are enabled.", len(matches) - len(rules.disabled))
    yield _gauge(
        "turnout.rules.reload.success",
        "1",
        "1 when the rule files as they are now are active; 0 when they cannot be used and older rules are.",
        int(rules.reload_success),
    )
    yield _gauge("turnout.rules.loaded.time", "s", "When the active rules were last confirmed.", rules.loaded_at)


def _targets(targets: Sequence[TargetSnapshot]) -> Iterator[Metric]:
    yield _counter(
        "turnout.target.sent",
        "{message}",
        "Deliveries that a target accepted.",
        _by("target", {target.name: target.sent for target in targets}),
    )
    yield _counter(
        "turnout.target.failed",
        "{message}",
        "Deliveries to a target that were given up; the message's letter owes it.",
        _by("target", {target.name: target.failed for target in targets}),
    )
    yield _counter(
        "turnout.target.retried",
        "{message}",
        "Attempts at a delivery that failed and were repeated.",
        _by("target", {target.name: target.retried for target in targets}),
    )
    yield Metric(
        "turnout.target.backlog",
        Kind.GAUGE,
        "{message}",
        "Deliveries that wait for a target.",
        _by("target", {target.name: target.backlog for target in targets}),
    )
    yield Metric(
        "turnout.target.breaker",
        Kind.GAUGE,
        "1",
        "1 for the state that a target's breaker is in: closed (traffic flows), open (left alone), probing.",
        [
            Sample({"target": target.name, "state": state}, int(state == target.breaker))
            for target in targets
            for state in _BREAKER_STATES
        ],
    )


def _reading(snapshot: Snapshot) -> Iterator[Metric]:
    yield _total("turnout.polls", "{poll}", "Polls that succeeded, empty ones included.", snapshot.polls)
    yield _total("turnout.polls.failed", "{poll}", "Polls that failed.", snapshot.poll_errors)
    yield Metric(
        "turnout.poller.last_success.time",
        Kind.GAUGE,
        "s",
        "When a poll of a source queue last succeeded, in seconds since the epoch.",
        _by("queue", {source.queue: source.read_at for source in snapshot.sources}),
    )
    yield _total(
        "turnout.heartbeat.extended", "{message}", "Visibility timeouts that were extended.", snapshot.extensions
    )
    yield _total(
        "turnout.heartbeat.expired",
        "{message}",
        "Messages that could not be kept invisible; each may have been received again.",
        snapshot.expired,
    )
    yield _total(
        "turnout.idempotency.suppressed",
        "{message}",
        "Deliveries not made because the target had taken the event before.",
        snapshot.suppressed,
    )
    yield _total(
        "turnout.idempotency.errors", "{call}", "Calls to the idempotency store that failed.", snapshot.store_errors
    )
    yield _total(
        "turnout.attributes.dropped",
        "{attribute}",
        "Message attributes left behind because a message carries ten at most.",
        snapshot.attributes_dropped,
    )


def _itself(snapshot: Snapshot) -> Iterator[Metric]:
    tracing = snapshot.tracing
    spans = {"exported": tracing.exported, "failed": tracing.export_failed, "dropped": tracing.spans_dropped}
    yield _counter(
        "turnout.tracing.spans",
        "{span}",
        "Spans that the collector accepted, that were lost on the way to it, and that were never built or queued for "
        "want of room.",
        _by("result", spans),
    )
    yield _total(
        "turnout.tracing.context.dropped",
        "{message}",
        "Messages sent without traceparent because they had ten attributes already.",
        tracing.context_dropped,
    )
    yield _total(
        "turnout.event_loop.blocked",
        "{block}",
        "How often the event loop was blocked for longer than the watchdog allows.",
        snapshot.loop.blocked,
    )
    yield _total(
        "turnout.event_loop.blocked.duration", "s", "For how long it was, all in all.", snapshot.loop.blocked_seconds
    )
    if snapshot.fleet is not None:
        yield _gauge("turnout.workers", "{worker}", "Worker processes that run.", snapshot.fleet.running)
        yield _total(
            "turnout.worker.restarts",
            "{restart}",
            "Worker processes started again after they ended without being asked to.",
            snapshot.fleet.restarts,
        )
    yield _gauge("turnout.draining", "1", "1 once the worker has been told to stop.", int(snapshot.draining))
    yield _gauge("turnout.start.time", "s", "When the worker started, in seconds since the epoch.", snapshot.started_at)
    yield Metric("turnout.info", Kind.GAUGE, "1", "1 for the version.", [Sample({"version": __version__}, 1)])
    yield _counter(
        "process.cpu.time",
        "s",
        "CPU time of the worker processes.",
        _by("cpu.mode", {"user": snapshot.cpu_user_seconds, "system": snapshot.cpu_system_seconds}),
    )
    if snapshot.resident_bytes:
        yield _gauge("process.memory.usage", "By", "Resident memory of the worker processes.", snapshot.resident_bytes)


def _sent(places: Iterable[PlaceSnapshot]) -> list[Sample]:
    """One series per destination and error."""
    return [
        Sample(_messaging(semconv.SEND, place.name, error, place.system), count)
        for place in places
        for error, count in (("", place.sent), *place.errors.items())
    ]


def _messaging(operation: str, destination: str, error: str = "", system: str = semconv.SYSTEM_SQS) -> dict[str, str]:
    labels = {semconv.SYSTEM: system, semconv.OPERATION_NAME: operation}
    if destination:
        labels[semconv.DESTINATION] = destination
    if error:
        labels[semconv.ERROR_TYPE] = error
    return labels


def _operation_type(operation: str) -> str:
    return semconv.SETTLE if operation == semconv.DELETE else operation


def _counter(name: str, unit: str, description: str, samples: Sequence[Sample]) -> Metric:
    return Metric(name, Kind.COUNTER, unit, description, samples)


def _total(name: str, unit: str, description: str, value: float) -> Metric:
    return Metric(name, Kind.COUNTER, unit, description, [Sample({}, value)])


def _gauge(name: str, unit: str, description: str, value: float) -> Metric:
    return Metric(name, Kind.GAUGE, unit, description, [Sample({}, value)])


def _by(label: str, values: Mapping[str, float]) -> list[Sample]:
    return [Sample({label: name}, value) for name, value in values.items()]
