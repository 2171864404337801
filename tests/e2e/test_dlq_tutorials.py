"""The systems of tutorials B, C and E, whole: `turnout dlq` as processes, an emulator of AWS, our stub of the API.

The API answers 429, lets tokens expire, serves error pages in HTML, and processes end in between, politely and not.
"""

from __future__ import annotations

import json
import signal
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from tests.contract.test_ledger import create_table
from tests.e2e.turnout import AWS, Queues, run_to_the_end, running_command, wait_until
from tests.servers.emulators import ministack
from tests.servers.genesys import CLIENT_ID, CLIENT_SECRET, Stub, answering, dropping, refusing, running
from tests.servers.otlp import Collector
from tests.servers.processes import Server

pytestmark = pytest.mark.timeout(240)

SUBSCRIPTION = "sub-1"
ACCOUNT = "000000000000"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with ministack() as started:
        yield started


class System:
    """Queues, a bucket, the API, a ledger; and the environment in which commands find them."""

    def __init__(self, server: Server, stub: Stub, folder: Path) -> None:
        self.queues = Queues(server, f"q{uuid4().hex[:8]}")
        self.stub = stub
        self.bucket = f"b{uuid4().hex}"
        self.ledger = folder / "ledger.sqlite"
        self.s3: Any = boto3.client(
            "s3",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self.s3.create_bucket(Bucket=self.bucket)
        self.environment = self.queues.environment() | {
            "TURNOUT_DLQ_LEDGER": str(self.ledger),
            "TURNOUT_DLQ_ARCHIVE_BUCKET": self.bucket,
            "TURNOUT_DLQ_BACKOFF_BASE_SECONDS": "0.05",
            "TURNOUT_DLQ_RATE": "2000",
            "TURNOUT_DLQ_LEASE_SECONDS": "15",
            "TURNOUT_DLQ_INTERVAL_SECONDS": "1",
            "TURNOUT_GENESYS_PROFILE": "tutorial",
            "TURNOUT_GENESYS_API_URL": stub.url,
            "TURNOUT_GENESYS_LOGIN_URL": stub.url,
            "TURNOUT_GENESYS_CLIENT_ID": CLIENT_ID,
            "TURNOUT_GENESYS_CLIENT_SECRET": CLIENT_SECRET,
            "TURNOUT_GENESYS_BACKOFF_BASE_SECONDS": "0.05",
            "TURNOUT_GENESYS_REPLAY_SPACING_SECONDS": "0.1",
        }

    def dlq(self, *arguments: str, **environ: str) -> str:
        """A command that ends by itself; what it printed."""
        done = run_to_the_end(self.environment | environ, "dlq", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert CLIENT_SECRET not in done.stdout + done.stderr
        return done.stdout

    def objects(self) -> dict[str, dict[str, Any]]:
        """What is in the bucket, by key."""
        found = {}
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            for each in page.get("Contents", []):
                with closing(self.s3.get_object(Bucket=self.bucket, Key=each["Key"])["Body"]) as body:
                    found[each["Key"]] = json.loads(body.read())
        return found

    def statuses(self, *arguments: str) -> dict[str, int]:
        """Of all letters that the ledger knows, as the report tells them."""
        document = json.loads(self.dlq("report", "--format", "json", *arguments))
        statuses: dict[str, int] = document["health"]["statuses"]
        return statuses


@pytest.fixture
def system(server: Server, tmp_path: Path) -> Iterator[System]:
    with running(Stub()) as stub:
        yield System(server, stub, tmp_path)


# ------------------------------------------------------------------------------------------- B: failed-event processing


def failed_event(number: int) -> dict[str, Any]:
    """Of three in a row the first is transient, the second permanent, the third nobody understands."""
    code, reason = (("503", "upstream timed out"), ("400", "schema validation failed"), ("X99", "hm"))[number % 3]
    return {
        "id": f"fe-{number}",
        "eventType": "v2.detail.events.conversation.{id}.user.end",
        "failureCode": code,
        "failureReason": reason,
        "stackTrace": "at Handler.handle(Handler.java:42)\n\tat ...",
        "payload": {"id": f"e-{number}", "detail": {"interactionId": f"i-{number}", "score": 1.5}},
    }


def test_failed_events_are_replayed_archived_or_kept_for_people_and_none_of_it_twice(system: System) -> None:
    stub = system.stub
    stub.failed_events[SUBSCRIPTION] = [failed_event(number) for number in range(270)]
    stub.faults += [refusing(1), answering(502, "<html><h1>Bad Gateway</h1></html>"), dropping()]
    pages: list[int] = []

    def after_page() -> None:
        pages.append(1)
        if len(pages) == 2:
            stub.expire_tokens()

    stub.after_page = after_page
    said = system.dlq("work", "--once", "--failed-events", SUBSCRIPTION)
    replayed = [event_id for batch in stub.replayed for event_id in batch]
    assert Counter(replayed) == Counter({f"fe-{number}": 1 for number in range(0, 270, 3)})
    assert all(len(batch) <= 100 for batch in stub.replayed)
    assert all(f"90 {result}" in said for result in ("delivered", "archived", "parked")), said
    kept = system.objects()
    assert len(kept) == 90
    key = "dlq/archives/v2.detail.events.conversation.id.user.end/400/e-1-undated.json"
    assert key in kept, list(kept)[:3]
    assert kept[key]["payload"] == json.dumps(failed_event(1)["payload"])
    assert kept[key]["stack_trace"].endswith("\n\tat ...")
    assert kept[key]["category"] == "permanent"
    assert system.statuses("--failed-events", SUBSCRIPTION) == {
        "replayed": 90,
        "archived": 90,
        "unknown_category": 90,
    }

    stub.failed_events[SUBSCRIPTION].append(failed_event(270))
    system.dlq("work", "--once", "--failed-events", SUBSCRIPTION)
    assert stub.replayed[-1] == ["fe-270"]
    assert sum(map(len, stub.replayed)) == 91
    assert len(system.objects()) == 90


def test_a_replay_that_fails_is_repeated_with_patience_and_then_left_to_people(system: System) -> None:
    stub = system.stub
    stub.failed_events[SUBSCRIPTION] = [failed_event(0)]

    def only_replays_fail() -> None:
        stub.faults.extend([answering(503, "<html>busy</html>")] * 2)

    stub.after_page = only_replays_fail
    system.dlq("work", "--once", "--failed-events", SUBSCRIPTION, "--attempts", "3")
    assert stub.replayed == [["fe-0"]]
    stub.failed_events[SUBSCRIPTION] = [failed_event(3)]
    stub.after_page = lambda: stub.faults.extend([answering(503, "<html>busy</html>")] * 3)
    said = system.dlq("work", "--once", "--failed-events", SUBSCRIPTION, "--attempts", "3")
    assert "1 exhausted" in said
    assert stub.replayed == [["fe-0"]]


def test_a_processor_that_is_stopped_or_killed_goes_on_where_it_was(system: System) -> None:
    stub = system.stub
    stub.failed_events[SUBSCRIPTION] = [failed_event(number) for number in range(0, 900, 3)]
    slow = system.environment | {"TURNOUT_DLQ_RATE": "60"}
    command = ("dlq", "work", "--failed-events", SUBSCRIPTION, "--log-format", "text")
    with running_command(slow, *command) as first:
        wait_until(lambda: bool(stub.replayed), "the first replay")
        first.signal(signal.SIGTERM)
        assert first.wait() == 0, first.log
    stopped = sum(map(len, stub.replayed))
    assert 0 < stopped < 300
    with running_command(slow, *command) as second:
        wait_until(lambda: sum(map(len, stub.replayed)) > stopped, "another replay")
        second.signal(signal.SIGKILL)
        second.wait()
    under_way = set(stub.replayed[-1])
    # Rounds far enough apart that five of them outlast the claims of what was killed.
    system.dlq("work", "--once", "--failed-events", SUBSCRIPTION, TURNOUT_DLQ_INTERVAL_SECONDS="4")
    replayed = Counter(event_id for batch in stub.replayed for event_id in batch)
    assert set(replayed) == {f"fe-{number}" for number in range(0, 900, 3)}
    # What the kill fell on may have been asked for twice; nothing else was.
    assert {event_id for event_id, times in replayed.items() if times > 1} <= under_way


# ------------------------------------------------------------------------------------------------- C: dead-letter retry


def rule_letter(system: System, number: int, *, target: str, error: str = "THROTTLING", hours: float = 5) -> str:
    """Put a letter of an EventBridge rule into the dead-letter queue; its body."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    body = json.dumps(
        {
            "version": "0",
            "id": f"e-{number}",
            "detail-type": "Interaction Completed",
            "source": "genesys.cloud",
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "detail": {"interactionId": f"i-{number}", "ani": "tel:+14295550100"},
        }
    )
    attributes = {
        "RULE_ARN": f"arn:aws:events:us-east-1:{ACCOUNT}:rule/bus/to-crm",
        "TARGET_ARN": target,
        "ERROR_CODE": error,
        "ERROR_MESSAGE": f"the target said {error}",
        "RETRY_ATTEMPTS": "185",
    }
    system.queues.client.send_message(
        QueueUrl=system.queues.urls["events-dead"],
        MessageBody=body,
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
    return body


def arn(system: System, name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{system.queues.urls[name].rpartition('/')[2]}"


def test_dead_letters_are_delivered_to_where_they_failed_and_their_interactions_told(system: System) -> None:
    stub = system.stub
    stub.interactions = {f"i-{n}": {"id": f"i-{n}", "channels": [{"type": "voice"}]} for n in range(6)}
    bodies = [rule_letter(system, number, target=arn(system, "critical")) for number in range(4)]
    rule_letter(system, 4, target=f"arn:aws:sqs:us-east-1:{ACCOUNT}:no-such-queue")
    rule_letter(system, 5, target=arn(system, "critical"), error="NO_PERMISSIONS")
    rule_letter(system, 6, target=arn(system, "critical"))  # its interaction is not there, and was to be
    stub.faults += [refusing(1), answering(500, "<html>oops</html>")]
    said = system.dlq("work", "--once", "--interval", "1", "--correlate", TURNOUT_GENESYS_WRITE_BACK="interaction")
    assert sorted(message["Body"] for message in system.queues.drain("critical")) == sorted(bodies)
    told = {id_: one.get("attributes", {}).get("system") for id_, one in stub.interactions.items()}
    assert told == {
        **{f"i-{n}": {"retryAttempt": 1, "retryStatus": "replay_successful"} for n in range(4)},
        "i-4": {"retryAttempt": 3, "retryStatus": "replay_failed"},
        "i-5": None,
    }, said
    (key,) = system.objects()
    assert key.startswith("dlq/archives/Interaction-Completed/THROTTLING/e-6-")
    assert system.statuses() == {"retried": 4, "parked": 2, "archived": 1}
    assert system.queues.count("events-dead") == 2

    system.dlq("work", "--once", "--correlate", TURNOUT_GENESYS_WRITE_BACK="interaction")
    assert system.queues.drain("critical") == []
    assert system.queues.visible("events-dead") == 2


@pytest.mark.parametrize("store", ["sqlite", "dynamodb"])
def test_several_processors_share_a_queue_and_deliver_each_letter_once(
    system: System, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    environment = dict(system.environment)
    if store == "dynamodb":
        for name, value in (AWS | {"AWS_ENDPOINT_URL": system.queues.server.url}).items():
            monkeypatch.setenv(name, value)
        create_table(table := f"ledger-{uuid4().hex[:8]}")
        environment["TURNOUT_DLQ_LEDGER"] = f"dynamodb:{table}"
    for number in range(120):
        rule_letter(system, number, target=arn(system, "high"))
    command = ("dlq", "work", "--log-format", "text")
    with running_command(environment, *command) as first, running_command(environment, *command) as second:
        system.queues.wait_until_empty("events-dead", 90)
        for process in (first, second):
            process.signal(signal.SIGTERM)
            assert process.wait() == 0, process.log
    assert system.queues.event_ids("high") == Counter({f"e-{number}": 1 for number in range(120)})


def test_a_processor_that_is_killed_leaves_every_letter_to_the_next(system: System) -> None:
    for number in range(60):
        rule_letter(system, number, target=arn(system, "high"))
    slow = system.environment | {"TURNOUT_DLQ_RATE": "30"}
    with running_command(slow, "dlq", "work") as killed:
        wait_until(lambda: system.queues.count("high") > 5, "some deliveries")
        killed.signal(signal.SIGKILL)
        killed.wait()
    with running_command(system.environment, "dlq", "work") as second:
        system.queues.wait_until_empty("events-dead", 180)
        second.signal(signal.SIGTERM)
        assert second.wait() == 0
    arrived = system.queues.event_ids("high")
    assert set(arrived) == {f"e-{number}" for number in range(60)}
    assert sum(times - 1 for times in arrived.values()) <= 16, "more than what was under way arrived twice"


# --------------------------------------------------------------------------------------------- E: delivery diagnostics


def test_diagnostics_have_every_letter_whatever_becomes_of_its_correlation(system: System, tmp_path: Path) -> None:
    stub = system.stub
    stub.interactions = {
        "i-0": {"id": "i-0", "channels": [{"type": "voice"}]},
        "i-1": {"id": "i-1", "channels": [{"type": "chat"}, {"type": "voice"}]},
    }
    errors = ("THROTTLING", "NO_PERMISSIONS", "CONNECTION_FAILURE", "INVALID_JSON", "SOMETHING_NEW")
    bodies = [rule_letter(system, n, target=arn(system, "high"), error=errors[n]) for n in range(5)]
    stub.faults += [refusing(1), answering(400, "<html>Bad Request</html>")]
    output = tmp_path / "eventbridge_diagnostics.json"
    system.dlq("report", "--correlate", "--format", "json", "--show-pii", "--output", str(output))
    document = json.loads(output.read_text())
    assert document["totalFailures"] == 5
    records = {record["interactionId"]: record for record in document["records"]}
    assert {id_: record["failureCategory"] for id_, record in records.items()} == {
        "i-0": "RATE_LIMIT_EXCEEDED",
        "i-1": "AUTHENTICATION_REJECTED",
        "i-2": "ENDPOINT_UNREACHABLE",
        "i-3": "PAYLOAD_MALFORMED",
        "i-4": "UNKNOWN",
    }
    for number, body in enumerate(bodies):
        record = records[f"i-{number}"]
        assert record["replayPayload"] == json.loads(body)
        assert record["eventType"] == "Interaction Completed"
        assert record["replayEndpoint"] == arn(system, "high")
        assert datetime.fromisoformat(record["timestamp"]).tzinfo is not None
    presences = [record["interactionInfo"]["presence"] for record in document["records"]]
    assert sorted(presences) in (
        ["absent", "absent", "absent", "failed", "found"],
        ["absent", "absent", "failed", "found", "found"],
    )
    assert system.queues.visible("events-dead") == 5, "to look consumes nothing"


# ------------------------------------------------------------------------------------------------- probes and metrics


def test_the_processor_answers_probes_and_tells_its_metrics_and_spans(system: System) -> None:
    rule_letter(system, 1, target=arn(system, "high"))
    rule_letter(system, 2, target=arn(system, "high"), error="NO_PERMISSIONS")
    command = ("dlq", "work", "--http-port", "0", "--log-format", "text")
    with (
        Collector().running() as collector,
        running_command(
            system.environment
            | {
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http_endpoint,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            },
            *command,
        ) as process,
    ):
        process.wait_for_log("metrics at http://")
        url = process.log.split("metrics at ")[1].split()[0]
        wait_until(lambda: system.queues.count("high") == 1, "the delivery")

        def get(path: str) -> str:
            with urllib.request.urlopen(url + path, timeout=5) as answer:
                text: str = answer.read().decode()
                return text

        wait_until(lambda: 'result="parked"} 1' in get("/metrics"), "the metrics")
        assert 'turnout_recovery_letters_total{source="' in get("/metrics")
        assert json.loads(get("/livez"))["status"] == "ok"
        ready = json.loads(get("/readyz"))
        assert ready["status"] == "ok"
        assert ready["source"] == system.queues.urls["events-dead"].rpartition("/")[2]
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert "health report" in process.log
        spans = collector.named(f"process {ready['source']}")
        assert sorted(str(span.attributes["turnout.outcome"]) for span in spans) == ["delivered", "parked"]
        last = collector.wait_for_metrics(1)
        assert last["turnout.recovery.attempts"].sum.data_points[0].as_int == 1
