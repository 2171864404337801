"""The ledger in a SQLite file: what is written to its tables when."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from turnout.recovery.ledger.api import PlanExists, UnknownPlan
from turnout.recovery.ledger.records import (
    Entry,
    Item,
    ItemState,
    Plan,
    PlanState,
    Record,
    Sighting,
    changed,
    item_state,
    resolves,
    seen,
)
from turnout.recovery.ledger.sqlite.file import File

__all__ = ["SqliteLedger", "open_sqlite_ledger"]

_PAGE = 500

_to_record = msgspec.json.Decoder(Record).decode
_to_entry = msgspec.json.Decoder(Entry).decode
_to_plan = msgspec.json.Decoder(Plan).decode
_to_targets = msgspec.json.Decoder(tuple[str, ...]).decode


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


@contextlib.asynccontextmanager
async def open_sqlite_ledger(path: Path, clock: Callable[[], float] = time.time) -> AsyncIterator[SqliteLedger]:
    """The ledger in this file, which is made if need be. `clock` tells epoch seconds."""
    file = File(path)
    await file.open()
    try:
        yield SqliteLedger(file, clock)
    finally:
        await file.aclose()


class SqliteLedger:
    """Implements `turnout.recovery.ledger.api.Ledger` in an open file."""

    def __init__(self, file: File, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock

    async def see(self, sightings: Sequence[Sighting], *, by: str) -> Mapping[str, Record]:
        """See `Ledger.see`."""
        return await self._file.run(self._see, sightings, by)

    async def record(self, entries: Sequence[Entry]) -> Mapping[str, Record]:
        """See `Ledger.record`."""
        return await self._file.run(self._record, entries)

    async def records(self, letters: Collection[str]) -> Mapping[str, Record]:
        """See `Ledger.records`."""
        return await self._file.run(self._records, letters)

    async def history(self, letter: str) -> list[Entry]:
        """See `Ledger.history`."""
        return await self._file.run(self._history, letter)

    async def find(self, queue: str) -> AsyncIterator[Record]:
        """See `Ledger.find`."""
        after = 0
        while page := await self._file.run(self._page, queue, after):
            for _, record in page:
                yield record
            after = page[-1][0]

    async def claim(
        self, letters: Collection[str], *, by: str, lease_seconds: float, resolved: bool = False
    ) -> Mapping[str, Record]:
        """See `Ledger.claim`."""
        return await self._file.run(self._claim, letters, by, lease_seconds, resolved)

    async def release(self, letters: Collection[str], *, by: str) -> None:
        """See `Ledger.release`."""
        await self._file.run(self._release, letters, by)

    async def save_plan(self, plan: Plan, items: Sequence[Item]) -> None:
        """See `Ledger.save_plan`."""
        await self._file.run(self._save_plan, plan, items)

    async def plan(self, plan_id: str) -> Plan | None:
        """See `Ledger.plan`."""
        return await self._file.run(self._plan, plan_id)

    async def plans(self) -> list[Plan]:
        """See `Ledger.plans`."""
        return await self._file.run(self._plans)

    async def items(self, plan_id: str) -> list[Item]:
        """See `Ledger.items`."""
        return await self._file.run(self._items, plan_id)

    async def end_plan(self, plan_id: str, state: PlanState, *, note: str = "") -> None:
        """See `Ledger.end_plan`."""
        await self._file.run(self._end_plan, plan_id, state, note)

    # ------------------------------------------------------------------------------------------- in the file's thread

    def _history(self, letter: str) -> list[Entry]:
        rows = self._file.rows("SELECT entry FROM entries WHERE letter = ? ORDER BY number", letter)
        return [_to_entry(text) for (text,) in rows]

    def _page(self, queue: str, after: int) -> list[tuple[int, Record]]:
        rows = self._file.rows(
            "SELECT rowid, record FROM letters WHERE queue = ? AND rowid > ? ORDER BY rowid LIMIT ?",
            queue,
            after,
            _PAGE,
        )
        return [(number, _to_record(text)) for number, text in rows]

    def _plan(self, plan_id: str) -> Plan | None:
        rows = self._file.rows("SELECT plan FROM plans WHERE id = ?", plan_id)
        return _to_plan(rows[0][0]) if rows else None

    def _plans(self) -> list[Plan]:
        rows = self._file.rows("SELECT plan FROM plans ORDER BY created_ms DESC, id")
        return [_to_plan(text) for (text,) in rows]

    def _items(self, plan_id: str) -> list[Item]:
        rows = self._file.rows("SELECT letter, targets, state FROM items WHERE plan = ? ORDER BY position", plan_id)
        return [
            Item(letter, _to_targets(targets), msgspec.convert(state, ItemState)) for letter, targets, state in rows
        ]

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _get(self, letter: str) -> Record | None:
        rows = self._file.rows("SELECT record FROM letters WHERE id = ?", letter)
        return _to_record(rows[0][0]) if rows else None

    def _put(self, record: Record) -> None:
        self._file.connection.execute(
            "INSERT INTO letters (id, queue, changed_ms, resolved, record) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, changed_ms = excluded.changed_ms,"
            " resolved = excluded.resolved, record = excluded.record",
            (record.letter, record.queue, record.changed_ms, bool(record.resolved_ms), _text(record)),
        )

    def _add(self, entry: Entry) -> bool:
        """Whether the entry is new."""
        added = self._file.connection.execute(
            "INSERT INTO entries (letter, identity, entry) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (entry.letter, entry.identity, _text(entry)),
        )
        return added.rowcount > 0

    def _see(self, sightings: Sequence[Sighting], by: str) -> dict[str, Record]:
        records = {}
        latest = {sighting.letter: sighting for sighting in sightings}
        with self._file.transaction():
            for sighting in latest.values():
                record, entry = seen(self._get(sighting.letter), sighting, by, self._now_ms())
                self._put(record)
                if entry is not None:
                    self._add(entry)
                records[record.letter] = record
        return records

    def _record(self, entries: Sequence[Entry]) -> dict[str, Record]:
        records = {}
        with self._file.transaction():
            for entry in entries:
                entry = msgspec.structs.replace(entry, at_ms=entry.at_ms or self._now_ms())
                record = self._get(entry.letter)
                if self._add(entry):
                    record = changed(record, entry)
                    self._put(record)
                    self._move_item(entry)
                    if resolves(entry):
                        self._let_go([entry.letter], entry.by)
                if record is not None:
                    records[entry.letter] = record
        return records

    def _move_item(self, entry: Entry) -> None:
        state = item_state(entry)
        if not entry.plan or state is None:
            return
        moved = self._file.connection.execute(
            "UPDATE items SET state = ? WHERE plan = ? AND letter = ?", (state, entry.plan, entry.letter)
        )
        if not moved.rowcount:
            raise UnknownPlan(f"there is no plan {entry.plan} with the letter {entry.letter}")

    def _records(self, letters: Collection[str]) -> dict[str, Record]:
        found = ((letter, self._get(letter)) for letter in letters)
        return {letter: record for letter, record in found if record is not None}

    def _claim(self, letters: Collection[str], by: str, lease_seconds: float, resolved: bool) -> dict[str, Record]:
        now = self._clock()
        granted = {}
        with self._file.transaction() as connection:
            for letter in letters:
                taken = connection.execute(
                    "UPDATE letters SET holder = ?, held_until = ? WHERE id = ? AND (? OR NOT resolved)"
                    " AND (holder IN ('', ?) OR held_until < ?)",
                    (by, now + lease_seconds, letter, resolved, by, now),
                )
                if taken.rowcount and (record := self._get(letter)):
                    granted[letter] = record
        return granted

    def _release(self, letters: Collection[str], by: str) -> None:
        with self._file.transaction():
            self._let_go(letters, by)

    def _let_go(self, letters: Collection[str], by: str) -> None:
        self._file.connection.executemany(
            "UPDATE letters SET holder = '' WHERE id = ? AND holder = ?", [(letter, by) for letter in letters]
        )

    def _save_plan(self, plan: Plan, items: Sequence[Item]) -> None:
        with self._file.transaction() as connection:
            added = connection.execute(
                "INSERT INTO plans (id, created_ms, plan) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (plan.id, plan.created_ms, _text(plan)),
            )
            if not added.rowcount:
                raise PlanExists(f"there is a plan {plan.id} already")
            connection.executemany(
                "INSERT INTO items (plan, position, letter, state, targets) VALUES (?, ?, ?, ?, ?)",
                [(plan.id, n, item.letter, item.state, _text(item.targets)) for n, item in enumerate(items)],
            )

    def _end_plan(self, plan_id: str, state: PlanState, note: str) -> None:
        with self._file.transaction() as connection:
            plan = self._plan(plan_id)
            if plan is None:
                raise UnknownPlan(f"there is no plan {plan_id}")
            ended = msgspec.structs.replace(plan, state=state, note=note)
            connection.execute("UPDATE plans SET plan = ? WHERE id = ?", (_text(ended), plan_id))
