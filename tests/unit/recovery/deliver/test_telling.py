"""Conversations are told what becomes of letters about them, and what cannot be told stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.unit.recovery import letters as shapes

from turnout.errors import GenesysUnavailable
from turnout.recovery import read_letter
from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Work
from turnout.recovery.deliver.telling import Telling
from turnout.recovery.ledger.records import Action, Record
from turnout.recovery.letter import Letter
from turnout.recovery.processor.effects import Told
from turnout.recovery.report.model import Interaction


class Once:
    """An act that answers as it is told."""

    action = Action.RETRY
    batch = 1
    ordered = True
    missing = NONE_MISSING

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def aims(self, work: Work) -> tuple[str, ...]:
        return ("crm",)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        return [self._outcome] * len(works)


class Heard:
    """Conversations that remember what they were told, or cannot be reached."""

    correlates = False

    def __init__(self, reachable: bool = True) -> None:
        self.told: list[tuple[str, int]] = []
        self._reachable = reachable

    async def look_ahead(self, letters: Sequence[Letter]) -> None:
        raise AssertionError("nothing is looked up")

    async def correlate(self, letter: Letter) -> tuple[Interaction, float | None]:
        raise AssertionError("nothing is looked up")

    async def tell(self, letter: Letter, told: Told, attempt: int) -> None:
        if not self._reachable:
            raise GenesysUnavailable("later", code="503")
        self.told.append((told.value, attempt))


def act_on(outcome: Outcome, heard: Heard, letter: Letter) -> Sequence[Outcome]:
    async def acting() -> Sequence[Outcome]:
        act = Telling(Once(outcome), heard)
        work = Work.of(letter, Record(letter.id, attempts=2))
        assert (act.action, act.batch, act.ordered, act.aims(work)) == (Action.RETRY, 1, True, ("crm",))
        return await act([work])

    return asyncio.run(acting())


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome(("crm",)), "replay_successful"), (Outcome((), {"crm": "no"}), "replay_failed")],
)
def test_a_conversation_hears_of_the_beginning_and_of_the_end(outcome: Outcome, status: str) -> None:
    heard = Heard()
    assert act_on(outcome, heard, read_letter(shapes.own())) == [outcome]
    assert heard.told == [("retrying", 3), (status, 3)]


def test_what_cannot_be_told_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert act_on(Outcome(("crm",)), Heard(reachable=False), read_letter(shapes.own()))[0].done
    assert "was not told" in caplog.text


def test_letters_about_no_conversation_are_told_to_nobody() -> None:
    heard = Heard()
    act_on(Outcome(("crm",)), heard, read_letter(shapes.message("text")))
    assert heard.told == []
