"""`turnout rules diff`, as whoever reviews a change of rules sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.rules.language import HEAD, write

from turnout.cli.rules import rules
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs

RULE = "rules:\n  - {id: long, when: detail.ms > 5, send: [high]}\n"
EVENTS = [
    {"id": "e-1", "detail-type": "Call", "detail": {"ms": 4, "ani": "tel:+15550100"}},
    {"id": "e-2", "detail": {"ms": 9}},
    {"id": "e-3", "detail": {"ms": 5}},
]


def run(directory: Path, *arguments: str, limit: int = 3) -> Result:
    old = write(directory, HEAD + RULE, "old.yaml")
    new = write(directory, HEAD + RULE.replace("5", str(limit)), "new.yaml")
    events = b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS)
    if "--queue" not in arguments:
        arguments = ("--events", "-", *arguments)
    return CliRunner().invoke(rules, ["diff", str(old), str(new), *arguments], input=events)


def test_changes_are_counted_with_an_example_and_exit_0(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "       2  (dropped) -> high",
        "          rules: + long",
        "          such as line 1: Call, id e-1",
        "3 events: 2 would go elsewhere, 0 otherwise to the same places, 0 only match other rules",
    ]


def test_one_event_that_matches_other_rules_is_told_in_the_singular(tmp_path: Path) -> None:
    old = str(write(tmp_path, HEAD + RULE, "old.yaml"))
    new = str(write(tmp_path, HEAD + RULE.replace("id: long", "id: other"), "new.yaml"))
    event = json.dumps(EVENTS[1]).encode()
    result = CliRunner().invoke(rules, ["diff", old, new, "--events", "-"], input=event)
    assert result.stdout.endswith(
        "1 event: 0 would go elsewhere, 0 otherwise to the same places, 1 only matches other rules\n"
    )


def test_fail_on_change_exits_1_only_when_there_is_one(tmp_path: Path) -> None:
    assert run(tmp_path, "--fail-on-change").exit_code == 1
    assert run(tmp_path, "--fail-on-change", limit=5).exit_code == 0


def test_a_target_that_is_called_the_same_and_has_another_queue_is_named(tmp_path: Path) -> None:
    old = str(write(tmp_path, HEAD + RULE, "old.yaml"))
    new = str(write(tmp_path, HEAD.replace("queue: high", "queue: higher") + RULE, "new.yaml"))
    event = json.dumps(EVENTS[1]).encode()
    result = CliRunner().invoke(rules, ["diff", old, new, "--events", "-"], input=event)
    assert result.stdout.splitlines()[0] == "       1  high -> high (another address: high)"
    result = CliRunner().invoke(rules, ["diff", old, new, "--events", "-", "--json"], input=event)
    assert json.loads(result.stdout)["changes"][0]["moved"] == ["high"]


@pytest.mark.parametrize("written", [b'{\n"id": "e"\n}\n', b"[{}]", b"\xe4\n", b'{"id": "\xe4"}\n'])
def test_what_cannot_be_compared_is_no_all_clear(tmp_path: Path, written: bytes) -> None:
    old = str(write(tmp_path, HEAD + RULE))
    result = CliRunner().invoke(rules, ["diff", old, old, "--events", "-"], input=written)
    assert result.exit_code == 2
    assert "of them none that rules can be tried on: 0 would go elsewhere" in result.stdout
    assert "nothing was compared" in result.stderr


def test_no_events_are_no_all_clear_for_a_pipeline(tmp_path: Path) -> None:
    old = str(write(tmp_path, HEAD + RULE))
    arguments = ["diff", old, old, "--events", "-"]
    assert CliRunner().invoke(rules, arguments, input=b"").exit_code == 0
    assert CliRunner().invoke(rules, [*arguments, "--fail-on-change"], input=b"").exit_code == 2


def test_an_excerpt_is_shown_when_asked_for_and_has_no_contact_data(tmp_path: Path) -> None:
    assert '"ani"' not in run(tmp_path).stdout
    shown = run(tmp_path, "--excerpt").stdout
    assert '"detail": {"ms": 4, "ani": "***"}' in shown
    assert "15550100" not in shown


def test_json_has_every_change(tmp_path: Path) -> None:
    record = json.loads(run(tmp_path, "--json").stdout)
    assert {name: record[name] for name in ("events", "elsewhere", "otherwise", "other_rules")} == {
        "events": 3,
        "elsewhere": 2,
        "otherwise": 0,
        "other_rules": 0,
    }
    assert record["changes"] == [
        {
            "before": ["(dropped)"],
            "after": ["high"],
            "rules_gone": [],
            "rules_new": ["long"],
            "differs": [],
            "moved": [],
            "count": 2,
            "place": "line 1",
            "event_id": "e-1",
            "event_type": "Call",
            "elsewhere": True,
        }
    ]
    assert "excerpt" in json.loads(run(tmp_path, "--json", "--excerpt").stdout)["changes"][0]


def test_events_come_from_a_file_or_from_a_queue_but_not_both(tmp_path: Path) -> None:
    old = str(write(tmp_path, HEAD + RULE))
    for arguments in ([], ["--events", "-", "--queue", "https://sqs.eu-west-1.amazonaws.com/1/q"]):
        result = CliRunner().invoke(rules, ["diff", old, old, *arguments], input=b"")
        assert result.exit_code == 2
        assert "give either --events or --queue" in result.stderr


def test_messages_of_a_queue_are_looked_at_and_stay_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = MemorySqs()
    queue = sqs.create_queue("events")
    asyncio.run(_fill(sqs, queue))

    @asynccontextmanager
    async def open_memory() -> AsyncIterator[MemorySqs]:
        yield sqs

    monkeypatch.setattr("turnout.sqs.aio.open_aio_sqs", open_memory)
    result = run(tmp_path, "--queue", queue, "--sample", "2")
    assert result.exit_code == 0, result.output
    assert "2 events: 1 would go elsewhere" in result.stdout
    assert "such as message " in result.stdout
    assert len(asyncio.run(sqs.receive(queue, wait_seconds=0))) == 3
    empty = run(tmp_path, "--queue", sqs.create_queue("empty"), "--fail-on-change")
    assert empty.exit_code == 2
    assert empty.stderr == "nothing was compared: no event is there that rules can be tried on\n"


@pytest.mark.parametrize("queue", ["", "events", "https://", "https://sqs.eu-west-1.amazonaws.com/123456789012"])
def test_a_queue_that_is_no_url_is_refused_before_anybody_is_asked(tmp_path: Path, queue: str) -> None:
    result = run(tmp_path, "--queue", queue)
    assert result.exit_code == 2
    assert f"--queue: {queue!r} is not a queue URL" in result.stderr


async def _fill(sqs: MemorySqs, queue: str) -> None:
    await sqs.send(queue, [OutgoingMessage(json.dumps(event)) for event in EVENTS])
