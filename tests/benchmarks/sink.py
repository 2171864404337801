"""A trace collector that counts: OTLP over HTTP, as a process of its own, so that exporting costs what it costs.

`python -m tests.benchmarks.sink PORT` takes whatever is posted, looks into `/v1/traces`, and answers `GET /count` with
the spans it got so far.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httptools
import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.benchmarks.stub.server import exit_with_parent
from tests.servers.processes import free_port

__all__ = ["Sink", "running_sink"]

START_SECONDS = 20.0


class Sink:
    """A running sink."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def count(self) -> int:
        """Spans received so far."""
        with urllib.request.urlopen(f"{self.url}/count", timeout=10) as answer:
            return int(answer.read())


@contextlib.contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink, stopped at the end."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.sink", str(port)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(__file__).parents[2])
    sink = Sink(port)
    deadline = time.monotonic() + START_SECONDS
    try:
        while True:
            with contextlib.suppress(OSError):
                sink.count()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the trace sink did not start")
            time.sleep(0.02)
        yield sink
    finally:
        process.terminate()
        process.wait()


class _Connection(asyncio.Protocol):
    spans = 0

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._body: list[bytes] = []
        self._gzip = False
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = []
        self._gzip = False
        self._path = b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._gzip |= name.lower() == b"content-encoding" and value == b"gzip"

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._transport is not None
        answer = b""
        if self._path == b"/count":
            answer = b"%d" % _Connection.spans
        elif self._path == b"/v1/traces":
            body = b"".join(self._body)
            request = ExportTraceServiceRequest.FromString(gzip.decompress(body) if self._gzip else body)
            _Connection.spans += sum(
                len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans
            )
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(answer) + answer)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", port)
    await server.serve_forever()


def main(port: int) -> None:
    """Serve until told to stop, or until standard input ends."""
    threading.Thread(target=exit_with_parent, name="parent", daemon=True).start()
    uvloop.run(_serve(port))


if __name__ == "__main__":
    main(int(sys.argv[1]))
