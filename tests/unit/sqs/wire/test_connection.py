"""One connection, told byte by byte and tick by tick what happens to it: what it answers, and how it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.servers.raw import answer

from turnout.sqs.wire import connection as connections
from turnout.sqs.wire.connection import Answer, Broken, Connection


class Line(asyncio.Transport):
    """A transport that keeps what is written, and closes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


class Side:
    """Our side of a connection; `lost` are the connections it was told are no more."""

    def __init__(self) -> None:
        self.line = Line()
        self.lost: list[Connection] = []
        self.connection = Connection(asyncio.get_running_loop(), self.lost.append)
        self.connection.connection_made(self.line)

    def ask(self, seconds: float = 60.0) -> asyncio.Future[Answer]:
        return self.connection.exchange(b"request", asyncio.get_running_loop().time() + seconds)

    def hear(self, data: bytes) -> None:
        self.connection.data_received(data)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 15))


def broken(future: asyncio.Future[Answer]) -> tuple[str, str, bool]:
    """How an exchange failed: code, words, and whether nothing had come."""
    error = future.exception()
    assert isinstance(error, Broken)
    return error.code, str(error), error.silent


def test_nothing_is_sent_where_there_is_no_connection_or_none_any_more() -> None:
    async def test() -> None:
        never = Connection(asyncio.get_running_loop(), lambda _: None)
        assert never.closing
        side = Side()
        closing = [side.connection.closing]
        side.line.closed = True
        closing.append(side.connection.closing)
        assert closing == [False, True]
        unasked = ("ConnectionClosed", "the connection was closed before the request", True)
        assert broken(never.exchange(b"request", 1e9)) == unasked
        assert broken(side.ask()) == unasked
        assert side.line.written == []
        never.abort()

    run(test())


def test_a_header_that_is_not_there_is_empty() -> None:
    said = Answer(200, [(b"Date", b"today"), (b"X-Odd", b"\xe9")], b"")
    assert (said.header(b"date"), said.header(b"x-odd"), said.header(b"retry-after")) == ("today", "é", "")


def test_nothing_of_one_answer_is_found_in_the_next() -> None:
    async def test() -> None:
        side = Side()
        first = side.ask()
        side.hear(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        assert not first.done()
        side.hear(answer(b"one", X_First="yes"))
        second = side.ask()
        side.hear(answer(b"two", 400, X_Second="yes"))
        assert (first.result().status, first.result().body) == (200, b"one")
        assert first.result().headers == [(b"Content-Length", b"3"), (b"X-First", b"yes")]
        assert (second.result().status, second.result().body) == (400, b"two")
        assert second.result().headers == [(b"Content-Length", b"3"), (b"X-Second", b"yes")]
        assert side.connection.requests == 2
        assert side.connection.reusable

    run(test())


def test_many_answers_together_may_be_larger_than_one_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_ANSWER_BYTES", 1_000)

    async def test() -> None:
        side = Side()
        for _ in range(5):
            said = side.ask()
            side.hear(answer(b"x" * 600))
            assert len(said.result().body) == 600

    run(test())


def test_an_answer_without_a_length_that_ends_with_a_broken_connection_is_none() -> None:
    async def test() -> None:
        side = Side()
        said = side.ask()
        side.hear(b"HTTP/1.1 200 OK\r\n\r\nhel")
        side.connection.connection_lost(ConnectionResetError("reset by peer"))
        words = "the connection was closed before the answer was complete: reset by peer"
        assert broken(said) == ("ConnectionClosed", words, False)
        assert side.lost == [side.connection]

    run(test())


def test_a_connection_that_ends_before_the_first_byte_of_an_answer_was_silent() -> None:
    async def test() -> None:
        side = Side()
        side.ask()
        side.hear(answer(b"one"))
        said = side.ask()
        side.connection.connection_lost(None)
        words = "the connection was closed before the answer was complete"
        assert broken(said) == ("ConnectionClosed", words, True)
        assert not side.connection.reusable
        assert side.lost == [side.connection]

    run(test())


def test_an_answer_that_does_not_come_in_time_ends_the_connection() -> None:
    async def test() -> None:
        side = Side()
        said = side.ask(0.0)
        await asyncio.wait([said])
        assert broken(said) == ("TimeoutError", "no complete answer came in time", False)
        assert side.line.closed

    run(test())


def test_what_came_while_the_process_stood_still_is_read_before_the_answer_counts_as_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        time, stood_still = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: time() + stood_still)
        answered, unanswered = Side(), Side()
        said, nothing = answered.ask(0.5), unanswered.ask(0.5)
        stood_still = 5.0
        for _ in range(3):  # timers that are due are called
            await asyncio.sleep(0)
        answered.hear(answer(b"in time"))
        assert (await said).body == b"in time"
        stood_still += 1.5
        await asyncio.wait([nothing])
        assert broken(nothing) == ("TimeoutError", "no complete answer came in time", False)

    run(test())


def test_a_process_that_is_always_held_up_does_not_wait_for_an_answer_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        time, stood_still = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: time() + stood_still)
        side = Side()
        said = side.ask(0.5)
        for _ in range(2):
            stood_still += 5.0
            for _ in range(3):  # timers that are due are called
                await asyncio.sleep(0)
        assert broken(said) == ("TimeoutError", "no complete answer came in time", False)

    run(test())


@pytest.mark.parametrize("end", [b"", b"\r\nContent-Length: 0\r\n\r\n"], ids=["that go on", "that are complete"])
def test_headers_that_are_too_large_are_said_to_be(end: bytes) -> None:
    async def test() -> None:
        side = Side()
        said = side.ask()
        side.hear(b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 70_000 + end)
        assert broken(said) == ("BadAnswer", "the answer's headers are too large", False)
        assert side.line.closed

    run(test())


def test_a_large_body_is_not_taken_for_large_headers() -> None:
    async def test() -> None:
        side = Side()
        said = side.ask()
        side.hear(answer(b"x" * 70_000))
        assert len(said.result().body) == 70_000

    run(test())


def test_what_is_no_http_is_said_to_be_none() -> None:
    async def test() -> None:
        side = Side()
        said = side.ask()
        side.hear(b"SSH-2.0\r\n")
        code, words, silent = broken(said)
        assert (code, silent) == ("BadAnswer", False)
        assert words.startswith("the answer is not HTTP: ")
        assert side.line.closed

    run(test())


def test_what_comes_for_somebody_who_no_longer_waits_harms_nobody() -> None:
    def late(side: Side) -> None:
        side.hear(answer(b"late"))

    def nonsense(side: Side) -> None:
        side.hear(b"no HTTP\r\n\r\n")

    def lost(side: Side) -> None:
        side.connection.connection_lost(None)

    def too_late(side: Side) -> None:
        side.connection._on_timer()

    async def test() -> None:
        for happens in (late, nonsense, lost, too_late):
            side = Side()
            waiter = side.ask(0.0)
            waiter.cancel()
            happens(side)
            assert waiter.cancelled()
            assert side.connection.reusable is (happens is late)

    run(test())


def test_a_word_that_nobody_asked_for_ends_the_connection() -> None:
    async def test() -> None:
        side = Side()
        side.hear(b"H")
        assert side.line.closed
        assert not side.connection.reusable

    run(test())


def test_the_other_sides_end_is_ours_as_well() -> None:
    async def test() -> None:
        assert not Side().connection.eof_received()

    run(test())
