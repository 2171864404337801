"""`WireSqs`: the calls of the interface, each one request on the queue's route, and finding that route.

How a request travels is in `turnout.sqs.wire.route`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from turnout.errors import SqsMisconfigured, SqsUnavailable
from turnout.message import Message
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
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch
from turnout.sqs.credentials import CredentialsKeeper
from turnout.sqs.limits import check_batch
from turnout.sqs.place import Place
from turnout.sqs.session import AwsConfig, AwsSession
from turnout.sqs.wire import codec
from turnout.sqs.wire.codec import UNREADABLE
from turnout.sqs.wire.endpoint import parse_endpoint
from turnout.sqs.wire.route import Operation, Route

__all__ = ["WireSqs", "open_wire_sqs"]

A = TypeVar("A")

RECEIVE = Operation("ReceiveMessage", polls=True)
SEND = Operation("SendMessageBatch", repeatable=False)
DELETE = Operation("DeleteMessageBatch")
CHANGE = Operation("ChangeMessageVisibilityBatch")
ATTRIBUTES = Operation("GetQueueAttributes")

_RECEIVED = msgspec.json.Decoder(ReceiveAnswer)
_SENT = msgspec.json.Decoder(SendAnswer)
_DONE = msgspec.json.Decoder(BatchAnswer)
_ATTRIBUTES = msgspec.json.Decoder(AttributesAnswer)

_KEPT_RECEIVES = 256


@asynccontextmanager
async def open_wire_sqs(config: AwsConfig | None = None) -> AsyncIterator[WireSqs]:
    """A `WireSqs` that is closed at the end. Raises `SqsDenied` when AWS's own settings cannot be used."""
    sqs = WireSqs(AwsSession(config or AwsConfig()))
    try:
        yield sqs
    finally:
        await sqs.aclose()


class WireSqs:
    """Implements `turnout.sqs.api.Sqs` over connections of its own. Must be used in one event loop."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._answer_seconds = session.config.answer_seconds
        self._credentials = CredentialsKeeper(session.credentials)
        self._by_queue: dict[str, Route] = {}
        self._by_place: dict[Place, Route] = {}
        self._opening = asyncio.Lock()
        self._receives: dict[tuple[str, int, int, int | None], tuple[bytes, str]] = {}
        self._closed = False

    async def receive(
        self, queue: str, *, max_messages: int = 10, wait_seconds: int = 20, visibility_seconds: int | None = None
    ) -> list[Message]:
        """See `Sqs.receive`."""
        # A poller asks the same thing for ever: its request and the digest of it are made once.
        key = (queue, max_messages, wait_seconds, visibility_seconds)
        body, digest = self._receives.get(key) or self._new_receive(key)
        route = self._by_queue.get(queue) or await self._open(queue)
        answer = await route.call(RECEIVE, queue, body, wait_seconds + self._answer_seconds, digest)
        return received_messages(_read(_RECEIVED, answer, RECEIVE, queue), queue)

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """See `Sqs.send`."""
        check_batch(messages, SEND.name, queue)
        refused: dict[int, EntryFailure] = {}
        try:
            body = codec.send_request(queue, messages)
        except UnicodeEncodeError:
            refused = unencodable_entries(messages)
            if len(refused) == len(messages):
                return sent_batch(messages, SendAnswer(), refused)
            body = codec.send_request(queue, messages, refused)
        return sent_batch(messages, await self._call(SEND, queue, body, _SENT), refused)

    async def delete(self, queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
        """See `Sqs.delete`."""
        check_batch(handles, DELETE.name, queue)
        body = codec.delete_request(queue, handles)
        return batch_failures(len(handles), await self._call(DELETE, queue, body, _DONE))

    async def change_visibility(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
        """See `Sqs.change_visibility`."""
        check_batch(handles, CHANGE.name, queue)
        body = codec.visibility_request(queue, handles, seconds)
        return batch_failures(len(handles), await self._call(CHANGE, queue, body, _DONE))

    async def queue_attributes(self, queue: str) -> Mapping[str, str]:
        """See `Sqs.queue_attributes`."""
        body = codec.attributes_request(queue)
        return (await self._call(ATTRIBUTES, queue, body, _ATTRIBUTES)).attributes or {}

    async def aclose(self) -> None:
        """See `Sqs.aclose`."""
        self._closed = True
        for route in self._by_place.values():
            route.close()
        self._by_place.clear()
        self._by_queue.clear()

    async def _call(self, operation: Operation, queue: str, body: bytes, answer: msgspec.json.Decoder[A]) -> A:
        route = self._by_queue.get(queue) or await self._open(queue)
        return _read(answer, await route.call(operation, queue, body, self._answer_seconds), operation, queue)

    def _new_receive(self, key: tuple[str, int, int, int | None]) -> tuple[bytes, str]:
        if len(self._receives) >= _KEPT_RECEIVES:
            self._receives.clear()
        body = codec.receive_request(*key)
        self._receives[key] = made = (body, hashlib.sha256(body).hexdigest())
        return made

    async def _open(self, queue: str) -> Route:
        async with self._opening:
            place = self._session.place(queue)
            route = self._by_place.get(place)
            if route is None:
                route = await self._new_route(place)
            if self._closed:  # while the endpoint was looked for, and then the route has no connections yet
                raise SqsUnavailable("the client is closed", code="Closed", queue=queue_name(queue))
            self._by_queue[queue] = self._by_place[place] = route
            return route

    async def _new_route(self, place: Place) -> Route:
        url = await self._session.endpoint_url(place)
        if self._session.proxied(url):
            message = (
                "the environment asks for a proxy, which this client does not speak to: "
                "set TURNOUT_SQS_CLIENT=aioboto3, or except the endpoint's host with NO_PROXY"
            )
            raise SqsMisconfigured(message, code="ProxyUnsupported")
        endpoint = parse_endpoint(url, self._session.ca_bundle())
        return Route(endpoint, place.region or "", self._credentials, self._session.config)


def _read(answer: msgspec.json.Decoder[A], body: bytes, operation: Operation, queue: str) -> A:
    try:
        return answer.decode(body)
    except UNREADABLE as error:
        message = f"the answer is not SQS's: {error}"
        raise SqsUnavailable(message, code="BadAnswer", operation=operation.name, queue=queue_name(queue)) from error
