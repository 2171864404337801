"""What `turnout dlq retry` and its kin say before any service is needed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.servers.archive import MemoryArchive
from tests.unit.cli.test_dlq_report import exported  # noqa: F401 - a fixture
from tests.unit.recovery import letters
from tests.unit.recovery.report.stories import NOW

from turnout.cli.dlq import dlq
from turnout.dlq.services import Services
from turnout.recovery import read_letter
from turnout.recovery.archive.document import archive_document
from turnout.recovery.ledger.api import LedgerUnavailable, UnknownPlan
from turnout.recovery.ledger.opening import open_ledger
from turnout.recovery.ledger.records import Action, Plan
from turnout.recovery.running.planning import Draft
from turnout.recovery.sources.export import Redacted, export_line, header_line
from turnout.sqs.memory import MemorySqs


def test_a_plan_whose_ledger_is_elsewhere_is_not_looked_for_in_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TURNOUT_DLQ_LEDGER", raising=False)
    result = CliRunner().invoke(dlq, ["retry", "--resume", "retry-1", "--yes"])
    assert isinstance(result.exception, UnknownPlan)
    assert f"there is no ledger {tmp_path}/turnout-ledger.sqlite" in str(result.exception)
    assert "--ledger" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_user_whose_name_is_no_text_in_utf_8_can_act_on_letters(
    exported: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, b"j\xf6rg".decode(errors="surrogateescape"))
    monkeypatch.chdir(exported.parent)
    arguments = ["replay", "--file", str(exported), "--to-file", "sent.jsonl", "--yes"]
    result = CliRunner().invoke(dlq, arguments, catch_exceptions=False)
    assert (result.exit_code, len(Path("sent.jsonl").read_text().splitlines())) == (0, 3), result.output


@pytest.mark.parametrize(("kind", "command"), [("replay", "replay"), ("restore", "archive")])
def test_who_resumes_a_plan_with_the_wrong_command_is_told_the_right_one(
    tmp_path: Path, kind: str, command: str
) -> None:
    ledger, plan = str(tmp_path / "ledger.sqlite"), f"{kind}-20261128-091834-e4ad"

    async def remember() -> None:
        async with open_ledger(ledger) as opened:
            await opened.save_plan(Plan(plan, Action.REPLAY, "events-dead", "jo", 1), [])

    asyncio.run(remember())
    result = CliRunner().invoke(dlq, ["retry", "--resume", plan, "--ledger", ledger, "--yes"])
    assert result.exit_code == 2
    said = f"Error: {plan} is no plan of turnout dlq retry; turnout dlq {command} --resume {plan} goes on with it\n"
    assert said in result.output


def test_a_plan_goes_on_from_another_folder_with_the_same_files(
    exported: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, ledger = exported.parent, str(tmp_path / "ledger.sqlite")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(here)

    async def fail(*_: object) -> None:
        raise LedgerUnavailable("the disk is full")

    def replay(*arguments: str) -> str:
        given = ["replay", *arguments, "--ledger", ledger, "--yes"]
        return CliRunner().invoke(dlq, given).output

    with monkeypatch.context() as patched:
        patched.setattr("turnout.cli.dlq.course.Runner.run", fail)
        stopped = replay("--file", exported.name, "--to-file", "sent.jsonl")
    (plan,) = set(re.findall(r"--resume (\S+)", stopped))
    monkeypatch.chdir(elsewhere)
    done = replay("--resume", plan)
    assert done.endswith("\n3 done.\n"), done
    assert list(elsewhere.iterdir()) == []
    assert len(Path(here, "sent.jsonl").read_text().splitlines()) == 3


def test_a_plan_is_not_gone_on_with_when_another_place_is_named_than_it_sends_to(
    exported: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    ledger, plan = str(tmp_path / "ledger.sqlite"), "replay-20261128-091834-e4ad"

    async def remember() -> None:
        options = {"to": "target:crm", "place": f"file:{exported}", "what": "Replay to target crm, all letters"}
        async with open_ledger(ledger) as opened:
            await opened.save_plan(Plan(plan, Action.REPLAY, "events-dead", "jo", 1, options), [])

    asyncio.run(remember())
    arguments = ["replay", "--resume", plan, "--ledger", ledger, "--yes", "--to-file", "sent.jsonl"]
    result = CliRunner().invoke(dlq, arguments)
    assert result.exit_code == 2
    assert f"Error: {plan} sends to target crm: go on with it without --to-..., or begin anew\n" in result.output


@pytest.mark.parametrize(
    ("command", "given", "named"),
    [
        ("retry", ["--queue", "https://sqs.example/1/other"], "--queue"),
        ("retry", ["--cause", "TARGET_MISSING", "--since", "2h"], "--cause, --since"),
        ("replay", ["--file", "letters.jsonl", "--again"], "--file, --again"),
        ("archive", ["--restore", "dlq/"], "--restore"),
    ],
)
def test_a_plan_that_is_gone_on_with_knows_its_letters_and_others_may_not_be_named(
    command: str, given: list[str], named: str
) -> None:
    result = CliRunner().invoke(dlq, [command, "--resume", "plan-1", "--yes", *given])
    assert result.exit_code == 2
    assert f"Error: plan-1 knows its own letters: go on with it without {named}\n" in result.output


def test_letters_are_not_restored_to_another_queue_than_their_plan_says(tmp_path: Path) -> None:
    ledger, plan = str(tmp_path / "ledger.sqlite"), "restore-20261128-091834-e4ad"

    async def remember() -> None:
        async with open_ledger(ledger) as opened:
            await opened.save_plan(Plan(plan, Action.REPLAY, "dlq/", "jo", 1, {"place": "archive:dlq/", "to": ""}), [])

    asyncio.run(remember())
    arguments = [
        "archive",
        "--resume",
        plan,
        "--ledger",
        ledger,
        "--bucket",
        "b",
        "--yes",
        "--to-queue",
        "https://q/1/a",
    ]
    result = CliRunner().invoke(dlq, arguments)
    assert result.exit_code == 2
    said = f"Error: {plan} restores to the queues they were found in: go on with it without --to-queue\n"
    assert said in result.output


@pytest.mark.parametrize("given", [[], ["--resume", "archive-20261128-091834-e4ad"]])
def test_a_queue_to_restore_to_is_refused_where_letters_are_put_away(given: list[str]) -> None:
    result = CliRunner().invoke(dlq, ["archive", "--bucket", "b", "--yes", "--to-queue", "https://q/1/a", *given])
    assert result.exit_code == 2
    assert "Error: --to-queue goes with --restore\n" in result.output


@pytest.mark.parametrize(("answer", "code"), [("n", 1), (signal.SIGINT, 128 + signal.SIGINT)])
def test_ctrl_c_at_the_prompt_changes_nothing_and_ends_with_the_code_that_help_says(
    exported: Path,  # noqa: F811
    answer: str | signal.Signals,
    code: int,
) -> None:
    terminal, stdin = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "turnout", "dlq", "replay", "--file", str(exported), "--to-file", "sent.jsonl"],
        cwd=exported.parent,
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        while not said.endswith("Go on? [y/N]: "):
            character = process.stdout.read(1)
            assert character, said
            said += character
        if isinstance(answer, signal.Signals):
            process.send_signal(answer)
        else:
            os.write(terminal, f"{answer}\n".encode())
        rest, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
        os.close(stdin)
    assert (process.returncode, rest.strip()) == (code, "Nothing was changed.")
    assert not Path(exported.parent, "sent.jsonl").exists()


def test_ctrl_c_while_letters_are_read_does_not_pass_for_nothing_to_do(
    exported: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def interrupted(*arguments: Any, **_: Any) -> Draft:
        signal.raise_signal(signal.SIGINT)
        await arguments[-1].wait()
        return Draft()

    monkeypatch.setattr("turnout.cli.dlq.course.draft", interrupted)
    monkeypatch.chdir(exported.parent)
    result = CliRunner().invoke(dlq, ["replay", "--file", str(exported), "--to-file", "sent.jsonl", "--yes"])
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (128 + signal.SIGINT, "Nothing was changed.")


def test_a_plan_shows_no_key_that_a_target_is_called_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TURNOUT_DLQ_LEDGER", raising=False)
    target = "https://jo:s3cret@crm.example/in?token=k3y"
    letter = read_letter(letters.rule("THROTTLING", TARGET_ARN=target))
    text = header_line("events-dead", NOW, 1, Redacted.NOTHING) + export_line(letter)
    Path("dead.jsonl").write_text(text)
    place = ["--file", "dead.jsonl", "--where", '@cause != "tel:+14295550100"']
    result = CliRunner().invoke(dlq, ["retry", *place, "--dry-run"], catch_exceptions=False)
    assert "https://***@crm.example/in?token=***" in result.stdout
    assert not any(each in result.stdout for each in ("s3cret", "k3y", "4295550100"))


def test_what_is_done_with_already_where_nothing_is_taken_out_is_not_done_once_more(
    exported: Path,  # noqa: F811
) -> None:
    arguments = ["replay", "--file", str(exported), "--to-file", "sent.jsonl", "--yes", "--rate", "1000"]
    first = CliRunner().invoke(dlq, [*arguments, "--id", "m-1"], catch_exceptions=False)
    assert "\n1 done.\n" in first.stdout
    rest = CliRunner().invoke(dlq, arguments, catch_exceptions=False)
    assert "already done: 1: nothing is taken out here; --again acts on them once more\n" in rest.stdout
    assert "\n2 done.\n" in rest.stdout
    again = CliRunner().invoke(dlq, arguments, catch_exceptions=False)
    assert again.exit_code == 0
    assert again.stdout.splitlines()[1] == "already done: 3: nothing is taken out here; --again acts on them once more"
    assert again.stdout.endswith("\nNothing to do.\n")
    assert "done." not in again.stdout


@pytest.mark.parametrize("how", ["--yes", "--dry-run"])
@pytest.mark.parametrize("command", [("archive", "--restore"), ("retry", "--archived")], ids=lambda command: command[0])
def test_a_prefix_under_which_nothing_is_archived_is_told_and_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], how: str
) -> None:
    async def archive(_: Services) -> MemoryArchive:
        return MemoryArchive()

    monkeypatch.setattr(Services, "archive", archive)
    monkeypatch.setattr("turnout.sqs.clients.open_sqs", lambda client: contextlib.nullcontext(MemorySqs()))
    monkeypatch.setenv("TURNOUT_DLQ_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    result = CliRunner().invoke(dlq, [*command, "dlq/archves/", how], catch_exceptions=False)
    assert result.exit_code == 1, result.output
    assert "note: No key in memory begins with dlq/archves/." in result.output
    assert "Nothing to do." in result.output


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("archive --yes --restore", 1),
        ("archive --dry-run --restore", 0),
        ("retry --yes --cause PAYLOAD_MALFORMED --archived", 1),
        ("list --archived", 0),
        ("report --archived", 0),
        ("export --whole out.jsonl --archived", 0),
    ],
)
def test_an_object_of_others_among_archived_letters_is_told_and_is_no_success_of_what_acts_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, code: int
) -> None:
    sqs = MemorySqs()
    dead = sqs.create_queue("dead")
    letter = read_letter(letters.message("{", {}), queue=dead)
    store = MemoryArchive()
    asyncio.run(store.put("dlq/a.json", archive_document(letter, by="jo", at=datetime.now(UTC)), "1"))
    asyncio.run(store.put("dlq/README.md", b"# Letters", "2"))

    async def archive(_: Services) -> MemoryArchive:
        return store

    monkeypatch.setattr(Services, "archive", archive)
    monkeypatch.setattr("turnout.sqs.clients.open_sqs", lambda client: contextlib.nullcontext(sqs))
    monkeypatch.setenv("TURNOUT_DLQ_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(dlq, [*command.split(), "dlq/"], catch_exceptions=False)
    assert result.exit_code == code, result.output
    assert "Passed by: 1 object in which no letter can be read: dlq/README.md: is no archived letter" in " ".join(
        result.output.split()
    )
    if command.startswith(("archive", "retry")):
        assert "left alone: 1: no letter can be read in it, as the note says" in result.output
    assert len(sqs.messages("dead")) == (command == "archive --yes --restore")


@pytest.mark.parametrize("command", ["list", "list --json", "report", "export letters.jsonl"])
def test_to_look_under_a_prefix_under_which_nothing_is_archived_is_no_success_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    async def archive(_: Services) -> MemoryArchive:
        return MemoryArchive()

    monkeypatch.setattr(Services, "archive", archive)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    result = CliRunner().invoke(dlq, [*command.split(), "--archived", "dlq/archves/"], catch_exceptions=False)
    assert result.exit_code == 1, result.output
    assert "No key in memory begins with dlq/archves/." in result.output
    assert list(tmp_path.iterdir()) == []
