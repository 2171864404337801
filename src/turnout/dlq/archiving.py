"""Archives single letters for the processor: document, key and store put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from turnout.recovery.archive import ArchiveStore, KeyTemplate, archive_document, identity
from turnout.recovery.letter import Letter

__all__ = ["ArchiveLetters"]


class ArchiveLetters:
    """Implements `turnout.recovery.processor.effects.Archive`. `by` is who archives."""

    def __init__(
        self,
        store: ArchiveStore,
        template: KeyTemplate,
        *,
        by: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._template = template
        self._by = by
        self._clock = clock

    async def __call__(self, letter: Letter) -> str:
        """See `Archive.__call__`."""
        document = archive_document(letter, by=self._by, at=self._clock())
        stored = await self._store.put(self._template.key(letter), document, identity(letter))
        return stored.key
