"""Archive: a letter is kept in an archive, once however often that is repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from turnout.errors import ArchiveError
from turnout.recovery.archive.document import archive_document, identity
from turnout.recovery.archive.key import KeyTemplate
from turnout.recovery.archive.store import ArchiveStore
from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Work
from turnout.recovery.deliver.sending import Patience
from turnout.recovery.ledger.records import Action
from turnout.recovery.letter import Letter

__all__ = ["Archiving"]


class Archiving:
    """Implements `turnout.recovery.deliver.api.Act`. `by` is who or what archives."""

    action = Action.ARCHIVE
    batch = 1
    missing = NONE_MISSING
    ordered = False

    def __init__(
        self,
        store: ArchiveStore,
        template: KeyTemplate,
        *,
        by: str,
        patience: Patience | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._template = template
        self._by = by
        self._patience = patience or Patience()
        self._clock = clock
        self._sleep = sleep

    def aims(self, work: Work) -> tuple[str, ...]:
        """See `Act.aims`: every letter can be archived, even one that only points to its event."""
        return (self._address(self._template.key(work.letter)),)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        """See `Act.__call__`."""
        return [await self._archive(work.letter, work.reached) for work in works]

    async def _archive(self, letter: Letter, reached: tuple[str, ...]) -> Outcome:
        key = self._template.key(letter)
        attempt = 1
        while True:
            document = archive_document(letter, by=self._by, at=self._clock(), reached=reached)
            try:
                stored = await self._store.put(key, document, identity(letter))
            except ArchiveError as error:
                wait = self._patience.wait(attempt, None) if error.retryable else None
                if wait is None:
                    # Without the key, which differs for each letter: the same reason of many is then counted as one.
                    failures = {self._store.name: error.reason}
                    return Outcome((), failures, again=error.retryable)
                await self._sleep(wait)
                attempt += 1
            else:
                address = self._address(stored.key)
                return Outcome((address,), note=address)

    def _address(self, key: str) -> str:
        return f"{self._store.name}/{key}"
