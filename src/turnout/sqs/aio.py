"""SQS through aioboto3: the reference implementation of the interface, and the fallback.

Here are the calls; sessions, clients and foreign errors are in `turnout.sqs.session`, the meaning of answers in
`turnout.sqs.answers`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import msgspec

from turnout.errors import SqsDenied, SqsUnavailable
from turnout.message import Attribute, Message
from turnout.queues import queue_name
from turnout.sqs.answers import (
    AttributesAnswer,
    BatchAnswer,
    ReceiveAnswer,
    SendAnswer,
    batch_failures,
    received_messages,
    sent_batch,
    unencodable_entries,
)
from turnout.sqs.api import MAX_WAIT_SECONDS, EntryFailure, OutgoingMessage, SentBatch
from turnout.sqs.codes import CREDENTIALS_EXPIRED
from turnout.sqs.deadline import Deadline
from turnout.sqs.limits import check_batch
from turnout.sqs.place import Place
from turnout.sqs.session import AwsConfig, AwsSession, Client, foreign_errors

__all__ = ["AioSqs", "entry_parameters", "open_aio_sqs", "receive_parameters"]

A = TypeVar("A", bound=msgspec.Struct)

_METHODS = {
    "ReceiveMessage": "receive_message",
    "SendMessageBatch": "send_message_batch",
    "DeleteMessageBatch": "delete_message_batch",
    "ChangeMessageVisibilityBatch": "change_message_visibility_batch",
    "GetQueueAttributes": "get_queue_attributes",
}


@asynccontextmanager
async def open_aio_sqs(config: AwsConfig | None = None) -> AsyncIterator[AioSqs]:
    """An `AioSqs` that is closed at the end. Raises `SqsDenied` when AWS's own settings cannot be used."""
    sqs = AioSqs(AwsSession(config or AwsConfig()))
    try:
        yield sqs
    finally:
        await sqs.aclose()


class _Clients(msgspec.Struct, frozen=True):
    """The clients for one place. Long polls occupy their connections, so everything else has a client of its own."""

    polls: Client
    calls: Client


