"""Archives single letters for the processor: document, key and store put together."""

from __future__ import annotations

from datetime import UTC, datetime

from turnout.recovery.archive import ArchiveStore, KeyTemplate, archive_document, identity
from turnout.recovery.letter import Letter

__all__ = ["ArchiveLetters"]


class ArchiveLetters:
    """Implements `turnout.recovery.processor.effects.Archive`. `by` is who archives."""

    def __init__(self, store: ArchiveStore, template: KeyTemplate, *, by: str) -> None:
        self._store = store
        self._template = template
        self._by = by

    async def __call__(self, letter: Letter, reached: tuple[str, ...]) -> str:
        """See `Archive.__call__`."""
        document = archive_document(letter, by=self._by, at=datetime.now(UTC), reached=reached)
        stored = await self._store.put(self._template.key(letter), document, identity(letter))
        return stored.key
