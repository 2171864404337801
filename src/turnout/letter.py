"""The letter format: how a dead letter says, in message attributes, why it failed and what it is still owed.

The body of a letter is the original body, so Amazon's own redrive works on it. What Turnout adds is one String
attribute, `Turnout.Letter`, with the JSON of `LetterAttribute`, and `ERROR_CODE` and `ERROR_MESSAGE` under the names
that EventBridge uses for its own dead letters. Writing is for the worker, reading for the worker (a redriven letter)
and for recovery. Why a letter is written and where it goes is decided in `pipeline`; other systems' letters are read
in `recovery`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from turnout.message import REPLAY, Attribute, sendable
from turnout.sqs.api import MAX_MESSAGE_ATTRIBUTES, MAX_MESSAGE_BYTES
from turnout.sqs.limits import attribute_problem

__all__ = [
    "ERROR_CODE",
    "ERROR_MESSAGE",
    "LETTER",
    "LETTER_VERSION",
    "PARKED",
    "REPLAY",
    "LetterAttribute",
    "foreign_version",
    "original_attributes",
    "parked_attribute",
    "read_letter_attribute",
    "sealed_attributes",
]

LETTER = "Turnout.Letter"
PARKED = "Turnout.Parked"
"""The attribute that says why recovery has put a letter, as it was found, into a queue for people."""
ERROR_CODE = "ERROR_CODE"
ERROR_MESSAGE = "ERROR_MESSAGE"
LETTER_VERSION = 1

_MESSAGE_LIMIT = 1000  # characters of the failure's sentence; EventBridge cuts its own at about the same length
_ID_LIMIT = 1000  # characters of an event's id; a longer one stands in the body alone, where all of it is
_EACH_LIMIT = 200  # the same for each of several targets

_SURROGATE = re.compile("[\ud800-\udfff]")


class LetterAttribute(msgspec.Struct, omit_defaults=True):
    """The JSON object in `Turnout.Letter`. Times are ISO 8601 in UTC."""

    version: int = 0
    reason: str = ""
    fault: str = ""
    message: str = ""
    source: str = ""
    """Name of the queue the message was received from."""
    event_id: str | None = None
    rules: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    """Targets that did not get the event."""
    failures: dict[str, str] = {}
    """Why each of them did not, if they are several: reason and sentence. `reason` and `message` are the first's."""
    done: tuple[str, ...] = ()
    """Targets that took the event; a redriven letter is not sent to them again."""
    attempts: int = 0
    first_failure: str = ""
    last_failure: str = ""
    ruleset: str = ""
    """Fingerprint of the ruleset that decided."""
    trace_id: str = ""
    attributes: dict[str, dict[str, str]] = {}
    """Attributes of the original message that found no place among the ten: name to `type` and `text` or `data`
    (base64)."""


def read_letter_attribute(attributes: Mapping[str, Attribute]) -> LetterAttribute | None:
    """The letter attribute of a message; None when there is none or it is not one that Turnout wrote."""
    attribute = attributes.get(LETTER)
    if attribute is None or attribute.text is None:
        return None
    try:
        letter = msgspec.json.decode(attribute.text, type=LetterAttribute)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return letter if letter.version == LETTER_VERSION else None


class _Version(msgspec.Struct):
    version: int = 0


def foreign_version(attributes: Mapping[str, Attribute]) -> int:
    """The version of a letter attribute that a Turnout of another version wrote, which this one cannot read; else 0."""
    attribute = attributes.get(LETTER)
    if attribute is None or attribute.text is None:
        return 0
    try:
        version = msgspec.json.decode(attribute.text, type=_Version).version
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return 0
    return version if version > 0 and version != LETTER_VERSION else 0


