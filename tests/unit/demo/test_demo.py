"""`turnout demo` as a command: played for real on the embedded server, with small streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

import turnout.cli.demo as cli
from turnout.demo.audit import Findings
from turnout.demo.events import generate
from turnout.demo.run import Result
from turnout.pipeline.books import Books

RULES = """\
targets:
  critical: {queue: "${CRITICAL_QUEUE_URL}", priority: 0}
  standard: {queue: "https://sqs.eu-west-1.amazonaws.com/123456789012/standard"}
unmatched: drop
rules:
  - {id: urgent, when: detail.tags.priority == 'critical', send: [critical]}
  - {id: voice, when: detail.channel == 'voice' or detail.eventBody.mediaType == 'VOICE', send: [standard]}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return file


def start(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    turnout = Path(sys.executable).with_name("turnout")
    command = [str(turnout), "demo", *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OTEL_", "TURNOUT_"))}
    return subprocess.Popen(
        command, env=clean | (environment or {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def played(*arguments: object, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    process = start(*arguments, environment=environment)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out, err


def expected(seed: int, count: int) -> dict[str, Any]:
    """What RULES make of the stream, worked out by hand."""
    delivered = {"critical": 0, "standard": 0}
    dead_lettered: Counter[str] = Counter()
    unmatched = 0
    for message in generate(seed, count):
        if message.poison:
            dead_lettered[message.poison] += 1
            continue
        detail = json.loads(message.body)["detail"]
        critical = detail.get("tags", {}).get("priority") == "critical"
        voice = detail.get("channel") == "voice" or detail.get("eventBody", {}).get("mediaType") == "VOICE"
        delivered["critical"] += critical
        delivered["standard"] += voice
        unmatched += not (critical or voice)
    return {"delivered": delivered, "dead_lettered": dead_lettered, "unmatched": unmatched}


def test_json_prints_exactly_one_object_and_every_event_is_where_it_belongs(rules: Path) -> None:
    code, out, err = played("--events", 300, "--seed", 4, "--rules", rules, "--json")
    assert code == 0, err
    printed = json.loads(out)
    assert printed.pop("seconds") > 0
    assert printed == {"received": 300, "duplicates": 0, "lost": 0} | expected(seed=4, count=300)


def test_without_json_it_prints_tables_and_the_verdict(rules: Path) -> None:
    code, out, err = played("--events", 100, "--rules", rules)
    assert code == 0, err
    assert "What was dead-lettered, and why" in out
    assert "The story of message" in out
    assert out.splitlines()[-1] == "100 published, lost: 0, duplicates: 0"


def test_the_users_own_aws_settings_play_no_part(rules: Path) -> None:
    environment = {
        "AWS_PROFILE": "of-another-account",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "TURNOUT_SOURCE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
        "CRITICAL_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/critical",
    }
    code, out, err = played("--events", 50, "--rules", rules, "--json", environment=environment)
    assert code == 0, err
    assert json.loads(out)["lost"] == 0


def test_a_fifo_target_gets_each_event_once_in_the_end(tmp_path: Path) -> None:
    (tmp_path / "fifo.yaml").write_text(
        "targets: {in-order: {queue: 'orders.fifo'}}\n"
        "unmatched: in-order\n"
        "rules: [{id: voice, when: detail.channel == 'voice', send: [in-order], group: detail.channel}]\n"
    )
    code, out, err = played("--events", 200, "--rules", tmp_path, "--json")
    assert code == 0, err
    events = {message.body for message in generate(1, 200) if message.poison is None}
    assert json.loads(out)["delivered"] == {"in-order": len(events)}
    assert json.loads(out)["lost"] == 0


def test_rules_that_cannot_be_used_are_reported_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("rules: [{id: x, when: 'detail.', send: [nowhere]}]\n")
    code, out, err = played("--rules", tmp_path, "--json")
    assert code == 1
    assert out == ""
    assert "broken.yaml:1:" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_early_with_what_there_is_and_stops_the_server(rules: Path, number: signal.Signals) -> None:
    process = start("--events", 1_000_000, "--rules", rules, "--json")
    try:
        server, endpoint = server_of(process)
        eventually(lambda: messages_in(endpoint, "turnout-standard") > 0)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "stopped early" in err
    printed = json.loads(out)
    assert printed["received"] > 0
    assert printed["lost"] == 0
    assert not Path(f"/proc/{server}").exists()


@pytest.mark.parametrize(
    ("published", "unfinished", "lost", "code", "said"),
    [
        (100, 0, 0, 0, ""),
        (100, 7, 0, 130, "stopped early, after 100 of 100 events, 7 of them not routed\n"),
        (60, 0, 0, 130, "stopped early, after 60 of 100 events\n"),
        (60, 7, 1, 1, ""),
    ],
)
def test_it_is_a_success_only_when_every_event_was_published_and_routed_and_none_was_lost(
    published: int, unfinished: int, lost: int, code: int, said: str, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = Findings({}, {}, {}, unfinished, lost=lost, duplicates=0)
    monkeypatch.setenv("CRITICAL_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/critical")
    monkeypatch.setattr("turnout.telemetry.logs.configure_logging", lambda *_: None)
    monkeypatch.setattr(cli, "_play", lambda plan: Result(published, 1.0, Books(), findings, None))
    result = CliRunner().invoke(cli.demo, ["--events", "100", "--rules", str(rules), "--json"])
    assert (result.exit_code, result.stderr) == (code, said)


def server_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Process id and endpoint of the embedded server that `process` has started, once it is there."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    eventually(lambda: children.read_text() != "")
    server = children.read_text().split()[0]
    environ = Path(f"/proc/{server}/environ")
    eventually(lambda: "GATEWAY_PORT=" in environ.read_text())
    port = dict(line.partition("=")[::2] for line in environ.read_text().split("\0"))["GATEWAY_PORT"]
    return server, f"http://127.0.0.1:{port}"


def messages_in(endpoint: str, queue: str) -> int:
    """How many messages are in the queue; 0 while there is no server or no such queue."""
    try:
        answer = httpx.post(
            endpoint,
            headers={"X-Amz-Target": "AmazonSQS.GetQueueAttributes", "Content-Type": "application/x-amz-json-1.0"},
            json={"QueueUrl": f"{endpoint}/000000000000/{queue}", "AttributeNames": ["All"]},
        )
    except httpx.TransportError:
        return 0
    attributes: dict[str, str] = answer.json().get("Attributes", {})
    return int(attributes.get("ApproximateNumberOfMessages", 0))


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until another process has made `condition` true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_rules_that_delay_and_deduplicate_are_played_and_nothing_counts_as_lost(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "targets: {later: {queue: later}, once: {queue: once.fifo}}\n"
        "unmatched: later\n"
        "rules:\n"
        "  - {id: delayed, when: exists(detail), send: [later], delay: 900}\n"
        "  - {id: grouped, when: exists(detail-type), send: [once], group: detail-type, deduplicate: detail-type}\n"
    )
    code, out, err = played("--rules", rules, "--events", 200, "--json")
    assert code == 0, err
    books = json.loads(out)
    assert (books["lost"], books["duplicates"]) == (0, 0)
    assert books["delivered"]["later"] + sum(books["dead_lettered"].values()) == 200
    assert books["delivered"]["once"] > 50, "not one of each type"
