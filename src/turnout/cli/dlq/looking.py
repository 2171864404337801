"""Reads the letters that a command is to show: all at once, and gives them back before anything is printed."""

from __future__ import annotations

import asyncio

import msgspec

from turnout.dlq.services import open_services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import LOOKING_SECONDS, Place, open_source
from turnout.recovery.causes import CauseTable
from turnout.recovery.letter import Letter
from turnout.recovery.misnamed import Noticing
from turnout.recovery.selection import Selection
from turnout.recovery.sources.export import Redacted
from turnout.recovery.sources.file import FileSource

__all__ = ["Look", "look"]


class Look(msgspec.Struct, frozen=True):
    """What was seen."""

    source: str
    letters: tuple[Letter, ...]
    """Those selected."""
    read: int
    limited: bool
    """Whether there may be more than were read."""
    notes: tuple[str, ...]
    causes: CauseTable
    """By which they were classified."""
    undeliverable: str
    """Why they are no longer what was sent; empty when they are."""
    redacted: Redacted
    """What was taken out of them before they were read."""


def look(settings: DlqSettings, place: Place, selection: Selection, limit: int) -> Look:
    """Read at most `limit` letters and keep those selected. Raises `TurnoutError`."""

    async def reading() -> Look:
        async with (
            open_services(settings) as services,
            open_source(services, place, visibility_seconds=LOOKING_SECONDS) as source,
        ):
            read, selects = 0, Noticing(selection)
            kept = []
            async for letter in source.letters(limit):
                read += 1
                if selects(letter):
                    kept.append(letter)
            notes = (*source.notes, *selects.misnamed())
            causes = services.causes()
            redacted = source.redacted if isinstance(source, FileSource) else Redacted.NOTHING
            return Look(source.name, tuple(kept), read, read >= limit, notes, causes, source.undeliverable, redacted)

    return asyncio.run(reading())
