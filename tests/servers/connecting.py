"""A proxy for tests: connects clients with where they want to go (CONNECT), and remembers who asked for what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class ConnectProxy:
    """A running proxy. `status` is what it answers; what is not 200 connects nobody."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 200
        self.asked: list[str] = []
        """`host:port` of each request."""
        self.credentials: list[str] = []
        """The value of each request's Proxy-Authorization."""


@asynccontextmanager
async def connect_proxy() -> AsyncIterator[ConnectProxy]:
    """A proxy on loopback."""
    state = ConnectProxy()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(OSError, EOFError, asyncio.CancelledError):
            await _connect(state, reader, writer)
        tasks.discard(task)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _connect(state: ConnectProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *headers = head.removesuffix("\r\n\r\n").split("\r\n")
    method, place, _ = line.split(" ")
    assert method == "CONNECT"
    state.asked.append(place)
    state.credentials += [each.partition(": ")[2] for each in headers if each.lower().startswith("proxy-authorization")]
    writer.write(f"HTTP/1.1 {state.status} Whatever\r\n\r\n".encode())
    await writer.drain()
    if state.status != 200:
        return
    host, _, port = place.rpartition(":")
    there_reader, there_writer = await asyncio.open_connection(host, int(port))
    try:
        await asyncio.gather(_pass_on(reader, there_writer), _pass_on(there_reader, writer))
    finally:
        there_writer.close()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        sink.write(data)
        await sink.drain()
    sink.write_eof()
