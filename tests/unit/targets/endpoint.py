"""An HTTP endpoint for tests: answers what it is told, and remembers what it got."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Got(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Endpoint:
    """`status`, `headers` and `body` are what it answers next; `cut` closes the connection before the last byte."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook?key=hunter2"
        self.status = 204
        self.headers: dict[str, str] = {}
        self.body = b""
        self.cut = False
        self.got: list[Got] = []
        self.answering = threading.Event()
        self.answering.set()


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """A running endpoint on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            known.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            known.answering.wait(10)
            self.send_response(known.status)
            for name, value in known.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(known.body) + known.cut))
            self.end_headers()
            self.wfile.write(known.body)
            self.close_connection = self.close_connection or known.cut

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class says so
            """Nothing: the tests look at `got`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Endpoint(server.server_port)
    thread = threading.Thread(target=server.serve_forever, name="endpoint")
    thread.start()
    try:
        yield known
    finally:
        known.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()
