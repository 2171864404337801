"""Exports: what was written is read back, and says what it contains."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.recovery import letters as shapes

from turnout.message import Attribute, Message
from turnout.recovery import read_letter
from turnout.recovery.letter import Letter
from turnout.recovery.redaction import Redaction
from turnout.recovery.sources.export import ExportError, Redacted, export_line, header_line
from turnout.recovery.sources.file import open_file_source

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/dead"


def written(path: Path, *letters: Letter, redaction: Redaction | None = None) -> Path:
    redacted = Redacted.NOTHING if redaction is None else Redacted.PERSONAL_DATA
    lines = [header_line("dead", AT, len(letters), redacted), *(export_line(each, redaction) for each in letters)]
    path.write_text("".join(lines))
    return path


def read(path: Path, limit: int | None = None) -> list[Letter]:
    async def reading() -> list[Letter]:
        source = open_file_source(path)
        return [letter async for letter in source.letters(limit)]

    return asyncio.run(reading())


def test_a_whole_export_reads_back_the_same_letters(tmp_path: Path) -> None:
    odd = Message("m-9", "", "\ud800 not json\r\n\u2028", QUEUE, {"blob": Attribute("Binary.x", data=b"\0\xff")})
    found = [
        read_letter(shapes.own(), queue=QUEUE),
        read_letter(shapes.rule("NO_PERMISSIONS", "denied"), queue=QUEUE),
        read_letter(odd, queue=QUEUE),
    ]
    # Handles belong to one receive, and the same id twice is one letter.
    renamed = [
        read_letter(Message(f"m-{n}", "", each.message.body, QUEUE, each.message.attributes, each.message.system))
        for n, each in enumerate(found)
    ]
    assert read(written(tmp_path / "letters", *renamed)) == renamed
    assert len(read(written(tmp_path / "twice", renamed[0], renamed[0]))) == 1
    assert len(read(tmp_path / "letters", limit=2)) == 2


def test_a_redacted_export_hides_personal_data_and_is_not_deliverable(tmp_path: Path) -> None:
    letter = read_letter(shapes.own(), queue=QUEUE)
    path = written(tmp_path / "letters", letter, redaction=Redaction({}))
    assert "tel:+14295550100" not in path.read_text()
    source = open_file_source(path)
    assert "--whole" in source.undeliverable
    assert source.notes == ("Letters of dead, exported 2026-01-05T10:00:00+00:00, without personal data and secrets.",)
    (again,) = read(path)
    assert (again.id, again.cause, again.owed) == (letter.id, letter.cause, letter.owed)


def test_a_redacted_export_hides_addresses_in_what_sqs_says_of_a_message_too(tmp_path: Path) -> None:
    system = {"SenderId": "AROAEXAMPLE:jane@example.org", "MessageGroupId": "+14295550100", "SentTimestamp": "1"}
    letter = read_letter(Message("m-1", "", shapes.BODY, QUEUE, {}, system))
    (_, line) = written(tmp_path / "letters", letter, redaction=Redaction({})).read_text().splitlines()
    assert json.loads(line)["Attributes"] == {
        "SenderId": "AROAEXAMPLE:***",
        "MessageGroupId": "***",
        "SentTimestamp": "1",
    }


def test_the_name_in_an_export_of_somebody_else_paints_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text(header_line("dead\x1b[2J\n\x9b", AT, 0, Redacted.NOTHING))
    source = open_file_source(tmp_path / "letters")
    assert source.name == "dead\\x1b[2J\\n\\x9b"
    assert source.notes[0].isprintable()


def test_the_first_line_says_what_is_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "letters", read_letter(shapes.own()))
    assert json.loads(path.read_text().split("\n")[0]) == {
        "turnout": "dlq-export",
        "version": 1,
        "source": "dead",
        "exported": "2026-01-05T10:00:00+00:00",
        "count": 1,
        "redacted": "nothing",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no export of letters"),
        ('{"detail": {}}', "is no export of letters"),
        ("[" * 100_000, "is no export of letters"),
        (header_line("dead", AT, 0, Redacted.NOTHING).replace('"version": 1', '"version": 2'), "of version 2"),
        (header_line("dead", AT, 1, Redacted.NOTHING) + "nonsense", ":2: is not JSON"),
        (header_line("dead", AT, 1, Redacted.NOTHING) + '{"Body": 1}', ":2: is no message"),
    ],
)
def test_what_is_no_export_is_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "letters"
    path.write_text(text)
    with pytest.raises(ExportError, match=says):
        read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be read"):
        read(tmp_path / "nowhere")
