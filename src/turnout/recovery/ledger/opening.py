"""Opens the ledger that an address names: a file, or `dynamodb:TABLE`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.sqlite import open_sqlite_ledger

__all__ = ["DYNAMODB", "open_ledger"]

DYNAMODB = "dynamodb:"
"""Begins the address of a ledger in DynamoDB; what follows is the table's name."""


@contextlib.asynccontextmanager
async def open_ledger(address: str, *, ttl_days: float = 90.0, region: str | None = None) -> AsyncIterator[Ledger]:
    """The ledger at this address. `ttl_days` and `region` are for DynamoDB. Raises `LedgerUnavailable`."""
    if not address.startswith(DYNAMODB):
        async with open_sqlite_ledger(Path(address)) as file:
            yield file
        return
    # Imported on demand: who keeps a file needs no AWS client.
    from turnout.recovery.ledger.dynamodb import open_dynamo_ledger

    async with open_dynamo_ledger(address.removeprefix(DYNAMODB), ttl_days=ttl_days, region=region) as table:
        yield table
