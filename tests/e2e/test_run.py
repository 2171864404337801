"""`turnout run` as its users run it: a process, real HTTP, signals, and what is in the queues afterwards."""

import json
import signal
from collections import Counter
from pathlib import Path

import pytest
from tests.e2e.turnout import Queues, run_to_the_end, running, wait_until
from tests.servers.otlp import silent_endpoint


def event(number: int, priority: str) -> str:
    return json.dumps({"id": f"event-{number}", "detail": {"priority": priority, "pad": "x" * 1000}})


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_every_event_is_where_it_belongs_and_the_stop_is_clean(
    queues: Queues, rules: Path, stop: signal.Signals
) -> None:
    queues.publish([event(number, ("urgent", "rest", "other")[number % 3]) for number in range(300)])
    queues.publish(["poison", "[]", '{"id": "no-detail"}'])
    with running(queues.environment(), "--rules", str(rules)) as turnout:
        queues.wait_until_empty()
        turnout.signal(stop)
        assert turnout.wait() == 0, turnout.log
    urgent = Counter(f"event-{number}" for number in range(0, 300, 3))
    rest = Counter(f"event-{number}" for number in range(1, 300, 3))
    assert queues.event_ids("critical") == urgent
    assert queues.event_ids("high") == urgent
    assert queues.event_ids("standard") == rest
    letters = {m["Body"]: m["MessageAttributes"]["ERROR_CODE"]["StringValue"] for m in queues.drain("events-dead")}
    assert letters == {"poison": "INVALID_JSON", "[]": "NOT_AN_OBJECT", '{"id": "no-detail"}': "MISSING_FIELD"}


def test_two_source_queues_are_read_by_one_worker(queues: Queues, rules: Path) -> None:
    other = queues.client.create_queue(QueueName=queues.urls["events"].rpartition("/")[2] + "-2")["QueueUrl"]
    queues.publish([event(1, "rest")])
    queues.client.send_message(QueueUrl=other, MessageBody=event(2, "rest"))
    environment = queues.environment()
    environment["TURNOUT_SOURCE_QUEUE_URL"] += f", {other}"
    with running(environment, "--rules", str(rules)) as turnout:
        wait_until(lambda: queues.count("standard") == 2, "both events")
        turnout.signal(signal.SIGTERM)
        assert turnout.wait() == 0, turnout.log


def test_a_stop_while_a_target_fails_hands_the_messages_back_at_once(queues: Queues, rules: Path) -> None:
    queues.publish([event(number, "rest") for number in range(5)])
    environment = queues.with_standard_unreachable() | {
        "TURNOUT_DRAIN_SECONDS": "2",
    }
    with running(environment, "--rules", str(rules)) as turnout:
        turnout.wait_for_log("send to standard failed")
        assert queues.visible("events") == 0
        turnout.signal(signal.SIGTERM)
        assert turnout.wait() == 0, turnout.log
    assert queues.visible("events") == 5


def test_a_second_signal_exits_at_once(queues: Queues, rules: Path) -> None:
    queues.publish([event(1, "rest")])
    environment = queues.with_standard_unreachable() | {
        "TURNOUT_DRAIN_SECONDS": "600",
    }
    with running(environment, "--rules", str(rules)) as turnout:
        turnout.wait_for_log("send to standard failed")
        turnout.signal(signal.SIGTERM)
        turnout.wait_for_log("draining")
        turnout.signal(signal.SIGTERM)
        assert turnout.wait(5) == 128 + signal.SIGTERM
        assert "exiting at once" in turnout.log


def test_a_killed_worker_loses_nothing(queues: Queues, rules: Path) -> None:
    bodies = [event(number, "rest") for number in range(400)]
    environment = queues.environment() | {"TURNOUT_VISIBILITY_SECONDS": "6"}
    with running(environment, "--rules", str(rules)) as turnout:
        queues.publish(bodies)
        wait_until(lambda: queues.count("standard") > 50, "some events to be delivered")
        turnout.signal(signal.SIGKILL)
        turnout.wait()
    with running(environment, "--rules", str(rules)) as turnout:
        queues.wait_until_empty()
        turnout.signal(signal.SIGTERM)
        assert turnout.wait() == 0, turnout.log
    assert set(queues.event_ids("standard")) == {f"event-{number}" for number in range(400)}


