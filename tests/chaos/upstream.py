"""The SQS behind the fault proxy: the shipped in-memory queues, or an emulator over HTTP.

Both take an operation's name and its JSON document and give back a status and a document, as SQS's AWS JSON 1.0
protocol does (Amazon SQS API reference, "AWS JSON protocol"). Faults are not injected here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import httpx

from turnout.errors import Fault, SqsError
from turnout.message import Attribute, Message
from turnout.sqs.api import EntryFailure, OutgoingMessage
from turnout.sqs.digests import attributes_md5
from turnout.sqs.memory import MemorySqs

__all__ = ["Document", "EmulatorUpstream", "MemoryUpstream", "Outcome", "Upstream"]

Document = dict[str, Any]
"""A JSON object of the protocol."""


class Outcome(NamedTuple):
    """What the service said: HTTP status and JSON document."""

    status: int
    document: Document


class Upstream(Protocol):
    """An SQS that is spoken to in documents."""

    async def call(self, operation: str, document: Document) -> Outcome:
        """One API call. Refusals are outcomes, not exceptions."""
        ...


class EmulatorUpstream:
    """An emulator at `url`. The client is the caller's to close."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def call(self, operation: str, document: Document) -> Outcome:
        """See `Upstream.call`."""
        headers = {
            "X-Amz-Target": f"AmazonSQS.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            # Emulators read the region from the scope and believe every signature.
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/sqs/aws4_request, Signature=0",
        }
        answer = await self._client.post(self._url, json=document, headers=headers, timeout=30)
        return Outcome(answer.status_code, answer.json() if answer.content else {})


class MemoryUpstream:
    """The in-memory queues. `sqs` is there for the test to create queues, move time and look."""

    def __init__(self, sqs: MemorySqs) -> None:
        self.sqs = sqs

    async def call(self, operation: str, document: Document) -> Outcome:
        """See `Upstream.call`."""
        try:
            return Outcome(200, await self._call(operation, document["QueueUrl"], document))
        except SqsError as error:
            status = 500 if error.fault is Fault.SYSTEM else 400
            return Outcome(status, {"__type": f"com.amazonaws.sqs#{error.code}", "message": str(error)})

    async def _call(self, operation: str, queue: str, document: Document) -> Document:
        match operation:
            case "ReceiveMessage":
                received = await self.sqs.receive(
                    queue,
                    max_messages=document.get("MaxNumberOfMessages", 1),
                    wait_seconds=document.get("WaitTimeSeconds", 0),
                    visibility_seconds=document.get("VisibilityTimeout"),
                )
                return {"Messages": [_received(message) for message in received]} if received else {}
            case "SendMessage":
                entry = {"Id": "0", **document}
                sent = await self.sqs.send(queue, [_outgoing(entry)])
                if sent.failures:
                    raise _whole(sent.failures[0])
                return _sent_entry(entry, sent.message_ids[0])
            case "SendMessageBatch":
                entries = document["Entries"]
                batch = await self.sqs.send(queue, [_outgoing(entry) for entry in entries])
                sent_ids = enumerate(batch.message_ids)
                successful = [_sent_entry(entries[index], sent_id) for index, sent_id in sent_ids if sent_id]
                return _batch(entries, successful, batch.failures)
            case "DeleteMessageBatch":
                entries = document["Entries"]
                failures = await self.sqs.delete(queue, [entry["ReceiptHandle"] for entry in entries])
                return _batch(entries, _done(entries, failures), failures)
            case "ChangeMessageVisibilityBatch":
                return await self._change(queue, document["Entries"])
            case "GetQueueAttributes":
                return {"Attributes": dict(await self.sqs.queue_attributes(queue))}
            case _:
                raise SqsError(f"{operation} is not spoken here", code="UnknownOperationException")

    async def _change(self, queue: str, entries: Sequence[Document]) -> Document:
        # Every entry may carry a timeout of its own; the interface changes several to one.
        failures: list[EntryFailure] = []
        for index, entry in enumerate(entries):
            failed = await self.sqs.change_visibility(queue, [entry["ReceiptHandle"]], entry["VisibilityTimeout"])
            failures += [EntryFailure(index, f.code, f.message, f.fault, f.retryable) for f in failed]
        return _batch(entries, _done(entries, failures), failures)


def _outgoing(entry: Document) -> OutgoingMessage:
    header = (entry.get("MessageSystemAttributes") or {}).get("AWSTraceHeader", {})
    return OutgoingMessage(
        entry["MessageBody"],
        {name: _attribute(value) for name, value in (entry.get("MessageAttributes") or {}).items()},
        entry.get("DelaySeconds") or 0,
        entry.get("MessageGroupId"),
        entry.get("MessageDeduplicationId"),
        header.get("StringValue"),
    )


def _attribute(value: Mapping[str, str]) -> Attribute:
    binary = value.get("BinaryValue")
    return Attribute(value["DataType"], value.get("StringValue"), None if binary is None else base64.b64decode(binary))


def _sent_entry(entry: Document, message_id: str | None) -> Document:
    attributes = _outgoing(entry).attributes
    said = {
        "Id": entry["Id"],
        "MessageId": message_id,
        "MD5OfMessageBody": hashlib.md5(entry["MessageBody"].encode()).hexdigest(),
    }
    return said | ({"MD5OfMessageAttributes": attributes_md5(attributes)} if attributes else {})


def _received(message: Message) -> Document:
    said: Document = {
        "MessageId": message.id,
        "ReceiptHandle": message.handle,
        "Body": message.body,
        "MD5OfBody": hashlib.md5(message.body.encode()).hexdigest(),
        "Attributes": dict(message.system),
    }
    if message.attributes:
        said["MessageAttributes"] = {name: _value(value) for name, value in message.attributes.items()}
        said["MD5OfMessageAttributes"] = attributes_md5(message.attributes)
    return said


def _value(attribute: Attribute) -> Document:
    if attribute.data is not None:
        return {"DataType": attribute.data_type, "BinaryValue": base64.b64encode(attribute.data).decode()}
    return {"DataType": attribute.data_type, "StringValue": attribute.text}


def _done(entries: Sequence[Document], failures: Sequence[EntryFailure]) -> list[Document]:
    failed = {failure.index for failure in failures}
    return [{"Id": entry["Id"]} for index, entry in enumerate(entries) if index not in failed]


def _batch(entries: Sequence[Document], successful: list[Document], failures: Sequence[EntryFailure]) -> Document:
    failed = [
        {
            "Id": entries[failure.index]["Id"],
            "Code": failure.code,
            "SenderFault": failure.fault is Fault.DATA,
            "Message": failure.message,
        }
        for failure in failures
    ]
    return {"Successful": successful, "Failed": failed}


def _whole(failure: EntryFailure) -> SqsError:
    error = SqsError(failure.message, code=failure.code)
    error.fault = failure.fault
    return error
