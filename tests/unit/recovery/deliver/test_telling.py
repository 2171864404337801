"""Conversations are told what becomes of letters about them, and what cannot be told stops nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.unit.recovery import letters as shapes
from tests.unit.recovery.running.test_runner import Listed

from turnout.errors import GenesysUnavailable
from turnout.recovery import read_letter
from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Work
from turnout.recovery.deliver.telling import Telling
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.records import Action, Plan, Status
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.recovery.letter import Letter
from turnout.recovery.processor.effects import Told
from turnout.recovery.report.model import Interaction
from turnout.recovery.running.planning import draft
from turnout.recovery.running.runner import LEASE_SECONDS, Runner
from turnout.recovery.running.tally import Tally


class Once:
    """An act that answers as it is told."""

    action = Action.RETRY
    batch = 1
    ordered = True
    missing = NONE_MISSING

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self.asked = 0

    def aims(self, work: Work) -> tuple[str, ...]:
        return ("crm",)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        self.asked += len(works)
        return [self._outcome] * len(works)


class Heard:
    """Conversations that remember what they were told, or cannot be reached."""

    correlates = False

    def __init__(self, reachable: bool = True) -> None:
        self.told: list[tuple[str, int]] = []
        self._reachable = reachable

    async def look_ahead(self, letters: Sequence[Letter]) -> None:
        raise AssertionError("nothing is looked up")

    async def correlate(self, letter: Letter) -> Interaction:
        raise AssertionError("nothing is looked up")

    async def tell(self, letter: Letter, told: Told, attempt: int) -> None:
        if not self._reachable:
            raise GenesysUnavailable("later", code="503")
        self.told.append((told.value, attempt))


class Slow(Heard):
    """Conversations that take their time to hear of `slow`."""

    def __init__(self, slow: Told) -> None:
        super().__init__()
        self.slow = slow
        self.asked, self.may_end = asyncio.Event(), asyncio.Event()

    async def tell(self, letter: Letter, told: Told, attempt: int) -> None:
        if told is self.slow:
            self.asked.set()
            await self.may_end.wait()
        await super().tell(letter, told, attempt)


async def run(
    ledger: Ledger, act: Once, heard: Heard, letter: Letter, clock: Callable[[], float] = time.monotonic
) -> Tally:
    telling = Telling(act, heard)
    assert (telling.action, telling.batch, telling.ordered, telling.missing) == (Action.RETRY, 1, True, {})
    source = Listed([letter])
    made = await draft(source, ledger, lambda _: True, telling, 10)
    await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
    runner = Runner(source=source, ledger=ledger, act=telling, plan="p", by="jo", clock=clock)
    return await runner.run(made, asyncio.Event())


def run_alone(folder: Path, outcome: Outcome, heard: Heard, letter: Letter) -> Tally:
    async def running() -> Tally:
        async with open_sqlite_ledger(folder / "ledger.sqlite") as ledger:
            return await run(ledger, Once(outcome), heard, letter)

    return asyncio.run(running())


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome(("crm",)), "replay_successful"), (Outcome((), {"crm": "no"}), "replay_failed")],
)
def test_a_conversation_hears_of_the_beginning_and_of_the_end(tmp_path: Path, outcome: Outcome, status: str) -> None:
    heard = Heard()
    assert run_alone(tmp_path, outcome, heard, read_letter(shapes.own())).done == (not outcome.failures)
    assert heard.told == [("retrying", 1), (status, 1)]


def test_what_cannot_be_told_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert run_alone(tmp_path, Outcome(("crm",)), Heard(reachable=False), read_letter(shapes.own())).done == 1
    assert "was not told" in caplog.text


def test_letters_about_no_conversation_are_told_to_nobody(tmp_path: Path) -> None:
    heard = Heard()
    assert run_alone(tmp_path, Outcome(("crm",)), heard, read_letter(shapes.message("text"))).done == 1
    assert heard.told == []


def test_what_has_arrived_is_noted_before_its_conversation_is_told_which_may_take_minutes(tmp_path: Path) -> None:
    async def story() -> None:
        letter, heard = read_letter(shapes.own() | {"MessageId": "m-1"}), Slow(Told.REPLAY_SUCCESSFUL)
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            running = asyncio.create_task(run(ledger, Once(Outcome(("crm",))), heard, letter))
            await heard.asked.wait()
            # A run that is killed now must not have the next one send it once more.
            assert (await ledger.records(["m-1"]))["m-1"].status is Status.RETRIED
            heard.may_end.set()
            assert (await running).done == 1

    asyncio.run(story())


def test_a_letter_that_another_had_while_its_conversation_was_told_is_not_sent(tmp_path: Path) -> None:
    ahead = 0.0

    async def story() -> None:
        nonlocal ahead
        letter, heard, act = read_letter(shapes.own() | {"MessageId": "m-1"}), Slow(Told.RETRYING), Once(Outcome())
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            running = asyncio.create_task(run(ledger, act, heard, letter, lambda: time.monotonic() + ahead))
            await heard.asked.wait()
            ahead = LEASE_SECONDS + 1  # its machine was asleep
            await ledger.release(["m-1"], by="jo")  # as the end of the lease does
            assert await ledger.claim(["m-1"], by="another", lease_seconds=60)
            heard.may_end.set()
            assert ((await running).skipped, act.asked) == (1, 0)

    asyncio.run(story())
