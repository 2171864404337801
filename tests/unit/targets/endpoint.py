"""An HTTP endpoint for tests: answers what it is told, and remembers what it got."""

from __future__ import annotations

import socket
import ssl
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
    """`status`, `headers` and `body` are what it answers next; `cut` closes the connection before the last byte.

    `garbage` is sent past TLS, after the body.
    """

    def __init__(self, port: int, scheme: str = "http") -> None:
        self.url = f"{scheme}://127.0.0.1:{port}/hook?key=hunter2"
        self.status = 204
        self.headers: dict[str, str] = {}
        self.body = b""
        self.cut = False
        self.garbage = b""
        self.got: list[Got] = []
        self.answering = threading.Event()
        self.answering.set()


@contextmanager
def endpoint(tls: ssl.SSLContext | None = None) -> Iterator[Endpoint]:
    """A running endpoint on loopback. With `tls` it says why a handshake fails, as servers do; asyncio's do not."""

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            if tls is not None:
                self.request = _shaken(self.request, tls)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

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
            if known.garbage:
                socket.socket.sendall(self.request, known.garbage)
            self.close_connection = self.close_connection or known.cut

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class says so
            """Nothing: the tests look at `got`."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Nothing: of handshakes that fail the tests hear from the client."""

    server = Server(("127.0.0.1", 0), Handler)
    known = Endpoint(server.server_port, "https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, name="endpoint")
    thread.start()
    try:
        yield known
    finally:
        known.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _shaken(connection: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    connection.settimeout(10)
    secured = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    try:
        secured.do_handshake()
    except OSError:
        # To close with something unread would be a reset, and may overtake what was said.
        while socket.socket.recv(secured, 65_536):
            pass
        secured.close()
        raise
    return secured
