"""A minimal SQS for benchmarks: AWS's JSON 1.0 protocol over HTTP/1.1 and TLS, in a process of its own.

It checks no signatures and keeps no time; about what it was given and what it handed out it is honest (see `queues`).
Beside the protocol it has a control interface, `POST /bench/VERB` with JSON, through which a benchmark fills queues,
waits for them to be worked off, and reads their counts. `python -m tests.benchmarks.stub.server HOST PORT [TLS_PORT
CERTIFICATE KEY]` serves until it is told to stop, or until its standard input ends.
"""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from typing import cast

import httptools
import msgspec
import uvloop
from tests.benchmarks.events import events
from tests.benchmarks.stub.calls import CALLS, BadCall, Queues, ReceiveRequest
from tests.benchmarks.stub.queues import Queue
from tests.benchmarks.stub.report import QueueReport

_receive_decoder = msgspec.json.Decoder(ReceiveRequest)


class _Poll:
    """A ReceiveMessage that waits for messages."""

    __slots__ = ("connection", "queue", "request", "timer")

    def __init__(self, connection: Connection, queue: Queue, request: ReceiveRequest) -> None:
        self.connection = connection
        self.queue = queue
        self.request = request
        self.timer: asyncio.TimerHandle | None = None


class _LoadRequest(msgspec.Struct):
    """Events to put into a queue, invisible until released."""

    queue: str
    count: int
    shape: int
    seed: int


class _QueueRequest(msgspec.Struct):
    """A queue by name; `sink` makes one that keeps only counts."""

    queue: str
    sink: bool = False


class _WaitRequest(msgspec.Struct):
    """Answered when so many messages of the queue were deleted, or so many polls are parked on it; or after a time."""

    queue: str
    deleted: int = 0
    parked: int = 0
    seconds: float = 30.0


