"""The interface of a place that keeps archived letters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

__all__ = ["ArchiveStore", "Stored", "unmistakable"]


class Stored(msgspec.Struct, frozen=True):
    """Where a letter is kept. `created` False means that it was there already, from an attempt before."""

    key: str
    created: bool


def unmistakable(key: str, identity: str) -> str:
    """A key that only one letter can have, for when another one has `key`: two letters of one event, say."""
    stem, dot, ending = key.rpartition(".")
    return f"{stem or ending}-{identity[:16]}{dot}{ending if stem else ''}"


class ArchiveStore(Protocol):
    """Keeps documents under keys, never over one another. All methods raise `ArchiveError`.

    What `put` has returned is durable.
    """

    @property
    def name(self) -> str:
        """What people call the place: `s3://bucket`."""
        ...

    async def put(self, key: str, document: bytes, identity: str) -> Stored:
        """Keep a document. Where the same letter (by `identity`) is there already, that one stays.

        Where another letter has the key, the document goes under `unmistakable(key, identity)`.
        """
        ...

    async def get(self, key: str) -> bytes:
        """The document under this key."""
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """All keys that begin with `prefix`, in order."""
        ...
