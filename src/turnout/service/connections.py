"""The connections of the HTTP port: how many there may be, and what is the same in every answer on them."""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import cast

from aiohttp import web

__all__ = ["HEADERS", "Connections", "most_connections"]

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 200
"""Open ones, about. Without a bound whoever reaches the port could take every file descriptor of the worker, which
needs some for its queues and its rule files."""
_KEEP_ALIVE_SECONDS = 30.0

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "turnout",  # in place of the library's, which tells its version and Python's
    "X-Content-Type-Options": "nosniff",
}


class Connections:
    """Makes the protocol of each new connection. When there are too many, the oldest make way.

    So a probe is answered even while somebody holds as many connections as he likes.
    """

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._log = _protocol_log()
        self._most = most_connections()

    def __call__(self) -> asyncio.Protocol:
        """A protocol for one more."""
        made = self._server.connections
        for oldest in made[: max(0, len(made) + 1 - self._most)]:
            assert isinstance(oldest, _Protocol)  # noqa: S101 - for the type checker: all are made here
            oldest.make_way()
        return _Protocol(
            self._server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as its documentation has it
            logger=self._log,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
        )


class _Protocol(web.RequestHandler):
    """One connection, which can be ended at once, and whose answer to what is no HTTP has the headers of all others."""

    __slots__ = ("_wire",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        super().connection_made(transport)
        self._wire = cast("asyncio.Transport", transport)

    def make_way(self) -> None:
        """End it. Only closed, it would stay open until the other side has read what it was sent, and so for ever."""
        self._wire.abort()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer."""
        answer = super().handle_error(request, status, exc, message)
        answer.headers.update(HEADERS)
        return answer


def most_connections() -> int:
    """A quarter of the descriptors that the process may have, where these are few."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if descriptors < 0 else max(1, min(MOST_CONNECTIONS, descriptors // 4))


def _protocol_log() -> logging.Logger:
    """For aiohttp's own lines: to it, garbage from outside is an error, with a traceback and the garbage."""

    def tone_down(record: logging.LogRecord) -> bool:
        record.exc_info = None
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return log.isEnabledFor(logging.DEBUG)

    quiet = logging.getLogger(f"{__name__}.protocol")
    quiet.filters = [tone_down]
    return quiet
