"""Takes a message in any of the forms in which SQS messages are handed around, and never refuses one.

As boto3 returns it (`Body`, `MessageAttributes`), as a Lambda function gets it (`body`, `messageAttributes`), or as
Turnout's own record. What is missing or of a wrong type becomes empty; the body is never lost.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import TypeAlias

from turnout.message import Attribute, Message

__all__ = ["AnyMessage", "as_message", "attributes_of", "exported_attribute", "message_id"]

_LONGEST_ID = 200
"""SQS's ids are UUIDs; what is longer, or not ASCII, was made up."""

AnyMessage: TypeAlias = Message | Mapping[str, object]


def as_message(message: object, queue: str = "") -> Message:
    """Any message (`AnyMessage`) as Turnout's own record. `queue` is where it came from, unless it says so itself."""
    if isinstance(message, Message):
        return message
    if not isinstance(message, Mapping):
        return Message("", "", _text(message), queue)
    return Message(
        id=_string(_either(message, "MessageId")),
        handle=_string(_either(message, "ReceiptHandle")),
        body=_text(_either(message, "Body")),
        queue=queue or _string(message.get("eventSourceARN")),
        attributes=attributes_of(_either(message, "MessageAttributes")),
        system=_strings(_either(message, "Attributes")),
        body_md5=_string(message.get("MD5OfBody", message.get("md5OfBody"))) or None,
    )


def message_id(message: Message) -> str:
    """The id that SQS gave it; else one made of its body, so that it can be spoken of."""
    if 0 < len(message.id) <= _LONGEST_ID and message.id.isascii():
        return message.id
    return f"sha256-{hashlib.sha256(message.body.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def attributes_of(value: object) -> dict[str, Attribute]:
    """Message attributes as boto3 returns them, as a Lambda function gets them, or as SNS writes them."""
    if not isinstance(value, Mapping):
        return {}
    attributes = {}
    for name, given in value.items():
        attribute = _attribute(given)
        if attribute is not None and isinstance(name, str):
            attributes[name] = attribute
    return attributes


def exported_attribute(attribute: Attribute) -> dict[str, str]:
    """An attribute as boto3 returns it, with binary values in base64, so that `attributes_of` reads it again."""
    if attribute.text is not None:
        return {"DataType": attribute.data_type, "StringValue": attribute.text}
    return {"DataType": attribute.data_type, "BinaryValue": base64.b64encode(attribute.data or b"").decode()}


def _attribute(given: object) -> Attribute | None:
    if isinstance(given, Attribute):
        return given
    if not isinstance(given, Mapping):
        return None
    data_type = _string(_either(given, "DataType") or given.get("Type")) or "String"
    text = _either(given, "StringValue")
    value = given.get("Value")
    data = _either(given, "BinaryValue")
    if data is None and data_type.startswith("Binary"):
        data = value
    if isinstance(data, str):  # JSON has no bytes: Lambda and SNS write base64
        try:
            data = base64.b64decode(data, validate=True)
        except ValueError:
            return Attribute(data_type, text=_string(data))
    if isinstance(data, bytes | bytearray):
        return Attribute(data_type, data=bytes(data))
    text = value if text is None else text
    return None if text is None else Attribute(data_type, text=_text(text))


def _either(mapping: Mapping[str, object], name: str) -> object:
    return mapping.get(name, mapping.get(name[0].lower() + name[1:]))


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _strings(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {name: _text(item) for name, item in value.items() if isinstance(name, str)}


def _text(value: object) -> str:
    """Any value as text: what is no text is written as JSON, where it can be."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (ValueError, TypeError, RecursionError):
        return ""
