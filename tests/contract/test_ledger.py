"""One suite for every ledger: what it was told it knows, whoever asks, whatever died in between."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import msgspec
import pytest
from tests.servers.emulators import ministack, moto
from tests.servers.processes import Server
from tests.servers.raw import Peer, Request, answer, raw_server, serving, trickling

from turnout.recovery.ledger.api import Ledger, LedgerUnavailable, PlanExists, UnknownPlan
from turnout.recovery.ledger.dynamodb import INDEX, DynamoLedger, open_dynamo_ledger
from turnout.recovery.ledger.dynamodb.table import Table
from turnout.recovery.ledger.opening import open_ledger
from turnout.recovery.ledger.records import (
    Action,
    Entry,
    Item,
    ItemState,
    Phase,
    Plan,
    PlanState,
    Sighting,
    Status,
)
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.recovery.ledger.sqlite.file import File

Open = Callable[[], AbstractAsyncContextManager[Ledger]]
Scenario = Callable[[Ledger], Awaitable[None]]
Run = Callable[[Scenario], None]

SIGHTING = Sighting("a", "dlq", "event-1", "user.end", "RATE_LIMIT_EXCEEDED", "transient")
PLAN = Plan("p1", Action.RETRY, "dlq", "jo", 1_000, {"rate": "5"})


def create_table(name: str) -> None:
    boto3.client("dynamodb", region_name="us-east-1").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "shelf", "AttributeType": "S"},
            {"AttributeName": "changed", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "shelf", "KeyType": "HASH"},
                    {"AttributeName": "changed", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    with ministack() as first, moto() as second:
        yield {"ministack": first, "moto": second}


@pytest.fixture(params=["sqlite", "ministack", "moto"])
def opened(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Open:
    """Opens a ledger, the same one every time."""
    if request.param == "sqlite":
        return lambda: open_ledger(str(tmp_path / "ledger.db"))
    server: Server = request.getfixturevalue("servers")[request.param]
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    table = f"t{uuid4().hex}"
    create_table(table)
    return lambda: open_ledger(f"dynamodb:{table}", region="us-east-1")


@pytest.fixture
def run(opened: Open) -> Run:
    """Runs a scenario with a fresh ledger."""

    def with_ledger(scenario: Scenario) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), opened() as ledger:
                await scenario(ledger)

        asyncio.run(main())

    return with_ledger


def entry(action: Action, phase: Phase, letter: str = "a", attempt: int = 1, **fields: object) -> Entry:
    return Entry(letter, action, phase, "jo", attempt, **fields)  # type: ignore[arg-type]


RETRIED = (entry(Action.RETRY, Phase.STARTED), entry(Action.RETRY, Phase.DONE, targets=("crm",)))
RESOLVED = entry(Action.RESOLVE, Phase.DONE)


def test_a_letter_that_is_seen_first_gets_a_record_and_the_first_line_of_its_history(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        record = (await ledger.see([SIGHTING], by="jo"))["a"]
        assert (record.queue, record.event_id, record.event_type) == ("dlq", "event-1", "user.end")
        assert (record.cause, record.disposition, record.status) == ("RATE_LIMIT_EXCEEDED", "transient", Status.PENDING)
        assert record.first_seen_ms == record.last_seen_ms == record.changed_ms > 1_700_000_000_000
        assert await ledger.records(["a", "b"]) == {"a": record}
        (line,) = await ledger.history("a")
        assert (line.action, line.by, line.at_ms) == (Action.SEEN, "jo", record.first_seen_ms)
        assert await ledger.history("b") == []

    run(scenario)


def test_seeing_it_again_counts_and_adds_no_line(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        first = (await ledger.see([SIGHTING], by="jo"))["a"]
        again = Sighting("a", "dlq", "event-1", "user.end", "TARGET_MISSING", "needs-fix")
        record = (await ledger.see([again], by="another"))["a"]
        assert (record.sightings, record.first_seen_ms, record.by) == (2, first.first_seen_ms, "jo")
        assert (record.cause, record.disposition) == ("TARGET_MISSING", "needs-fix")
        assert len(await ledger.history("a")) == 1

    run(scenario)


def test_a_letter_that_is_named_twice_in_a_call_was_seen_once_as_the_last_of_them_says(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        last = Sighting("a", "dlq", "event-1", "user.end", "TARGET_MISSING", "needs-fix")
        record = (await ledger.see([SIGHTING, last], by="jo"))["a"]
        assert (record.sightings, record.cause) == (1, "TARGET_MISSING")
        assert (await ledger.see([SIGHTING, last], by="jo"))["a"].sightings == 2

    run(scenario)


def test_a_history_holds_every_step_in_order_with_time_attempt_and_author(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.see([SIGHTING], by="jo")
        await ledger.record(
            [
                entry(Action.RETRY, Phase.STARTED),
                entry(Action.RETRY, Phase.FAILED, note="timed out", targets=("audit",)),
                entry(Action.RETRY, Phase.STARTED, attempt=2),
                entry(Action.RETRY, Phase.DONE, attempt=2, targets=("crm",)),
                entry(Action.ARCHIVE, Phase.STARTED, at_ms=5),
                entry(Action.ARCHIVE, Phase.DONE, note="s3://bucket/key"),
            ]
        )
        record = (await ledger.record([RESOLVED]))["a"]
        history = await ledger.history("a")
        assert [(line.action.value, line.phase.value, line.attempt) for line in history] == [
            ("seen", "done", 1),
            ("retry", "started", 1),
            ("retry", "failed", 1),
            ("retry", "started", 2),
            ("retry", "done", 2),
            ("archive", "started", 1),
            ("archive", "done", 1),
            ("resolve", "done", 1),
        ]
        assert history[2].note == "timed out"
        assert history[5].at_ms == 5
        assert all(line.by == "jo" and line.at_ms for line in history)
        assert (record.status, record.attempts, record.reached) == (Status.ARCHIVED, 2, ("audit", "crm"))
        assert record.resolved_ms > 0
        assert record.note == "s3://bucket/key"

    run(scenario)


def test_to_repeat_an_entry_changes_nothing(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.see([SIGHTING], by="jo")
        first = await ledger.record(RETRIED)
        second = await ledger.record(RETRIED)
        third = await ledger.record([entry(Action.RETRY, Phase.STARTED)])
        assert first == second == third
        assert first["a"].status is Status.RETRIED, "a start that is told late does not undo the outcome"
        assert len(await ledger.history("a")) == 3

    run(scenario)


def test_what_is_told_of_a_letter_that_nobody_saw_is_kept(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.record(RETRIED)
        record = (await ledger.see([SIGHTING], by="jo"))["a"]
        assert (record.status, record.queue, record.sightings) == (Status.RETRIED, "dlq", 1)
        assert [line.action for line in await ledger.history("a")] == [Action.RETRY, Action.RETRY, Action.SEEN]

    run(scenario)


def test_everything_is_there_for_the_next_process(opened: Open) -> None:
    async def first() -> None:
        async with opened() as ledger:
            await ledger.see([SIGHTING], by="jo")
            await ledger.save_plan(PLAN, [Item("a", ("crm",)), Item("b")])
            await ledger.record([entry(Action.RETRY, Phase.STARTED, plan="p1")])

    async def second() -> None:
        async with opened() as ledger:
            assert (await ledger.records(["a"]))["a"].status is Status.IN_PROGRESS
            assert len(await ledger.history("a")) == 2
            assert await ledger.plan("p1") == PLAN
            assert await ledger.items("p1") == [Item("a", ("crm",), ItemState.STARTED), Item("b")]

    asyncio.run(first())
    asyncio.run(second())


# Not on moto: its threads look at a condition and write without a lock, so that two may find the letter free.
@pytest.mark.parametrize("opened", ["sqlite", "ministack"], indirect=True)
def test_of_many_who_claim_a_letter_at_once_exactly_one_gets_it(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.see([SIGHTING], by="jo")
        answers = await asyncio.gather(*(ledger.claim(["a"], by=f"worker-{n}", lease_seconds=30) for n in range(8)))
        assert sorted(len(answer) for answer in answers) == [0] * 7 + [1]

    run(scenario)


def test_a_claim_is_its_owners_until_it_ends_or_is_released(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        records = await ledger.see([SIGHTING, Sighting("b"), Sighting("c")], by="jo")
        assert await ledger.claim("abcd", by="me", lease_seconds=30) == records, "nobody has seen d"
        assert set(await ledger.claim("a", by="me", lease_seconds=30)) == {"a"}
        assert await ledger.claim("ab", by="other", lease_seconds=30) == {}
        await ledger.release("ab", by="other")
        assert await ledger.claim("ab", by="other", lease_seconds=30) == {}, "it was not theirs to release"
        await ledger.release("a", by="me")
        assert set(await ledger.claim("ab", by="other", lease_seconds=30)) == {"a"}
        await ledger.claim("c", by="me", lease_seconds=0.05)
        await asyncio.sleep(0.1)  # the lease itself is what is waited for
        assert set(await ledger.claim("c", by="other", lease_seconds=30)) == {"c"}

    run(scenario)


def test_a_resolved_letter_cannot_be_claimed_and_is_known_when_it_turns_up_again(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.see([SIGHTING], by="jo")
        await ledger.claim("a", by="me", lease_seconds=30)
        await ledger.record([*RETRIED, RESOLVED])
        assert await ledger.claim("a", by="me", lease_seconds=30) == {}
        again = (await ledger.see([SIGHTING], by="jo"))["a"]
        assert again.resolved_ms > 0
        assert again.status is Status.RETRIED

    run(scenario)


def test_a_resolved_letter_can_be_claimed_by_who_deals_with_it_once_more_and_by_nobody_beside(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.see([SIGHTING], by="jo")
        await ledger.claim("a", by="me", lease_seconds=30)
        await ledger.record([*RETRIED, RESOLVED])
        assert await ledger.claim("a", by="other", lease_seconds=30, resolved=True) == {}, "jo resolved it, not me"
        await ledger.release("a", by="me")
        granted = await ledger.claim("ab", by="other", lease_seconds=30, resolved=True)
        assert granted == await ledger.records("ab"), "nobody has seen b"
        assert granted["a"].resolved_ms > 0
        assert set(await ledger.claim("a", by="other", lease_seconds=30, resolved=True)) == {"a"}, "renewed"
        assert await ledger.claim("a", by="third", lease_seconds=30, resolved=True) == {}
        await ledger.release("a", by="other")
        assert set(await ledger.claim("a", by="third", lease_seconds=0.05, resolved=True)) == {"a"}
        await asyncio.sleep(0.1)  # the lease itself is what is waited for
        assert set(await ledger.claim("a", by="me", lease_seconds=30, resolved=True)) == {"a"}

    run(scenario)


@pytest.mark.parametrize("once_more", [False, True])
def test_who_resolves_a_letter_lets_go_of_it(run: Run, once_more: bool) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.see([SIGHTING], by="jo")
        if once_more:
            await ledger.record([RESOLVED])
        await ledger.claim("a", by="jo", lease_seconds=30, resolved=once_more)
        await ledger.record([*RETRIED, entry(Action.RESOLVE, Phase.DONE, attempt=2)])
        assert set(await ledger.claim("a", by="other", lease_seconds=30, resolved=True)) == {"a"}

    run(scenario)


# Not on moto, for the same reason.
@pytest.mark.parametrize("opened", ["sqlite", "ministack"], indirect=True)
def test_of_many_who_save_a_plan_under_one_name_at_once_exactly_one_has_saved_it(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        plans = [msgspec.structs.replace(PLAN, by=f"worker-{n}") for n in range(8)]
        answers = await asyncio.gather(*(ledger.save_plan(plan, []) for plan in plans), return_exceptions=True)
        assert [type(answer) for answer in answers].count(PlanExists) == 7
        assert await ledger.plan("p1") == plans[answers.index(None)]

    run(scenario)


# Not on moto, for the same reason.
@pytest.mark.parametrize("opened", ["sqlite", "ministack"], indirect=True)
def test_of_two_who_save_a_plan_under_one_name_at_once_the_items_are_those_of_the_one_that_was_saved(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        plans = [msgspec.structs.replace(PLAN, by=f"worker-{n}") for n in range(4)]
        saves = (ledger.save_plan(plan, [Item(plan.by), Item("both")]) for plan in plans)
        answers = await asyncio.gather(*saves, return_exceptions=True)
        assert [item.letter for item in await ledger.items("p1")] == [plans[answers.index(None)].by, "both"]

    run(scenario)


def test_a_plan_of_which_not_all_is_written_is_none_and_can_be_written_to_its_end(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def died(self: Table, rows: Sequence[object]) -> None:
        raise LedgerUnavailable("gone")

    async def main() -> None:
        async with opened() as ledger:
            if isinstance(ledger, DynamoLedger):
                with monkeypatch.context() as patch:
                    patch.setattr(Table, "write", died)
                    with pytest.raises(LedgerUnavailable):
                        await ledger.save_plan(PLAN, [Item("a")])
            assert (await ledger.plan("p1"), await ledger.plans(), await ledger.items("p1")) == (None, [], [])
            await ledger.save_plan(PLAN, [Item("a")])
            assert (await ledger.plans(), await ledger.items("p1")) == ([PLAN], [Item("a")])

    asyncio.run(main())


# Not on moto: a transaction that fails there puts the whole table back to what it was when it began, and so undoes
# what others have written in the meantime.
@pytest.mark.parametrize("opened", ["sqlite", "ministack"], indirect=True)
def test_many_who_write_about_one_letter_at_once_lose_nothing(opened: Open) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), opened() as one, opened() as other:
            await one.see([SIGHTING], by="jo")
            async with asyncio.TaskGroup() as tasks:
                for attempt in range(1, 7):
                    ledger = (one, other)[attempt % 2]
                    started = entry(Action.RETRY, Phase.STARTED, attempt=attempt, targets=(f"t{attempt}",))
                    tasks.create_task(ledger.record([started]))
            record = (await other.records(["a"]))["a"]
            assert record.attempts == 6
            assert set(record.reached) == {f"t{attempt}" for attempt in range(1, 7)}
            assert len(await one.history("a")) == 7

    asyncio.run(main())


def test_a_plan_is_kept_whole_in_its_order_and_moves_with_what_is_done(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        letters = [f"letter-{number}" for number in range(60, 0, -1)]
        await ledger.save_plan(PLAN, [Item(letter, ("crm", "audit")) for letter in letters])
        assert [item.letter for item in await ledger.items("p1")] == letters
        steps = ["letter-60", "letter-59", "letter-58", "letter-57"]
        for done, letter in enumerate(steps):
            phases = [entry(Action.RETRY, Phase.STARTED, letter, plan="p1")]
            phases += [entry(Action.RETRY, Phase.DONE, letter, plan="p1")] * (done in (1, 2))
            phases += [entry(Action.RETRY, Phase.FAILED, letter, plan="p1")] * (done == 3)
            phases += [entry(Action.RESOLVE, Phase.DONE, letter, plan="p1")] * (done == 2)
            await ledger.record(phases)
        items = await ledger.items("p1")
        assert [item.state for item in items[:5]] == [
            ItemState.STARTED,
            ItemState.DONE,
            ItemState.RESOLVED,
            ItemState.FAILED,
            ItemState.PENDING,
        ]
        assert items[0].targets == ("crm", "audit")

    run(scenario)


def test_a_plan_is_written_once_and_ended_as_often_as_need_be(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.save_plan(PLAN, [Item("a")])
        with pytest.raises(PlanExists):
            await ledger.save_plan(PLAN, [Item("b")])
        assert await ledger.items("p1") == [Item("a")]
        await ledger.save_plan(Plan("p2", Action.ARCHIVE, "dlq", "jo", 2_000), [])
        assert [plan.id for plan in await ledger.plans()] == ["p2", "p1"]
        await ledger.end_plan("p1", PlanState.STOPPED, note="20 % failed")
        stopped = await ledger.plan("p1")
        assert stopped is not None
        assert (stopped.state, stopped.note, stopped.options) == (PlanState.STOPPED, "20 % failed", {"rate": "5"})
        await ledger.end_plan("p1", PlanState.OPEN)
        assert await ledger.plan("p1") == PLAN

    run(scenario)


def test_what_is_told_of_a_plan_that_is_not_there_is_refused_and_changes_nothing(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.see([SIGHTING], by="jo")
        before = await ledger.records(["a"])
        with pytest.raises(UnknownPlan):
            await ledger.record([entry(Action.RETRY, Phase.STARTED, plan="p1")])
        with pytest.raises(UnknownPlan):
            await ledger.end_plan("p1", PlanState.FINISHED)
        await ledger.save_plan(PLAN, [Item("b")])
        with pytest.raises(UnknownPlan):
            await ledger.record([entry(Action.RETRY, Phase.STARTED, plan="p1")])
        assert await ledger.records(["a"]) == before
        assert len(await ledger.history("a")) == 1
        assert await ledger.plan("p0") is None
        assert await ledger.items("p0") == []

    run(scenario)


def test_records_are_found_by_queue(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.see([Sighting("a", "dlq"), Sighting("b", "dlq"), Sighting("c", "other")], by="jo")
        assert {record.letter async for record in ledger.find("dlq")} == {"a", "b"}

    run(scenario)


def test_texts_that_no_store_could_hold_are_replaced_and_cut(run: Run) -> None:
    async def scenario(ledger: Ledger) -> None:
        await ledger.see([Sighting("a", "dlq", "\ud800", "\x00" + "x" * 5000)], by="jo \udfff")
        failed = entry(Action.RETRY, Phase.FAILED, note="é\ud800" * 900, targets=("crm\ud800",))
        record = (await ledger.record([failed]))["a"]
        assert (record.by, record.reached) == ("jo", ("crm?",))
        assert record.event_id == "?"
        assert len(record.event_type) == len(record.note) == 1000
        assert record == (await ledger.records("a"))["a"]

    run(scenario)


# ----------------------------------------------------------------------------------------------- what SQLite alone does


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_sqlite_ledger(tmp_path / "ledger.db") as ledger:
            await ledger.see([SIGHTING], by="jo")
            files = list(tmp_path.iterdir())
            assert files
            for path in files:
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path

    asyncio.run(main())


@pytest.mark.parametrize("spoil", ["no directory", "not a database", "a newer Turnout's"])
def test_a_file_that_cannot_be_used_is_told_as_unavailable(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "ledger.db"
    if spoil == "no directory":
        path = tmp_path / "nowhere" / "ledger.db"
    elif spoil == "not a database":
        path.write_text("Dear diary, " * 100)

    async def written() -> None:
        async with open_sqlite_ledger(path) as ledger:
            await ledger.see([SIGHTING], by="jo")

    if spoil == "a newer Turnout's":
        asyncio.run(written())
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 9")

    async def main() -> None:
        with pytest.raises(LedgerUnavailable, match=r"ledger\.db") as told:
            async with open_sqlite_ledger(path):
                pytest.fail("it opened")
        assert ("TURNOUT_DLQ_LEDGER" in str(told.value)) == (not path.is_file())

    asyncio.run(main())


def test_the_database_of_another_program_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"

    async def main() -> None:
        with pytest.raises(LedgerUnavailable, match="another program's database; name another file"):
            async with open_sqlite_ledger(path):
                pytest.fail("it opened")

    with contextlib.closing(sqlite3.connect(path)) as theirs:
        theirs.execute("CREATE TABLE users (name)")
        asyncio.run(main())
        assert theirs.execute("SELECT name FROM sqlite_master").fetchall() == [("users",)]
        assert theirs.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_file_that_cannot_be_in_wal_mode_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        with pytest.raises(LedgerUnavailable, match="must be on a local disk"):
            async with open_sqlite_ledger(Path(":memory:")):  # SQLite's own name for a place that has no WAL
                pytest.fail("it opened")

    asyncio.run(main())


def test_no_page_of_the_records_of_a_queue_is_found_by_sorting_them_all(tmp_path: Path) -> None:
    queries: list[str] = []

    async def main() -> None:
        async with open_sqlite_ledger(tmp_path / "ledger.db") as ledger:
            await ledger.see([SIGHTING], by="jo")
            file = ledger._file
            await file.run(lambda: file.connection.set_trace_callback(queries.append))
            assert len([record async for record in ledger.find(SIGHTING.queue)]) == 1

    asyncio.run(main())
    assert queries
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        for query in queries:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
            assert not any("TEMP B-TREE" in str(step) for step in plan), plan


def test_every_commit_is_synced_and_no_item_is_without_its_plan_whatever_sqlite_was_built_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = sqlite3.Connection(*arguments, **options)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")
        return connection

    def look(file: File) -> None:
        assert file.rows("PRAGMA synchronous") == [(2,)], "FULL"
        with pytest.raises(sqlite3.IntegrityError), file.transaction() as connection:
            connection.execute("INSERT INTO items VALUES ('p0', 0, 'a', 'pending', '[]')")

    async def main() -> None:
        file = File(tmp_path / "ledger.db")
        await file.open()
        try:
            await file.run(look, file)
        finally:
            await file.aclose()

    monkeypatch.setattr("turnout.recovery.ledger.sqlite.file.sqlite3.connect", connect)
    asyncio.run(main())


def test_a_full_disk_is_told_as_that_and_what_was_begun_is_undone(tmp_path: Path) -> None:
    def fill(file: File) -> None:
        file.connection.execute("PRAGMA max_page_count = 20")  # SQLite answers as it does for a full disk
        with file.transaction() as connection:
            for number in range(1_000):
                connection.execute("INSERT INTO plans VALUES (?, 1, ?)", (f"p{number}", "x" * 4_000))

    async def main() -> None:
        file = File(tmp_path / "ledger.db")
        await file.open()
        try:
            with pytest.raises(LedgerUnavailable, match="disk is full"):
                await file.run(fill, file)
            assert await file.run(file.rows, "SELECT count(*) FROM plans") == [(0,)]
        finally:
            await file.aclose()

    asyncio.run(main())


def test_a_new_file_that_another_process_is_at_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    async def seen() -> None:
        async with open_sqlite_ledger(path) as ledger:
            await ledger.see([SIGHTING], by="jo")

    async def main() -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # SQLite itself does not wait here
            seeing = asyncio.create_task(seen())
            await asyncio.wait({seeing}, timeout=0.3)
            assert not seeing.done()
            other.execute("ROLLBACK")
            await seeing

    asyncio.run(main())


def test_what_cannot_be_read_is_told_as_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    async def main() -> None:
        async with open_sqlite_ledger(path) as ledger:
            await ledger.see([SIGHTING], by="jo")
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("UPDATE entries SET entry = '{}'")
                connection.execute("UPDATE letters SET record = '{'")
            for call in (ledger.history("a"), ledger.records("a"), ledger.see([SIGHTING], by="jo")):
                with pytest.raises(LedgerUnavailable, match="cannot read"):
                    await call
            await ledger.see([Sighting("b")], by="jo")
            await ledger.save_plan(PLAN, [Item("a")])
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("UPDATE items SET state = 'of a newer Turnout'")
            with pytest.raises(LedgerUnavailable, match="cannot read"):
                await ledger.items(PLAN.id)

    asyncio.run(main())


def test_more_letters_than_a_page_are_all_found(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_sqlite_ledger(tmp_path / "ledger.db") as ledger:
            letters = [f"letter-{number}" for number in range(1_200)]
            await ledger.see([Sighting(letter, "dlq") for letter in letters], by="jo")
            assert sorted([record.letter async for record in ledger.find("dlq")]) == sorted(letters)

    asyncio.run(main())


def test_a_closed_ledger_is_unavailable(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_sqlite_ledger(tmp_path / "ledger.db") as ledger:
            await ledger.see([SIGHTING], by="jo")
        with pytest.raises(LedgerUnavailable):
            await ledger.records("a")

    asyncio.run(main())


def test_a_closed_ledger_is_one_file_that_may_be_copied_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    async def main() -> None:
        async with open_sqlite_ledger(tmp_path / "ledger.db") as ledger:
            await ledger.see([SIGHTING], by="jo")
        (file,) = (path for path in tmp_path.iterdir() if path.is_file())
        async with open_sqlite_ledger(file.rename(elsewhere / "ledger.db")) as ledger:
            assert (await ledger.records(["a"]))["a"].event_id == "event-1"

    asyncio.run(main())


STEPS = ("see", "plan", "started", "done", "resolved")

CHILD = textwrap.dedent(
    """
    import asyncio, os, signal, sys
    from pathlib import Path
    from turnout.recovery.ledger.records import Action, Entry, Item, Phase, Plan, Sighting
    from turnout.recovery.ledger.sqlite import open_sqlite_ledger

    async def main(path, steps):
        async with open_sqlite_ledger(path) as ledger:
            def entry(action, phase, letter="a", plan="p1"):
                return Entry(letter, action, phase, "child", targets=("crm",) * (phase == "done"), plan=plan)
            if steps < 0:
                for number in range(100_000):
                    letter = f"letter-{number}"
                    await ledger.see([Sighting(letter, "dlq")], by="child")
                    await ledger.record([entry(Action.RETRY, Phase.STARTED, letter, "")])
                    await ledger.record([entry(Action.RETRY, Phase.DONE, letter, "")])
                    print(number, flush=True)
            todo = [
                lambda: ledger.see([Sighting("a", "dlq")], by="child"),
                lambda: ledger.save_plan(Plan("p1", Action.RETRY, "dlq", "child", 1), [Item("a", ("crm",)), Item("b")]),
                lambda: ledger.record([entry(Action.RETRY, Phase.STARTED)]),
                lambda: ledger.record([entry(Action.RETRY, Phase.DONE)]),
                lambda: ledger.record([entry(Action.RESOLVE, Phase.DONE)]),
            ]
            for step in todo[:steps]:
                await step()
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
    """
)


@contextlib.asynccontextmanager
async def after_the_crash(path: Path) -> AsyncIterator[Ledger]:
    async with asyncio.timeout(30), open_sqlite_ledger(path) as ledger:
        yield ledger


@pytest.mark.parametrize("steps", range(len(STEPS) + 1))
def test_a_process_killed_between_any_two_steps_leaves_what_it_had_done(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "ledger.db"
    died = subprocess.run([sys.executable, "-c", CHILD, str(path), str(steps)], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL

    async def main() -> None:
        async with after_the_crash(path) as ledger:
            records = await ledger.records("a")
            assert bool(records) == (steps >= 1)
            assert [plan.id for plan in await ledger.plans()] == ["p1"] * (steps >= 2)
            states = [item.state for item in await ledger.items("p1")]
            assert (
                states
                == [
                    [],
                    [],
                    [ItemState.PENDING, ItemState.PENDING],
                    [ItemState.STARTED, ItemState.PENDING],
                    [ItemState.DONE, ItemState.PENDING],
                    [ItemState.RESOLVED, ItemState.PENDING],
                ][steps]
            )
            if steps >= 1:
                status = (Status.PENDING, Status.PENDING, Status.IN_PROGRESS, Status.RETRIED, Status.RETRIED)[steps - 1]
                assert records["a"].status is status
                assert (records["a"].resolved_ms > 0) == (steps == 5)
                assert len(await ledger.history("a")) == (1, 1, 2, 3, 4)[steps - 1]
            # Whoever goes on repeats what may not have been written, and nothing is there twice.
            await ledger.see([Sighting("a", "dlq")], by="child")
            if steps < 2:
                await ledger.save_plan(Plan("p1", Action.RETRY, "dlq", "child", 1), [Item("a", ("crm",)), Item("b")])
            for again in (*RETRIED, RESOLVED):
                await ledger.record([Entry(again.letter, again.action, again.phase, "next", plan="p1")])
            assert len(await ledger.history("a")) == 4
            assert [item.state for item in await ledger.items("p1")] == [ItemState.RESOLVED, ItemState.PENDING]

    asyncio.run(main())


@pytest.mark.parametrize("lines", [1, 7, 23])
def test_a_process_killed_in_the_middle_of_writing_has_kept_all_that_it_was_told_is_kept(
    tmp_path: Path, lines: int
) -> None:
    path = tmp_path / "ledger.db"
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path), "-1"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(lines)]
        os.kill(child.pid, signal.SIGKILL)
        told += [int(line) for line in child.stdout.read().splitlines()]

    async def main() -> None:
        async with after_the_crash(path) as ledger:
            records = await ledger.records([f"letter-{number}" for number in told])
            assert [record.status for record in records.values()] == [Status.RETRIED] * len(told)
            async for record in ledger.find("dlq"):
                history = await ledger.history(record.letter)
                expected = (Status.PENDING, Status.IN_PROGRESS, Status.RETRIED)[len(history) - 1]
                assert record.status is expected, "an entry and its effect are there together or not at all"

    asyncio.run(main())


def test_processes_that_start_together_share_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    command = [sys.executable, "-c", CHILD, str(path), "1"]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    said = [child.communicate(timeout=60)[1].decode() for child in children]
    assert [child.returncode for child in children] == [-signal.SIGKILL] * 4, said

    async def main() -> None:
        async with after_the_crash(path) as ledger:
            assert (await ledger.records("a"))["a"].sightings == 4
            assert len(await ledger.history("a")) == 1

    asyncio.run(main())


# --------------------------------------------------------------------------------------------- what DynamoDB alone does


def test_an_item_that_cannot_be_read_is_told_as_unavailable(
    monkeypatch: pytest.MonkeyPatch, servers: dict[str, Server]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", servers["ministack"].url)
    table = f"t{uuid4().hex}"
    create_table(table)
    dynamodb = boto3.client("dynamodb", region_name="us-east-1")
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "letter#a"}, "sk": {"S": "record"}, "body": {"S": "{"}})
    dynamodb.put_item(
        TableName=table,
        Item={"pk": {"S": "letter#b"}, "sk": {"S": "record"}, "body": {"S": '{"letter": "b"}'}, "version": {"S": "1"}},
    )

    async def main() -> None:
        async with open_ledger(f"dynamodb:{table}", region="us-east-1") as ledger:
            with pytest.raises(LedgerUnavailable, match="under letter#a record"):
                await ledger.records("a")
            with pytest.raises(LedgerUnavailable, match="under letter#b record"):
                await ledger.see([Sighting("b")], by="jo")
            await ledger.save_plan(PLAN, [Item("a")])
            dynamodb.update_item(
                TableName=table,
                Key={"pk": {"S": f"plan#{PLAN.id}"}, "sk": {"S": "item#a"}},
                UpdateExpression="SET #state = :state",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":state": {"S": "of a newer Turnout"}},
            )
            with pytest.raises(LedgerUnavailable, match=f"under plan#{PLAN.id} item#a"):
                await ledger.items(PLAN.id)

    asyncio.run(main())


def test_a_missing_table_and_a_dead_endpoint_are_told_as_unavailable(
    monkeypatch: pytest.MonkeyPatch, servers: dict[str, Server]
) -> None:
    async def main() -> None:
        async with open_ledger("dynamodb:nowhere", region="us-east-1") as ledger:
            calls = (
                ledger.see([SIGHTING], by="jo"),
                ledger.record(RETRIED),
                ledger.records("a"),
                ledger.history("a"),
                ledger.claim("a", by="me", lease_seconds=1),
                ledger.save_plan(PLAN, []),
                ledger.plans(),
            )
            for result in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(result, LedgerUnavailable)
                assert "nowhere" in str(result)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for url in ("http://127.0.0.1:9", servers["ministack"].url):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        asyncio.run(main())


@pytest.mark.parametrize(
    "page", [b"<html>Please log in</html>", b"", b"[]", b'"text"', b"{}", b'{"Items": 1}', b"\xff"]
)
def test_an_answer_of_something_else_than_dynamodb_is_told_as_unavailable(
    page: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(lambda _: answer(page, Content_Type="text/html"))) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                calls = (
                    ledger.see([SIGHTING], by="jo"),
                    ledger.record(RETRIED),
                    ledger.records("a"),
                    ledger.history("a"),
                    ledger.claim("a", by="me", lease_seconds=1),
                    ledger.release("a", by="me"),
                    ledger.save_plan(PLAN, [Item("a")]),
                    ledger.plans(),
                )
                for result in await asyncio.gather(*calls, return_exceptions=True):
                    assert isinstance(result, LedgerUnavailable)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def refusal(code: str, message: str = "", **more: object) -> bytes:
    """DynamoDB's answer that refuses a call."""
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message, **more}
    return answer(body, 400, x_amzn_requestid="1", Content_Type="application/x-amz-json-1.0")


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    [
        (
            "ResourceNotFoundException",
            "Requested resource not found",
            "it is not there, in this account and region: create it",
        ),
        ("AccessDeniedException", "not authorized to perform: dynamodb:GetItem", "docs/recovery.md lists what"),
        ("ValidationException", "The table does not have the specified index", "turnout doctor says whether"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_of_once_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, code: str, message: str, advice: str
) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(lambda _: refusal(code, message))) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                with pytest.raises(LedgerUnavailable) as told:
                    await ledger.records("a")
        assert str(told.value).startswith(f"the ledger's table letters cannot be used: {code}: {message} ({advice}")
        assert "An error occurred" not in str(told.value)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def cancelled(monkeypatch: pytest.MonkeyPatch, reasons: list[dict[str, str]], told: str) -> int:
    """Record where transactions are cancelled for these reasons; the error must say `told`. How many there were."""
    transactions = []

    def handle(request: Request) -> bytes:
        if request.operation == "GetItem":
            return answer(b"{}", x_amzn_requestid="1")
        transactions.append(request)
        return refusal("TransactionCanceledException", CancellationReasons=reasons)

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                with pytest.raises(LedgerUnavailable, match=told):
                    await ledger.record(RETRIED[:1])

    monkeypatch.setattr("turnout.recovery.ledger.dynamodb.ledger.TRIES", 2)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())
    return len(transactions)


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_transaction_that_can_never_be_done_is_told_of_at_once(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    too_large = {"Code": code, "Message": "Item size has exceeded the maximum allowed size"}
    told = f"letters does not take this: {code}: Item size"
    assert cancelled(monkeypatch, [{"Code": "None"}, too_large], told) == 1


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_is_throttled_is_not_told_as_one_that_others_are_in_the_way_of(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    told = "letters takes too little: raise its capacity"
    assert cancelled(monkeypatch, [{"Code": reason}, {"Code": "None"}], told) == 2


def conflicts(
    monkeypatch: pytest.MonkeyPatch, times: int, scenario: Scenario, code: str = "TransactionConflictException"
) -> None:
    """Where a transaction is in the way of the first so many writes of each kind to a single item."""
    refused: dict[str, int] = {}
    record = {"body": {"S": '{"letter": "a"}'}}

    def handle(request: Request) -> bytes:
        if request.operation in ("PutItem", "UpdateItem") and refused.get(request.operation, 0) < times:
            refused[request.operation] = refused.get(request.operation, 0) + 1
            return refusal(code, "Transaction is ongoing for the item")
        return answer({"Attributes": record} if request.operation == "UpdateItem" else b"{}", x_amzn_requestid="1")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                await scenario(ledger)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


@pytest.mark.parametrize("code", ["TransactionConflictException", "TransactionInProgressException"])
def test_a_claim_and_a_plan_wait_for_a_transaction_that_is_in_their_way(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    async def story(ledger: Ledger) -> None:
        assert "a" in await ledger.claim("a", by="me", lease_seconds=1)
        await ledger.save_plan(PLAN, [])

    conflicts(monkeypatch, 2, story, code)


def test_who_resolves_a_letter_does_not_end_the_claim_of_who_got_it_in_that_moment(
    monkeypatch: pytest.MonkeyPatch, servers: dict[str, Server]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", servers["ministack"].url)
    table = f"t{uuid4().hex}"
    create_table(table)
    transact = Table.transact
    quicker: list[str] = []

    async def main() -> None:
        async with open_ledger(f"dynamodb:{table}", region="us-east-1") as ledger:

            async def after_another(self: Table, operations: Sequence[dict[str, Any]]) -> None:
                if not quicker:
                    quicker.extend(await ledger.claim("a", by="other", lease_seconds=30))
                await transact(self, operations)

            await ledger.see([SIGHTING], by="jo")
            await ledger.claim("a", by="jo", lease_seconds=-1)  # it has ended already
            monkeypatch.setattr(Table, "transact", after_another)
            assert (await ledger.record([RESOLVED]))["a"].resolved_ms > 0
            assert quicker == ["a"]
            assert await ledger.claim("a", by="third", lease_seconds=30, resolved=True) == {}

    asyncio.run(main())


def test_a_transaction_that_stays_in_the_way_of_a_claim_is_told_as_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(ledger: Ledger) -> None:
        with pytest.raises(LedgerUnavailable, match="changed by too many at once"):
            await ledger.claim("a", by="me", lease_seconds=1)

    monkeypatch.setattr("turnout.recovery.ledger.dynamodb.table.TRIES", 2)
    conflicts(monkeypatch, 2, story)


@pytest.mark.parametrize(("by", "taken"), [("jo", False), ("somebody else", True)])
def test_a_plan_whose_first_answer_was_lost_is_there_and_is_not_taken_for_somebody_elses(
    monkeypatch: pytest.MonkeyPatch, by: str, taken: bool
) -> None:
    written: list[str] = []
    kept = msgspec.json.encode(msgspec.structs.replace(PLAN, by=by)).decode()

    def handle(request: Request) -> bytes:
        if request.operation == "PutItem":
            written.append(request.operation)
            if len(written) > 1:
                return refusal("ConditionalCheckFailedException", "The conditional request failed")
            return answer({"__type": "InternalServerError"}, 500, x_amzn_requestid="1")
        there = {"Item": {"pk": {"S": "plan#p1"}, "sk": {"S": "plan"}, "body": {"S": kept}}} if written else {}
        return answer(there | {"Attributes": {}}, x_amzn_requestid="1")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                with pytest.raises(PlanExists) if taken else contextlib.nullcontext():
                    await ledger.save_plan(PLAN, [])
                assert len(written) == 2

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def test_a_table_is_read_as_it_is_now_but_for_its_index_which_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[tuple[str, bool, bool]] = []

    def handle(request: Request) -> bytes:
        asked = request.parameters
        reads.append((request.operation, "IndexName" in asked, bool(asked.get("ConsistentRead"))))
        plan = {"pk": {"S": "plan#p1"}, "sk": {"S": "plan"}, "body": {"S": msgspec.json.encode(PLAN).decode()}}
        return answer({"Items": []} if request.operation == "Query" else {"Item": plan}, x_amzn_requestid="1")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                assert await ledger.items("p1") == []
                assert await ledger.history("a") == []
                assert await ledger.plans() == []
                assert [each async for each in ledger.find("dlq")] == []

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())
    assert reads == [
        ("GetItem", False, True),
        ("Query", False, True),
        ("Query", False, True),
        ("Query", True, False),
        ("Query", True, False),
    ]


def test_a_query_is_read_to_its_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_from: list[object] = []
    here = {"pk": {"S": "plan#p1"}, "sk": {"S": "plan"}}

    def handle(request: Request) -> bytes:
        start = request.parameters.get("ExclusiveStartKey")
        asked_from.append(start)
        name = "p2" if start else "p1"
        plan = msgspec.json.encode(msgspec.structs.replace(PLAN, id=name)).decode()
        page = {"Items": [{"pk": {"S": f"plan#{name}"}, "sk": {"S": "plan"}, "body": {"S": plan}}]}
        return answer(page if start else {**page, "LastEvaluatedKey": here}, x_amzn_requestid="1")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                assert [plan.id for plan in await ledger.plans()] == ["p1", "p2"]

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())
    assert asked_from == [None, here]


def test_the_items_of_a_plan_are_written_in_batches_that_dynamodb_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[list[str]] = []

    def handle(request: Request) -> bytes:
        if request.operation == "BatchWriteItem":
            puts = msgspec.json.decode(request.body)["RequestItems"]["letters"]
            written.append([put["PutRequest"]["Item"]["sk"]["S"] for put in puts])
        return answer({"Attributes": {}}, x_amzn_requestid="1")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                await ledger.save_plan(PLAN, [Item(f"m-{number}") for number in range(60)])

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())
    assert [len(batch) for batch in written] == [25, 25, 10]
    assert [item for batch in written for item in batch] == [f"item#m-{number}" for number in range(60)]


def test_whatever_a_table_is_told_expires_when_it_has_not_changed_for_its_days(
    servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = f"t{uuid4().hex}"

    async def main() -> None:
        async with open_ledger(f"dynamodb:{table}", ttl_days=200, region="us-east-1") as ledger:
            await ledger.see([SIGHTING], by="jo")
            await ledger.save_plan(PLAN, [Item("a")])
            await ledger.record(RETRIED)

    monkeypatch.setenv("AWS_ENDPOINT_URL", servers["ministack"].url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    create_table(table)
    asyncio.run(main())
    items = boto3.client("dynamodb", region_name="us-east-1").scan(TableName=table)["Items"]
    assert len(items) == 6, "the record, three entries, the plan and its item"
    days = [(int(item["expires"]["N"]) - time.time()) / 86_400 for item in items]
    assert 199.9 < min(days) <= max(days) < 200.1


def test_a_table_that_takes_too_little_for_a_moment_is_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: dict[str, float] = {}

    def handle(request: Request) -> bytes:
        busy = time.monotonic() - begun.setdefault(request.operation, time.monotonic()) < 0.5
        if busy and request.operation == "TransactWriteItems":
            return refusal("TransactionCanceledException", CancellationReasons=[{"Code": "ThrottlingError"}])
        if busy and request.operation == "BatchWriteItem":
            return answer({"UnprocessedItems": request.parameters["RequestItems"]}, x_amzn_requestid="1")
        return answer({"Attributes": {}}, x_amzn_requestid="1")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                assert (await ledger.record(RETRIED[:1]))["a"].attempts == 1
                await ledger.save_plan(PLAN, [Item("a")])

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def test_a_table_whose_answer_comes_byte_by_byte_and_never_ends_is_told_as_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trickle = trickling(b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 1\r\nContent-Length: 100000\r\n\r\n{")

    async def main() -> None:
        async with asyncio.timeout(20), raw_server(trickle) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1, timeout_seconds=0.1) as ledger:
                calls = (
                    ledger.see([SIGHTING], by="jo"),
                    ledger.record(RETRIED),
                    ledger.claim("a", by="me", lease_seconds=1),
                    ledger.plans(),
                )
                for result in await asyncio.gather(*calls, return_exceptions=True):
                    assert isinstance(result, LedgerUnavailable)
                    assert "no answer in time" in str(result)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def test_a_table_that_is_left_leaves_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        left = asyncio.Event()

        async def once(peer: Peer) -> None:
            await peer.request()
            await peer.answer(x_amzn_requestid="1")
            await peer.closed()
            left.set()

        async with asyncio.timeout(10), raw_server(once) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                assert await ledger.plan("p1") is None
                assert not left.is_set()
            await left.wait()

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def test_a_page_after_the_first_answers_does_not_count_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(request: Request) -> bytes:
        read = request.operation == "GetItem"
        return answer(b"{}", x_amzn_requestid="1") if read else answer(b"<html>Please log in</html>")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_ledger("letters", region="us-east-1", ttl_days=1) as ledger:
                for call in (
                    ledger.see([SIGHTING], by="jo"),
                    ledger.save_plan(PLAN, []),
                    ledger.save_plan(PLAN, [Item("a")]),
                ):
                    with pytest.raises(LedgerUnavailable, match="not DynamoDB's"):
                        await call

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())