class AioSqs:
    """Implements `turnout.sqs.api.Sqs` with aioboto3 clients, which are opened when a place is first spoken to."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._by_queue: dict[str, _Clients] = {}
        self._by_place: dict[Place, _Clients] = {}
        self._opening = asyncio.Lock()
        self._closed = False

    async def receive(
        self, queue: str, *, max_messages: int = 10, wait_seconds: int = 20, visibility_seconds: int | None = None
    ) -> list[Message]:
        """See `Sqs.receive`."""
        parameters = receive_parameters(max_messages, wait_seconds, visibility_seconds)
        return received_messages(await self._call("ReceiveMessage", queue, parameters, ReceiveAnswer), queue)

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """See `Sqs.send`."""
        check_batch(messages, "SendMessageBatch", queue)
        refused = unencodable_entries(messages)
        entries = [entry_parameters(index, message) for index, message in enumerate(messages) if index not in refused]
        answer = SendAnswer()
        if entries:
            answer = await self._call("SendMessageBatch", queue, {"Entries": entries}, SendAnswer)
        return sent_batch(messages, answer, refused)

    async def delete(self, queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
        """See `Sqs.delete`."""
        check_batch(handles, "DeleteMessageBatch", queue)
        entries = [{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate(handles)]
        return batch_failures(
            len(handles), await self._call("DeleteMessageBatch", queue, {"Entries": entries}, BatchAnswer)
        )

    async def change_visibility(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
        """See `Sqs.change_visibility`."""
        check_batch(handles, "ChangeMessageVisibilityBatch", queue)
        entries = [
            {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
            for index, handle in enumerate(handles)
        ]
        return batch_failures(
            len(handles), await self._call("ChangeMessageVisibilityBatch", queue, {"Entries": entries}, BatchAnswer)
        )

    async def queue_attributes(self, queue: str) -> Mapping[str, str]:
        """See `Sqs.queue_attributes`."""
        answer = await self._call("GetQueueAttributes", queue, {"AttributeNames": ["All"]}, AttributesAnswer)
        return answer.attributes or {}

    async def aclose(self) -> None:
        """See `Sqs.aclose`."""
        self._closed = True
        async with self._opening:
            for clients in self._by_place.values():
                await clients.polls.close()
                await clients.calls.close()
            self._by_place.clear()
            self._by_queue.clear()

    async def _call(self, operation: str, queue: str, parameters: dict[str, object], answer: type[A]) -> A:
        try:
            return await self._call_once(operation, queue, parameters, answer)
        except SqsDenied as error:
            if error.code not in CREDENTIALS_EXPIRED:
                raise
        # While one call fetches newer credentials, botocore signs others with the old ones. Refused, they did nothing.
        return await self._call_once(operation, queue, parameters, answer)

    async def _call_once(self, operation: str, queue: str, parameters: dict[str, object], answer: type[A]) -> A:
        clients = self._by_queue.get(queue) or await self._open(queue)
        client = clients.polls if operation == "ReceiveMessage" else clients.calls
        config = self._session.config
        seconds = config.connect_seconds + config.answer_seconds
        if operation == "ReceiveMessage":
            seconds += MAX_WAIT_SECONDS
        with foreign_errors(operation, queue):
            async with Deadline(seconds):
                response = await getattr(client, _METHODS[operation])(QueueUrl=queue, **parameters)
        kind = response["ResponseMetadata"]["HTTPHeaders"].get("content-type", "")
        # A proxy's page: botocore takes it for an answer that says nothing, which would be an empty queue.
        if kind.startswith("text/"):
            message = f"an answer of type {kind} that is not SQS's"
            raise SqsUnavailable(message, code="BadAnswer", operation=operation, queue=queue_name(queue))
        try:
            return msgspec.convert(response, answer)
        except msgspec.ValidationError as error:
            message = f"the answer is not SQS's: {error}"
            raise SqsUnavailable(message, code="BadAnswer", operation=operation, queue=queue_name(queue)) from error

    async def _open(self, queue: str) -> _Clients:
        async with self._opening:
            if self._closed:
                raise SqsUnavailable("the client is closed", code="Closed", queue=queue_name(queue))
            place = self._session.place(queue)
            clients = self._by_place.get(place)
            if clients is None:
                async with AsyncExitStack() as stack:
                    calls = await self._session.client(place)
                    stack.push_async_callback(calls.close)
                    polls = await self._session.client(place)
                    stack.pop_all()  # both are open: they stay so until `aclose`
                clients = self._by_place[place] = _Clients(polls, calls)
            self._by_queue[queue] = clients
            return clients


def receive_parameters(max_messages: int, wait_seconds: int, visibility_seconds: int | None) -> dict[str, object]:
    """The parameters of a ReceiveMessage, without the queue."""
    parameters: dict[str, object] = {
        "MaxNumberOfMessages": max_messages,
        "WaitTimeSeconds": wait_seconds,
        "MessageAttributeNames": ["All"],
        "MessageSystemAttributeNames": ["All"],
    }
    if visibility_seconds is not None:
        parameters["VisibilityTimeout"] = visibility_seconds
    return parameters


def entry_parameters(index: int, message: OutgoingMessage) -> dict[str, object]:
    """One entry of a SendMessageBatch; its id is its index."""
    entry: dict[str, object] = {"Id": str(index), "MessageBody": message.body}
    if message.attributes:
        entry["MessageAttributes"] = {name: _value(attribute) for name, attribute in message.attributes.items()}
    if message.delay_seconds:
        entry["DelaySeconds"] = message.delay_seconds
    if message.group_id is not None:
        entry["MessageGroupId"] = message.group_id
    if message.deduplication_id is not None:
        entry["MessageDeduplicationId"] = message.deduplication_id
    if message.trace_header is not None:
        header = {"DataType": "String", "StringValue": message.trace_header}
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": header}
    return entry


def _value(attribute: Attribute) -> dict[str, object]:
    if attribute.data is not None:
        return {"DataType": attribute.data_type, "BinaryValue": attribute.data}
    return {"DataType": attribute.data_type, "StringValue": attribute.text or ""}