def original_attributes(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """The attributes that the message had before it became a letter; unchanged when it is none, or only parked."""
    letter = read_letter_attribute(attributes)
    ours = (PARKED,) if letter is None else (LETTER, PARKED, ERROR_CODE, ERROR_MESSAGE)
    originals = {name: value for name, value in attributes.items() if name not in ours}
    if letter is None:
        return originals
    for name, packed in letter.attributes.items():
        attribute = _unpacked(packed)
        # What we packed had been with SQS; what somebody else wrote there must not make SQS refuse the message.
        if attribute is not None and attribute_problem(name, attribute) is None:
            originals[name] = attribute
    return originals


def sealed_attributes(
    letter: LetterAttribute,
    originals: Mapping[str, Attribute],
    body_bytes: int,
    most_bytes: int = MAX_MESSAGE_BYTES,
) -> dict[str, Attribute]:
    """The attributes of a letter: the originals, and as much of the letter as fits. Never more than SQS takes.

    At most ten attributes: originals that find no place move into the letter's JSON. At most `most_bytes` with the
    body: then the letter is cut, the least needed first; beside a body of that size it is gone altogether, and only the
    worker's log and trace know the reason.
    """
    ours = (LETTER, ERROR_CODE, ERROR_MESSAGE)
    kept: dict[str, Attribute] = {}
    moved: dict[str, dict[str, str]] = {}
    for name, attribute in originals.items():
        if name in ours or len(kept) >= MAX_MESSAGE_ATTRIBUTES - len(ours):
            moved[name] = _packed(attribute)
        else:
            kept[name] = attribute
    room = most_bytes - body_bytes - sum(attribute.size(name) for name, attribute in kept.items())
    for added in _ever_smaller(letter, moved):
        if sum(attribute.size(name) for name, attribute in added.items()) <= room:
            return kept | added
    return kept


def parked_attribute(why: str) -> Attribute:
    """The attribute `PARKED` of a letter; `why` is not empty."""
    return Attribute("String", sendable(why)[:_MESSAGE_LIMIT])


def _ever_smaller(letter: LetterAttribute, moved: dict[str, dict[str, str]]) -> Iterator[dict[str, Attribute]]:
    code = {ERROR_CODE: Attribute("String", letter.reason)}
    text = sendable(letter.message)[:_MESSAGE_LIMIT]
    message = {ERROR_MESSAGE: Attribute("String", text)} if text else {}
    # An id comes out of the event: as long as it likes, it would take the place of what stands nowhere else; and half a
    # surrogate pair is what no reader of JSON has to take.
    event_id = letter.event_id
    if event_id is not None:
        event_id = None if len(event_id) > _ID_LIMIT else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", event_id)
    failures = {target: sendable(why)[:_EACH_LIMIT] for target, why in letter.failures.items()}
    full = msgspec.structs.replace(
        letter, version=LETTER_VERSION, message=text, event_id=event_id, failures=failures, attributes=moved
    )
    yield {LETTER: _encoded(full)} | code | message
    yield {LETTER: _encoded(full)} | code
    short = msgspec.structs.replace(full, message=text[:100], failures={}, rules=())
    yield {LETTER: _encoded(short)} | code
    yield {LETTER: _encoded(msgspec.structs.replace(short, attributes={}))} | code
    least = LetterAttribute(
        version=LETTER_VERSION, reason=letter.reason, fault=letter.fault, owed=letter.owed, done=letter.done
    )
    yield {LETTER: _encoded(least)} | code
    yield {LETTER: _encoded(least)}
    yield code


def _encoded(letter: LetterAttribute) -> Attribute:
    # json writes ASCII, with everything else escaped, so no text an event brings along can offend SQS.
    fields: dict[str, Any] = msgspec.to_builtins(letter)
    return Attribute("String", json.dumps(fields, ensure_ascii=True, separators=(",", ":")))


def _packed(attribute: Attribute) -> dict[str, str]:
    if attribute.text is not None:
        return {"type": attribute.data_type, "text": attribute.text}
    return {"type": attribute.data_type, "data": base64.b64encode(attribute.data or b"").decode()}


def _unpacked(packed: Mapping[str, str]) -> Attribute | None:
    data_type = packed.get("type", "")
    if "text" in packed:
        return Attribute(data_type, text=packed["text"])
    try:
        return Attribute(data_type, data=base64.b64decode(packed.get("data", ""), validate=True))
    except ValueError:
        return None
