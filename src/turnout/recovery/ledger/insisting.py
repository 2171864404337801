"""Notes what has already taken effect. While the ledger fails it is tried again for a minute: nobody else knows of it,
and what is not noted is done once more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from turnout.recovery.ledger.api import Ledger, LedgerUnavailable
from turnout.recovery.ledger.records import Entry

__all__ = ["note_outcomes"]

log = logging.getLogger(__name__)

_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between attempts. Well within the leases of claims."""


async def note_outcomes(ledger: Ledger, entries: Sequence[Entry]) -> None:
    """Record how attempts ended, insisting where something has arrived. Raises `LedgerError`."""
    for wait in _WAITS if any(entry.targets for entry in entries) else ():
        try:
            await ledger.record(entries)
        except LedgerUnavailable as error:
            log.warning("what has arrived cannot be noted, once more in %.0f s: %s", wait, error)
            await asyncio.sleep(wait)
        else:
            return
    await ledger.record(entries)