class Service:
    """The queues, the polls parked on them, and the control interface."""

    def __init__(self, origin: str) -> None:
        self.queues = Queues()
        self.queues.origin = origin
        self._parked: dict[str, deque[_Poll]] = {}
        self._watchers: list[tuple[Callable[[], bool], Connection, asyncio.TimerHandle]] = []
        self._control: dict[str, Callable[[Connection, bytes], None]] = {
            "queue": self._open,
            "load": self._load,
            "release": self._release,
            "wait": self._wait,
            "report": self._report,
        }

    def call(self, connection: Connection, target: str, body: bytes) -> None:
        """Answer one call of SQS, now or, if it is a long poll, later."""
        try:
            if target == "ReceiveMessage":
                self._receive(connection, body)
            elif target in CALLS:
                connection.answer(CALLS[target](self.queues, body))
            else:
                raise BadCall("UnknownOperationException", "InvalidAction", f"The stub does not know {target!r}.")
        except BadCall as refusal:
            answer = {"__type": f"com.amazonaws.sqs#{refusal.shape}", "message": str(refusal)}
            connection.answer(msgspec.json.encode(answer), refusal.query_code)
        except msgspec.DecodeError as error:
            answer = {"__type": "com.amazon.coral.service#SerializationException", "message": str(error)}
            connection.answer(msgspec.json.encode(answer), "MalformedInput")

    def control(self, connection: Connection, verb: str, body: bytes) -> None:
        """Answer one call of the control interface, now or later."""
        self._control[verb](connection, body)

    def forget(self, connection: Connection) -> None:
        """The connection is gone: so is the poll that waited on it."""
        poll = connection.poll
        if poll is not None:
            self._parked[poll.queue.name].remove(poll)
            assert poll.timer is not None
            poll.timer.cancel()

    def _receive(self, connection: Connection, body: bytes) -> None:
        request = _receive_decoder.decode(body)
        if not 1 <= request.max_number_of_messages <= 10 or not 0 <= request.wait_time_seconds <= 20:
            raise BadCall("InvalidParameterValue", "InvalidParameterValue", "MaxNumberOfMessages or WaitTimeSeconds.")
        queue = self.queues.at(request.queue_url)
        poll = _Poll(connection, queue, request)
        if queue:
            self._hand_out(poll)
        elif request.wait_time_seconds:
            poll.timer = asyncio.get_running_loop().call_later(request.wait_time_seconds, self._give_up, poll)
            connection.poll = poll
            self._parked.setdefault(queue.name, deque()).append(poll)
            queue.arrived = partial(self._serve_parked, queue)
            self._check_watchers()
        else:
            queue.empty_receives += 1
            connection.answer(b"{}")

    def _hand_out(self, poll: _Poll) -> None:
        request = poll.request
        messages = poll.queue.take(
            request.max_number_of_messages,
            system=bool(request.message_system_attribute_names or request.attribute_names),
            attributes=bool(request.message_attribute_names),
        )
        poll.connection.answer(b'{"Messages":[%s]}' % b",".join(messages))

    def _serve_parked(self, queue: Queue) -> None:
        parked = self._parked[queue.name]
        while parked and queue:
            poll = parked.popleft()
            assert poll.timer is not None
            poll.timer.cancel()
            poll.connection.poll = None
            self._hand_out(poll)

    def _give_up(self, poll: _Poll) -> None:
        self._parked[poll.queue.name].remove(poll)
        poll.connection.poll = None
        poll.queue.empty_receives += 1
        poll.connection.answer(b"{}")

    def _open(self, connection: Connection, body: bytes) -> None:
        request = msgspec.json.decode(body, type=_QueueRequest)
        queue = self.queues.open(request.queue, sink=request.sink)
        queue.clear()
        queue.reset()
        queue.settled = self._check_watchers
        connection.answer(msgspec.json.encode(self.queues.url(request.queue)))

    def _load(self, connection: Connection, body: bytes) -> None:
        request = msgspec.json.decode(body, type=_LoadRequest)
        for event in events(request.shape, request.count, request.seed):
            self.queues[request.queue].put(event, {}, stage=True)
        gc.collect()
        connection.answer(b"{}")

    def _release(self, connection: Connection, body: bytes) -> None:
        self.queues[msgspec.json.decode(body, type=_QueueRequest).queue].release()
        connection.answer(b"{}")

    def _wait(self, connection: Connection, body: bytes) -> None:
        request = msgspec.json.decode(body, type=_WaitRequest)
        queue = self.queues[request.queue]

        def reached() -> bool:
            parked = len(self._parked.get(request.queue, ()))
            return queue.deleted >= request.deleted and parked >= request.parked

        timer = asyncio.get_running_loop().call_later(request.seconds, self._stop_watching, connection)
        self._watchers.append((reached, connection, timer))
        self._check_watchers()

    def _check_watchers(self) -> None:
        for watcher in list(self._watchers):
            reached, connection, timer = watcher
            if reached():
                self._watchers.remove(watcher)
                timer.cancel()
                connection.answer(b"true")

    def _stop_watching(self, connection: Connection) -> None:
        self._watchers = [watcher for watcher in self._watchers if watcher[1] is not connection]
        connection.answer(b"false")

    def _report(self, connection: Connection, body: bytes) -> None:
        connection.answer(msgspec.json.encode({name: QueueReport.of(queue) for name, queue in self.queues.items()}))


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, kept alive; one request at a time, as SQS's clients do it."""

    _now = 0
    _date = b""

    def __init__(self, service: Service) -> None:
        self.poll: _Poll | None = None
        self._service = service
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._path = b""
        self._target = ""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class

    def connection_lost(self, error: Exception | None) -> None:
        self._service.forget(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            assert self._transport is not None
            self._transport.abort()
            print("not HTTP:", error, file=sys.stderr)

    def on_message_begin(self) -> None:
        self._path = b""
        self._target = ""
        self._body = []

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 12 and name.lower() == b"x-amz-target":
            self._target = value.decode().removeprefix("AmazonSQS.")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        if self._path.startswith(b"/bench/"):
            self._service.control(self, self._path.decode().rpartition("/")[2], body)
        else:
            self._service.call(self, self._target, body)

    def answer(self, body: bytes, error: str = "") -> None:
        """Send an answer; with `error`, one that says which."""
        assert self._transport is not None
        now = int(time.time())
        if now != Connection._now:
            Connection._now, Connection._date = now, formatdate(now, usegmt=True).encode()
        self._transport.write(
            b"HTTP/1.1 %s\r\nx-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nDate: %s\r\n"
            b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n%sconnection: keep-alive\r\n\r\n%s"
            % (
                b"400 Bad Request" if error else b"200 OK",
                Connection._date,
                len(body),
                b"x-amzn-query-error: %s;Sender\r\n" % error.encode() if error else b"",
                body,
            )
        )


async def serve(host: str, port: int, tls_port: int = 0, certificate: str = "", key: str = "") -> None:
    """Serve until cancelled."""
    loop = asyncio.get_running_loop()
    service = Service(f"http://{host}:{port}")
    servers = [await loop.create_server(lambda: Connection(service), host, port)]
    if tls_port:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        servers.append(await loop.create_server(lambda: Connection(service), host, tls_port, ssl=context))
    # Hundreds of thousands of messages live here for seconds: collecting would only find them alive.
    gc.disable()
    await asyncio.gather(*(server.serve_forever() for server in servers))


def exit_with_parent() -> None:
    """Read standard input to its end, which comes when the process that started us is gone, and exit."""
    while os.read(0, 1):
        pass
    os._exit(0)


def main(arguments: list[str]) -> None:
    """`HOST PORT [TLS_PORT CERTIFICATE KEY]`."""
    threading.Thread(target=exit_with_parent, name="parent", daemon=True).start()
    host, port, *tls = arguments
    if tls:
        uvloop.run(serve(host, int(port), int(tls[0]), tls[1], tls[2]))
    else:
        uvloop.run(serve(host, int(port)))


if __name__ == "__main__":
    main(sys.argv[1:])
