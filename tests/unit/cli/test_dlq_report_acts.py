"""The commands that `turnout dlq report` prints, run on the queue that they were printed for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.unit.recovery import letters
from tests.unit.recovery.report.stories import event

from turnout.cli.dlq import dlq
from turnout.dlq.services import Services
from turnout.dlq.sources import Place, open_source
from turnout.message import Attribute, Message
from turnout.recovery.sources.api import Source
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs

DEAD, SOURCE, CRM, OTHER = (
    f"http://sqs.memory/000000000000/{name}" for name in ("dead", "genesys-events", "crm-queue", "crm")
)
RULES = """
unmatched: dead-letter
targets:
  crm: {queue: crm-queue}
rules:
  - id: all
    when: exists(id)
    send: [crm]
"""
ARN = "arn:aws:sqs:us-east-1:000000000000:crm"
SOURCE_ARN = "arn:aws:sqs:us-east-1:000000000000:genesys-events"

THROTTLED = "ThrottlingException: Rate exceeded"


def application(number: int) -> dict[str, Any]:
    """An in-house envelope, which names no place."""
    return letters.message(json.dumps({"original_message": json.dumps(event(number)), "error": THROTTLED}))


def own(number: int, **fields: Any) -> dict[str, Any]:
    return letters.own(json.dumps(event(number)), source="genesys-events", done=(), **fields)


def rule(number: int, code: str) -> dict[str, Any]:
    return letters.rule(code, "said so", json.dumps(event(number)), TARGET_ARN=ARN)


def cut(number: int) -> dict[str, Any]:
    """A letter of ours without room for its targets."""
    said = {"ERROR_CODE": "RETRIES_EXHAUSTED", "ERROR_MESSAGE": THROTTLED}
    return letters.message(json.dumps(event(number)), letters.strings(**said))


def mixed() -> list[tuple[dict[str, Any], bool]]:
    """Letters of few causes and many origins, and whether SQS itself moved them from the source queue."""
    denied: dict[str, Any] = {"reason": "ACCESS_DENIED", "fault": "config", "message": "not allowed"}
    broken: dict[str, Any] = {"reason": "INVALID_JSON", "fault": "data", "owed": (), "rules": ()}
    return [
        *((application(number), False) for number in range(5)),
        *((application(10 + number), True) for number in range(2)),
        *((own(20 + number, message=THROTTLED), False) for number in range(3)),
        *((rule(30 + number, "THROTTLING"), False) for number in range(4)),
        *((letters.bus_v2("THROTTLING", [f"e-{number}"]), False) for number in range(6)),
        (cut(40), False),
        *((own(50 + number, **denied), False) for number in range(2)),
        *((rule(60 + number, "NO_PERMISSIONS"), False) for number in range(3)),
        *((own(70 + number, **broken), False) for number in range(2)),
        (letters.bus_v2("INPUT_TRANSFORMATION_FAILURE", ["e-9"]), False),
        (letters.message(json.dumps(event(80))), False),
        (letters.message(json.dumps(event(81))), True),
    ]


class Prompt(MemorySqs):
    """An empty answer at once, in place of one after a second."""

    async def receive(
        self, queue: str, *, max_messages: int = 10, wait_seconds: int = 20, visibility_seconds: int | None = None
    ) -> list[Message]:
        return await super().receive(
            queue, max_messages=max_messages, wait_seconds=0, visibility_seconds=visibility_seconds
        )


@pytest.fixture(params=["first to last", "last to first"])
def queues(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemorySqs:
    """A queue with the letters of `mixed`, its source queue, and the queues that these are owed to.

    Which letter is the first of its pile must not decide on the others.
    """
    sqs = Prompt()
    for url in (DEAD, SOURCE, CRM, OTHER):
        assert sqs.create_queue(url.rpartition("/")[2]) == url

    @contextlib.asynccontextmanager
    async def opened(client: str) -> AsyncIterator[MemorySqs]:
        yield sqs

    async def fill(found: list[tuple[dict[str, Any], bool]]) -> None:
        for message, moved in found:
            attributes = {
                name: Attribute(value["DataType"], value["StringValue"])
                for name, value in message.get("MessageAttributes", {}).items()
            }
            await sqs.send(DEAD, [OutgoingMessage(message["Body"], attributes)])
            if moved:
                sqs.messages(DEAD)[-1].source = SOURCE_ARN

    monkeypatch.setattr("turnout.sqs.clients.open_sqs", opened)
    monkeypatch.setattr("turnout.recovery.sources.queue._EMPTY_ANSWERS", 1)
    (tmp_path / "rules.yaml").write_text(RULES)
    for name, value in {
        "TURNOUT_DLQ_LEDGER": str(tmp_path / "ledger.sqlite"),
        "TURNOUT_DEAD_LETTER_QUEUE_URL": DEAD,
        "TURNOUT_RULES": str(tmp_path / "rules.yaml"),
        "TURNOUT_DLQ_ARCHIVE_BUCKET": "acme-dead-letters",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TURNOUT_SOURCE_QUEUE_URL", raising=False)
    asyncio.run(fill(mixed() if request.param == "first to last" else mixed()[::-1]))
    return sqs


def run(command: str) -> Result:
    return CliRunner().invoke(dlq, shlex.split(command)[2:], catch_exceptions=False)


def reported(*options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(shlex.join(["turnout", "dlq", "report", "--json", *options])).stdout)
    return found


def changing(step: dict[str, Any]) -> list[str]:
    return [one for one in step["commands"] if shlex.split(one)[2] != "show" and "--id" not in shlex.split(one)]


def test_every_command_acts_on_as_many_letters_as_its_step_says_and_leaves_none_alone(queues: MemorySqs) -> None:
    made = reported()
    assert made["totalFailures"] == sum(step["count"] for step in made["next"]) == len(mixed())
    assert made["outlook"] == {
        "retry": 7,
        "replay": 2,
        "target": 6,
        "repair": 5,
        "archive": 2,
        "look": 2,
        "without-event": 7,
    }
    titles = {step["title"]: step for step in made["next"]}
    assert set(titles) == {
        "7 letters can be retried (RATE_LIMIT_EXCEEDED)",
        "2 letters can be replayed to where they came from (RATE_LIMIT_EXCEEDED)",
        "5 letters need a target (RATE_LIMIT_EXCEEDED)",
        "1 letter needs a target (RATE_LIMIT_EXCEEDED)",
        "2 letters wait for a repair at crm (AUTHENTICATION_REJECTED)",
        "3 letters wait for a repair at sqs crm (AUTHENTICATION_REJECTED)",
        "2 letters cannot be delivered as they are (PAYLOAD_MALFORMED)",
        "7 letters without the event",
        "1 letter needs somebody to look (UNKNOWN)",
    }
    for step in made["next"]:
        for command in changing(step):
            if "--dry-run" not in command:
                continue
            said = run(command.replace("--to-target NAME", "--to-target crm")).stdout
            found = re.search(r": ([0-9]+) letters? of ([0-9]+) read", said)
            assert found is not None, said
            assert int(found[1]) == step["count"], f"{command}\n{said}"
            assert "left alone" not in said, f"{command}\n{said}"


def test_what_the_commands_deliver_comes_to_where_it_is_owed_and_nothing_else_to_the_source(queues: MemorySqs) -> None:
    for step in reported()["next"]:
        for command in changing(step):
            if "--dry-run" in command or " archive " in command:
                continue
            result = run(f"{command} --yes --rate 1000")
            assert result.exit_code == 0, result.output
            assert f"{step['count']} done." in result.stdout
    assert {url: len(queues.messages(url)) for url in (SOURCE, CRM, OTHER)} == {SOURCE: 2, CRM: 5, OTHER: 7}
    assert {json.loads(each.message.body)["error"] for each in queues.messages(SOURCE)} == {THROTTLED}


def test_a_report_of_one_cause_archives_no_pointers_of_another(queues: MemorySqs) -> None:
    (step,) = (each for each in reported("--cause", "PAYLOAD_MALFORMED")["next"] if "without" in each["title"])
    said = run(next(command for command in step["commands"] if "--dry-run" in command)).stdout
    assert f"{step['count']} letter of " in said


def test_a_report_of_one_target_has_no_commands_for_another(queues: MemorySqs) -> None:
    async def owed_to_two() -> None:
        for owed in (("crm", "audit"), ("audit",)):
            made = own(90, reason="QUEUE_MISSING", fault="config", owed=owed)
            attributes = {
                name: Attribute(value["DataType"], value["StringValue"])
                for name, value in made["MessageAttributes"].items()
            }
            await queues.send(DEAD, [OutgoingMessage(made["Body"], attributes)])

    asyncio.run(owed_to_two())
    steps = reported("--target", "crm", "--cause", "TARGET_MISSING")["next"]
    assert [step["title"] for step in steps] == ["1 letter waits for a repair at crm (TARGET_MISSING)"]


def test_letters_that_somebody_else_holds_are_told_at_the_top(queues: MemorySqs) -> None:
    held = asyncio.run(queues.receive(DEAD, max_messages=10, visibility_seconds=120))
    hidden = f"About {len(held)} more cannot be seen now: somebody has received them"
    for form, first in (("table", 1), ("md", 4), ("html", 0)):
        lines = run(f"turnout dlq report --format {form}").stdout.splitlines()
        if form == "html":
            lines = lines[lines.index("<header>") : lines.index("</header>")]
            assert any(line.startswith(f'<p class="caveat">{hidden}') for line in lines)
        else:
            assert f"{len(mixed()) - len(held)} letters in dead" in lines[0]
            assert lines[first].lstrip("*").startswith(hidden)
        assert sum(hidden in line for line in lines) == 1
    assert reported()["notes"][0].startswith(hidden)


def test_a_report_of_the_archive_has_commands_that_read_the_archive(
    queues: MemorySqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_if_archived(services: Services, place: Place, **options: Any) -> AbstractAsyncContextManager[Source]:
        assert place == Place(archive="dlq/archives/")
        return open_source(services, Place(), **options)

    monkeypatch.setattr("turnout.dlq.reporting.open_source", as_if_archived)
    steps = reported("--archived", "dlq/archives/")["next"]
    commands = [one for step in steps for one in step["commands"]]
    assert commands
    assert all("--archived dlq/archives/" in one for one in commands)
    advice = " ".join(step["advice"] for step in steps)
    assert "is archived already" in advice
    assert "rchive the letter" not in advice
    assert "Archive" not in advice


@pytest.mark.parametrize("configured", ["", SOURCE])
def test_the_command_for_a_letter_that_says_nothing_works_and_asks_for_its_source_where_no_setting_names_it(
    queues: MemorySqs, monkeypatch: pytest.MonkeyPatch, configured: str
) -> None:
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_URL", configured)
    steps = [each for each in reported()["next"] if each["title"] == "1 letter needs somebody to look (UNKNOWN)"]
    commands = [step["commands"][-1] for step in steps]
    assert ["--source-queue URL" in command for command in commands].count(True) == (0 if configured else 1)
    for command in commands:
        said = run(command.replace("URL", SOURCE)).stdout
        assert ": 1 letter of " in said
        assert "left alone" not in said


def test_a_letter_that_waits_for_two_repairs_is_said_to_be_counted_for_both(queues: MemorySqs) -> None:
    async def owed() -> None:
        for number, targets in enumerate([("crm", "audit"), ("audit",), ("audit",)]):
            made = own(90 + number, reason="QUEUE_MISSING", fault="config", owed=targets)
            attributes = {
                name: Attribute(value["DataType"], value["StringValue"])
                for name, value in made["MessageAttributes"].items()
            }
            await queues.send(DEAD, [OutgoingMessage(made["Body"], attributes)])

    asyncio.run(owed())
    steps = {step["title"]: step["advice"] for step in reported("--cause", "TARGET_MISSING")["next"]}
    assert len(steps) == 2
    (crm,) = (what for title, what in steps.items() if title.startswith("1 letter waits for a repair at crm"))
    (audit,) = (what for title, what in steps.items() if title.startswith("3 letters wait for a repair at audit"))
    assert crm.endswith(" It waits for another target as well: counted there, too.")
    assert audit.endswith(" 1 of these waits for another target as well: counted there, too.")


def test_letters_that_all_wait_for_two_repairs_are_not_counted_as_some_of_them(queues: MemorySqs) -> None:
    async def owed() -> None:
        for number in range(2):
            made = own(90 + number, reason="QUEUE_MISSING", fault="config", owed=("crm", "audit"))
            attributes = {
                name: Attribute(value["DataType"], value["StringValue"])
                for name, value in made["MessageAttributes"].items()
            }
            await queues.send(DEAD, [OutgoingMessage(made["Body"], attributes)])

    asyncio.run(owed())
    steps = reported("--cause", "TARGET_MISSING")["next"]
    assert len(steps) == 2
    assert all(" They all wait for another target as well: counted there, too." in step["advice"] for step in steps)
