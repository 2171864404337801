"""Notes what has already taken effect. While the ledger fails it is tried again, for a minute at most: nobody else
knows of it, and what is not noted is done once more.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence

from turnout.recovery.ledger.api import Ledger, LedgerUnavailable
from turnout.recovery.ledger.records import Entry, Record

__all__ = ["note_outcomes"]

log = logging.getLogger(__name__)

_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between attempts. Well within the leases of claims."""


async def note_outcomes(ledger: Ledger, entries: Sequence[Entry], *, seconds: float = math.inf) -> Mapping[str, Record]:
    """Record how attempts ended, insisting where something has arrived. Raises `LedgerError`.

    No attempt is waited for that would come after `seconds`: a function's time ends.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    for wait in _WAITS if any(entry.targets for entry in entries) else ():
        try:
            return await ledger.record(entries)
        except LedgerUnavailable as error:
            if clock() + wait > end:
                raise
            log.warning("what has arrived cannot be noted, once more in %.0f s: %s", wait, error)
            await asyncio.sleep(wait)
    return await ledger.record(entries)
