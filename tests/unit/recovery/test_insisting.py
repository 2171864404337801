"""What has arrived is noted although the ledger fails for a while, and the ledger is given time to recover."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.unit.pipeline.virtual_time import run

from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.insisting import note_outcomes
from turnout.recovery.ledger.records import Action, Entry, Phase, Sighting
from turnout.recovery.ledger.sqlite import open_sqlite_ledger


def test_between_attempts_to_note_what_has_arrived_the_ledger_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.recovery.ledger.insisting._WAITS", (0.05, 0.1, 60.0))

    async def story() -> None:
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            await ledger.see([Sighting("m-1")], by="jo")
            record, asked = ledger.record, []
            clock = asyncio.get_running_loop().time

            async def busy(entries: list[Entry]) -> object:
                asked.append(clock())
                if len(asked) < 3:
                    raise LedgerUnavailable("throttled")
                return await record(entries)

            monkeypatch.setattr(ledger, "record", busy)
            entry = Entry("m-1", Action.RETRY, Phase.DONE, "jo", targets=("crm",))
            assert (await note_outcomes(ledger, [entry]))["m-1"].reached == ("crm",)
            first, second, third = asked
            assert second - first > 0.04
            assert third - second > 0.09

    asyncio.run(story())


class Failing:
    """A ledger that takes nothing."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def record(self, entries: Sequence[Entry]) -> object:
        self.asked.append(asyncio.get_running_loop().time())
        raise LedgerUnavailable("throttled")


ARRIVED = Entry("m-1", Action.RETRY, Phase.DONE, "jo", targets=("crm",))
FAILED = Entry("m-2", Action.RETRY, Phase.FAILED, "jo")


@pytest.mark.parametrize(
    ("entries", "seconds", "asked"),
    [
        ([ARRIVED], math.inf, [0, 1, 3, 7, 15, 30, 60]),
        ([FAILED, ARRIVED], math.inf, [0, 1, 3, 7, 15, 30, 60]),
        ([FAILED], math.inf, [0]),
        ([ARRIVED], 7.0, [0, 1, 3, 7]),
        ([ARRIVED], 6.9, [0, 1, 3]),
        ([ARRIVED], 0.5, [0]),
    ],
)
def test_the_ledger_is_asked_for_a_minute_where_something_has_arrived_and_never_beyond_the_time_there_is(
    entries: Sequence[Entry], seconds: float, asked: list[float]
) -> None:
    ledger: Any = Failing()

    async def story() -> None:
        with pytest.raises(LedgerUnavailable):
            await note_outcomes(ledger, entries, seconds=seconds)

    run(story())
    assert ledger.asked == asked
