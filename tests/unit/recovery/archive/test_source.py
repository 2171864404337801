"""An archive as a place of letters: what is said where there is nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from tests.servers.archive import MemoryArchive
from tests.unit.recovery import letters as shapes

from turnout.errors import ArchiveError, Fault
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


def test_what_is_no_letter_is_told_and_in_the_way_of_none() -> None:
    class Taken(MemoryArchive):
        async def get(self, key: str) -> bytes:
            if key.endswith("taken.json"):
                raise ArchiveError("it is gone", code="NoSuchKey", fault=Fault.DATA, place=key)
            return await super().get(key)

    async def story() -> None:
        store = Taken()
        await store.put("dlq/1.json", archive_document(LETTER, by="jo", at=datetime.now(UTC)), "1")
        for name in ("0.txt", "0\n.txt", "taken.json"):
            await store.put(f"dlq/{name}", b"other", name)
        source = ArchiveSource(store, "dlq/")
        assert len([letter async for letter in source.letters()]) == 1
        assert source.unreadable == 3
        (note,) = source.notes
        assert note.startswith(
            "Passed by: 3 objects in which no letter can be read: dlq/0\\n.txt: is no archived letter"
        )
        assert note.endswith("; dlq/taken.json: NoSuchKey: it is gone.")
        for number in range(9):
            await store.put(f"dlq/{number}.txt", b"", str(number))
        source = ArchiveSource(store, "dlq/")
        assert len([letter async for letter in source.letters()]) == 1
        assert source.notes[0].endswith("; and 7 more.")

    asyncio.run(story())


def test_an_archive_that_cannot_be_read_ends_the_reading() -> None:
    class Denied(MemoryArchive):
        async def get(self, key: str) -> bytes:
            raise ArchiveError("no", code="AccessDenied", fault=Fault.CONFIG, place=key)

    async def story() -> None:
        store = Denied()
        await store.put("dlq/1.json", b"{}", "1")
        with pytest.raises(ArchiveError, match="AccessDenied"):
            assert [letter async for letter in ArchiveSource(store, "dlq/").letters()]

    asyncio.run(story())
