"""What is kept of an archived letter: a JSON document that people and other tools can read, and that brings it back.

    {"turnout": "dlq-archive", "version": 1, "id": "...", "type": "...", "code": "...", "reason": "...",
     "stack_trace": "...", "category": "permanent", "cause": "PAYLOAD_MALFORMED", "payload": "...",
     "payload_encoding": "text", "sha256": "...", "processing": {...}, "message": {...}, "archived_at": "..."}

`payload` is the original event inside all wrappers, as the text it was: control characters are escaped as JSON does,
and what is not valid Unicode is base64 (`payload_encoding`). `message` is the message as it was found, wrappers and
all, as boto3 returns it; where its body is the payload, it is not written twice. Nothing is redacted: an archive that
hides something brings nothing back. Whoever may read the bucket may read personal data.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from typing import Any

import msgspec

from turnout.errors import TurnoutError
from turnout.message import Message
from turnout.recovery.deliver.composing import attributes_now
from turnout.recovery.letter import Letter, Payload
from turnout.recovery.messages import as_message, exported_attribute

__all__ = ["ArchiveFormatError", "archive_document", "identity", "read_document"]

_KIND = "dlq-archive"
_VERSION = 1
_STACK_TRACE = "stackTrace"


class ArchiveFormatError(TurnoutError):
    """What is under a key is no archived letter, or not one that this Turnout can bring back."""


def archive_document(letter: Letter, *, by: str, at: datetime, reached: tuple[str, ...] = ()) -> bytes:
    """The document of a letter, in UTF-8. `by` is who or what archives it, `at` when, in UTC.

    Targets that recovery has `reached` are not owed it any more. The message says so, as no ledger knows it by the id
    that it has when it is brought back.
    """
    message = msgspec.structs.replace(letter.message, attributes=attributes_now(letter.message, reached))
    payload, encoding = (None, "absent") if letter.body is None else _encoded(letter.body)
    document: dict[str, Any] = {
        "turnout": _KIND,
        "version": _VERSION,
        "id": letter.event_id or letter.id,
        "type": letter.event_type,
        "code": letter.code,
        "reason": letter.error,
        "stack_trace": next(
            (each.details[_STACK_TRACE] for each in letter.evidence if _STACK_TRACE in each.details), ""
        ),
        "category": letter.disposition,
        "cause": letter.cause,
        "payload": payload,
        "payload_encoding": encoding,
        "sha256": hashlib.sha256(_bytes(letter.body or "")).hexdigest(),
        "processing": _processing(letter, by),
        "message": _message(message, None if message.body == letter.body else message.body),
        "archived_at": at.isoformat(timespec="milliseconds"),
    }
    return json.dumps(document, ensure_ascii=True, indent=1).encode()


def identity(letter: Letter) -> str:
    """SHA-256 of the message as it was found, in hexadecimal: archiving it again is known by this."""
    message = letter.message
    attributes = {name: exported_attribute(attribute) for name, attribute in sorted(message.attributes.items())}
    found = json.dumps([letter.id, message.body, attributes], ensure_ascii=True)
    return hashlib.sha256(found.encode()).hexdigest()


def read_document(document: bytes, key: str) -> Message:
    """The message in a document that is kept under `key`, with the URL of the queue it was in, if it was in one.

    Raises `ArchiveFormatError`.
    """
    try:
        found = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise ArchiveFormatError(f"{key}: is no archived letter: {error}") from error
    if not isinstance(found, dict) or found.get("turnout") != _KIND:
        raise ArchiveFormatError(f"{key}: is no archived letter: it was not written by turnout dlq archive")
    if found.get("version") != _VERSION:
        raise ArchiveFormatError(f"{key}: is of version {found.get('version')}; this Turnout reads version {_VERSION}")
    message = found.get("message")
    if not isinstance(message, dict):
        raise ArchiveFormatError(f"{key}: has no message in it that could be brought back")
    body = message.get("Body")
    if body is None:
        body = _decoded(found.get("payload"), found.get("payload_encoding"))
    else:
        body = _decoded(body, message.get("BodyEncoding"))
    if body is None:
        raise ArchiveFormatError(f"{key}: the body is not readable, so it cannot be brought back")
    if hashlib.sha256(_bytes(body)).hexdigest() != message.get("sha256"):
        raise ArchiveFormatError(f"{key}: the body is not what was archived: its SHA-256 differs")
    return as_message(message | {"Body": body}, str(message.get("Queue") or ""))


def _processing(letter: Letter, by: str) -> dict[str, Any]:
    """What happened to it on its way here."""
    return {
        "letter": letter.id,
        "archived_by": by,
        "origin": letter.origin,
        "chain": [layer.origin for layer in letter.chain],
        "queue": letter.queue_name,
        "source": next((layer.source for layer in letter.chain if layer.source), ""),
        "rules": letter.rules,
        "owed": letter.owed,
        "done": letter.done,
        "attempts": letter.attempts,
        "receive_count": letter.receive_count,
        "conversation_id": letter.conversation_id,
        "event_time": _written(letter.event_time),
        "first_failure": _written(letter.first_failure),
        "last_failure": _written(letter.last_failure),
        "sent": _written(letter.sent),
        "trace_id": next((layer.trace_id for layer in letter.chain if layer.trace_id), ""),
        "ruleset": next((layer.ruleset for layer in letter.chain if layer.ruleset), ""),
        "whole": letter.payload is Payload.WHOLE,
        "notes": letter.notes,
    }


def _message(message: Message, body: str | None) -> dict[str, Any]:
    written: dict[str, Any] = {
        "MessageId": message.id,
        "Attributes": dict(message.system),
        "MessageAttributes": {name: exported_attribute(attribute) for name, attribute in message.attributes.items()},
        "Queue": message.queue,
        "sha256": hashlib.sha256(_bytes(message.body)).hexdigest(),
    }
    if body is not None:
        written["Body"], written["BodyEncoding"] = _encoded(body)
    return written


def _encoded(text: str) -> tuple[str, str]:
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair: JSON could escape it, but not everybody who reads JSON takes it.
        return base64.b64encode(_bytes(text)).decode(), "base64"
    return text, "text"


def _decoded(value: object, encoding: object) -> str | None:
    if not isinstance(value, str) or encoding not in ("text", "base64"):
        return None
    if encoding == "text":
        return value
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "surrogatepass")
    except ValueError:
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _written(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None
