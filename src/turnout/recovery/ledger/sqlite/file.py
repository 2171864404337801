"""The ledger's SQLite file: its tables, how it is opened, locked and synced, and the thread it is used in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from turnout.recovery.ledger.api import LedgerUnavailable

__all__ = ["File"]

T = TypeVar("T")

_VERSION = 1
_BUSY_SECONDS = 15.0
_SCHEMA = """
    CREATE TABLE letters (
        id TEXT PRIMARY KEY, queue TEXT NOT NULL, changed_ms INTEGER NOT NULL, resolved INTEGER NOT NULL,
        record TEXT NOT NULL, holder TEXT NOT NULL DEFAULT '', held_until REAL NOT NULL DEFAULT 0);
    CREATE INDEX letters_of_queue ON letters (queue);
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY, letter TEXT NOT NULL, identity TEXT NOT NULL, entry TEXT NOT NULL,
        UNIQUE (letter, identity));
    CREATE TABLE plans (id TEXT PRIMARY KEY, created_ms INTEGER NOT NULL, plan TEXT NOT NULL);
    CREATE TABLE items (
        plan TEXT NOT NULL REFERENCES plans, position INTEGER NOT NULL, letter TEXT NOT NULL, state TEXT NOT NULL,
        targets TEXT NOT NULL, PRIMARY KEY (plan, letter)) WITHOUT ROWID;
"""

# In one query: what another process makes of a new file meanwhile is seen whole, or not at all.
_FOREIGN = "SELECT 1 FROM sqlite_master, pragma_user_version WHERE user_version = 0 LIMIT 1"


class File:
    """One file, in WAL mode, every commit synced; only its owner can read it. All methods raise `LedgerUnavailable`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def open(self) -> None:
        """Open the file."""
        try:
            await self.run(self._open)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close the file, when what is under way has ended."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=False)

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Call in the file's thread; only there may the methods below be used."""
        if self._closed:
            raise LedgerUnavailable(f"the ledger {self._path} is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
        except OSError as error:  # of the file itself, before SQLite sees it: no such folder, read-only, not permitted
            why = f"the ledger {self._path} cannot be used: {error.strerror}"
            raise LedgerUnavailable(f"{why}; name a file on a disk that stays with TURNOUT_DLQ_LEDGER") from error
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger {self._path} cannot be used: {error}") from error
        except msgspec.MsgspecError as error:
            raise LedgerUnavailable(f"the ledger {self._path} holds what this Turnout cannot read: {error}") from error

    def _open(self) -> None:
        # Made by us first, so that nobody else can read what the default permissions would show.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection = connection
        if self.rows(_FOREIGN):  # before anything in it is changed
            why = "it is another program's database; name another file with TURNOUT_DLQ_LEDGER"
            raise LedgerUnavailable(f"the ledger {self._path} cannot be used: {why}")
        if _wal(connection) != "wal":
            raise LedgerUnavailable(
                f"the ledger {self._path} must be on a local disk: SQLite's WAL does not work there"
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        with self.transaction():
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
    def connection(self) -> sqlite3.Connection:
        """The connection; outside `transaction` only for reading."""
        if self._connection is None:
            raise LedgerUnavailable(f"the ledger {self._path} is not open")
        return self._connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Writes that happen all or not at all, and alone; they are on the disk when this is left."""
        connection = self.connection
        # Immediate: a transaction that reads first and then cannot write would fail without waiting its turn.
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has ended it already
                connection.execute("ROLLBACK")
            raise

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The answer to a query."""
        return self.connection.execute(query, values).fetchall()


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
