"""A bare asyncio server for tests of HTTP clients: the test's own coroutine says, byte by byte, what goes back."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

CONNECTION_SECONDS = 20


class Request(NamedTuple):
    """A request as it came. Header names are in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """The SQS operation that is asked for."""
        return self.headers["x-amz-target"].partition(".")[2]

    @property
    def parameters(self) -> dict[str, object]:
        """The JSON body."""
        parameters: dict[str, object] = json.loads(self.body)
        return parameters


class Peer:
    """The server's end of one connection."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        """How many connections there were before this one."""
        self._reader = reader
        self._writer = writer

    async def request(self) -> Request:
        """Read the next request; raises EOFError when the client closes."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        line, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if headers.get("expect") == "100-continue":
            await self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Request(line, headers, body)

    async def write(self, data: bytes) -> None:
        if self._writer.transport.is_closing():
            raise ConnectionResetError("the client has gone")  # uvloop would call it a RuntimeError
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, body: bytes | object = b"{}", status: int = 200, **headers: str) -> None:
        """A whole answer with a Content-Length; what is not bytes is sent as JSON."""
        await self.write(answer(body, status, **headers))

    async def end(self) -> None:
        """Say that nothing more will come, and wait until the client has closed the connection for that."""
        self._writer.write_eof()
        await self.closed()

    async def closed(self) -> None:
        """Wait until the client closes the connection."""
        with suppress(ConnectionError):
            while await self._reader.read(65_536):
                pass


def answer(body: bytes | object = b"{}", status: int = 200, **headers: str) -> bytes:
    """The bytes of an HTTP/1.1 answer; in header names, `_` stands for `-`."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


class RawServer:
    """A running server: its URL, and what it has seen."""

    def __init__(self) -> None:
        self.url = ""
        self.port = 0
        self.connections = 0
        self.errors: list[BaseException] = []


@asynccontextmanager
async def raw_server(
    converse: Callable[[Peer], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Serve every connection with `converse` until the end; a failed assertion in it fails the test."""
    state = RawServer()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, state.connections = state.connections, state.connections + 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            async with asyncio.timeout(CONNECTION_SECONDS):
                await converse(Peer(number, reader, writer))
        except (EOFError, ConnectionError, asyncio.CancelledError):
            pass  # the client, or the test, has had enough
        except Exception as error:  # noqa: BLE001  # handed on to the test below
            state.errors.append(error)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=4 * 1_048_576)
    state.port = server.sockets[0].getsockname()[1]
    state.url = f"{'https' if tls else 'http'}://127.0.0.1:{state.port}"
    try:
        yield state
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if state.errors:
        raise state.errors[0]


def serving(handle: Callable[[Request], bytes | object]) -> Callable[[Peer], Awaitable[None]]:
    """A conversation that answers every request with `handle`'s result: bytes as they are, else JSON, status 200."""

    async def converse(peer: Peer) -> None:
        while True:
            result = handle(await peer.request())
            await peer.write(result if isinstance(result, bytes) else answer(result))

    return converse


def trickling(head: bytes, rest: bytes = b" ") -> Callable[[Peer], Awaitable[None]]:
    """A conversation that answers one request with `head`, and then with `rest` every moment for ever."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.write(head)
        while True:
            await peer.write(rest)
            await asyncio.sleep(0.02)

    return converse
