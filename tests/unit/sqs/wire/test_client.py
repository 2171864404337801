"""What the wire client keeps: one route for a place, requests it has made before, and nothing once it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
import pytest
from tests.servers.raw import Peer, Request, answer, raw_server, serving

from turnout.errors import Fault, SqsUnavailable
from turnout.sqs.api import OutgoingMessage, Sqs
from turnout.sqs.place import Place
from turnout.sqs.session import AwsConfig
from turnout.sqs.wire import client
from turnout.sqs.wire.client import open_wire_sqs
from turnout.sqs.wire.route import Operation, Route


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


def config(url: str) -> AwsConfig:
    return AwsConfig(region="eu-west-1", endpoint_url=url, answer_seconds=5)


def test_queues_of_one_place_share_a_route_however_many_ask_at_once() -> None:
    async def test() -> None:
        async with raw_server(serving(lambda _: {})) as server, open_wire_sqs(config(server.url)) as sqs:
            queues = [f"{server.url}/0/{name}" for name in "abc"]
            await asyncio.gather(*(sqs.queue_attributes(queue) for queue in queues))
            assert len({sqs._by_queue[queue] for queue in queues}) == 1
            before = server.connections
            for queue in queues:
                assert await sqs.queue_attributes(queue) == {}
            assert server.connections == before

    run(test())


def test_a_poll_asks_for_ten_messages_and_may_take_its_wait_and_the_time_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowed: list[tuple[str, float]] = []
    asked: list[dict[str, object]] = []
    call = Route.call

    async def noted(
        self: Route, operation: Operation, queue: str, body: bytes, seconds: float, body_sha256: str | None = None
    ) -> bytes:
        allowed.append((operation.name, seconds))
        return await call(self, operation, queue, body, seconds, body_sha256)

    def handle(request: Request) -> object:
        asked.append(request.parameters)
        return {}

    monkeypatch.setattr(Route, "call", noted)

    async def test() -> None:
        async with raw_server(serving(handle)) as server, open_wire_sqs(config(server.url)) as sqs:
            await sqs.receive(f"{server.url}/0/q")
            await sqs.receive(f"{server.url}/0/q", wait_seconds=3)
            await sqs.delete(f"{server.url}/0/q", ["h"])
        assert allowed == [("ReceiveMessage", 25), ("ReceiveMessage", 8), ("DeleteMessageBatch", 5)]
        assert (asked[0]["MaxNumberOfMessages"], asked[0]["WaitTimeSeconds"]) == (10, 20)
        assert "VisibilityTimeout" not in asked[0]

    run(test())


CALLS: dict[str, Callable[[Sqs, str], Awaitable[object]]] = {
    "SendMessageBatch": lambda sqs, queue: sqs.send(queue, [OutgoingMessage("x")]),
    "ReceiveMessage": lambda sqs, queue: sqs.receive(queue, wait_seconds=0),
    "DeleteMessageBatch": lambda sqs, queue: sqs.delete(queue, ["h"]),
    "ChangeMessageVisibilityBatch": lambda sqs, queue: sqs.change_visibility(queue, ["h"], 1),
    "GetQueueAttributes": lambda sqs, queue: sqs.queue_attributes(queue),
}


@pytest.mark.parametrize("operation", CALLS)
def test_of_all_calls_only_a_send_is_not_repeated_when_a_kept_connection_is_closed_under_it(operation: str) -> None:
    async def test() -> None:
        asked: list[str] = []

        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.write(answer({"Successful": [{"Id": "0", "MessageId": "m"}]}))
            asked.append((await peer.request()).operation)

        async with raw_server(converse) as server, open_wire_sqs(config(server.url)) as sqs:
            queue = f"{server.url}/0/q"
            await CALLS[operation](sqs, queue)
            if operation == "SendMessageBatch":
                with pytest.raises(SqsUnavailable, match="ConnectionClosed"):
                    await CALLS[operation](sqs, queue)
            else:
                await CALLS[operation](sqs, queue)
            assert asked == [operation]
            assert server.connections == (1 if operation == "SendMessageBatch" else 2)

    run(test())


def test_what_no_encoder_takes_is_refused_and_the_rest_is_sent() -> None:
    asked: list[object] = []

    def handle(request: Request) -> object:
        asked.append(request.parameters["Entries"])
        return {"Successful": [{"Id": "0", "MessageId": "m0"}, {"Id": "2", "MessageId": "m2"}]}

    async def test() -> None:
        good, bad = OutgoingMessage("good"), OutgoingMessage("\ud800")
        async with raw_server(serving(handle)) as server, open_wire_sqs(config(server.url)) as sqs:
            sent = await sqs.send(f"{server.url}/0/q", [good, bad, good])
            assert sent.message_ids == ("m0", None, "m2")
            assert [(failure.index, failure.fault) for failure in sent.failures] == [(1, Fault.DATA)]
            assert asked == [[{"Id": "0", "MessageBody": "good"}, {"Id": "2", "MessageBody": "good"}]]
            sent = await sqs.send(f"{server.url}/0/q", [bad, bad])
            assert sent.message_ids == (None, None)
            assert [failure.index for failure in sent.failures] == [0, 1]
            assert len(asked) == 1

    run(test())


def test_a_long_poll_holds_back_no_other_call() -> None:
    async def test() -> None:
        polling = asyncio.Event()

        async def converse(peer: Peer) -> None:
            while True:
                if (await peer.request()).operation == "ReceiveMessage":
                    polling.set()
                    await peer.closed()
                await peer.write(answer({}))

        async with raw_server(converse) as server:
            few = msgspec.structs.replace(config(server.url), max_connections=1)
            async with open_wire_sqs(few) as sqs:
                poll = asyncio.create_task(sqs.receive(f"{server.url}/0/q"))
                await polling.wait()
                assert await sqs.queue_attributes(f"{server.url}/0/q") == {}
                poll.cancel()

    run(test())


def test_only_so_many_requests_are_kept_and_each_asks_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_KEPT_RECEIVES", 3)
    asked: list[object] = []

    def handle(request: Request) -> object:
        asked.append(request.parameters["VisibilityTimeout"])
        return {}

    async def test() -> None:
        async with raw_server(serving(handle)) as server, open_wire_sqs(config(server.url)) as sqs:
            for seconds in (1, 2, 3, 4, 4, 1, 2):
                await sqs.receive(f"{server.url}/0/q", wait_seconds=0, visibility_seconds=seconds)
                assert len(sqs._receives) <= 3
        assert asked == [1, 2, 3, 4, 4, 1, 2]

    run(test())


def test_a_client_that_is_closed_has_closed_its_connections_and_opens_none() -> None:
    async def test() -> None:
        closed = asyncio.Event()

        async def converse(peer: Peer) -> None:
            await peer.request()
            await peer.write(answer({}))
            await peer.closed()
            closed.set()

        async with raw_server(converse) as server:
            async with open_wire_sqs(config(server.url)) as sqs:
                await sqs.queue_attributes(f"{server.url}/0/q")
            await closed.wait()
            for name in "qr":
                with pytest.raises(SqsUnavailable) as caught:
                    await sqs.queue_attributes(f"{server.url}/0/{name}")
                assert (caught.value.code, caught.value.queue) == ("Closed", name)
            assert server.connections == 1

    run(test())


def test_a_client_that_is_closed_while_it_looks_for_an_endpoint_opens_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with raw_server(serving(lambda _: {})) as server, open_wire_sqs(config(server.url)) as sqs:
            looking, found = asyncio.Event(), asyncio.Event()

            async def slowly(_: Place) -> str:
                looking.set()
                await found.wait()
                return server.url

            monkeypatch.setattr(sqs._session, "endpoint_url", slowly)
            call = asyncio.create_task(sqs.queue_attributes(f"{server.url}/0/q"))
            await looking.wait()
            await sqs.aclose()
            found.set()
            with pytest.raises(SqsUnavailable) as caught:
                await call
            assert caught.value.code == "Closed"
            assert server.connections == 0
            assert sqs._by_place == {}

    run(test())