def test_a_message_in_backoff_longer_than_its_visibility_is_not_handed_out_again(queues: Queues, rules: Path) -> None:
    queues.publish([event(1, "rest")])
    environment = queues.with_standard_unreachable() | {
        "TURNOUT_VISIBILITY_SECONDS": "6",
        "TURNOUT_DRAIN_SECONDS": "1",
    }
    with running(environment, "--rules", str(rules)) as turnout:
        turnout.wait_for_log("send to standard failed")
        deadline = [0]

        def nine_seconds_of_looks() -> bool:
            assert queues.visible("events") == 0
            deadline[0] += 1
            return deadline[0] > 160

        wait_until(nine_seconds_of_looks, "the visibility timeout to be outlived")
        turnout.signal(signal.SIGTERM)
        assert turnout.wait() == 0
    # Handed back at the end; on a machine too busy for that within the second, its visibility runs out.
    wait_until(lambda: queues.visible("events") == 1, "the message to be there again")
    (message,) = queues.drain("events")
    assert message["Body"] == event(1, "rest")


def test_wrong_settings_are_all_told_in_plain_words_with_exit_code_2(queues: Queues) -> None:
    environment = queues.environment() | {"TURNOUT_POLLERS": "none", "TURNOUT_SOURCE_QUEUE_URL": "events"}
    del environment["TURNOUT_DEAD_LETTER_QUEUE_URL"]
    done = run_to_the_end(environment, "run", "--wait-seconds", "99")
    assert done.returncode == 2
    for name in (
        "TURNOUT_POLLERS",
        "TURNOUT_SOURCE_QUEUE_URL",
        "TURNOUT_DEAD_LETTER_QUEUE_URL",
        "TURNOUT_WAIT_SECONDS",
    ):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_rules_stop_the_start_and_point_at_the_place(queues: Queues, rules: Path) -> None:
    text = (rules / "rules.yaml").read_text()
    (rules / "rules.yaml").write_text(text.replace("== 'urgent'", "= 'urgent'").replace("[standard]", "[standrad]"))
    done = run_to_the_end(queues.environment(), "run", "--rules", str(rules))
    assert done.returncode == 1
    assert "rules.yaml:8:" in done.stderr
    assert "rules.yaml:9:" in done.stderr
    assert "standard" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_target_whose_variable_is_not_set_stops_the_start(queues: Queues, rules: Path) -> None:
    environment = queues.environment()
    del environment["HIGH_QUEUE_URL"]
    done = run_to_the_end(environment, "run", "--rules", str(rules))
    assert done.returncode == 1
    assert "HIGH_QUEUE_URL" in done.stderr


def test_help_lists_every_setting_with_its_variable() -> None:
    done = run_to_the_end({"PATH": "/usr/bin"}, "run", "--help")
    assert done.returncode == 0
    for name in ("TURNOUT_SOURCE_QUEUE_URL", "TURNOUT_MAX_IN_FLIGHT", "TURNOUT_DRAIN_SECONDS", "TURNOUT_REQUIRE"):
        assert name in done.stdout


def test_a_dead_collector_neither_slows_the_work_nor_holds_up_the_stop(queues: Queues, rules: Path) -> None:
    queues.publish([event(number, "urgent") for number in range(300)])
    with silent_endpoint() as endpoint:
        environment = queues.environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "TURNOUT_TELEMETRY_SECONDS": "2"}
        with running(environment, "--rules", str(rules)) as turnout:
            queues.wait_until_empty()
            turnout.signal(signal.SIGTERM)
            assert turnout.wait(15) == 0, turnout.log
    assert queues.count("critical") == queues.count("high") == 300
