"""One HTTP/1.1 connection: a request goes out, an answer comes back, within a deadline. No pooling, no SQS.

The parser is httptools (llhttp), because it was measured (`tests.benchmarks.parsers`): it takes 2 us for an answer of
ten messages where h11 takes 49 us, as much as everything else in a call together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httptools
import msgspec

__all__ = ["Answer", "Broken", "Connection"]

MAX_ANSWER_BYTES = 64 * 1_048_576
MAX_HEADER_BYTES = 65_536
IDLE_SECONDS = 15.0
"""How long an unused connection is kept. Longer, and the risk grows that the other side has just closed it."""
_HELD_UP_SECONDS = 1.0
"""A timer that is so late says that we did not run: what came meanwhile may be read within as long again."""


class Answer(msgspec.Struct, gc=False):
    """What the server said."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> str:
        """The value of the header with this lower-case name, or ""."""
        for found, value in self.headers:
            if found.lower() == name:
                return value.decode("latin-1")
        return ""


class Broken(Exception):
    """The connection failed. `silent`: not one byte of an answer had come."""

    def __init__(self, code: str, message: str, *, silent: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.silent = silent


class Connection(asyncio.Protocol):
    """A connection that carries one request at a time. `on_lost` is called once, when it is no more.

    One timer per connection serves all its requests: it is moved only when a deadline is earlier than the timer,
    since a timer costs as much as a tenth of a call.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[Connection], None]) -> None:
        self.born = self.idle_since = loop.time()
        self.requests = 0
        self.reusable = True
        self._loop = loop
        self._on_lost = on_lost
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Kept here because uvloop's handle of a timer that is already due cannot be asked.
        self._timer_at = 0.0
        self._deadline = 0.0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._bytes = 0
        self._headers_complete = False
        self._heard = False

    def exchange(self, request: bytes, deadline: float) -> asyncio.Future[Answer]:
        """Send `request` and return the future of its answer, which fails with `Broken`; `deadline` in loop time.

        Whoever stops waiting for the future must `abort` the connection.
        """
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        self._waiter = waiter
        transport = self._transport
        if transport is None or transport.is_closing():
            self._fail(Broken("ConnectionClosed", "the connection was closed before the request", silent=True))
            return waiter
        self.requests += 1
        self._heard = False
        self._deadline = deadline
        timer = self._timer
        if timer is None or self._timer_at > deadline:
            self._set_timer(deadline)
        transport.write(request)
        return waiter

    def rest(self) -> None:
        """Nobody uses the connection now: let the timer, which runs since the first request, close it in a while."""
        self.idle_since = self._loop.time()
        self._deadline = self.idle_since + IDLE_SECONDS

    @property
    def closing(self) -> bool:
        """Whether the connection can no longer be used."""
        return self._transport is None or self._transport.is_closing()

    def abort(self, broken: Broken | None = None) -> None:
        """Close at once; a request under way fails with `broken`."""
        self.reusable = False
        if broken is not None:
            self._fail(broken)
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The event loop has connected us (after the TLS handshake)."""
        self._transport = transport  # type: ignore[assignment]  # a stream protocol is given a Transport

    def data_received(self, data: bytes) -> None:
        """The event loop has read something."""
        if self._waiter is None:
            self.abort()  # nothing was asked: whatever comes after this could not be trusted
            return
        self._heard = True
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            reason = error.__context__ if isinstance(error.__context__, Broken) else None
            self.abort(reason or Broken("BadAnswer", f"the answer is not HTTP: {error}"))
            return
        if self._bytes > MAX_ANSWER_BYTES:
            self.abort(Broken("BadAnswer", "the answer is too large"))
        elif self._bytes > MAX_HEADER_BYTES and not self._headers_complete:
            self.abort(_headers_too_large())

    def eof_received(self) -> bool:
        """The other side sends no more: False closes our side as well."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone: by the other side, by us, or by `error`."""
        self.reusable = False
        if self._timer is not None:
            self._timer.cancel()
        if self._headers_complete and error is None and self._ends_with_the_connection():
            self._answer()
        else:
            message = "the connection was closed before the answer was complete"
            self._fail(Broken("ConnectionClosed", f"{message}: {error}" if error else message, silent=not self._heard))
        self._on_lost(self)

    # httptools

    def on_message_begin(self) -> None:
        """The parser has the begin of an answer."""
        if self._waiter is None:
            self.reusable = False  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser has a header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The parser has all headers."""
        self._headers_complete = True
        if (
            self._bytes > MAX_HEADER_BYTES  # or there is no need to count
            and sum(len(name) + len(value) for name, value in self._headers) > MAX_HEADER_BYTES
        ):
            raise _headers_too_large()

    def on_body(self, part: bytes) -> None:
        """The parser has a part of the body."""
        self._body.append(part)

    def on_message_complete(self) -> None:
        """The parser has a whole answer."""
        if 100 <= self._parser.get_status_code() < 200:
            self._reset()  # an interim answer: the real one follows
            return
        self.reusable = self.reusable and self._parser.should_keep_alive()
        self._answer()

    # The rest

    def _answer(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            waiter.set_result(Answer(self._parser.get_status_code(), self._headers, body))
        self._reset()

    def _reset(self) -> None:
        self._headers = []
        self._body = []
        self._bytes = 0
        self._headers_complete = False

    def _fail(self, broken: Broken) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(broken)

    def _ends_with_the_connection(self) -> bool:
        names = {name.lower() for name, _ in self._headers}
        return self._waiter is not None and not names & {b"content-length", b"transfer-encoding"}

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now < self._deadline:
            self._set_timer(self._deadline)
        elif now - self._timer_at > _HELD_UP_SECONDS and self._timer_at <= self._deadline:
            # Timers come before what there is to read: a send that SQS has long answered would be made again. Once: who
            # is always held up must not wait for ever.
            self._set_timer(now + _HELD_UP_SECONDS)
        else:
            self.abort(Broken("TimeoutError", "no complete answer came in time"))


def _headers_too_large() -> Broken:
    return Broken("BadAnswer", "the answer's headers are too large")
