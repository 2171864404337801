"""`turnout run` with its HTTP port: probes, metrics that balance, a collector, and what is bound to the outside."""

import json
import re
import signal
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.e2e.turnout import Process, Queues, run_to_the_end, running, wait_until
from tests.servers.otlp import Collector, silent_endpoint

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def port_of(turnout: Process) -> str:
    turnout.wait_for_log("status, probes and metrics at")
    found = re.search(r"http://127\.0\.0\.1:\d+", turnout.log)
    assert found, turnout.log
    return found[0]


def scraped(url: str) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(httpx.get(url + "/metrics").raise_for_status().text)
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, frozenset(labels.items())]


def test_probes_and_metrics_tell_the_truth_from_start_to_stop(queues: Queues, rules: Path) -> None:
    wanted = [json.dumps({"id": f"event-{n}", "detail": {"priority": "urgent"}}) for n in range(60)]
    unwanted = [json.dumps({"id": "x", "detail": {}})] * 20
    with (
        Collector().running() as collector,
        running(
            queues.environment()
            | {
                "TURNOUT_HTTP_PORT": "0",
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": collector.http_endpoint + "/v1/metrics",
                "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
            },
            "--rules",
            str(rules),
        ) as turnout,
    ):
        url = port_of(turnout)
        wait_until(lambda: httpx.get(url + "/readyz").status_code == 200, "readiness")
        assert httpx.get(url + "/livez").json()["status"] == "ok"
        queues.publish([*wanted, *unwanted, "poison"])
        queues.wait_until_empty()

        def received() -> bool:
            return value(scraped(url), "turnout_messages_received_total") == 81

        wait_until(received, "all to be counted")
        series = scraped(url)
        settled = {
            dict(labels)["outcome"]: count
            for (name, labels), count in series.items()
            if name.startswith("turnout_messages_settled")
        }
        assert settled == {"delivered": 60, "dead_lettered": 1, "dropped": 20, "handed_back": 0}
        assert value(series, "turnout_messages_in_flight") == 0
        assert value(series, "turnout_target_sent_total", target="critical") == 60
        assert value(series, "turnout_letters_total", reason="INVALID_JSON") == 1
        assert value(series, "turnout_messages_unmatched_total") == 20
        turnout.signal(signal.SIGTERM)
        assert turnout.wait() == 0, turnout.log
        last = collector.wait_for_metrics(1)
    assert last["turnout.messages.received"].sum.data_points[0].as_int == 81
    assert last["turnout.draining"].gauge.data_points[0].as_int == 1


def test_while_it_drains_it_is_not_ready_but_alive(queues: Queues, rules: Path) -> None:
    queues.publish([json.dumps({"id": "1", "detail": {"priority": "rest"}})])
    environment = queues.with_standard_unreachable() | {"TURNOUT_DRAIN_SECONDS": "60", "TURNOUT_HTTP_PORT": "0"}
    environment |= {"TURNOUT_BACKOFF_BASE_SECONDS": "3", "TURNOUT_BACKOFF_CAP_SECONDS": "3"}
    with running(environment, "--rules", str(rules)) as turnout:
        url = port_of(turnout)
        turnout.wait_for_log("send to standard failed")
        turnout.signal(signal.SIGTERM)
        turnout.wait_for_log("draining")
        answer = httpx.get(url + "/readyz")
        assert answer.status_code == 503
        assert answer.json()["reasons"] == ["draining: it was told to stop, 1 message still in flight"]
        assert httpx.get(url + "/livez").status_code == 200


def test_a_collector_that_never_answers_costs_no_message_and_no_more_than_its_time_at_the_end(
    queues: Queues, rules: Path
) -> None:
    wanted = [json.dumps({"id": f"event-{n}", "detail": {"priority": "urgent"}}) for n in range(300)]
    with silent_endpoint() as endpoint:
        environment = queues.environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "TURNOUT_TELEMETRY_SECONDS": "1"}
        with running(environment, "--rules", str(rules)) as turnout:
            queues.publish(wanted)
            queues.wait_until_empty()
            assert queues.count("critical") == queues.count("high") == 300
            turnout.signal(signal.SIGTERM)
            turnout.wait_for_log("stopped: ")
            # What is left is the second for the last spans, another for the last metrics, and the end of the process.
            assert turnout.wait(10) == 0
            assert "did not take the last spans within 1.0 s" in turnout.log


def test_a_hangup_while_the_last_telemetry_leaves_ends_nothing(queues: Queues, rules: Path) -> None:
    with silent_endpoint() as endpoint:
        environment = queues.environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "TURNOUT_TELEMETRY_SECONDS": "1"}
        with running(environment, "--rules", str(rules)) as turnout:
            queues.publish([json.dumps({"id": f"event-{n}", "detail": {"priority": "urgent"}}) for n in range(20)])
            queues.wait_until_empty()
            turnout.signal(signal.SIGTERM)
            turnout.wait_for_log("stopped: ")
            turnout.signal(signal.SIGHUP)
            assert turnout.wait(10) == 0


def test_a_port_for_other_machines_needs_a_token_and_never_shows_it(queues: Queues, rules: Path) -> None:
    token = "correct-horse-battery"
    outside = queues.environment() | {"TURNOUT_HTTP_PORT": "0", "TURNOUT_HTTP_HOST": "0.0.0.0"}
    refused = run_to_the_end(outside, "run", "--rules", str(rules))
    assert refused.returncode == 2
    assert "TURNOUT_HTTP_TOKEN: is not set" in refused.stderr
    assert token not in run_to_the_end(outside | {"TURNOUT_HTTP_TOKEN": token, "TURNOUT_POLLERS": "x"}, "run").stderr


def test_a_port_that_is_taken_stops_the_start_with_exit_code_2(queues: Queues, rules: Path) -> None:
    environment = queues.environment() | {"TURNOUT_HTTP_PORT": "0"}
    with running(environment, "--rules", str(rules)) as turnout:
        port = port_of(turnout).rpartition(":")[2]
        second = run_to_the_end(environment | {"TURNOUT_HTTP_PORT": port}, "run", "--rules", str(rules))
        assert second.returncode == 2, second.stderr
        assert f"TURNOUT_HTTP_PORT: cannot listen on 127.0.0.1 port {port}" in second.stderr
        assert "Traceback" not in second.stderr
        turnout.signal(signal.SIGTERM)
        assert turnout.wait() == 0
