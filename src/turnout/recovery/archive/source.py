"""An archive as a place of letters. Nothing is taken out of it: an archive keeps what it has."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator

import msgspec

from turnout.errors import ArchiveError, Fault
from turnout.recovery.archive.document import ArchiveFormatError, read_document
from turnout.recovery.archive.store import ArchiveStore
from turnout.recovery.causes import CauseTable
from turnout.recovery.ledger.records import FROM_ARCHIVE
from turnout.recovery.letter import Letter
from turnout.recovery.reading import read_letter
from turnout.recovery.sources.api import Keeping
from turnout.rules.showing import printable
from turnout.words import count

__all__ = ["ArchiveSource"]

_MOST_NAMED = 5


class ArchiveSource(Keeping):
    """Implements `turnout.recovery.sources.api.Source` over the objects whose keys begin with `prefix`.

    A letter's id is that of the letter that was archived, marked: to the ledger it is another one, as the first is
    resolved.
    """

    undeliverable = ""

    def __init__(self, store: ArchiveStore, prefix: str, *, causes: CauseTable | None = None) -> None:
        self.name = self.url = prefix
        self._store = store
        self._causes = causes
        self._under_way: AsyncIterator[str] | None = None
        self._empty = False
        self._passed_by: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Source.notes`: what was passed by; a prefix under which there is nothing was hardly meant so."""
        if self._passed_by:
            named = "; ".join(self._passed_by)
            rest = f"; and {more:,} more" if (more := self.unreadable - _MOST_NAMED) > 0 else ""
            return (f"Passed by: {count(self.unreadable, 'object')} in which no letter can be read: {named}{rest}.",)
        if not self._empty:
            return ()
        place, prefix = f"{self._store.name}/", self.name
        said = f"No key in {self._store.name} begins with {prefix}."
        if prefix.startswith(place):
            said += f" Leave {place} out."
        elif above := prefix.rstrip("/").rpartition("/")[0]:
            said += f" A shorter one finds more: turnout dlq list --archived {shlex.quote(f'{above}/')}"
        return (said,)

    async def letters(self, limit: int | None = None) -> AsyncIterator[Letter]:
        """See `Source.letters`."""
        if self._under_way is None:
            self._under_way = self._store.keys(self.name)
            self._empty = True
        read = 0
        while limit is None or read < limit:
            key = await anext(self._under_way, None)
            if key is None:
                return
            try:
                document = await self._store.get(key)
                if key.endswith("/") and not document:
                    continue  # what S3's console makes of a folder
                self._empty = False
                message = read_document(document, key)
            except (ArchiveError, ArchiveFormatError) as error:
                if isinstance(error, ArchiveError) and error.fault is not Fault.DATA:
                    raise
                self.unreadable += 1  # an object of others, or one that was changed, is in the way of no letter
                if len(self._passed_by) < _MOST_NAMED:
                    self._passed_by.append(printable(str(error)))
                continue
            read += 1
            letter = read_letter(message, causes=self._causes)
            yield msgspec.structs.replace(letter, id=f"{FROM_ARCHIVE}{letter.id}")
