"""What has arrived is noted although the ledger fails for a while, and the ledger is given time to recover."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

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
