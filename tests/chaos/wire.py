"""The HTTP/1.1 server side of the fault proxy: requests in, answers out, whole or spoilt.

Only what SQS clients speak: POST with Content-Length over keep-alive connections, and GET. An answer can be cut off,
or the connection reset instead of one. What is answered is decided elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import NamedTuple

__all__ = ["RESET", "Answer", "Request", "serve"]


class Request(NamedTuple):
    """One request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """One answer. `cut` sends only so many bytes of the body that Content-Length announces, then hangs up."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    cut: int | None = None
    reset: bool = False


RESET = Answer(0, b"", reset=True)
"""No answer: the connection is reset (RST)."""

Handler = Callable[[Request], Awaitable[Answer]]


@asynccontextmanager
async def serve(handler: Handler) -> AsyncIterator[int]:
    """Serve on a free port of 127.0.0.1, which is given out, until the end of the context.

    When a client hangs up, the call to `handler` that it waited for is cancelled. What `handler` raised is raised at
    the end.
    """
    connections: set[_Connection] = set()
    errors: list[Exception] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(handler, connections, errors), "127.0.0.1", 0)
    try:
        port: int = server.sockets[0].getsockname()[1]
        yield port
    finally:
        server.close()
        for connection in list(connections):
            connection.abort()
        await server.wait_closed()
    if errors:
        raise ExceptionGroup("the handler failed", errors)


class _Connection(asyncio.Protocol):
    """One client connection: one request at a time, as keep-alive clients send them."""

    def __init__(self, handler: Handler, connections: set[_Connection], errors: list[Exception]) -> None:
        self._handler = handler
        self._connections = connections
        self._errors = errors
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._next()

    def _next(self) -> None:
        request = None if self._task is not None else self._take()
        if request is not None:
            self._task = asyncio.get_running_loop().create_task(self._answer(request), name=f"answer {request.path}")

    def _take(self) -> Request | None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        start, length = end + 4, int(headers.get("content-length", "0"))
        if len(self._received) < start + length:
            return None
        body = bytes(self._received[start : start + length])
        del self._received[: start + length]
        method, path, _ = first.split(" ", 2)
        return Request(method, path, headers, body)

    async def _answer(self, request: Request) -> None:
        transport = self._transport
        assert transport is not None
        try:
            answer = await self._handler(request)
        except Exception as error:  # noqa: BLE001 - told by `serve`
            self._errors.append(error)
            transport.abort()
            return
        if answer.reset or transport.is_closing():
            transport.abort()
            return
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if answer.cut is not None:
            transport.write(head + answer.body[: answer.cut])
            transport.close()
            return
        transport.write(head + answer.body)
        self._task = None
        self._next()
