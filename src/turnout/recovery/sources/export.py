"""The format of an export: JSON lines. The first says what the others are, each other is one message.

    {"turnout": "dlq-export", "version": 1, "source": "events-dead", "exported": "2026-01-05T10:00:00Z", "count": 2,
     "redacted": "nothing"}
    {"MessageId": "...", "Body": "...", "Attributes": {...}, "MessageAttributes": {...}, "Letter": {...}}

Messages are written as boto3's `receive_message` returns them, with binary values in base64, so that other tools can
read them; `Letter` repeats for people what Turnout makes of the message, and is not read back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from turnout.errors import TurnoutError
from turnout.message import Attribute
from turnout.recovery.letter import Letter
from turnout.recovery.messages import AnyMessage, exported_attribute
from turnout.recovery.redaction import Redaction

__all__ = [
    "ExportError",
    "Header",
    "Redacted",
    "export_line",
    "exported_message",
    "header_line",
    "read_header",
    "read_line",
]

_KIND = "dlq-export"
_VERSION = 1


class ExportError(TurnoutError):
    """A file is no export, or one that this Turnout cannot read."""

    exit_code = 2


class Redacted(StrEnum):
    """What was taken out of an export."""

    NOTHING = "nothing"
    """The messages are whole: they hold personal data, maybe secrets, and can be delivered again."""
    SECRETS = "secrets"
    PERSONAL_DATA = "personal data and secrets"


class Header(msgspec.Struct, frozen=True):
    """The first line."""

    turnout: str
    version: int
    source: str
    exported: str
    count: int
    redacted: Redacted


def header_line(source: str, exported: datetime, count: int, redacted: Redacted) -> str:
    """The first line of an export, with its line end."""
    header = Header(_KIND, _VERSION, source, exported.isoformat(timespec="seconds"), count, redacted)
    return json.dumps(msgspec.to_builtins(header)) + "\n"


def export_line(letter: Letter, redaction: Redaction | None = None) -> str:
    """The line of a letter, with its line end; whole without `redaction`."""
    record = exported_message(letter)
    event_id, event_type = letter.event_id, letter.event_type
    if redaction is not None:
        record["MessageId"] = redaction.text(letter.id)
        event_id, event_type = redaction.text(event_id), redaction.text(event_type)
        # Who sent it, and its group: an address may be in both.
        record["Attributes"] = {name: redaction.text(text) for name, text in letter.message.system.items()}
        hidden = redaction.attributes(letter.message.attributes)
        record["Body"] = redaction.body(letter.message.body)
        # SQS knows no empty attribute.
        record["MessageAttributes"] = {
            name: exported_attribute(Attribute("String", text or " ")) for name, text in hidden.items()
        }
    record["Letter"] = {
        "origin": letter.origin,
        "cause": letter.cause,
        "disposition": letter.disposition,
        "event_id": event_id,
        "event_type": event_type,
    }
    # Escaped, so that half of a surrogate pair survives.
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")) + "\n"


def exported_message(letter: Letter) -> dict[str, object]:
    """The message as boto3's `receive_message` returns it, with binary values in base64, and the queue's URL."""
    message = letter.message
    return {
        "MessageId": letter.id,
        "Body": message.body,
        "Attributes": dict(message.system),
        "MessageAttributes": {name: exported_attribute(value) for name, value in message.attributes.items()},
        "Queue": message.queue,
    }


def read_header(line: str, path: str) -> Header:
    """The header. Raises `ExportError`."""
    try:
        header = msgspec.convert(json.loads(line), Header)
    except (ValueError, RecursionError, msgspec.ValidationError):
        header = None
    if header is None or header.turnout != _KIND:
        raise ExportError(f"{path}: is no export of letters; its first line must be one that turnout dlq export writes")
    if header.version != _VERSION:
        raise ExportError(f"{path}: is an export of version {header.version}; this Turnout reads version {_VERSION}")
    return header


def read_line(line: str, number: int, path: str) -> tuple[AnyMessage, str]:
    """The message in a line, and the URL of the queue it was in. Raises `ExportError`."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{path}:{number}: is not JSON: {error}") from error
    if not isinstance(record, Mapping) or not isinstance(record.get("Body"), str):
        raise ExportError(f"{path}:{number}: is no message: an object with a text named Body is expected")
    queue = record.get("Queue")
    return record, queue if isinstance(queue, str) else ""
