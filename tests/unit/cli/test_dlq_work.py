"""`turnout dlq work` from the command line, as far as no services are needed. What it does is tested end to end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.recovery import letters
from tests.unit.recovery.processor.bench import QUEUE, needs_fix, permanent, transient, unknown
from tests.unit.recovery.report.stories import NOW

from turnout.cli.dlq import dlq
from turnout.errors import SettingsError
from turnout.recovering import Finished
from turnout.recovery import read_letter
from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.opening import open_ledger
from turnout.recovery.ledger.records import Action, Entry, Phase, Sighting
from turnout.recovery.processor.counts import Result as Ended
from turnout.recovery.report.health import health
from turnout.recovery.sources.export import Redacted, export_line, header_line


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TURNOUT_DLQ_ARCHIVE_BUCKET", "TURNOUT_DLQ_LEDGER"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "dead.jsonl"
    found = [transient(1), transient(2), permanent(3), needs_fix(4), unknown(5)]
    file.write_text(
        header_line("events-dead", NOW, len(found), Redacted.NOTHING) + "".join(export_line(one) for one in found)
    )
    return file


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(dlq, ["work", *arguments], env=environ)


def test_a_dry_run_says_what_the_next_round_would_do_and_does_nothing(exported: Path) -> None:
    result = run("--file", str(exported), "--dry-run")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any("deliver to what it is owed" in line and "│       2 │" in line for line in lines)
    assert any("there is no archive to put it into" in line for line in lines)
    assert lines[-1] == "5 letters in events-dead. Nothing was changed: this was a dry run."
    assert [path.name for path in exported.parent.iterdir()] == ["dead.jsonl"]


def test_a_dry_run_over_a_redacted_export_is_refused_as_the_run_would_be(exported: Path) -> None:
    exported.write_text(header_line("events-dead", NOW, 1, Redacted.PERSONAL_DATA) + export_line(transient(1)))
    result = run("--file", str(exported), "--dry-run")
    assert result.exit_code == 2, result.output
    assert "export with --whole what is to be delivered" in result.output


def test_a_dry_run_says_why_letters_are_parked(exported: Path) -> None:
    async def park() -> None:
        letter = needs_fix(4)
        async with open_ledger("ledger.sqlite", ttl_days=1) as ledger:
            await ledger.see([Sighting.of(letter)], by="jo")
            note = "waits for a repair of what +4930123456 called"
            await ledger.record([Entry(letter.id, Action.PARK, Phase.DONE, "jo", note=note)])

    asyncio.run(park())
    result = run("--file", str(exported), "--dry-run", "--ledger", "ledger.sqlite")
    (row,) = [line for line in result.stdout.splitlines() if "leave: it is parked" in line]
    assert "waits for a repair of what" in row
    assert "+4930123456" not in row


def test_a_dry_run_says_which_letters_have_no_place_to_go_and_would_be_parked(exported: Path) -> None:
    found = [transient(1), transient(2, target="arn:aws:ecs:eu-west-1:111122223333:cluster/x")]
    exported.write_text(
        header_line("events-dead", NOW, len(found), Redacted.NOTHING) + "".join(export_line(one) for one in found)
    )
    result = run("--file", str(exported), "--dry-run")
    assert result.exit_code == 0, result.output
    (delivered,) = [line for line in result.stdout.splitlines() if "deliver to what it is owed" in line]
    (parked,) = [line for line in result.stdout.splitlines() if "park for people" in line]
    assert "│       1 │" in delivered
    assert "│       1 │" in parked
    assert "nothing can be sent to ecs" in parked


def test_a_dry_run_prints_nothing_that_the_terminal_obeys(exported: Path) -> None:
    hostile = transient(1, target="arn:aws:ecs\x1b[2J\x9b:eu-west-1:111122223333:x")
    exported.write_text(header_line("events-dead", NOW, 1, Redacted.NOTHING) + export_line(hostile))
    result = run("--file", str(exported), "--dry-run")
    assert "park for people" in result.stdout
    assert all(line.isprintable() for line in result.stdout.splitlines())


def test_a_dry_run_says_when_nothing_can_be_delivered_because_of_the_rules(exported: Path) -> None:
    owed = read_letter({**letters.own(owed=("crm",), reason="RETRIES_EXHAUSTED"), "MessageId": "m-9"}, queue=QUEUE)
    exported.write_text(header_line("events-dead", NOW, 1, Redacted.NOTHING) + export_line(owed))
    result = run("--file", str(exported), "--dry-run", "--rules", "no-such-folder")
    assert result.exit_code == 0, result.output
    assert "deliver to what it is owed" in result.stdout
    assert "note: nothing could be delivered now: " in result.stdout


def test_with_a_bucket_what_is_permanent_would_be_archived(exported: Path) -> None:
    result = run("--file", str(exported), "--dry-run", "--bucket", "dead")
    assert any("│ archive " in line for line in result.stdout.splitlines())


def test_wrong_settings_are_told_before_anything_is_opened(exported: Path) -> None:
    for arguments in (("--concurrency", "many"), ("--attempts", "0"), ("--http-host", "0.0.0.0", "--http-port", "1")):
        result = run("--file", str(exported), "--dry-run", *arguments)
        assert isinstance(result.exception, SettingsError)


@pytest.mark.parametrize(("option", "value"), [("--interval", "-1"), ("--report-every", "often"), ("--key", "")])
def test_a_wrong_setting_is_called_by_the_option_that_was_given(exported: Path, option: str, value: str) -> None:
    result = run("--file", str(exported), "--dry-run", option, value)
    assert str(result.exception).startswith(f"{option}: ")


def test_of_a_file_nothing_is_called_taken_out(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def settle() -> None:
        letter = transient(1)
        async with open_ledger("ledger.sqlite", ttl_days=1) as ledger:
            await ledger.see([Sighting.of(letter)], by="jo")
            await ledger.record([Entry(letter.id, Action.RETRY, Phase.DONE, "jo", targets=("crm",))])

    asyncio.run(settle())
    monkeypatch.setattr("turnout.recovering.configure_logging", lambda *_: None)
    arguments = ("--file", str(exported), "--ledger", "ledger.sqlite")
    foreseen = run(*arguments, "--dry-run").stdout
    assert "nothing: it is done with" in foreseen
    assert "take out" not in foreseen
    done = run(*arguments, "--once", "--id", transient(1).id, AWS_DEFAULT_REGION="eu-west-1").stdout
    assert done.startswith("events-dead: 1 done with before, in ")


def test_archived_letters_are_not_processed(exported: Path) -> None:
    result = run("--archived", "dlq/")
    assert result.exit_code == 2
    assert "turnout dlq archive --restore" in result.output
    assert "--archived" not in run("--help").output


def test_once_ends_with_1_when_letters_are_left_and_says_so(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def finished(results: dict[Ended, int], left: int) -> Result:
        ended = Finished(source="events-dead", results=results, left=left, health=health([]), seconds=1.0)
        monkeypatch.setattr("turnout.recovering.process", lambda *_: ended)
        return run("--file", str(exported), "--once")

    some = finished({Ended.PUT_OFF: 1, Ended.DELIVERED: 4}, 1)
    assert some.exit_code == 1
    assert some.stdout.startswith("events-dead: 4 delivered, 1 put off, in 1.0 s.\n")
    assert some.stdout.endswith("1 letter left: run it again later.\n")
    none = finished({Ended.PARKED: 1, Ended.DELIVERED: 4}, 0)
    assert none.exit_code == 0
    assert "left" not in none.stdout


@pytest.mark.parametrize(
    ("results", "said", "code"),
    [({}, "no letters to be seen", 1), ({Ended.DELIVERED: 4}, "4 delivered", 0)],
)
def test_once_says_that_somebody_else_holds_letters_and_that_it_has_seen_none_is_no_success(
    exported: Path, monkeypatch: pytest.MonkeyPatch, results: dict[Ended, int], said: str, code: int
) -> None:
    ended = Finished(source="events-dead", results=results, left=0, health=health([]), seconds=1.0, unseen=3)
    monkeypatch.setattr("turnout.recovering.process", lambda *_: ended)
    result = run("--file", str(exported), "--once")
    first, note = result.stdout.splitlines()[:2]
    assert first == f"events-dead: {said}, in 1.0 s."
    assert note.startswith("note: About 3 more cannot be seen now: somebody has received them")
    assert result.exit_code == code


def test_once_says_what_was_done_also_when_the_ledger_cannot_be_asked_any_more(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> None:
        raise LedgerUnavailable("throttled")

    monkeypatch.setattr("turnout.recovering.known_of", unavailable)
    monkeypatch.setattr("turnout.recovering.configure_logging", lambda *_: None)
    result = run("--file", str(exported), "--once", "--disposition", "needs-fix", AWS_DEFAULT_REGION="eu-west-1")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("events-dead: 1 parked, in ")
    assert "The ledger knows" not in result.stdout


def test_a_last_health_report_is_written_at_the_end_however_long_the_interval(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.recovering.configure_logging", lambda *_: None)
    chosen = ("--file", str(exported), "--once", "--disposition", "needs-fix")
    result = run(*chosen, "--report", "health.json", "--report-every", "900", AWS_DEFAULT_REGION="eu-west-1")
    assert result.exit_code == 0, result.output
    told = json.loads((exported.parent / "health.json").read_text())
    assert (told["source"], told["results"]) == ("events-dead", {"parked": 1})
