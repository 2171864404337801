"""The catalogue of metrics, and its forms for Prometheus and for OTLP, each read back by somebody else's parser."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.servers.otlp import Collector, silent_endpoint
from tests.unit.service.snapshots import NOW, snapshot, target

from turnout import __version__
from turnout.failures import Reason
from turnout.telemetry.histogram import AGE_BOUNDS, CALL_BOUNDS, PROCESS_BOUNDS, Counted, Histogram
from turnout.telemetry.metric import Kind, Metric, Reading, Sample
from turnout.telemetry.metrics import MOST_RULES, OTHER_RULES, read_metrics, reading_of
from turnout.telemetry.prometheus import prometheus_name, render
from turnout.telemetry.setup import MetricExport, MetricSettings, start_metrics
from turnout.telemetry.snapshot import (
    CallsSnapshot,
    FleetSnapshot,
    LoopSnapshot,
    PlaceSnapshot,
    PollerSnapshot,
    RulesSnapshot,
    Snapshot,
    SourceSnapshot,
    TracingSnapshot,
)

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(seen: Snapshot) -> Series:
    """Every series by name and sorted labels, as Prometheus's own client library reads the text."""
    found: Series = {}
    for family in text_string_to_metric_families(render(read_metrics(seen))):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def reading() -> Reading:
    return reading_of(snapshot())


