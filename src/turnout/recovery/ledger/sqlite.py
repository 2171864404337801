"""The ledger in one SQLite file: for one machine, any number of processes, no service.

WAL, every commit synced to the disk. All calls run in one thread of the ledger's own, so the event loop never waits for
the disk. The file can be read by its owner only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from turnout.recovery.ledger.api import LedgerUnavailable, PlanExists, UnknownPlan
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
    seen,
)

__all__ = ["SqliteLedger", "open_sqlite_ledger"]

T = TypeVar("T")

_VERSION = 1
_BUSY_SECONDS = 15.0
_PAGE = 500
_SCHEMA = """
    CREATE TABLE letters (
        id TEXT PRIMARY KEY, queue TEXT NOT NULL, changed_ms INTEGER NOT NULL, resolved INTEGER NOT NULL,
        record TEXT NOT NULL, holder TEXT NOT NULL DEFAULT '', held_until REAL NOT NULL DEFAULT 0);
    CREATE INDEX letters_of_queue ON letters (queue, changed_ms);
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY, letter TEXT NOT NULL, identity TEXT NOT NULL, entry TEXT NOT NULL,
        UNIQUE (letter, identity));
    CREATE TABLE plans (id TEXT PRIMARY KEY, created_ms INTEGER NOT NULL, plan TEXT NOT NULL);
    CREATE TABLE items (
        plan TEXT NOT NULL REFERENCES plans, position INTEGER NOT NULL, letter TEXT NOT NULL, state TEXT NOT NULL,
        targets TEXT NOT NULL, PRIMARY KEY (plan, letter)) WITHOUT ROWID;
