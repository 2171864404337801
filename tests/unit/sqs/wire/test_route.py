"""Exchanges over HTTP/1.1 with servers of every temper: what is answered, what is repeated, what is given up."""

from __future__ import annotations

import asyncio
import calendar
import contextlib
import hashlib
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tests.servers.certificates import make_certificates
from tests.servers.processes import free_port
from tests.servers.raw import Peer, Request, answer, raw_server, serving

from turnout.errors import SqsDenied, SqsQueueMissing, SqsRejected, SqsUnavailable
from turnout.sqs.credentials import Credentials, CredentialsKeeper
from turnout.sqs.session import AwsConfig
from turnout.sqs.wire import connection
from turnout.sqs.wire.endpoint import parse_endpoint
from turnout.sqs.wire.route import Operation, Route
from turnout.sqs.wire.sign import Signer

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
DELETE = Operation("DeleteMessageBatch")
SEND = Operation("SendMessageBatch", repeatable=False)
RECEIVE = Operation("ReceiveMessage", polls=True)
MEBIBYTE = b"x" * 1_048_576


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
_loop = ["asyncio"]


@pytest.fixture(params=list(LOOPS), autouse=True)
def loop(request: pytest.FixtureRequest) -> None:
    """Every test runs on both event loops: they close, time and fail in ways of their own."""
    _loop[0] = request.param


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test; what is to be given up in time, and is not, fails it after 15 seconds."""
    with asyncio.Runner(loop_factory=LOOPS[_loop[0]]) as runner:
        runner.run(asyncio.wait_for(test, 15))


@asynccontextmanager
async def open_route(
    url: str,
    *,
    ca: Path | None = None,
    max_connections: int = 8,
    connect_seconds: float = 5.0,
    answer_seconds: float = 5.0,
    credentials: list[Credentials] | None = None,
) -> AsyncIterator[Route]:
    """A route with fixed credentials, or with the given ones: the next each time they are looked for anew."""
    known = credentials or [Credentials("AKID", "secret")]

    async def load(anew: bool) -> Credentials:
        if anew and len(known) > 1:
            del known[0]
        return known[0]

    config = AwsConfig(connect_seconds=connect_seconds, answer_seconds=answer_seconds, max_connections=max_connections)
    route = Route(parse_endpoint(url, str(ca or "")), "eu-west-1", CredentialsKeeper(load), config)
    try:
        yield route
    finally:
        route.close()


def test_a_request_says_what_sqs_needs_to_know() -> None:
    async def test() -> None:
        seen: list[Request] = []

        def handle(request: Request) -> object:
            seen.append(request)
            return {"ok": True}

        async with (
            raw_server(serving(handle)) as server,
            open_route(server.url, credentials=[Credentials("AKID", "secret", "token")]) as route,
        ):
            assert await route.call(DELETE, QUEUE, b'{"a":1}', 5) == b'{"ok": true}'
        (request,) = seen
        assert request.line == "POST / HTTP/1.1"
        assert request.headers["host"] == f"127.0.0.1:{server.port}"
        assert request.headers["content-type"] == "application/x-amz-json-1.0"
        assert request.headers["x-amz-target"] == "AmazonSQS.DeleteMessageBatch"
        assert request.headers["x-amzn-query-mode"] == "true"
        assert request.headers["x-amz-security-token"] == "token"
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
        assert request.headers["user-agent"].startswith("turnout/")
        assert request.body == b'{"a":1}'

    run(test())


@pytest.mark.parametrize("digest", [None, hashlib.sha256(b'{"a":1}').hexdigest()], ids=["made here", "given"])
def test_what_is_sent_is_what_is_signed(digest: str | None) -> None:
    async def test() -> None:
        seen: list[Request] = []

        def handle(request: Request) -> object:
            seen.append(request)
            return {}

        credentials = Credentials("AKID", "secret", "token")
        async with (
            raw_server(serving(handle)) as server,
            open_route(server.url, credentials=[credentials]) as route,
        ):
            await route.call(DELETE, QUEUE, b'{"a":1}', 5, digest)
        (request,) = seen
        at = calendar.timegm(time.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))
        assert abs(at - time.time()) < 60
        signer = Signer("eu-west-1", request.headers["host"])
        signed = signer.headers(
            "AmazonSQS.DeleteMessageBatch", hashlib.sha256(request.body).hexdigest(), credentials, at
        )
        assert f"Authorization: {request.headers['authorization']}\r\n" in signed

    run(test())


@pytest.mark.parametrize(
    "written",
    [
        answer(b"hello"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"hello"),
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(b"hello"),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_answers_are_read_however_they_are_framed_and_cut(written: bytes, piece: int) -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            while True:
                await peer.request()
                for start in range(0, len(written), piece):
                    await peer.write(written[start : start + piece])
                    await asyncio.sleep(0)

        async with raw_server(converse) as server, open_route(server.url) as route:
            for _ in range(2):
                assert await route.call(DELETE, QUEUE, b"{}", 5) == b"hello"
            assert server.connections == 1

    run(test())


def test_an_answer_may_end_with_its_connection() -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.write(b"HTTP/1.1 200 OK\r\nServer: old\r\n\r\nhel")
            await peer.write(b"lo")

        async with raw_server(converse) as server, open_route(server.url) as route:
            for _ in range(2):
                assert await route.call(DELETE, QUEUE, b"{}", 5) == b"hello"
            assert server.connections == 2

    run(test())


def test_a_mebibyte_goes_out_and_ten_come_back() -> None:
    async def test() -> None:
        def handle(request: Request) -> bytes:
            assert request.body == MEBIBYTE
            return answer(MEBIBYTE * 10)

        async with raw_server(serving(handle)) as server, open_route(server.url) as route:
            for _ in range(2):
                assert await route.call(SEND, QUEUE, MEBIBYTE, 10) == MEBIBYTE * 10
            assert server.connections == 1

    run(test())


def test_a_connection_is_used_again_unless_the_server_says_close() -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.answer()
            await peer.request()
            await peer.answer(Connection="close")
            await peer.closed()

        async with raw_server(converse) as server, open_route(server.url) as route:
            for _ in range(4):
                await route.call(SEND, QUEUE, b"{}", 5)
            assert server.connections == 2

    run(test())


def test_a_kept_connection_that_the_server_has_closed_is_not_used() -> None:
    async def test() -> None:
        ended = asyncio.Queue[int]()

        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.answer()
            await peer.end()
            ended.put_nowait(peer.number)

        async with raw_server(converse) as server, open_route(server.url) as route:
            for number in range(3):
                await route.call(SEND, QUEUE, b"{}", 5)
                assert await ended.get() == number
            assert server.connections == 3

    run(test())


def test_a_harmless_call_is_repeated_when_a_kept_connection_is_closed_under_it() -> None:
    async def test() -> None:
        seen: list[int] = []

        async def converse(peer: Peer) -> None:
            await peer.request()
            seen.append(peer.number)
            await peer.answer()
            await peer.request()
            seen.append(peer.number)
            if peer.number == 1:
                await peer.answer()

        async with raw_server(converse) as server, open_route(server.url) as route:
            for _ in range(3):
                assert await route.call(DELETE, QUEUE, b"{}", 5) == b"{}"
        assert seen == [0, 0, 1, 1]

    run(test())


def test_a_send_is_never_repeated_when_a_kept_connection_is_closed_under_it() -> None:
    async def test() -> None:
        sends = 0

        async def converse(peer: Peer) -> None:
            nonlocal sends
            await peer.request()
            await peer.answer()
            await peer.request()
            sends += 1

        async with raw_server(converse) as server, open_route(server.url) as route:
            await route.call(SEND, QUEUE, b"{}", 5)
            with pytest.raises(SqsUnavailable) as caught:
                await route.call(SEND, QUEUE, b"{}", 5)
        assert (caught.value.code, caught.value.operation, caught.value.queue) == (
            "ConnectionClosed",
            "SendMessageBatch",
            "orders",
        )
        assert sends == 1

    run(test())


@pytest.mark.parametrize("operation", [SEND, DELETE])
def test_nothing_is_repeated_on_a_new_connection(operation: Operation) -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await peer.request()

        async with raw_server(converse) as server, open_route(server.url) as route:
            with pytest.raises(SqsUnavailable, match="ConnectionClosed"):
                await route.call(operation, QUEUE, b"{}", 5)
            assert server.connections == 1

    run(test())


@pytest.mark.parametrize(
    "written",
    [
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n",
    ],
)
def test_a_cut_answer_is_no_answer_and_the_call_is_not_repeated(written: bytes) -> None:
    async def test() -> None:
        requests = 0

        async def converse(peer: Peer) -> None:
            nonlocal requests
            if peer.number == 0:
                await peer.request()
                await peer.answer()
            await peer.request()
            requests += 1
            await peer.write(written)

        async with raw_server(converse) as server, open_route(server.url) as route:
            await route.call(DELETE, QUEUE, b"{}", 5)
            with pytest.raises(SqsUnavailable, match="ConnectionClosed"):
                await route.call(DELETE, QUEUE, b"{}", 5)
        assert requests == 1

    run(test())


@pytest.mark.parametrize(
    "written",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_what_is_not_an_http_answer_is_said_to_be_none(written: bytes) -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.write(written)
            await peer.closed()

        async with raw_server(converse) as server, open_route(server.url) as route:
            with pytest.raises(SqsUnavailable, match="BadAnswer"):
                await route.call(DELETE, QUEUE, b"{}", 5)

    run(test())


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 5_000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x" * 5_000),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", b"x" * 5_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1388\r\n" + b"x" * 5_000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Filler: " + b"x" * 5_000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Filler: ", b"x" * 5_000),
    ],
    ids=["headers", "one header", "body", "chunks", "trailers", "one trailer"],
)
def test_an_answer_without_end_is_not_read_for_ever(start: bytes, part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_ANSWER_BYTES", 100_000)

    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await peer.request()
            with contextlib.suppress(ConnectionError):
                await peer.write(start)
                while True:
                    await peer.write(part)

        async with raw_server(converse) as server, open_route(server.url) as route:
            with pytest.raises(SqsUnavailable, match="too large"):
                await route.call(DELETE, QUEUE, b"{}", 30)

    run(test())


@pytest.mark.parametrize("more", [answer(b"nobody's"), b"HTTP/1.1 20", b"H"])
def test_bytes_nobody_asked_for_end_the_connection(more: bytes) -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.write(answer(b"mine") + more)
            await peer.closed()

        async with raw_server(converse) as server, open_route(server.url) as route:
            for _ in range(3):
                assert await route.call(DELETE, QUEUE, b"{}", 5) == b"mine"
            assert server.connections == 3

    run(test())


def test_a_late_answer_to_nothing_ends_the_connection() -> None:
    async def test() -> None:
        answered, ended = asyncio.Event(), asyncio.Event()

        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.answer(b"mine")
            await answered.wait()
            await peer.answer(b"nobody's", 408)
            await peer.closed()
            ended.set()

        async with raw_server(converse) as server, open_route(server.url) as route:
            assert await route.call(SEND, QUEUE, b"{}", 5) == b"mine"
            answered.set()
            await ended.wait()
            assert await route.call(SEND, QUEUE, b"{}", 5) == b"mine"
            assert server.connections == 2

    run(test())


def test_a_silent_server_is_given_up_at_the_deadline() -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await peer.request()
            if peer.number == 0:
                await peer.closed()
            await peer.answer()

        async with raw_server(converse) as server, open_route(server.url, answer_seconds=60) as route:
            started = time.monotonic()
            with pytest.raises(SqsUnavailable, match="TimeoutError"):
                await route.call(DELETE, QUEUE, b"{}", 0.2)
            assert time.monotonic() - started > 0.15
            assert await route.call(DELETE, QUEUE, b"{}", 5) == b"{}"
            assert server.connections == 2

    run(test())


def test_a_server_that_drips_is_given_up_at_the_same_deadline() -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await peer.request()
            for byte in answer(b"x" * 1000):  # for twenty seconds
                await peer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        async with raw_server(converse) as server, open_route(server.url, answer_seconds=60) as route:
            with pytest.raises(SqsUnavailable, match="TimeoutError"):
                await route.call(DELETE, QUEUE, b"{}", 0.3)

    run(test())


def test_a_server_that_does_not_read_is_given_up_at_the_deadline() -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await asyncio.sleep(60)

        async with raw_server(converse) as server, open_route(server.url, answer_seconds=60) as route:
            with pytest.raises(SqsUnavailable, match="TimeoutError"):
                await route.call(SEND, QUEUE, MEBIBYTE * 8, 0.3)

    run(test())


def test_each_request_has_a_deadline_of_its_own_on_one_connection() -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.answer()
            await peer.request()
            await asyncio.sleep(1.1)
            await peer.answer()
            await peer.request()
            await peer.closed()

        async with raw_server(converse) as server, open_route(server.url, answer_seconds=60) as route:
            await route.call(DELETE, QUEUE, b"{}", 1)
            await route.call(DELETE, QUEUE, b"{}", 60)  # the first one's deadline passes meanwhile
            with pytest.raises(SqsUnavailable, match="TimeoutError"):
                await route.call(DELETE, QUEUE, b"{}", 0.2)
            assert server.connections == 1

    run(test())


def test_a_refused_connection_is_unavailable() -> None:
    async def test() -> None:
        async with open_route(f"http://127.0.0.1:{free_port()}") as route:
            with pytest.raises(SqsUnavailable, match="ConnectionRefusedError") as caught:
                await route.call(SEND, QUEUE, b"{}", 5)
            assert "127.0.0.1" in str(caught.value)

    run(test())


def test_a_connection_that_is_never_answered_is_given_up_in_time() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, contextlib.ExitStack() as stack:
            for _ in range(3):  # nobody accepts these, and then there is no room for another
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(deaf.getsockname())
            async with open_route(f"http://127.0.0.1:{deaf.getsockname()[1]}", connect_seconds=0.2) as route:
                with pytest.raises(SqsUnavailable, match=r"ConnectTimeout.* within 0\.2 s"):
                    await route.call(SEND, QUEUE, b"{}", 60)

    run(test())


def test_a_host_without_an_address_is_unavailable() -> None:
    async def test() -> None:
        async with open_route("http://nowhere.invalid") as route:
            with pytest.raises(SqsUnavailable, match=r"cannot connect to nowhere\.invalid:80"):
                await route.call(SEND, QUEUE, b"{}", 5)

    run(test())


# Errors that SQS answers with


@pytest.mark.parametrize(
    ("written", "error", "code"),
    [
        (
            answer({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "No such queue."}, 400),
            SqsQueueMissing,
            "QueueDoesNotExist",
        ),
        (
            answer({"message": "No."}, 400, x_amzn_query_error="AWS.SimpleQueueService.NonExistentQueue;Sender"),
            SqsQueueMissing,
            "QueueDoesNotExist",
        ),
        (answer({"__type": "AccessDeniedException", "Message": "No."}, 403), SqsDenied, "AccessDenied"),
        (answer({"__type": "com.amazon.coral.service#InternalFailure"}, 500), SqsUnavailable, "InternalFailure"),
        (answer({"__type": "RequestThrottled", "message": "Slow."}, 403), SqsUnavailable, "RequestThrottled"),
        (answer({"__type": "InvalidParameterValueException"}, 400), SqsRejected, "InvalidParameterValue"),
        (answer({"__type": "com.amazonaws.sqs#BatchRequestTooLong"}, 400), SqsRejected, "BatchRequestTooLong"),
        (answer(b"<html>Bad gateway</html>", 502), SqsUnavailable, "BadAnswer"),
        (answer(b"<html>Log in to the network</html>", 403), SqsUnavailable, "BadAnswer"),
        (answer(b"", 404), SqsUnavailable, "BadAnswer"),
        (answer({"message": "No."}, 400), SqsUnavailable, "BadAnswer"),
        (answer(b"[]", 400), SqsUnavailable, "BadAnswer"),
        (answer(b"moved", 301, Location="http://elsewhere/"), SqsUnavailable, "BadAnswer"),
        (answer(b'{"__type": "Thr', 503), SqsUnavailable, "BadAnswer"),
    ],
)
def test_error_answers_become_our_errors(written: bytes, error: type[Exception], code: str) -> None:
    async def test() -> None:
        calls = 0

        def handle(_: Request) -> bytes:
            nonlocal calls
            calls += 1
            return written

        async with raw_server(serving(handle)) as server, open_route(server.url) as route:
            with pytest.raises(error) as caught:
                await route.call(SEND, QUEUE, b"{}", 5)
            assert getattr(caught.value, "code", "") == code
        assert calls == 1

    run(test())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry_After": "7"}, 7.0), ({"X_Amz_Retry_After": "1500"}, 1.5), ({"Retry_After": "soon"}, None), ({}, None)],
)
def test_the_wait_a_server_asks_for_is_handed_on(headers: dict[str, str], seconds: float | None) -> None:
    async def test() -> None:
        written = answer({"__type": "ThrottlingException"}, 400, **headers)
        async with raw_server(serving(lambda _: written)) as server, open_route(server.url) as route:
            with pytest.raises(SqsUnavailable) as caught:
                await route.call(SEND, QUEUE, b"{}", 5)
            assert caught.value.retry_after == seconds

    run(test())


EXPIRED = answer({"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "Expired."}, 400)


def test_expired_credentials_are_renewed_and_the_call_repeated_once() -> None:
    async def test() -> None:
        keys: list[str] = []

        def handle(request: Request) -> object:
            keys.append(request.headers["authorization"].partition("Credential=")[2].partition("/")[0])
            return EXPIRED if keys[-1] == "OLD" else {}

        credentials = [Credentials("OLD", "s", "t"), Credentials("NEW", "s", "t")]
        async with raw_server(serving(handle)) as server, open_route(server.url, credentials=credentials) as route:
            await route.call(SEND, QUEUE, b"{}", 5)
            await route.call(SEND, QUEUE, b"{}", 5)
        assert keys == ["OLD", "NEW", "NEW"]

    run(test())


def test_expired_credentials_without_newer_ones_are_an_error() -> None:
    async def test() -> None:
        calls = 0

        def handle(_: Request) -> object:
            nonlocal calls
            calls += 1
            return EXPIRED

        async with raw_server(serving(handle)) as server, open_route(server.url) as route:
            with pytest.raises(SqsDenied, match="ExpiredToken"):
                await route.call(SEND, QUEUE, b"{}", 5)
        assert calls == 1

    run(test())


def test_a_call_that_is_refused_with_the_newer_credentials_as_well_is_an_error() -> None:
    async def test() -> None:
        keys: list[str] = []

        def handle(request: Request) -> object:
            keys.append(request.headers["authorization"].partition("Credential=")[2].partition("/")[0])
            return EXPIRED

        credentials = [Credentials("OLD", "s", "t"), Credentials("NEW", "s", "t")]
        async with raw_server(serving(handle)) as server, open_route(server.url, credentials=credentials) as route:
            with pytest.raises(SqsDenied, match="ExpiredToken"):
                await route.call(SEND, QUEUE, b"{}", 5)
        assert keys == ["OLD", "NEW"]

    run(test())


def test_a_wrong_clock_is_corrected_by_the_servers_date_and_the_call_repeated_once() -> None:
    async def test() -> None:
        server_time = time.time() + 7200
        dates: list[str] = []

        def handle(request: Request) -> object:
            dates.append(request.headers["x-amz-date"])
            if dates[-1] < time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(server_time - 300)):
                body = {"__type": "InvalidSignatureException", "message": "Signature expired: ..."}
                return answer(body, 403, Date=formatdate(server_time, usegmt=True))
            return {}

        async with raw_server(serving(handle)) as server, open_route(server.url) as route:
            await route.call(SEND, QUEUE, b"{}", 5)
            await route.call(SEND, QUEUE, b"{}", 5)
        assert len(dates) == 3

    run(test())


def test_calls_that_a_wrong_clock_spoils_at_one_time_are_all_repeated() -> None:
    async def test() -> None:
        server_time = time.time() + 7200
        early: list[str] = []
        all_here = asyncio.Event()

        async def converse(peer: Peer) -> None:
            while True:
                date = (await peer.request()).headers["x-amz-date"]
                if date > time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(server_time - 300)):
                    await peer.write(answer({}))
                    continue
                early.append(date)
                if len(early) == 4:
                    all_here.set()
                await all_here.wait()
                body = {"__type": "InvalidSignatureException", "message": "Signature expired: ..."}
                await peer.write(answer(body, 403, Date=formatdate(server_time, usegmt=True)))

        async with raw_server(converse) as server, open_route(server.url) as route:
            await asyncio.gather(*(route.call(SEND, QUEUE, b"{}", 5) for _ in range(4)))
        assert len(early) == 4

    run(test())


def test_a_clock_that_was_corrected_is_not_corrected_again_by_the_same_date() -> None:
    async def test() -> None:
        calls = 0

        def handle(_: Request) -> object:
            nonlocal calls
            calls += 1
            date = formatdate(time.time() + 7200, usegmt=True)
            return answer({"__type": "InvalidSignatureException"}, 403, Date=date)

        async with raw_server(serving(handle)) as server, open_route(server.url) as route:
            for made in (2, 3):
                with pytest.raises(SqsDenied, match="InvalidSignatureException"):
                    await route.call(SEND, QUEUE, b"{}", 5)
                assert calls == made

    run(test())


def test_no_other_error_is_answered_by_a_second_attempt_though_the_clock_is_wrong() -> None:
    async def test() -> None:
        calls = 0

        def handle(_: Request) -> object:
            nonlocal calls
            calls += 1
            return answer({"__type": "InternalFailure"}, 500, Date=formatdate(time.time() + 7200, usegmt=True))

        async with raw_server(serving(handle)) as server, open_route(server.url) as route:
            with pytest.raises(SqsUnavailable, match="InternalFailure"):
                await route.call(SEND, QUEUE, b"{}", 5)
        assert calls == 1

    run(test())


@pytest.mark.parametrize("date", ["now", "", "yesterday", f"Mon, 01 Jan {10**20} 00:00:00 GMT"])
def test_a_bad_signature_with_a_right_clock_is_an_error(date: str) -> None:
    async def test() -> None:
        calls = 0

        def handle(_: Request) -> object:
            nonlocal calls
            calls += 1
            return answer(
                {"__type": "InvalidSignatureException"}, 403, Date=formatdate(usegmt=True) if date == "now" else date
            )

        async with raw_server(serving(handle)) as server, open_route(server.url) as route:
            with pytest.raises(SqsDenied, match="InvalidSignatureException"):
                await route.call(SEND, QUEUE, b"{}", 5)
        assert calls == 1

    run(test())


# Cancelling, closing, the pool


def test_a_cancelled_call_gives_up_its_connection() -> None:
    async def test() -> None:
        asked, cancelled = asyncio.Event(), asyncio.Event()

        async def converse(peer: Peer) -> None:
            await peer.request()
            if peer.number == 0:
                asked.set()
                await cancelled.wait()
            await peer.answer({"number": peer.number})
            await peer.closed()

        async with raw_server(converse) as server, open_route(server.url) as route:
            call = asyncio.create_task(route.call(DELETE, QUEUE, b"{}", 5))
            await asked.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            cancelled.set()
            assert await route.call(DELETE, QUEUE, b"{}", 5) == b'{"number": 1}'

    run(test())


def test_a_cancelled_call_takes_nobodys_place() -> None:
    async def test() -> None:
        asked = asyncio.Event()

        async def converse(peer: Peer) -> None:
            await peer.request()
            if peer.number == 0:
                asked.set()
                await peer.closed()
            await peer.answer()

        async with raw_server(converse) as server, open_route(server.url, max_connections=1) as route:
            call = asyncio.create_task(route.call(DELETE, QUEUE, b"{}", 5))
            await asked.wait()
            call.cancel()
            assert await route.call(DELETE, QUEUE, b"{}", 5) == b"{}"

    run(test())


@pytest.mark.parametrize("operation", [DELETE, RECEIVE])
def test_closing_fails_the_calls_under_way_and_those_that_wait(operation: Operation) -> None:
    async def test() -> None:
        asked = asyncio.Event()

        async def converse(peer: Peer) -> None:
            await peer.request()
            asked.set()
            await peer.closed()

        async with raw_server(converse) as server, open_route(server.url, max_connections=1) as route:
            calls = [asyncio.create_task(route.call(operation, QUEUE, b"{}", 5)) for _ in range(2)]
            await asked.wait()
            route.close()
            for call in calls:
                with pytest.raises(SqsUnavailable) as caught:
                    await call
                assert caught.value.code == "Closed"

    run(test())


def test_there_are_never_more_connections_than_allowed() -> None:
    async def test() -> None:
        async def converse(peer: Peer) -> None:
            while True:
                await peer.request()
                await asyncio.sleep(0.01)
                await peer.answer()

        async with raw_server(converse) as server, open_route(server.url, max_connections=3) as route:
            answers = await asyncio.gather(*(route.call(DELETE, QUEUE, b"{}", 5) for _ in range(20)))
            assert answers == [b"{}"] * 20
            assert server.connections == 3

    run(test())


def test_waiting_for_a_connection_is_bounded() -> None:
    async def test() -> None:
        asked = asyncio.Event()

        async def converse(peer: Peer) -> None:
            await peer.request()
            asked.set()
            await peer.closed()

        async with (
            raw_server(converse) as server,
            open_route(server.url, max_connections=1, answer_seconds=0.2) as route,
        ):
            first = asyncio.create_task(route.call(DELETE, QUEUE, b"{}", 60))
            await asked.wait()
            with pytest.raises(SqsUnavailable, match="PoolTimeout"):
                await route.call(DELETE, QUEUE, b"{}", 60)
            first.cancel()

    run(test())


def test_a_cancelled_wait_for_a_connection_harms_nobody() -> None:
    async def test() -> None:
        second, cancelled = asyncio.Event(), asyncio.Event()

        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.answer()
            await peer.request()
            second.set()
            await cancelled.wait()
            await peer.answer()
            while True:
                await peer.request()
                await peer.answer()

        async with raw_server(converse) as server, open_route(server.url, max_connections=1) as route:
            calls = [asyncio.create_task(route.call(DELETE, QUEUE, b"{}", 5)) for _ in range(6)]
            await second.wait()
            for call in calls[2::2]:
                call.cancel()
            cancelled.set()
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert [isinstance(a, asyncio.CancelledError) for a in answers] == [False, False, True, False, True, False]

    run(test())


def test_long_polls_never_hold_back_other_calls() -> None:
    async def test() -> None:
        polled = asyncio.Event()

        async def converse(peer: Peer) -> None:
            while True:
                if (await peer.request()).operation == "ReceiveMessage":
                    polled.set()
                    await peer.closed()
                await peer.answer()

        async with raw_server(converse) as server, open_route(server.url, max_connections=1) as route:
            poll = asyncio.create_task(route.call(RECEIVE, QUEUE, b"{}", 25))
            await polled.wait()
            assert await route.call(SEND, QUEUE, b"{}", 10) == b"{}"
            assert not poll.done()
            poll.cancel()

    run(test())


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_nobody_gets_the_answer_of_another(seed: int) -> None:
    rng = random.Random(seed)

    async def converse(peer: Peer) -> None:
        while True:
            body = (await peer.request()).body
            mood = rng.random()
            if mood < 0.1:
                return  # not a word
            written = answer(body, Connection="close") if mood < 0.2 else answer(body)
            if mood < 0.3:
                await peer.write(written[: rng.randrange(len(written))])
                return
            if mood < 0.5:
                await asyncio.sleep(rng.random() * 0.05)
            if mood < 0.6:
                await peer.write(written[:-1])
                await asyncio.sleep(rng.random() * 0.02)
                written = written[-1:]
            await peer.write(written + (answer(b"for nobody") if mood > 0.95 else b""))

    async def test() -> None:
        answered = 0

        async def ask(route: Route, caller: int) -> None:
            nonlocal answered
            for number in range(25):
                body = b"%d-%d-%s" % (caller, number, b"x" * rng.randrange(3000))
                call = asyncio.create_task(route.call(rng.choice([SEND, DELETE]), QUEUE, body, 0.03))
                if rng.random() < 0.2:
                    await asyncio.sleep(rng.random() * 0.01)
                    call.cancel()
                try:
                    assert await call == body
                    answered += 1
                except (SqsUnavailable, asyncio.CancelledError):
                    pass  # both are allowed, a wrong answer is not

        async with raw_server(converse) as server, open_route(server.url, max_connections=4) as route:
            await asyncio.gather(*(ask(route, caller) for caller in range(8)))
            assert answered > 60

    run(test())


# TLS


def test_tls_works_with_an_authority_that_is_trusted(tmp_path: Path) -> None:
    async def test() -> None:
        certificates = make_certificates(tmp_path)

        def handle(request: Request) -> bytes:
            return answer(request.body)

        async with raw_server(serving(handle), certificates.server) as server:
            for host in ("127.0.0.1", "localhost"):
                async with open_route(f"https://{host}:{server.port}", ca=certificates.ca) as route:
                    for _ in range(2):
                        assert await route.call(SEND, QUEUE, MEBIBYTE, 5) == MEBIBYTE
            assert server.connections == 2

    run(test())


def test_tls_refuses_an_authority_that_is_not_trusted(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "other").mkdir()
        certificates, other = make_certificates(tmp_path), make_certificates(tmp_path / "other")
        async with (
            raw_server(serving(lambda _: {}), certificates.server) as server,
            open_route(server.url, ca=other.ca) as route,
        ):
            with pytest.raises(SqsUnavailable, match="SSLCertVerificationError"):
                await route.call(SEND, QUEUE, b"{}", 5)

    run(test())


def test_tls_that_is_never_shaken_hands_on_is_given_up(tmp_path: Path) -> None:
    async def test() -> None:
        certificates = make_certificates(tmp_path)

        async def converse(peer: Peer) -> None:
            await peer.closed()

        async with (
            raw_server(converse) as server,
            open_route(f"https://127.0.0.1:{server.port}", ca=certificates.ca, connect_seconds=0.2) as route,
        ):
            with pytest.raises(SqsUnavailable, match="ConnectTimeout"):
                await route.call(SEND, QUEUE, b"{}", 5)

    run(test())
