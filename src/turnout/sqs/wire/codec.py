"""SQS's requests and error answers as JSON (AWS JSON 1.0). Good answers are in `turnout.sqs.answers`. No I/O.

Source: Amazon SQS API reference, and the service model (2012-11-05) with its `awsQueryCompatible` trait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from turnout.message import Attribute
from turnout.sqs.answers import ENTRY_IDS
from turnout.sqs.api import OutgoingMessage

__all__ = [
    "UNREADABLE",
    "attributes_request",
    "delete_request",
    "error_code",
    "receive_request",
    "send_request",
    "visibility_request",
]


class _Receive(msgspec.Struct, rename="pascal", omit_defaults=True):
    queue_url: str
    max_number_of_messages: int
    wait_time_seconds: int
    message_attribute_names: tuple[str, ...]
    message_system_attribute_names: tuple[str, ...]
    visibility_timeout: int | None = None


class _Outgoing(msgspec.Struct, rename="pascal", omit_defaults=True, gc=False):
    id: str
    message_body: str | msgspec.Raw
    message_attributes: Mapping[str, Attribute] | None = None
    delay_seconds: int = 0
    message_group_id: str | None = None
    message_deduplication_id: str | None = None
    message_system_attributes: Mapping[str, Attribute] | None = None


class _Handle(msgspec.Struct, rename="pascal", omit_defaults=True, gc=False):
    id: str
    receipt_handle: str
    visibility_timeout: int | None = None


class _Batch(msgspec.Struct, rename="pascal", gc=False):
    queue_url: str
    entries: list[_Outgoing] | list[_Handle]


class _Error(msgspec.Struct):
    type: str | None = msgspec.field(name="__type", default=None)
    message: str | None = None
    capital_message: str | None = msgspec.field(name="Message", default=None)


UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for JSON that is none, is not UTF-8, does not fit, or is nested too deeply."""

_ALL = ("All",)

_encode = msgspec.json.Encoder().encode
_decode_error = msgspec.json.Decoder(_Error).decode


def receive_request(queue: str, max_messages: int, wait_seconds: int, visibility_seconds: int | None) -> bytes:
    """ReceiveMessage, with all attributes and system attributes."""
    return _encode(_Receive(queue, max_messages, wait_seconds, _ALL, _ALL, visibility_seconds))


def send_request(queue: str, messages: Sequence[OutgoingMessage], leave_out: Mapping[int, object] = {}) -> bytes:
    """SendMessageBatch, without the indexes in `leave_out`. Raises UnicodeEncodeError for a lone surrogate."""
    entries = list(map(_outgoing, ENTRY_IDS, messages))
    if leave_out:
        entries = [entry for index, entry in enumerate(entries) if index not in leave_out]
    return _encode(_Batch(queue, entries))


def delete_request(queue: str, handles: Sequence[str]) -> bytes:
    """DeleteMessageBatch."""
    return _encode(_Batch(queue, list(map(_Handle, ENTRY_IDS, handles))))


def visibility_request(queue: str, handles: Sequence[str], seconds: int) -> bytes:
    """ChangeMessageVisibilityBatch."""
    entries = [_Handle(entry_id, handle, seconds) for entry_id, handle in zip(ENTRY_IDS, handles, strict=False)]
    return _encode(_Batch(queue, entries))


def attributes_request(queue: str) -> bytes:
    """GetQueueAttributes, all of them."""
    return _encode({"QueueUrl": queue, "AttributeNames": _ALL})


def error_code(body: bytes, query_error: str) -> tuple[str, str] | None:
    """Code and message of an error answer, or None when it is not one that SQS gives.

    `query_error` is the header `x-amzn-query-error`, such as `AWS.SimpleQueueService.NonExistentQueue;Sender`.
    """
    try:
        error = _decode_error(body)
    except UNREADABLE:  # a proxy's page, for instance
        return None
    code = error.type or query_error.partition(";")[0]
    return (code, error.message or error.capital_message or "") if code else None


def _outgoing(entry_id: str, message: OutgoingMessage) -> _Outgoing:
    header = message.trace_header
    return _Outgoing(
        entry_id,
        message.body_json or message.body,
        message.attributes or None,
        message.delay_seconds,
        message.group_id,
        message.deduplication_id,
        None if header is None else {"AWSTraceHeader": Attribute("String", header)},
    )
