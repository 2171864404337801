"""An archive in memory, for tests of what archives. The contract of all archives holds it to behave as S3 does."""

from __future__ import annotations

from collections.abc import AsyncIterator

from turnout.errors import ArchiveError, Fault
from turnout.recovery.archive.store import Stored, unmistakable

__all__ = ["MemoryArchive"]


class MemoryArchive:
    """Implements `turnout.recovery.archive.store.ArchiveStore`. `documents` is what it keeps, by key.

    `failure`, when set, is raised by every call, as a bucket that cannot be reached does.
    """

    name = "memory"

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.failure: ArchiveError | None = None
        self._identities: dict[str, str] = {}

    async def put(self, key: str, document: bytes, identity: str) -> Stored:
        """See `ArchiveStore.put`."""
        self._fail()
        if self._identities.get(key, identity) != identity:
            key = unmistakable(key, identity)
        created = key not in self.documents
        if created:
            self.documents[key], self._identities[key] = document, identity
        return Stored(key, created)

    async def get(self, key: str) -> bytes:
        """See `ArchiveStore.get`."""
        self._fail()
        if key not in self.documents:
            raise ArchiveError("there is nothing under this key", code="NoSuchKey", fault=Fault.DATA, place=key)
        return self.documents[key]

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """See `ArchiveStore.keys`."""
        self._fail()
        for key in sorted(self.documents):
            if key.startswith(prefix):
                yield key

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
