"""SQS's answers, typed, and what they mean: the part that every client of the real service shares.

An answer is decoded into these records (from JSON, or converted from what aioboto3 returns) and then judged here: MD5
digests are compared, failed entries are classified, and entries that an answer passes over in silence count as failed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import msgspec

from turnout.message import Attribute, Message
from turnout.queues import queue_name
from turnout.sqs.api import MAX_BATCH_ENTRIES, EntryFailure, OutgoingMessage, SentBatch
from turnout.sqs.codes import entry_failure
from turnout.sqs.digests import attributes_md5, body_md5

__all__ = [
    "ENTRY_IDS",
    "AttributesAnswer",
    "BatchAnswer",
    "ReceiveAnswer",
    "SendAnswer",
    "batch_failures",
    "received_messages",
    "sent_batch",
    "unencodable_entries",
]

_log = logging.getLogger("turnout.sqs")


class ReceivedMessage(msgspec.Struct, frozen=True):
    """Message."""

    id: str = msgspec.field(name="MessageId")
    handle: str = msgspec.field(name="ReceiptHandle")
    body: str = msgspec.field(name="Body")
    body_md5: str | None = msgspec.field(name="MD5OfBody", default=None)
    system: dict[str, str] | None = msgspec.field(name="Attributes", default=None)
    attributes: dict[str, Attribute] | None = msgspec.field(name="MessageAttributes", default=None)
    attributes_md5: str | None = msgspec.field(name="MD5OfMessageAttributes", default=None)


class ReceiveAnswer(msgspec.Struct, frozen=True):
    """ReceiveMessageResult. No messages: null or left out."""

    messages: list[ReceivedMessage] | None = msgspec.field(name="Messages", default=None)


class SentEntry(msgspec.Struct, frozen=True):
    """SendMessageBatchResultEntry."""

    id: str = msgspec.field(name="Id")
    message_id: str = msgspec.field(name="MessageId")
    body_md5: str | None = msgspec.field(name="MD5OfMessageBody", default=None)
    attributes_md5: str | None = msgspec.field(name="MD5OfMessageAttributes", default=None)


class DoneEntry(msgspec.Struct, frozen=True):
    """DeleteMessageBatchResultEntry, ChangeMessageVisibilityBatchResultEntry."""

    id: str = msgspec.field(name="Id")


class FailedEntry(msgspec.Struct, frozen=True):
    """BatchResultErrorEntry."""

    id: str = msgspec.field(name="Id")
    code: str = msgspec.field(name="Code", default="")
    message: str | None = msgspec.field(name="Message", default=None)
    sender_fault: bool | None = msgspec.field(name="SenderFault", default=None)


class SendAnswer(msgspec.Struct, frozen=True):
    """SendMessageBatchResult."""

    successful: list[SentEntry] | None = msgspec.field(name="Successful", default=None)
    failed: list[FailedEntry] | None = msgspec.field(name="Failed", default=None)


class BatchAnswer(msgspec.Struct, frozen=True):
    """DeleteMessageBatchResult, ChangeMessageVisibilityBatchResult."""

    successful: list[DoneEntry] | None = msgspec.field(name="Successful", default=None)
    failed: list[FailedEntry] | None = msgspec.field(name="Failed", default=None)


class AttributesAnswer(msgspec.Struct, frozen=True):
    """GetQueueAttributesResult."""

    attributes: dict[str, str] | None = msgspec.field(name="Attributes", default=None)


# The ids of entries are their indexes.
ENTRY_IDS = tuple(str(index) for index in range(MAX_BATCH_ENTRIES))
_IDS_OF = tuple([*ENTRY_IDS[:count]] for count in range(MAX_BATCH_ENTRIES + 1))
_INDEXES = {entry_id: index for index, entry_id in enumerate(ENTRY_IDS)}

_NO_ATTRIBUTES: Mapping[str, Attribute] = {}


def received_messages(answer: ReceiveAnswer, queue: str) -> list[Message]:
    """The messages of an answer.

    One whose digests do not fit arrived damaged. It is left out, and said so in the log: in its queue it is still
    whole, and comes back when its visibility timeout is over. From a FIFO queue so does what stands behind it in its
    group, which must not overtake it.
    """
    messages: list[Message] = []
    torn: dict[str, int] = {}
    for received in answer.messages or ():
        attributes = received.attributes or _NO_ATTRIBUTES
        intact = received.body_md5 is None or received.body_md5 == body_md5(received.body)
        if intact and received.attributes_md5 is not None and attributes:
            intact = received.attributes_md5 == attributes_md5(attributes)
        if not intact:
            _log.warning("message %s from %s arrived damaged and is left out", received.id, queue_name(queue))
            torn.setdefault((received.system or {}).get("MessageGroupId", ""), len(messages))
            continue
        messages.append(
            Message(
                received.id, received.handle, received.body, queue, attributes, received.system or {}, received.body_md5
            )
        )
    if torn and queue.endswith(".fifo"):
        groups = [message.system.get("MessageGroupId", "") for message in messages]
        return [each for place, each in enumerate(messages) if place < torn.get(groups[place], len(messages))]
    return messages


def sent_batch(
    messages: Sequence[OutgoingMessage], answer: SendAnswer, refused: Mapping[int, EntryFailure] = {}
) -> SentBatch:
    """What became of the entries of a SendMessageBatch; entry ids are indexes. `refused` were never sent.

    An entry that an answer mentions twice counts as failed if it failed once.
    """
    ids: list[str | None] = []
    # All of them, in order, and nothing else: so it nearly always is.
    successful = answer.successful or ()
    if len(successful) == len(messages) and not answer.failed and not refused:
        for entry_id, outgoing, sent in zip(ENTRY_IDS, messages, successful, strict=False):
            if sent.id != entry_id or not _arrived_intact(outgoing, sent):
                break
            ids.append(sent.message_id)
        else:
            return SentBatch(tuple(ids))
    ids = [None] * len(messages)
    failures = dict(refused)
    for sent in answer.successful or ():
        index = _INDEXES.get(sent.id, MAX_BATCH_ENTRIES)
        if index >= len(messages):
            continue  # nobody sent that
        ids[index] = sent.message_id
        if not _arrived_intact(messages[index], sent):
            message = "SQS received other bytes than were sent."
            failures[index] = entry_failure(index, "ChecksumMismatch", message, sender_fault=False)
    failures.update(_failed(answer.failed, len(messages)))
    for index, message_id in enumerate(ids):
        if index in failures:
            ids[index] = None
        elif message_id is None:
            failures[index] = _unanswered(index)
    return SentBatch(tuple(ids), tuple(failures[index] for index in sorted(failures)))


def batch_failures(count: int, answer: BatchAnswer) -> tuple[EntryFailure, ...]:
    """The entries, of `count`, that a delete or visibility batch did not do; entry ids are indexes."""
    if not answer.failed and [entry.id for entry in answer.successful or ()] == _IDS_OF[count]:
        return ()  # all of them, in order, and nothing else: so it nearly always is
    failures = dict(_failed(answer.failed, count))
    done = {entry.id for entry in answer.successful or ()}
    for entry_id, index in _INDEXES.items():
        if index < count and entry_id not in done and index not in failures:
            failures[index] = _unanswered(index)
    return tuple(failures[index] for index in sorted(failures))


def unencodable_entries(messages: Sequence[OutgoingMessage]) -> dict[int, EntryFailure]:
    """The entries that cannot even be written down as UTF-8 (lone surrogates): SQS would refuse each of them."""
    refused = {}
    for index, message in enumerate(messages):
        texts = [message.body, *(attribute.text or "" for attribute in message.attributes.values())]
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            refused[index] = entry_failure(index, "InvalidMessageContents", "The text has characters SQS refuses.")
    return refused


def _arrived_intact(message: OutgoingMessage, sent: SentEntry) -> bool:
    if sent.body_md5 is not None and sent.body_md5 != (message.body_md5 or body_md5(message.body)):
        return False
    if sent.attributes_md5 is None or not message.attributes:
        return True
    return sent.attributes_md5 == attributes_md5(message.attributes)


def _failed(entries: list[FailedEntry] | None, count: int) -> list[tuple[int, EntryFailure]]:
    failures = []
    for entry in entries or ():
        index = _INDEXES.get(entry.id, MAX_BATCH_ENTRIES)
        if index < count:
            failure = entry_failure(index, entry.code, entry.message or "", sender_fault=entry.sender_fault)
            failures.append((index, failure))
    return failures


def _unanswered(index: int) -> EntryFailure:
    return entry_failure(index, "NotAnswered", "SQS's answer does not mention this entry.", sender_fault=False)
