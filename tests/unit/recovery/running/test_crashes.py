"""A process that dies at any step of a run loses nothing, and what the ledger knows was sent is not sent again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.recovery.running.bench import Bench, Bomb, Killed

from turnout.recovery.ledger.records import Action, ItemState, Phase, Status
from turnout.recovery.ledger.sqlite import open_sqlite_ledger

OWED = [("crm",), ("crm", "audit"), ("audit",), ("crm",)]


def steps_of_a_run(folder: Path) -> list[str]:
    async def count() -> list[str]:
        bench = Bench(folder)
        await bench.fill(OWED)
        bomb = Bomb()
        await bench.process(bomb)
        return bomb.names

    return asyncio.run(count())


async def books_balance(bench: Bench, crashed: bool) -> None:
    assert bench.left() == 0
    assert set(bench.got("crm")) == {"event-0", "event-1", "event-3"}
    assert set(bench.got("audit")) == {"event-1", "event-2"}
    sends = bench.got("crm").total() + bench.got("audit").total()
    # Between a send and its record nobody can know: at most the letters under way, here three, are sent again.
    assert 5 <= sends <= (5 + 4 if crashed else 5)
    async with open_sqlite_ledger(bench.path) as ledger:
        items = await ledger.items("p")
        records = await ledger.records([item.letter for item in items])
        assert {item.state for item in items} == {ItemState.RESOLVED}
        assert {record.status for record in records.values()} == {Status.RETRIED}
        assert all(record.resolved_ms for record in records.values())
        for item in items:
            phases = [(entry.action, entry.phase) for entry in await ledger.history(item.letter)]
            done, resolved = phases.index((Action.RETRY, Phase.DONE)), phases.index((Action.RESOLVE, Phase.DONE))
            assert phases.index((Action.RETRY, Phase.STARTED)) < done < resolved


def test_a_run_without_a_crash_sends_everything_once(tmp_path: Path) -> None:
    names = steps_of_a_run(tmp_path)
    assert {"see", "save_plan", "claim", "record", "send", "delete"} <= set(names)
    assert names.count("send") == 5


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_is_made_good_by_going_on_with_the_plan(tmp_path: Path, after: bool) -> None:
    (tmp_path / "count").mkdir()
    names = steps_of_a_run(tmp_path / "count")

    async def story(at: int) -> None:
        folder = tmp_path / str(at)
        folder.mkdir()
        bench = Bench(folder)
        await bench.fill(OWED)
        with pytest.raises(Killed):
            await bench.process(Bomb(at, after=after))
        deleted = len(OWED) - bench.left()
        async with open_sqlite_ledger(bench.path) as ledger:
            items = await ledger.items("p")
            settled = [item for item in items if item.state in (ItemState.DONE, ItemState.RESOLVED)]
        assert deleted <= len(settled), "deleted before its outcome was durable"
        bench.advance(121)
        await bench.process(plan="p")
        await books_balance(bench, crashed=True)

    for at in range(1, len(names) + 1):
        try:
            asyncio.run(story(at))
        except BaseException:
            print(f"died {'after' if after else 'before'} step {at}, {names[at - 1]}")
            raise


def test_a_process_that_dies_again_and_again_still_ends(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill(OWED)
        for at in range(1, 60):
            try:
                await bench.process(Bomb(at, after=bool(at % 2)), plan="p")
            except Killed:
                bench.advance(121)
            else:
                break
        assert bench.left() == 0
        assert set(bench.got("crm")) == {"event-0", "event-1", "event-3"}
        assert set(bench.got("audit")) == {"event-1", "event-2"}

    asyncio.run(story())


def test_a_letter_that_was_deleted_in_vain_is_only_deleted_again(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill(OWED)
        bench.sqs.fail_calls(bench.dead, "DeleteMessageBatch", "ServiceUnavailable", times=4)
        tally = await bench.process()
        assert (tally.done, tally.undeleted) == (0, 4)
        assert bench.left() == 4
        bench.advance(121)
        again = await bench.process(plan="another")
        assert (again.done, again.total) == (4, 4)
        assert bench.left() == 0
        assert bench.got("crm").total() + bench.got("audit").total() == 5, "nothing is sent twice"

    asyncio.run(story())
