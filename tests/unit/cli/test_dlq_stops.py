"""What a run of `turnout dlq replay` says at its end when something is left: what was done, why, and how to go on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.cli.test_dlq_report import exported  # noqa: F401 - a fixture
from tests.unit.recovery.letters import EVENT

from turnout.cli.dlq import dlq
from turnout.recovery.deliver.api import Outcome, Work
from turnout.recovery.deliver.writing import Writing
from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.opening import open_ledger
from turnout.recovery.ledger.records import Action, Entry, Item, Phase, Plan, Record, Sighting
from turnout.recovery.ledger.sqlite import SqliteLedger
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs

TO_FILE = ("--to-file", "sent.jsonl")


def test_a_ledger_that_fails_under_way_stops_the_run_which_says_what_was_done_and_how_to_go_on(
    exported: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = SqliteLedger.record
    begun: list[str] = []

    async def knows_only_the_first(self: SqliteLedger, entries: Sequence[Entry]) -> Mapping[str, Record]:
        begun.append(entries[0].letter)
        if begun[0] != begun[-1]:
            raise LedgerUnavailable("the ledger cannot be reached")
        return await record(self, entries)

    monkeypatch.setattr(Writing, "batch", 1)
    monkeypatch.setattr(SqliteLedger, "record", knows_only_the_first)
    arguments = ["replay", "--file", str(exported), *TO_FILE, "--yes"]
    result = CliRunner().invoke(dlq, arguments)
    assert isinstance(result.exception, LedgerUnavailable)
    assert "1 done, 2 not done.\n" in result.stdout
    assert "Ctrl-C" not in result.output, "nobody has pressed it"

    monkeypatch.undo()
    monkeypatch.chdir(exported.parent)
    plan = result.stdout.rpartition("--resume ")[2].strip()
    resumed = CliRunner().invoke(dlq, ["replay", *TO_FILE, "--resume", plan, "--yes"], catch_exceptions=False)
    assert resumed.exit_code == 0, resumed.output
    sent = [json.loads(line)["letter"] for line in Path("sent.jsonl").read_text().splitlines()]
    assert len(sent) == len(set(sent)) == 3

    async def left() -> set[str]:
        async with open_ledger("turnout-ledger.sqlite") as ledger:
            return {item.state for item in await ledger.items(plan)}

    assert asyncio.run(left()) == {"resolved"}


def test_ctrl_c_in_the_midst_ends_with_the_code_that_help_says_and_says_what_was_done_and_how_to_go_on(
    exported: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = Writing.__call__

    async def interrupted(self: Writing, works: Sequence[Work]) -> Sequence[Outcome]:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)  # the event loop hears of it
        return await write(self, works)

    monkeypatch.setattr(Writing, "batch", 1)
    monkeypatch.setattr(Writing, "__call__", interrupted)
    replay = ["replay", *TO_FILE, "--yes", "--rate", "1000"]
    result = CliRunner().invoke(dlq, [*replay, "--file", str(exported)], catch_exceptions=False)
    assert result.exit_code == 128 + signal.SIGINT
    assert "1 done, 2 not tried.\n2 letters of this plan left. To go on: turnout dlq replay --resume " in result.stdout
    plan = result.stdout.partition("--resume ")[2].split()[0]

    monkeypatch.setattr(Writing, "batch", 100)
    last = CliRunner().invoke(dlq, [*replay, "--resume", plan], catch_exceptions=False)
    assert (last.exit_code, "2 done.\n" in last.stdout) == (0, True), "nothing is left, Ctrl-C or not"


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        ("1", "At 1 a second: 3 s or more. Stops"),
        ("6", "At 6 a second. Stops"),
        ("20", "At 20 a second. Stops"),
    ],
)
def test_a_plan_says_how_long_it_takes_at_least_unless_that_is_no_time(exported: Path, rate: str, said: str) -> None:  # noqa: F811
    arguments = ["replay", "--file", str(exported), *TO_FILE, "--rate", rate, "--dry-run"]
    assert said in CliRunner().invoke(dlq, arguments, catch_exceptions=False).stdout


DEAD = "http://sqs.memory/000000000000/dead.fifo"
CRM = "http://sqs.memory/000000000000/crm"


@pytest.fixture
def queues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemorySqs:
    """An empty FIFO queue of letters and a target, which `turnout dlq` finds."""
    sqs = MemorySqs()
    for url in (DEAD, CRM):
        assert sqs.create_queue(url.rpartition("/")[2]) == url

    @contextlib.asynccontextmanager
    async def opened(client: str) -> AsyncIterator[MemorySqs]:
        yield sqs

    monkeypatch.setattr("turnout.sqs.clients.open_sqs", opened)
    monkeypatch.setattr("turnout.recovery.sources.queue._EMPTY_ANSWERS", 1)
    monkeypatch.setenv("TURNOUT_DLQ_LEDGER", str(tmp_path / "ledger.sqlite"))
    return sqs


def group_of(sqs: MemorySqs, number: int) -> None:
    """Put so many letters of one message group into the queue."""

    async def send() -> None:
        for each in range(number):
            body = json.dumps(EVENT | {"id": f"event-{each}"})
            await sqs.send(DEAD, [OutgoingMessage(body, group_id="a", deduplication_id=str(each))])

    asyncio.run(send())


def replay_to_crm() -> Result:
    arguments = ["replay", "--queue", DEAD, "--to-queue", CRM, "--yes", "--rate", "1000"]
    return CliRunner().invoke(dlq, arguments, catch_exceptions=False)


def test_a_run_over_a_fifo_queue_says_that_there_may_be_more_behind_what_it_saw(queues: MemorySqs) -> None:
    group_of(queues, 12)
    result = replay_to_crm()
    assert result.exit_code == 0
    assert "10 done.\nBehind these there may be more of their message groups" in result.stdout
    assert len(queues.messages(DEAD)) == 2


def test_who_goes_on_behind_one_that_failed_is_told_that_the_order_ends_there(queues: MemorySqs) -> None:
    group_of(queues, 3)
    queues.fail_entries(CRM, "SendMessageBatch", "InvalidMessageContents", times=1)
    result = replay_to_crm()
    assert result.exit_code == 1
    assert "1 failed, 2 not tried behind another of their group." in result.stdout
    assert "To keep the order within message groups, begin anew, with the command that made this plan." in result.stdout


def test_who_meets_the_letters_of_another_run_is_told_when_they_are_free_again(queues: MemorySqs) -> None:
    group_of(queues, 2)

    async def another_run_holds_the_first() -> None:
        async with open_ledger(os.environ["TURNOUT_DLQ_LEDGER"]) as ledger:
            letter = queues.messages(DEAD)[0].id
            await ledger.see([Sighting(letter)], by="jo")
            await ledger.claim([letter], by="plan another", lease_seconds=600)

    asyncio.run(another_run_holds_the_first())
    result = replay_to_crm()
    assert "1 left to another process, 1 not tried behind another of their group." in result.stdout
    assert "When it was killed: wait 2 minutes, then go on. That is at " in result.stdout


def test_what_a_run_that_was_killed_had_begun_is_told_as_what_may_arrive_twice(queues: MemorySqs) -> None:
    group_of(queues, 2)

    async def a_run_was_killed_at_the_first() -> None:
        async with open_ledger(os.environ["TURNOUT_DLQ_LEDGER"]) as ledger:
            letter = queues.messages(DEAD)[0].id
            await ledger.see([Sighting(letter)], by="jo")
            await ledger.record([Entry(letter, Action.REPLAY, Phase.STARTED, "dead")])

    asyncio.run(a_run_was_killed_at_the_first())
    result = replay_to_crm()
    assert "begun before: 1: an attempt that was cut off may have delivered them already" in result.stdout
    assert "2 done." in result.stdout


def killed_run(sqs: MemorySqs, number: int, *, days_ago: float = 0) -> str:
    """The name of a plan over so many letters, of which a run that was killed (or somebody else) still holds all."""
    group_of(sqs, number)

    async def story() -> None:
        held = await sqs.receive(DEAD, max_messages=10, visibility_seconds=120)
        options = {"place": f"queue:{DEAD}", "to": f"queue:{CRM}", "what": "Replay"}
        async with open_ledger(os.environ["TURNOUT_DLQ_LEDGER"]) as ledger:
            plan = Plan(
                "replay-1", Action.REPLAY, "dead.fifo", "jo", int((time.time() - days_ago * 86_400) * 1000), options
            )
            await ledger.save_plan(plan, [Item(message.id) for message in held])

    asyncio.run(story())
    return "replay-1"


def go_on(plan: str, *options: str) -> Result:
    arguments = ["replay", "--resume", plan, "--yes", "--rate", "1000", *options]
    return CliRunner().invoke(dlq, arguments, catch_exceptions=False)


def test_who_goes_on_too_soon_after_a_kill_is_told_when_to_and_by_which_command(
    queues: MemorySqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.cli.dlq.course._let_go", lambda: "03:02:00 UTC")
    result = go_on(killed_run(queues, 2))
    assert result.exit_code == 1
    assert "If a run was killed, they are there again at 03:02:00 UTC at the latest." in result.stdout
    assert "To wait for them: turnout dlq replay --resume replay-1 --rate 1000 --wait\n" in result.stdout
    assert result.stdout.endswith("Nothing to do now.\n")


def test_who_goes_on_after_a_kill_can_wait_for_what_the_dead_run_held(
    queues: MemorySqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_minutes_pass() -> str:
        queues.advance(121)
        return "03:02:00 UTC"

    monkeypatch.setattr("turnout.cli.dlq.course._LET_GO_SECONDS", 0)
    monkeypatch.setattr("turnout.cli.dlq.course._let_go", two_minutes_pass)
    result = go_on(killed_run(queues, 2), "--wait")
    assert "Waiting until 03:02:00 UTC for 2 letters of the plan; Ctrl-C ends that.\n" in result.stdout
    assert (result.exit_code, "2 done.\n" in result.stdout) == (0, True), result.stdout
    assert len(queues.messages(CRM)) == 2


def test_what_does_not_come_back_after_a_kill_is_not_waited_for_twice(
    queues: MemorySqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.cli.dlq.course._LET_GO_SECONDS", 0)
    result = go_on(killed_run(queues, 2), "--wait")
    assert result.exit_code == 1
    assert result.stdout.count("Waiting until") == 1
    assert "No run that was killed holds them any more: somebody else does" in result.stdout


def test_what_a_limit_leaves_out_of_a_plan_is_not_said_to_be_held_by_somebody(queues: MemorySqs) -> None:
    plan = killed_run(queues, 3)
    queues.advance(121)
    result = go_on(plan, "--limit", "1")
    assert "not read: 2 letters of the plan.\nThere may be more letters than were read: raise" in result.stdout
    assert "cannot be seen" not in result.stdout
    assert "If a run was killed" not in result.stdout
    assert (result.exit_code, "1 done.\n2 letters of this plan left." in result.stdout) == (1, True), result.stdout


def test_to_wait_without_a_plan_is_refused(queues: MemorySqs) -> None:
    result = CliRunner().invoke(dlq, ["replay", "--queue", DEAD, "--to-queue", CRM, "--yes", "--wait"])
    assert result.exit_code == 2
    assert "--wait goes with --resume" in result.output


def test_a_plan_whose_letters_are_gone_comes_to_an_end_and_says_how_many(queues: MemorySqs) -> None:
    plan = killed_run(queues, 2, days_ago=5)
    queues.advance(4 * 86_400 + 1)
    result = go_on(plan)
    assert "gone: 2 letters of the plan: they are not there, and dead.fifo keeps a letter for 4 days" in result.stdout
    assert "Plan replay-1 is finished. Letters of it that are gone: 2.\n" in result.stdout
    assert result.exit_code == 1
    assert asyncio.run(plan_state()) == ("finished", "2 letters gone before their turn")
    assert go_on("replay-1").exit_code == 0, "it was told once"


def test_to_look_at_a_plan_does_not_end_it(queues: MemorySqs) -> None:
    assert "gone: 2 letters" in go_on(killed_run(queues, 2, days_ago=5), "--dry-run").stdout
    assert asyncio.run(plan_state()) == ("open", "")


def test_while_its_letters_may_only_be_in_flight_a_plan_stays_open_and_says_until_when(queues: MemorySqs) -> None:
    result = go_on(killed_run(queues, 2, days_ago=4.5))
    assert "not there: 2 letters of the plan cannot be seen in dead.fifo now." in result.stdout
    assert "either is gone for sure: --resume ends the plan then.\n" in result.stdout
    assert (result.exit_code, asyncio.run(plan_state())) == (1, ("open", ""))


async def plan_state() -> tuple[str, str]:
    async with open_ledger(os.environ["TURNOUT_DLQ_LEDGER"]) as ledger:
        plan = await ledger.plan("replay-1")
    assert plan is not None
    return plan.state, plan.note
