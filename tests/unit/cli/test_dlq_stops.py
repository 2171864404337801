"""What a run of `turnout dlq replay` says when it cannot go on: what was done, why, and how to go on with the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.cli.test_dlq_report import exported  # noqa: F401 - a fixture

from turnout.cli.dlq import dlq
from turnout.recovery.deliver.writing import Writing
from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.opening import open_ledger
from turnout.recovery.ledger.records import Entry, Record
from turnout.recovery.ledger.sqlite import SqliteLedger

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
