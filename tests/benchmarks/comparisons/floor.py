"""For comparison: the least that these calls can cost in Python on sockets of one's own. Not fit for any use.

It polls, sends, deletes and compares the digests of bodies, as SQS's clients should; the requests are signed with the
product's signer. There is nothing else: no retries, no timeouts, no errors, no pool, no attributes, no routing. An
answer is taken for one of `Content-Length` bytes, whatever it says. What a row of the worker costs more than this is
what all that is worth.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
import uvloop

from turnout.sqs.credentials import Credentials
from turnout.sqs.digests import body_md5
from turnout.sqs.wire.sign import CONTENT_TYPE, Signer

POLLERS = 4

_encode = msgspec.json.Encoder().encode
_IDS = tuple(map(str, range(10)))


class _Message(msgspec.Struct, rename="pascal", gc=False):
    receipt_handle: str
    body: str
    body_md5: str = msgspec.field(name="MD5OfBody")


class _Received(msgspec.Struct, rename="pascal"):
    messages: list[_Message] = []


class _SentEntry(msgspec.Struct, gc=False):
    body_md5: str = msgspec.field(name="MD5OfMessageBody")


class _Sent(msgspec.Struct, rename="pascal"):
    successful: list[_SentEntry]


class _Outgoing(msgspec.Struct, rename="pascal", gc=False):
    id: str
    message_body: str


class _Handle(msgspec.Struct, rename="pascal", gc=False):
    id: str
    receipt_handle: str


class _Batch(msgspec.Struct, rename="pascal"):
    queue_url: str
    entries: Sequence[_Outgoing] | Sequence[_Handle]


_received = msgspec.json.Decoder(_Received).decode
_sent = msgspec.json.Decoder(_Sent).decode


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport
    answer: asyncio.Future[bytes]

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream protocol is given a Transport

    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        start = data.find(b"\r\n\r\n") + 4
        length = data[:start].lower().find(b"content-length: ") + 16
        if start > 3 and len(data) >= start + int(data[length : data.find(b"\r\n", length)]):
            self._data = b""
            self.answer.set_result(data[start:])
        else:
            self._data = data


class _Caller:
    """Calls at one endpoint, one at a time, each with a connection for its kind."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._authority = parts.netloc
        self._address = (parts.hostname or "", parts.port or 443)
        trusted = os.environ["AWS_CA_BUNDLE"]
        self._context = ssl.create_default_context(cafile=trusted) if parts.scheme == "https" else None
        self._signer = Signer(os.environ["AWS_REGION"], self._authority, "/")
        self._keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], "")
        self._connections: dict[str, _Connection] = {}

    async def call(self, operation: str, body: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        connection = self._connections.get(operation)
        if connection is None:
            _, connection = await loop.create_connection(_Connection, *self._address, ssl=self._context)
            self._connections[operation] = connection
        target = f"AmazonSQS.{operation}"
        signed = self._signer.headers(target, hashlib.sha256(body).hexdigest(), self._keys, time.time())
        head = (
            f"POST / HTTP/1.1\r\nHost: {self._authority}\r\nContent-Type: {CONTENT_TYPE}\r\n"
            f"X-Amzn-Query-Mode: true\r\nX-Amz-Target: {target}\r\nContent-Length: {len(body)}\r\n{signed}\r\n"
        )
        connection.answer = loop.create_future()
        connection.transport.write(head.encode() + body)
        return await connection.answer


async def work(targets: int) -> None:
    """Poll until killed."""
    source = os.environ["TURNOUT_SOURCE_QUEUE_URL"]
    queues = [os.environ[f"{name}_QUEUE_URL"] for name in ("STANDARD", "HIGH", "CRITICAL")][:targets]
    await asyncio.gather(*(_poll(source, queues) for _ in range(POLLERS)))


async def _poll(source: str, queues: list[str]) -> None:
    poller = _Caller(source)
    senders = [_Caller(source) for _ in queues]
    poll = _encode({"QueueUrl": source, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20})
    while True:
        messages = _received(await poller.call("ReceiveMessage", poll)).messages
        if not messages:
            continue
        if any(body_md5(message.body) != message.body_md5 for message in messages):
            raise RuntimeError("damaged on the way here")
        entries = [_Outgoing(number, message.body) for number, message in zip(_IDS, messages, strict=False)]
        answers = await asyncio.gather(
            *(
                sender.call("SendMessageBatch", _encode(_Batch(queue, entries)))
                for sender, queue in zip(senders, queues, strict=True)
            )
        )
        for answer in answers:
            if [sent.body_md5 for sent in _sent(answer).successful] != [message.body_md5 for message in messages]:
                raise RuntimeError("damaged on the way there")
        handles = [_Handle(number, message.receipt_handle) for number, message in zip(_IDS, messages, strict=False)]
        await poller.call("DeleteMessageBatch", _encode(_Batch(source, handles)))


if __name__ == "__main__":
    uvloop.run(work(int(sys.argv[1])))