def exporting(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, read: Callable[[], Reading], *, interval: str = "60000"
) -> MetricExport:
    """What exports to this collector; every `interval` milliseconds, and at its end."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http_endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRIC_EXPORT_INTERVAL": interval,
    }
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    export = start_metrics(MetricSettings.from_environ(environ), read)
    assert export is not None
    return export


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, tuple(sorted(labels.items()))]


def test_every_name_and_every_series_is_there_once() -> None:
    metrics = list(read_metrics(snapshot()))
    names = [metric.name for metric in metrics]
    assert len(names) == len(set(names))
    assert scraped(snapshot())


def test_the_books_balance_in_what_prometheus_sees() -> None:
    series = scraped(snapshot())
    settled = sum(count for (name, _), count in series.items() if name == "turnout_messages_settled_total")
    assert value(series, "turnout_messages_received_total") == settled + value(series, "turnout_messages_in_flight")
    assert value(series, "turnout_messages_settled_total", outcome="handed_back") == 5


def test_every_metric_tells_its_own_number() -> None:
    durations = [Histogram(bounds) for bounds in (CALL_BOUNDS, PROCESS_BOUNDS, AGE_BOUNDS, AGE_BOUNDS)]
    for times, histogram in enumerate(durations, start=61):
        histogram.add(1_000_000, times)
    calls, processing, queue_age, latency = (histogram.counted() for histogram in durations)
    told = snapshot(
        sources=(SourceSnapshot("events", 1, 20, (PollerSnapshot("polling", 3.0, NOW - 2, 0, ""),)),),
        targets=(target("crm", sent=3, failed=4, retried=5, backlog=6),),
        places=(PlaceSnapshot("http", "crm", 7, {"timeout": 8}),),
        rules=RulesSnapshot("f" * 16, {"one": 9, "two": 10, "off": 0}, frozenset(), frozenset({"off"}), NOW - 11, True),
        received=12,
        settled={"delivered": 13},
        in_flight=14,
        in_flight_limit=15,
        in_flight_bytes=16,
        redelivered=17,
        unmatched=18,
        letters={"INVALID_JSON": 19},
        polls=20,
        poll_errors=21,
        extensions=22,
        expired=23,
        suppressed=24,
        store_errors=25,
        attributes_dropped=26,
        loop=LoopSnapshot(27, 28.5),
        tracing=TracingSnapshot(30, 31, 32, 33),
        cpu_user_seconds=35.5,
        cpu_system_seconds=36.5,
        resident_bytes=37,
        started_at=NOW - 38,
        draining=True,
        fleet=FleetSnapshot(39, 40, 41),
        calls=(CallsSnapshot("delete", "events", "", calls),),
        processing=processing,
        queue_age=queue_age,
        latency=latency,
    )
    assert [
        (
            metric.name,
            *sample.labels.values(),
            sample.value.count if isinstance(sample.value, Counted) else sample.value,
        )
        for metric in read_metrics(told)
        for sample in metric.samples
        if metric.name != "turnout.letters" or sample.value
    ] == [
        ("messaging.client.consumed.messages", "aws_sqs", "receive", "events", 1),
        ("messaging.client.sent.messages", "http", "send", "crm", 7),
        ("messaging.client.sent.messages", "http", "send", "crm", "timeout", 8),
        ("messaging.client.operation.duration", "aws_sqs", "delete", "events", "settle", 61),
        ("messaging.process.duration", "aws_sqs", "process", "events", 62),
        ("turnout.messages.received", 12),
        ("turnout.messages.settled", "delivered", 13),
        ("turnout.messages.in_flight", 14),
        ("turnout.messages.in_flight.limit", 15),
        ("turnout.messages.in_flight.size", 16),
        ("turnout.messages.redelivered", 17),
        ("turnout.messages.unmatched", 18),
        ("turnout.letters", "INVALID_JSON", 19),
        ("turnout.queue.age", 63),
        ("turnout.latency", 64),
        ("turnout.rule.matches", "one", 9),
        ("turnout.rule.matches", "two", 10),
        ("turnout.rule.matches", "off", 0),
        ("turnout.rules.info", "f" * 16, 1),
        ("turnout.rules.active", 2),
        ("turnout.rules.reload.success", 1),
        ("turnout.rules.loaded.time", NOW - 11),
        ("turnout.target.sent", "crm", 3),
        ("turnout.target.failed", "crm", 4),
        ("turnout.target.retried", "crm", 5),
        ("turnout.target.backlog", "crm", 6),
        ("turnout.target.breaker", "crm", "closed", 1),
        ("turnout.target.breaker", "crm", "open", 0),
        ("turnout.target.breaker", "crm", "probing", 0),
        ("turnout.polls", 20),
        ("turnout.polls.failed", 21),
        ("turnout.poller.last_success.time", "events", NOW - 2),
        ("turnout.heartbeat.extended", 22),
        ("turnout.heartbeat.expired", 23),
        ("turnout.idempotency.suppressed", 24),
        ("turnout.idempotency.errors", 25),
        ("turnout.attributes.dropped", 26),
        ("turnout.tracing.spans", "exported", 30),
        ("turnout.tracing.spans", "failed", 31),
        ("turnout.tracing.spans", "dropped", 32),
        ("turnout.tracing.context.dropped", 33),
        ("turnout.event_loop.blocked", 27),
        ("turnout.event_loop.blocked.duration", 28.5),
        ("turnout.workers", 40),
        ("turnout.worker.restarts", 41),
        ("turnout.draining", 1),
        ("turnout.start.time", NOW - 38),
        ("turnout.info", __version__, 1),
        ("process.cpu.time", "user", 35.5),
        ("process.cpu.time", "system", 36.5),
        ("process.memory.usage", 37),
    ]


def test_of_several_sources_the_time_that_messages_take_names_none_and_memory_is_told_where_it_is_known() -> None:
    sources = tuple(SourceSnapshot(name, 0, 20, ()) for name in ("events", "orders"))
    metrics = {metric.name: metric for metric in read_metrics(snapshot(sources=sources, resident_bytes=0))}
    (sample,) = metrics["messaging.process.duration"].samples
    assert sample.labels == {"messaging.system": "aws_sqs", "messaging.operation.name": "process"}
    assert "process.memory.usage" not in metrics


def test_calls_are_counted_under_the_bounds_of_the_conventions_and_two_more() -> None:
    conventions = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
    assert (*conventions, 20, 30) == CALL_BOUNDS


def test_messaging_metrics_have_the_names_and_attributes_of_the_conventions() -> None:
    series = scraped(snapshot())
    events = {"messaging_system": "aws_sqs", "messaging_destination_name": "events"}
    crm = {"messaging_system": "aws_sqs", "messaging_destination_name": "crm", "messaging_operation_name": "send"}
    assert (
        value(series, "messaging_client_consumed_messages_total", messaging_operation_name="receive", **events) == 1000
    )
    assert value(series, "messaging_client_sent_messages_total", **crm) == 700
    assert value(series, "messaging_client_sent_messages_total", error_type="ThrottlingException", **crm) == 3
    receive = {**events, "messaging_operation_name": "receive", "messaging_operation_type": "receive"}
    assert value(series, "messaging_client_operation_duration_seconds_count", **receive) == 4
    assert value(series, "messaging_process_duration_seconds_count", messaging_operation_name="process", **events) == 1


def test_a_histogram_counts_up_to_and_including_each_bound() -> None:
    histogram = Histogram((0.001, 0.01))
    for microseconds in (0, -5, 1_000, 1_001, 10_000, 10_001):
        histogram.add(microseconds * 1_000)
    metric = Metric("a.b", Kind.HISTOGRAM, "s", "text", [Sample({}, histogram.counted())])
    lines = render([metric]).splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'a_b_seconds_bucket{le="0.001"} 3',
        'a_b_seconds_bucket{le="0.01"} 5',
        'a_b_seconds_bucket{le="+Inf"} 6',
        "a_b_seconds_sum 0.022002",
        "a_b_seconds_count 6",
    ]


def test_a_value_counted_several_times_is_as_many_values() -> None:
    at_once, one_by_one = Histogram((0.001, 0.01)), Histogram((0.001, 0.01))
    for nanoseconds in (-5, 2_000_000, 20_000_000):
        at_once.add(nanoseconds, 3)
        for _ in range(3):
            one_by_one.add(nanoseconds)
    assert at_once.counted() == one_by_one.counted()
    assert at_once.counted().count == 9


def test_every_reason_has_a_series_from_the_start_so_that_its_first_letter_is_an_increase() -> None:
    series = scraped(snapshot(letters={"INVALID_JSON": 1}))
    reasons = {
        dict(labels)["reason"]: count for (name, labels), count in series.items() if name == "turnout_letters_total"
    }
    assert reasons == {**dict.fromkeys(map(str, Reason), 0), "INVALID_JSON": 1}


def test_only_one_state_of_a_breaker_is_1() -> None:
    series = scraped(snapshot())
    states = {
        state: value(series, "turnout_target_breaker", target="archive", state=state)
        for state in ("closed", "open", "probing")
    }
    assert states == {"closed": 0, "open": 1, "probing": 0}


def test_the_active_rules_are_told_by_fingerprint_and_a_failed_reload_is_0() -> None:
    good = scraped(snapshot())
    assert value(good, "turnout_rules_info", fingerprint="0123456789abcdef") == 1
    assert value(good, "turnout_rules_reload_success") == 1
    assert value(good, "turnout_rules_active") == 2
    rules = msgspec.structs.replace(snapshot().rules, reload_success=False)
    assert value(scraped(snapshot(rules=rules)), "turnout_rules_reload_success") == 0


def test_many_rules_share_one_series_beyond_the_limit() -> None:
    matches = {f"rule-{number}": 1 for number in range(MOST_RULES + 500)}
    rules = RulesSnapshot("f" * 16, matches, frozenset(), frozenset(), NOW, True)
    series = scraped(snapshot(rules=rules))
    assert sum(name == "turnout_rule_matches_total" for name, _ in series) == MOST_RULES + 1
    assert value(series, "turnout_rule_matches_total", rule=OTHER_RULES) == 500


def test_targets_that_share_a_queue_share_its_series() -> None:
    one, two = target("one", queue="shared", sent=1), target("two", queue="shared", sent=2)
    series = scraped(snapshot(targets=(one, two)))
    shared = {"messaging_system": "aws_sqs", "messaging_destination_name": "shared", "messaging_operation_name": "send"}
    assert value(series, "messaging_client_sent_messages_total", **shared) == 3


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "new\nline", "umlaut-ä", "lone-\ud800"])
def test_hostile_names_cannot_break_the_text(name: str) -> None:
    series = scraped(snapshot(targets=(target(name, sent=8),)))
    assert 8 in [count for (metric, _), count in series.items() if metric == "turnout_target_sent_total"]


@pytest.mark.parametrize(
    ("name", "kind", "unit", "expected"),
    [
        ("turnout.queue.age", Kind.HISTOGRAM, "s", "turnout_queue_age_seconds"),
        ("turnout.letters", Kind.COUNTER, "{message}", "turnout_letters_total"),
        ("process.memory.usage", Kind.GAUGE, "By", "process_memory_usage_bytes"),
        ("turnout.rules.reload.success", Kind.GAUGE, "1", "turnout_rules_reload_success"),
        ("process.cpu.time", Kind.COUNTER, "s", "process_cpu_time_seconds_total"),
    ],
)
def test_names_for_prometheus_are_made_as_opentelemetry_makes_them(
    name: str, kind: Kind, unit: str, expected: str
) -> None:
    assert prometheus_name(Metric(name, kind, unit, "", [])) == expected


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_gets_the_same_metrics_as_prometheus(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector().running() as collector:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint(protocol),
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_METRIC_EXPORT_INTERVAL": "20",
            "OTEL_SERVICE_NAME": "turnout-eu",
        }
        for name, text in environ.items():
            monkeypatch.setenv(name, text)
        export = start_metrics(MetricSettings.from_environ(environ), reading)
        assert export is not None
        collector.wait_for_metrics(2)
        asyncio.run(export.aclose(reading_of(snapshot(received=1001, in_flight=11)), 5))
        last = collector.wait_for_metrics(3)
        (service,) = [
            pair.value.string_value for pair in collector.metrics[-1].resource.attributes if pair.key == "service.name"
        ]
    assert service == "turnout-eu"
    assert set(last) == {metric.name for metric in read_metrics(snapshot()) if metric.samples}
    received = last["turnout.messages.received"]
    assert received.sum.is_monotonic
    assert received.sum.aggregation_temporality == 2  # cumulative
    assert received.sum.data_points[0].as_int == 1001
    assert received.sum.data_points[0].start_time_unix_nano == int((NOW - 3600) * 1e9)
    assert last["turnout.messages.in_flight"].gauge.data_points[0].as_int == 11
    (durations,) = last["messaging.client.operation.duration"].histogram.data_points
    assert (durations.count, sum(durations.bucket_counts)) == (4, 4)
    assert len(durations.bucket_counts) == len(durations.explicit_bounds) + 1
    assert not durations.HasField("min")
    assert durations.sum == pytest.approx(60.333)
    sent = last["messaging.client.sent.messages"].sum.data_points
    labels = [{pair.key: pair.value.string_value for pair in point.attributes} for point in sent]
    assert {
        "messaging.system": "aws_sqs",
        "messaging.operation.name": "send",
        "messaging.destination.name": "crm",
        "error.type": "ThrottlingException",
    } in labels


def test_a_silent_collector_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_endpoint() as endpoint:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "60",  # for which whoever waits for an answer is held up
            "OTEL_METRIC_EXPORT_INTERVAL": "10",
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        export = start_metrics(MetricSettings.from_environ(environ), reading)
        assert export is not None
        started = time.monotonic()
        asyncio.run(export.aclose(reading(), 0.2))
        assert time.monotonic() - started < 15


def test_an_exporter_that_cannot_be_shut_down_is_told_of_and_not_taken_for_a_silent_collector(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def shutdown() -> None:
        raise RuntimeError("a defect")

    with Collector().running() as collector:
        export = exporting(collector, monkeypatch, reading)
        monkeypatch.setattr(export._exporter, "shutdown", shutdown)
        asyncio.run(export.aclose(reading(), 5))
    ours = [record for record in caplog.records if record.name == "turnout.telemetry.setup.metrics"]
    told = [record.message for record in ours if record.levelno >= logging.WARNING]
    assert told == ["Metrics failed in shutdown."]


@pytest.mark.parametrize("wrong", [TimeoutError, RuntimeError, ZeroDivisionError])
def test_a_worker_that_does_not_answer_is_asked_again_next_time(
    wrong: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def read() -> Reading:
        asked.append(1)
        if len(asked) < 3:
            raise wrong
        return reading()

    with Collector().running() as collector:
        export = exporting(collector, monkeypatch, read, interval="10")
        collector.wait_for_metrics(1)
        asyncio.run(export.aclose(reading(), 5))
    assert len(asked) >= 3


def test_metrics_that_cannot_be_made_cost_one_export_and_hold_no_shutdown_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Iterator[Metric]:
        yield from read_metrics(snapshot())
        raise RuntimeError("a defect")

    asked = []

    def read() -> Reading:
        asked.append(1)
        return Reading(broken(), NOW - 3600, NOW) if len(asked) < 3 else reading()

    with Collector().running() as collector:
        export = exporting(collector, monkeypatch, read, interval="10")
        collector.wait_for_metrics(1)
        asyncio.run(export.aclose(Reading(broken(), NOW - 3600, NOW), 5))
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == ["Metrics could not be exported."] * 3


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_METRICS_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4317"},
    ],
)
def test_metrics_are_not_exported_unless_the_environment_wants_it(environ: dict[str, str]) -> None:
    assert start_metrics(MetricSettings.from_environ(environ), reading) is None


def test_what_cannot_be_used_is_told(caplog: pytest.LogCaptureFixture) -> None:
    environ = {
        "OTEL_METRICS_EXPORTER": "prometheus,none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317",
    }
    with caplog.at_level(logging.WARNING):
        assert start_metrics(MetricSettings.from_environ(environ), reading) is None
    assert "OTEL_METRICS_EXPORTER: prometheus is not available here" in caplog.text
    wrong = MetricSettings.from_environ(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
            "OTEL_METRIC_EXPORT_INTERVAL": "often",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        }
    )
    assert wrong.protocol == "http/protobuf"
    assert wrong.interval_seconds == 60
    assert [problem.partition(":")[0] for problem in wrong.problems] == [
        "OTEL_METRIC_EXPORT_INTERVAL",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    ]