"""

_to_record = msgspec.json.Decoder(Record).decode
_to_entry = msgspec.json.Decoder(Entry).decode
_to_plan = msgspec.json.Decoder(Plan).decode
_to_targets = msgspec.json.Decoder(tuple[str, ...]).decode


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


@contextlib.asynccontextmanager
async def open_sqlite_ledger(path: Path, clock: Callable[[], float] = time.time) -> AsyncIterator[SqliteLedger]:
    """The ledger in this file, which is made if need be. `clock` tells epoch seconds."""
    ledger = SqliteLedger(path, clock)
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.aclose()


class SqliteLedger:
    """Implements `turnout.recovery.ledger.api.Ledger`; `open` it before use."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def open(self) -> None:
        """Open the file. Raises `LedgerUnavailable`."""
        try:
            await self._run(self._open)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """See `Ledger.aclose`."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=False)

    async def see(self, sightings: Sequence[Sighting], *, by: str) -> Mapping[str, Record]:
        """See `Ledger.see`."""
        return await self._run(self._see, sightings, by)

    async def record(self, entries: Sequence[Entry]) -> Mapping[str, Record]:
        """See `Ledger.record`."""
        return await self._run(self._record, entries)

    async def records(self, letters: Collection[str]) -> Mapping[str, Record]:
        """See `Ledger.records`."""
        return await self._run(self._records, letters)

    async def history(self, letter: str) -> list[Entry]:
        """See `Ledger.history`."""
        rows = await self._run(self._rows, "SELECT entry FROM entries WHERE letter = ? ORDER BY number", letter)
        return [_to_entry(text) for (text,) in rows]

    async def find(self, queue: str, *, since_ms: int = 0) -> AsyncIterator[Record]:
        """See `Ledger.find`."""
        query = (
            "SELECT rowid, record FROM letters WHERE queue = ? AND changed_ms >= ? AND rowid > ? ORDER BY rowid LIMIT ?"
        )
        last = 0
        while rows := await self._run(self._rows, query, queue, since_ms, last, _PAGE):
            for _, text in rows:
                yield _to_record(text)
            last = rows[-1][0]

    async def claim(self, letters: Collection[str], *, by: str, lease_seconds: float) -> Mapping[str, Record]:
        """See `Ledger.claim`."""
        return await self._run(self._claim, letters, by, lease_seconds)

    async def release(self, letters: Collection[str], *, by: str) -> None:
        """See `Ledger.release`."""
        await self._run(self._release, letters, by)

    async def save_plan(self, plan: Plan, items: Sequence[Item]) -> None:
        """See `Ledger.save_plan`."""
        await self._run(self._save_plan, plan, items)

    async def plan(self, plan_id: str) -> Plan | None:
        """See `Ledger.plan`."""
        rows = await self._run(self._rows, "SELECT plan FROM plans WHERE id = ?", plan_id)
        return _to_plan(rows[0][0]) if rows else None

    async def plans(self) -> list[Plan]:
        """See `Ledger.plans`."""
        rows = await self._run(self._rows, "SELECT plan FROM plans ORDER BY created_ms DESC, id")
        return [_to_plan(text) for (text,) in rows]

    async def items(self, plan_id: str) -> list[Item]:
        """See `Ledger.items`."""
        query = "SELECT letter, targets, state FROM items WHERE plan = ? ORDER BY position"
        rows = await self._run(self._rows, query, plan_id)
        return [Item(letter, _to_targets(targets), ItemState(state)) for letter, targets, state in rows]

    async def end_plan(self, plan_id: str, state: PlanState, *, note: str = "") -> None:
        """See `Ledger.end_plan`."""
        await self._run(self._end_plan, plan_id, state, note)

    # ------------------------------------------------------------------------------------------- in the ledger's thread

    async def _run(self, call: Callable[..., T], *arguments: object) -> T:
        if self._closed:
            raise LedgerUnavailable(f"the ledger {self._path} is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
        except (sqlite3.Error, OSError) as error:
            raise LedgerUnavailable(f"the ledger {self._path} cannot be used: {error}") from error
        except msgspec.MsgspecError as error:
            raise LedgerUnavailable(f"the ledger {self._path} holds what this Turnout cannot read: {error}") from error

    def _open(self) -> None:
        # Made by us first, so that nobody else can read what the default permissions would show.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection = connection
        if _wal(connection) != "wal":
            raise LedgerUnavailable(
                f"the ledger {self._path} must be on a local disk: SQLite's WAL does not work there"
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        with self._transaction():
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise LedgerUnavailable(f"the ledger {self._path} was written by a newer Turnout (format {version})")
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    @property
    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise LedgerUnavailable(f"the ledger {self._path} is not open")
        return self._connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._open_connection
        # Immediate: a transaction that reads first and then cannot write would fail without waiting its turn.
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._open_connection.execute(query, values).fetchall()

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _get(self, letter: str) -> Record | None:
        rows = self._rows("SELECT record FROM letters WHERE id = ?", letter)
        return _to_record(rows[0][0]) if rows else None

    def _put(self, record: Record) -> None:
        self._open_connection.execute(
            "INSERT INTO letters (id, queue, changed_ms, resolved, record) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, changed_ms = excluded.changed_ms,"
            " resolved = excluded.resolved, record = excluded.record",
            (record.letter, record.queue, record.changed_ms, bool(record.resolved_ms), _text(record)),
        )

    def _add(self, entry: Entry) -> bool:
        """Whether the entry is new."""
        added = self._open_connection.execute(
            "INSERT INTO entries (letter, identity, entry) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (entry.letter, entry.identity, _text(entry)),
        )
        return added.rowcount > 0

    def _see(self, sightings: Sequence[Sighting], by: str) -> dict[str, Record]:
        records = {}
        with self._transaction():
            for sighting in sightings:
                record, entry = seen(self._get(sighting.letter), sighting, by, self._now_ms())
                self._put(record)
                if entry is not None:
                    self._add(entry)
                records[record.letter] = record
        return records

    def _record(self, entries: Sequence[Entry]) -> dict[str, Record]:
        records = {}
        with self._transaction() as connection:
            for entry in entries:
                entry = msgspec.structs.replace(entry, at_ms=entry.at_ms or self._now_ms())
                record = self._get(entry.letter)
                if self._add(entry):
                    record = changed(record, entry)
                    self._put(record)
                    self._move_item(entry)
                    if record.resolved_ms:
                        connection.execute("UPDATE letters SET holder = '' WHERE id = ?", (entry.letter,))
                if record is not None:
                    records[entry.letter] = record
        return records

    def _move_item(self, entry: Entry) -> None:
        state = item_state(entry)
        if not entry.plan or state is None:
            return
        moved = self._open_connection.execute(
            "UPDATE items SET state = ? WHERE plan = ? AND letter = ?", (state, entry.plan, entry.letter)
        )
        if not moved.rowcount:
            raise UnknownPlan(f"there is no plan {entry.plan} with the letter {entry.letter}")

    def _records(self, letters: Collection[str]) -> dict[str, Record]:
        found = ((letter, self._get(letter)) for letter in letters)
        return {letter: record for letter, record in found if record is not None}

    def _claim(self, letters: Collection[str], by: str, lease_seconds: float) -> dict[str, Record]:
        now = self._clock()
        granted = {}
        with self._transaction() as connection:
            for letter in letters:
                taken = connection.execute(
                    "UPDATE letters SET holder = ?, held_until = ? WHERE id = ? AND NOT resolved"
                    " AND (holder IN ('', ?) OR held_until < ?)",
                    (by, now + lease_seconds, letter, by, now),
                )
                if taken.rowcount and (record := self._get(letter)):
                    granted[letter] = record
        return granted

    def _release(self, letters: Collection[str], by: str) -> None:
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE letters SET holder = '' WHERE id = ? AND holder = ?", [(letter, by) for letter in letters]
            )

    def _save_plan(self, plan: Plan, items: Sequence[Item]) -> None:
        with self._transaction() as connection:
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
        with self._transaction() as connection:
            rows = self._rows("SELECT plan FROM plans WHERE id = ?", plan_id)
            if not rows:
                raise UnknownPlan(f"there is no plan {plan_id}")
            plan = msgspec.structs.replace(_to_plan(rows[0][0]), state=state, note=note)
            connection.execute("UPDATE plans SET plan = ? WHERE id = ?", (_text(plan), plan_id))


def _wal(connection: sqlite3.Connection) -> str:
    """Put the file into WAL mode; returns the mode it is in.

    SQLite does not wait for its turn here when several processes do this to a new file at once, so we do.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return str(mode)
