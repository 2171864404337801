"""The ledger in one SQLite file: for one machine, any number of processes, no service.

WAL, every commit synced to the disk. All calls run in one thread of the ledger's own, so the event loop never waits for
the disk. The file can be read by its owner only.
"""

from turnout.recovery.ledger.sqlite.ledger import SqliteLedger, open_sqlite_ledger

__all__ = ["SqliteLedger", "open_sqlite_ledger"]
