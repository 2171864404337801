"""What SNS, EventBridge, Step Functions and Lambda answer: which entries they took, and whose fault a refusal is.

Only what an answer says was taken counts as taken. An entry that is not mentioned, or an answer that is not the
service's (cut off, another program's page), is a failure to be repeated: better twice than never. No I/O, no library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from turnout.errors import Fault
from turnout.message import sendable
from turnout.sqs.api import EntryFailure, SentBatch
from turnout.sqs.codes import classify
from turnout.telemetry.redaction import cut

__all__ = ["entry_failure", "published", "put", "told"]

_LONGEST_TEXT = 1000  # as much as a letter has of it

# Codes of these services that the common list does not know, and who has to act.
_CONFIG = frozenset(
    (
        "AuthorizationError",
        "InvalidAccountIdException",
        "InvalidArn",
        "KMSAccessDenied",
        "KMSDisabled",
        "KMSInvalidState",
        "KMSNotFound",
        "KMSOptInRequired",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
        "NotFound",
        "NotFoundException",
        "ResourceNotFoundException",
        "StateMachineDeleting",
        "StateMachineDoesNotExist",
        "StateMachineTypeNotSupported",
    )
)
_TRY_AGAIN = frozenset(
    {
        "ConcurrentAccess",
        "ENILimitReachedException",
        "ExecutionLimitExceeded",
        "InternalException",
        "KMSThrottling",
        "ResourceNotReadyException",
        "ServiceException",
    }
)
_DATA = frozenset(
    {
        "InvalidArgument",
        "InvalidExecutionInput",
        "InvalidName",
        "InvalidRequestContentException",
        "MalformedDetail",
        "RedactionFailure",
        "RequestTooLargeException",
    }
)


class _Published(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="Id")
    message_id: str = msgspec.field(name="MessageId")


class _Refused(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="Id")
    code: str = msgspec.field(name="Code", default="")
    message: str | None = msgspec.field(name="Message", default=None)
    sender_fault: bool | None = msgspec.field(name="SenderFault", default=None)


class _PublishAnswer(msgspec.Struct, frozen=True):
    successful: list[_Published] | None = msgspec.field(name="Successful", default=None)
    failed: list[_Refused] | None = msgspec.field(name="Failed", default=None)


class _Put(msgspec.Struct, frozen=True):
    event_id: str | None = msgspec.field(name="EventId", default=None)
    code: str | None = msgspec.field(name="ErrorCode", default=None)
    message: str | None = msgspec.field(name="ErrorMessage", default=None)


class _PutAnswer(msgspec.Struct, frozen=True):
    entries: list[_Put] = msgspec.field(name="Entries")


def published(count: int, answer: Mapping[str, Any]) -> SentBatch:
    """What became of the `count` entries of a PublishBatch (SNS); entry ids are indexes.

    Raises `msgspec.ValidationError` when the answer is not one of SNS's.
    """
    batch = msgspec.convert(answer, _PublishAnswer)
    indexes = {str(index): index for index in range(count)}
    ids: list[str | None] = [None] * count
    failures: dict[int, EntryFailure] = {}
    for done in batch.successful or ():
        if (index := indexes.get(done.id)) is not None:
            ids[index] = done.message_id
    for refused in batch.failed or ():
        if (index := indexes.get(refused.id)) is not None:
            ids[index] = None
            text = refused.message or ""
            failures[index] = entry_failure(index, refused.code, text, sender_fault=refused.sender_fault)
    return _complete(ids, failures)


def put(count: int, answer: Mapping[str, Any]) -> SentBatch:
    """What became of the `count` entries of a PutEvents (EventBridge), which answers in the order of the entries.

    Raises `msgspec.ValidationError` when the answer is not one of EventBridge's.
    """
    ids: list[str | None] = [None] * count
    failures: dict[int, EntryFailure] = {}
    for index, entry in enumerate(msgspec.convert(answer, _PutAnswer).entries[:count]):
        if entry.code:
            failures[index] = entry_failure(index, entry.code, entry.message or "")
        else:
            ids[index] = entry.event_id
    return _complete(ids, failures)


def told(text: str) -> str:
    """What a service, or something in its place, says, so that letters, ledgers and status can hold it: not endless (a
    proxy's page is), and valid Unicode (JSON can name half a surrogate pair, which nothing can write)."""
    return sendable(cut(text, _LONGEST_TEXT))


def _complete(ids: list[str | None], failures: dict[int, EntryFailure]) -> SentBatch:
    for index, message_id in enumerate(ids):
        if message_id is None and index not in failures:
            text = "the answer does not say what became of this entry"
            failures[index] = EntryFailure(index, "BadAnswer", text, Fault.SYSTEM, True)
    return SentBatch(tuple(ids), tuple(failures[index] for index in sorted(failures)))


def entry_failure(
    index: int, code: str, message: str, status: int = 0, *, sender_fault: bool | None = None
) -> EntryFailure:
    """The failure that a code of one of these services means. `status` is the answer's, where one call is one entry."""
    code, message = told(code), told(message) or "no reason is given"
    if code in _CONFIG:
        return EntryFailure(index, code, message, Fault.CONFIG, False)
    if code in _TRY_AGAIN:
        return EntryFailure(index, code, message, Fault.SYSTEM, True)
    if code in _DATA:
        return EntryFailure(index, code, message, Fault.DATA, False)
    verdict = classify(code, status=status, sender_fault=sender_fault)
    return EntryFailure(index, verdict.code, message, verdict.fault, verdict.retryable)
