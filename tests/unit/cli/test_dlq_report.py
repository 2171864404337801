"""`turnout dlq report` over an export, with a ledger beside it and a service that knows conversations."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.servers.genesys import CLIENT_ID, CLIENT_SECRET, Stub, answering, running
from tests.unit.recovery import letters
from tests.unit.recovery.report.stories import NOW, event

from turnout.cli.dlq import dlq
from turnout.recovery import Letter, read_letter
from turnout.recovery.ledger.opening import open_ledger
from turnout.recovery.ledger.records import Action, Entry, Phase, Sighting
from turnout.recovery.sources.export import Redacted, export_line, header_line
from turnout.sqs.memory import MemorySqs

QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/events-dead"


def some(count: int = 3) -> list[Letter]:
    made = []
    for number in range(count):
        body = event(number, ani="tel:+14295550100")
        body["detail"]["eventBody"]["conversationId"] = f"i-{number}"
        message = letters.rule("THROTTLING" if number else "NO_PERMISSIONS", "Rate exceeded", json.dumps(body))
        made.append(read_letter({**message, "MessageId": f"m-{number}"}, queue=QUEUE))
    return made


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TURNOUT_DLQ_LEDGER", raising=False)
    file = tmp_path / "dead.jsonl"
    found = some()
    file.write_text(
        header_line("events-dead", NOW, len(found), Redacted.NOTHING) + "".join(export_line(one) for one in found)
    )
    return file


def run(*arguments: str, **environ: str) -> Result:
    result = CliRunner().invoke(dlq, ["report", *arguments], env=environ, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def document(*arguments: str, **environ: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(run(*arguments, "--format", "json", **environ).stdout)
    return read


def test_a_report_of_an_export_says_what_to_do_with_commands_that_name_it_again(exported: Path) -> None:
    text = run("--file", str(exported)).stdout
    assert text.startswith("3 letters in events-dead\n")
    assert f"$ turnout dlq retry --file {exported} --cause RATE_LIMIT_EXCEEDED --dry-run" in text


def test_for_an_export_that_cannot_be_delivered_no_command_is_suggested_that_would_be_refused(exported: Path) -> None:
    lines = exported.read_text().splitlines(keepends=True)[1:]
    exported.write_text(header_line("events-dead", NOW, len(lines), Redacted.PERSONAL_DATA) + "".join(lines))
    read = document("--file", str(exported))
    commands = [command for step in read["next"] for command in step["commands"]]
    assert len(commands) == 2
    assert all(command.startswith(f"turnout dlq show --file {exported} m-") for command in commands)
    assert any("export with --whole what is to be delivered" in note for note in read["notes"])


def test_no_export_of_a_redacted_export_is_called_whole_or_its_letters_could_be_delivered(exported: Path) -> None:
    lines = exported.read_text().splitlines(keepends=True)[1:]
    exported.write_text(header_line("events-dead", NOW, len(lines), Redacted.PERSONAL_DATA) + "".join(lines))
    again = exported.parent / "again.jsonl"
    refused = CliRunner().invoke(dlq, ["export", "--file", str(exported), "--whole", str(again)])
    assert refused.exit_code == 2, refused.output
    assert (
        "was exported without personal data and secrets, so its letters are no longer what was sent" in refused.output
    )
    assert not again.exists()
    assert CliRunner().invoke(dlq, ["export", "--file", str(exported), str(again)]).exit_code == 0


def test_every_format_hides_personal_data_and_shows_it_when_asked(exported: Path) -> None:
    for format_ in ("table", "json", "html", "md"):
        assert "+1429555" not in run("--file", str(exported), "--format", format_).stdout
    assert "+1429555" in run("--file", str(exported), "--format", "json", "--show-pii").stdout


def test_a_report_in_a_file_is_whole_and_for_its_owner_only(exported: Path) -> None:
    for format_ in ("table", "json", "html", "md"):
        file = exported.parent / f"report.{format_}"
        result = run("--file", str(exported), "--format", format_, "--output", str(file))
        assert "events-dead" in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert result.stdout == ""
    assert [path.name for path in exported.parent.iterdir() if path.name.startswith(".")] == []


def test_a_report_goes_into_a_pipe_and_does_not_take_its_place(exported: Path) -> None:
    pipe = exported.parent / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        run("--file", str(exported), "--output", str(pipe))
        assert pipe.is_fifo()
        assert os.read(reading, 100).startswith(b"3 letters in events-dead\n")
    finally:
        os.close(reading)
    refused = CliRunner().invoke(dlq, ["report", "--file", str(exported), "--output", str(exported.parent)])
    assert refused.exit_code == 1
    assert f"{exported.parent} cannot be written: Is a directory" in refused.output


def test_an_unwritable_file_is_told_in_a_sentence(exported: Path) -> None:
    result = CliRunner().invoke(
        dlq, ["report", "--file", str(exported), "--format", "html", "--output", "/nowhere/report.html"]
    )
    assert result.exit_code == 1
    assert "/nowhere/report.html cannot be written: No such file or directory" in result.output


def test_a_link_stays_one_and_what_it_leads_to_is_written(exported: Path) -> None:
    link, file = exported.parent / "link.md", exported.parent / "report.md"
    link.symlink_to(file.name)
    for _ in range(2):
        run("--file", str(exported), "--format", "md", "--output", str(link))
        assert link.is_symlink()
        assert "events-dead" in file.read_text()


def test_only_selected_letters_are_reported(exported: Path) -> None:
    listed = document("--file", str(exported), "--cause", "AUTHENTICATION_REJECTED")
    assert listed["totalFailures"] == 1
    assert listed["selection"] == "--cause AUTHENTICATION_REJECTED"


def test_the_ledger_is_asked_where_there_is_one_and_never_made(exported: Path) -> None:
    ledger = exported.parent / "ledger.sqlite"
    assert document("--file", str(exported), TURNOUT_DLQ_LEDGER=str(ledger))["health"] is None
    assert not ledger.exists()

    async def remember(found: Sequence[Letter]) -> None:
        async with open_ledger(str(ledger)) as opened:
            await opened.see([Sighting.of(one) for one in found], by="test")
            for phase in (Phase.STARTED, Phase.DONE):
                await opened.record([Entry(found[1].id, Action.RETRY, phase, "test")])

    asyncio.run(remember(some(5)))
    read = document("--file", str(exported), TURNOUT_DLQ_LEDGER=str(ledger))
    assert [record["status"] for record in read["records"]] == ["pending", "retried", "pending"]
    health = read["health"]
    assert health["total"] == 5
    assert health["successRate"] == 1.0


def test_what_a_file_still_holds_and_the_ledger_has_as_done_is_nothing_to_do_any_more(exported: Path) -> None:
    ledger = exported.parent / "ledger.sqlite"

    async def deliver(found: Sequence[Letter]) -> None:
        async with open_ledger(str(ledger)) as opened:
            for one in found:
                for phase in (Phase.STARTED, Phase.DONE):
                    await opened.record([Entry(one.id, Action.RETRY, phase, "test")])

    asyncio.run(deliver(some()[1:2]))
    read = document("--file", str(exported), TURNOUT_DLQ_LEDGER=str(ledger))
    assert read["outlook"] == {"retry": 1, "repair": 1, "done": 1}
    assert [step["title"] for step in read["next"]] == [
        "1 letter waits for a repair at sqs crm (AUTHENTICATION_REJECTED)",
        "1 letter can be retried (RATE_LIMIT_EXCEEDED)",
    ]
    asyncio.run(deliver(some()))
    text = run("--file", str(exported), TURNOUT_DLQ_LEDGER=str(ledger)).stdout
    assert "\n3 are dealt with already; the oldest failed " in text
    assert "What to do next" not in text


def test_letters_can_be_looked_at_while_the_ledger_cannot_be_read(exported: Path) -> None:
    ledger = exported.parent / "ledger.sqlite"
    ledger.write_text("no ledger at all, but long enough to be read as the beginning of one " * 20)
    read = document("--file", str(exported), TURNOUT_DLQ_LEDGER=str(ledger))
    assert read["totalFailures"] == 3
    assert any("What was done with these letters before is not known: the ledger" in note for note in read["notes"])
    shown = CliRunner().invoke(
        dlq, ["show", "m-1", "--file", str(exported)], env={"TURNOUT_DLQ_LEDGER": str(ledger)}, catch_exceptions=False
    )
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("letter        m-1\n")
    assert "what was done with it before is not known: the ledger" in shown.stderr


def test_what_to_do_with_one_letter_is_what_the_report_says_by_the_table_of_the_settings(exported: Path) -> None:
    table = exported.parent / "causes.yaml"
    table.write_text("version: 1\ncauses: {RATE_LIMIT_EXCEEDED: {category: CRM, advice: Ask the team of the CRM.}}\n")
    environ = {"TURNOUT_DLQ_CAUSES": str(table)}
    assert "Ask the team of the CRM." in run("--file", str(exported), **environ).stdout
    shown = CliRunner().invoke(dlq, ["show", "m-1", "--file", str(exported)], env=environ, catch_exceptions=False)
    assert "what to do    Ask the team of the CRM.\n" in shown.stdout


def test_of_a_letter_that_is_not_there_any_more_the_ledger_tells_what_was_done_and_by_whom(exported: Path) -> None:
    ledger = exported.parent / "ledger.sqlite"
    what = ("Interaction Completed", "RATE_LIMIT_EXCEEDED", "transient")
    gone = Sighting("m-gone", "events-dead", "e-gone", *what, conversation_id="c-gone")
    done = [
        Entry("m-gone", Action.RETRY, Phase.STARTED, "ops@desk:1", 2),
        Entry("m-gone", Action.RETRY, Phase.DONE, "ops@desk:1", 2, targets=("crm",)),
        Entry("m-gone", Action.PARK, Phase.DONE, "worker-1", 3, note="waits for a repair"),
        Entry("m-gone", Action.ARCHIVE, Phase.DONE, "ops@desk:1", targets=("s3://b/k",), note="s3://b/k"),
    ]

    async def remember() -> None:
        async with open_ledger(str(ledger)) as opened:
            await opened.see([gone], by="worker-1")
            await opened.record(done)

    def show(*arguments: str) -> Result:
        given = ["show", *arguments, "--file", str(exported)]
        return CliRunner().invoke(dlq, given, env={"TURNOUT_DLQ_LEDGER": str(ledger)}, catch_exceptions=False)

    asyncio.run(remember())
    for name in ("m-gone", "e-gone", "c-gone"):
        shown = show(name)
        assert (shown.exit_code, f"no letter in events-dead has the id {name}" in shown.stderr) == (1, True)
        assert shown.stdout.startswith("letter        m-gone\n")
        assert "conversation  c-gone\n" in shown.stdout
        assert "seen done by worker-1: RATE_LIMIT_EXCEEDED transient\n" in shown.stdout
        assert "retry done (attempt 2) by ops@desk:1: crm\n" in shown.stdout
        assert "park done by worker-1: waits for a repair\n" in shown.stdout
        assert "archive done by ops@desk:1: s3://b/k\n" in shown.stdout
    assert show("m-gone", "--json").stdout == "", "an object a line is a letter that is there"
    assert show("nobody").stdout == ""
    assert "the ledger knows no letter of that id either" in show("nobody").stderr
    ledger.write_text("no ledger at all, but long enough to be read as the beginning of one " * 20)
    assert "whether something was done with it is not known: the ledger" in show("m-gone").stderr


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["show"], ["show", "--json"], ["export", "-"]])
def test_ids_and_names_that_are_contact_data_are_hidden_like_all_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("TURNOUT_DLQ_LEDGER", str(tmp_path / "none.sqlite"))
    number, mail = "+14295550100", "jane@example.org"
    body = {"id": number, "detail-type": f"call to {number}", "detail": {"interactionId": f"tel:{number}"}}
    message = letters.rule("THROTTLING", "no answer", json.dumps(body), TARGET_ARN=f"arn:aws:sqs:x:1:{mail}")
    file = tmp_path / "dead.jsonl"
    whole = export_line(read_letter({**message, "MessageId": number}, queue=QUEUE))
    file.write_text(header_line("events-dead", NOW, 1, Redacted.NOTHING) + whole)
    arguments = [*command, *([number] if command[0] == "show" else []), "--file", str(file)]
    hidden = CliRunner().invoke(dlq, arguments, catch_exceptions=False)
    shown = CliRunner().invoke(dlq, [*arguments, "--show-pii"], catch_exceptions=False)
    assert (hidden.exit_code, shown.exit_code) == (0, 0)
    assert "***" in hidden.stdout
    assert (number in shown.stdout, mail in shown.stdout) == (True, True)
    assert (number in hidden.stdout, mail in hidden.stdout) == (False, False)


def test_a_letter_that_several_targets_are_owed_is_shown_with_why_each_of_them_is(exported: Path) -> None:
    failures = {"crm": "RETRIES_EXHAUSTED: no answer", "audit": "ACCESS_DENIED: refused for tel:+14295550100"}
    letter = read_letter({**letters.own(owed=("crm", "audit"), failures=failures), "MessageId": "m-9"}, queue=QUEUE)
    exported.write_text(header_line("events-dead", NOW, 1, Redacted.NOTHING) + export_line(letter))
    shown = CliRunner().invoke(dlq, ["show", "m-9", "--file", str(exported)], catch_exceptions=False).stdout
    assert "owed to       crm, audit\n" in shown
    assert f"{'':14}crm: RETRIES_EXHAUSTED: no answer\n{'':14}audit: ACCESS_DENIED: refused for " in shown
    assert "+14295550100" not in shown
    as_json = CliRunner().invoke(dlq, ["show", "m-9", "--file", str(exported), "--json"], catch_exceptions=False).stdout
    assert list(json.loads(as_json)["chain"][0]["failures"]) == ["crm", "audit"]


def test_of_a_letter_that_nothing_can_deliver_as_it_is_show_says_the_same_as_the_report(exported: Path) -> None:
    nowhere = json.dumps({"original_message": letters.BODY, "error": "ThrottlingException: Rate exceeded"})
    for message, said in (
        (letters.bus_v2("NO_SUCH_CODE", ["e-1"]), "nothing here can deliver it"),
        (letters.bus_v2("THROTTLING", ["e-1"]), "nothing here can deliver it"),
        (letters.message(nowhere), "choose, with --to-target, --to-queue or --to-url"),
    ):
        letter = read_letter({**message, "MessageId": "m-9"}, queue=QUEUE)
        exported.write_text(header_line("events-dead", NOW, 1, Redacted.NOTHING) + export_line(letter))
        shown = CliRunner().invoke(dlq, ["show", "m-9", "--file", str(exported)], catch_exceptions=False).stdout
        (step,) = document("--file", str(exported))["next"]
        assert f"what to do    {step['advice']}\n" in shown
        assert said in step["advice"]
        assert "retry one before you retry all" not in shown


def test_conversations_are_looked_up_and_one_that_fails_leaves_the_others_alone(exported: Path) -> None:
    stub = Stub()
    stub.interactions = {
        "i-0": {"id": "i-0", "channels": [{"type": "voice"}]},
        "i-2": {"id": "i-2", "channels": [{"type": "chat"}]},
    }
    stub.faults.append(answering(400, "<html>Bad Request</html>"))
    with running(stub):
        read = document(
            "--file",
            str(exported),
            "--correlate",
            TURNOUT_GENESYS_PROFILE="tutorial",
            TURNOUT_GENESYS_API_URL=stub.url,
            TURNOUT_GENESYS_LOGIN_URL=stub.url,
            TURNOUT_GENESYS_CLIENT_ID=CLIENT_ID,
            TURNOUT_GENESYS_CLIENT_SECRET=CLIENT_SECRET,
        )
    first, second, third = (record["interactionInfo"] for record in read["records"])
    assert first["presence"] == "failed"
    assert first["error"]
    assert second["presence"] in ("absent", "not_yet")
    assert third["presence"] == "found"
    assert third["channels"] == [{"type": "chat"}]


@pytest.mark.parametrize("form", ["table", "json", "html", "md"])
def test_a_dash_is_standard_output_as_for_export(form: str, exported: Path) -> None:
    asked = ("--file", str(exported), "--format", form)
    assert run(*asked, "--output", "-").stdout.startswith(run(*asked).stdout[:20])
    assert not Path("-").exists()


def test_a_file_that_is_not_there_is_told_in_a_sentence() -> None:
    result = CliRunner().invoke(dlq, ["report", "--file", "nowhere.jsonl"])
    assert str(result.exception) == "nowhere.jsonl: cannot be read: No such file or directory"


def test_a_letter_that_was_not_found_among_those_read_may_be_among_the_others(exported: Path) -> None:
    asked = ["show", "m-9", "--file", str(exported)]
    few, all_ = (CliRunner().invoke(dlq, [*asked, "--limit", str(limit)]) for limit in (2, 4))
    assert few.exit_code == all_.exit_code == 1
    assert "has the id m-9, of 2 read; there may be more: raise --limit\n" in few.stderr
    assert "has the id m-9, of 3 read\n" in all_.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("list",),
        ("report",),
        ("export", "chosen.jsonl"),
        ("retry", "--dry-run"),
        ("replay", "--to-file", "sent.jsonl", "--dry-run"),
        ("work", "--dry-run"),
    ],
    ids=lambda command: command[0],
)
def test_a_target_that_no_letter_is_owed_to_is_told_with_the_one_that_was_probably_meant(
    exported: Path, command: tuple[str, ...]
) -> None:
    result = CliRunner().invoke(dlq, [*command, "--file", str(exported), "--target", "crn"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "--target crn: no letter that was read is owed to it; did you mean 'crm'?" in result.output


def test_of_names_that_hold_contact_data_no_guess_shows_any(exported: Path) -> None:
    body = json.dumps(event(1))
    found = read_letter({**letters.own(body, owed=("kim@example.com",)), "MessageId": "m-1"}, queue=QUEUE)
    exported.write_text(header_line("events-dead", NOW, 1, Redacted.NOTHING) + export_line(found))
    for command in (["list"], ["report"], ["retry", "--dry-run"]):
        result = CliRunner().invoke(
            dlq, [*command, "--file", str(exported), "--target", "kin@example.com"], catch_exceptions=False
        )
        assert "no letter that was read is owed to it; did you mean" in result.output
        assert "example.com" not in result.output.replace("--target kin@example.com", "")


def test_a_letter_of_which_one_target_is_no_target_of_the_rules_is_told_before_and_after_the_others_got_it(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = MemorySqs()
    url = sqs.create_queue("crm")
    monkeypatch.setattr("turnout.sqs.clients.open_sqs", lambda client: contextlib.nullcontext(sqs))
    found = read_letter({**letters.own(owed=("crm", "cmr")), "MessageId": "m-9"}, queue=QUEUE)
    exported.write_text(header_line("events-dead", NOW, 1, Redacted.NOTHING) + export_line(found))
    rules = exported.parent / "rules.yaml"
    rules.write_text(
        f"targets: {{crm: {{queue: '{url}'}}}}\nunmatched: drop\nrules: [{{id: a, when: exists(x), send: [crm]}}]\n"
    )

    def dlq_(*arguments: str) -> Result:
        given = [*arguments, "--file", str(exported)]
        environ = {"AWS_DEFAULT_REGION": "us-east-1", "TURNOUT_RULES": str(rules)}
        return CliRunner().invoke(dlq, given, env=environ, catch_exceptions=False)

    why = "cmr: UnknownTarget: the rules have no target of this name; did you mean 'crm'?"
    planned = dlq_("retry", "--dry-run")
    assert (planned.exit_code, f"fail in part: 1: {why}\n" in planned.stdout) == (0, True), planned.output
    done = dlq_("retry", "--yes")
    assert (done.exit_code, f"0 done, 1 failed.\n  1: {why}\n" in done.stdout) == (1, True), done.output
    assert len(sqs.messages(url)) == 1
    assert f": it arrived at crm; {why}\n" in dlq_("show", "m-9").stdout


@pytest.mark.parametrize("command", [("report",), ("report", "--format", "md"), ("work", "--once")], ids=" ".join)
def test_letters_that_the_ledger_knows_and_no_queue_can_have_any_more_are_not_left_for_somebody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    ledger, sqs = str(tmp_path / "ledger.sqlite"), MemorySqs()
    url = sqs.create_queue("events-dead")

    async def remember() -> None:
        async with open_ledger(ledger) as opened:
            await opened.see([Sighting("m-1", "events-dead", sent_ms=1_000)], by="test")
            await opened.record([Entry("m-1", Action.PARK, Phase.DONE, "test", note="waits for a repair")])

    asyncio.run(remember())
    monkeypatch.setattr("turnout.sqs.clients.open_sqs", lambda client: contextlib.nullcontext(sqs))
    monkeypatch.setattr("turnout.recovering.configure_logging", lambda *_: None)
    monkeypatch.setattr("turnout.recovery.sources.queue._EMPTY_ANSWERS", 0)
    environ = {"TURNOUT_DLQ_LEDGER": ledger, "AWS_DEFAULT_REGION": "us-east-1"}
    result = CliRunner().invoke(dlq, [*command, "--queue", url], env=environ, catch_exceptions=False)
    assert "1 not settled (all of them gone: their time in the queue was over)" in result.output


@pytest.mark.parametrize("before", [Redacted.NOTHING, Redacted.SECRETS, Redacted.PERSONAL_DATA])
def test_an_export_of_an_export_says_what_was_taken_out_by_either(exported: Path, before: Redacted) -> None:
    exported.write_text(header_line("events-dead", NOW, 1, before) + export_line(some(1)[0]))
    arguments = ["export", "--file", str(exported), "-", "--show-pii"]
    result = CliRunner().invoke(dlq, arguments, catch_exceptions=False)
    taken_out = "personal data and secrets" if before is Redacted.PERSONAL_DATA else "secrets"
    assert json.loads(result.stdout.splitlines()[0])["redacted"] == taken_out
    assert f"exported, without {taken_out}:" in result.stderr
