"""An archive as a place of letters: what is said where there is nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from tests.servers.archive import MemoryArchive
from tests.unit.recovery import letters as shapes

from turnout.recovery import read_letter
from turnout.recovery.archive.document import archive_document
from turnout.recovery.archive.source import ArchiveSource

LETTER = read_letter(shapes.own(), queue="https://sqs/1/dead")


@pytest.mark.parametrize(
    ("prefix", "notes"),
    [
        (
            "dlq/archves/user.end/",
            (
                "No key in memory begins with dlq/archves/user.end/. A shorter one finds more: "
                "turnout dlq list --archived dlq/archves/",
            ),
        ),
        ("dql/", ("No key in memory begins with dql/.",)),
        ("memory/dlq/", ("No key in memory begins with memory/dlq/. Leave memory/ out.",)),
        ("dlq/a", ()),
    ],
)
def test_a_prefix_with_which_no_key_begins_is_told_once_that_is_known(prefix: str, notes: tuple[str, ...]) -> None:
    async def story() -> None:
        store = MemoryArchive()
        await store.put("dlq/archives/user.end/1.json", archive_document(LETTER, by="jo", at=datetime.now(UTC)), "1")
        source = ArchiveSource(store, prefix)
        assert source.notes == ()
        assert len([letter async for letter in source.letters()]) == (not notes)
        assert source.notes == notes

    asyncio.run(story())
