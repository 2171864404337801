"""Whatever a server or a gateway answers: the clients raise an `SqsError`, or say which entries failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from tests.chaos.wire import Answer, Request, serve

from turnout.errors import SqsError, SqsUnavailable
from turnout.sqs.aio import open_aio_sqs
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch, Sqs
from turnout.sqs.session import AwsConfig
from turnout.sqs.wire.client import open_wire_sqs

CLIENTS: dict[str, Callable[[AwsConfig], AbstractAsyncContextManager[Sqs]]] = {
    "aio": open_aio_sqs,
    "wire": open_wire_sqs,
}

NO_OBJECT = {
    "nothing": b"",
    "a page": b"<html><h1>502 Bad Gateway</h1></html>",
    "bytes that are no text": b"\x00\xff\xfe",
    "half of an object": b'{"Messages": [{"Mess',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"ok"',
    "a number": b"5",
    "a very deep list": b"[" * 100_000,
}
WRONG_OBJECT = {
    "an empty object": b"{}",
    "messages that are no list": b'{"Messages": 5}',
    "messages that are no objects": b'{"Messages": [5, null]}',
    "a message without anything": b'{"Messages": [{}]}',
    "entries that are no list": b'{"Successful": 5, "Failed": {"a": 1}}',
    "entries that are no objects": b'{"Successful": ["a"], "Failed": [null]}',
    "entries with other ids": b'{"Successful": [{"Id": "7", "MessageId": "m"}], "Failed": [{"Id": "x"}]}',
    "an id of another type": b'{"Successful": [{"Id": 0, "MessageId": "m"}]}',
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("status", [200, 400, 403, 500, 503])
def test_an_answer_that_is_not_sqs_counts_as_no_success_and_raises_nothing_foreign(client: str, status: int) -> None:
    bodies: dict[str, bytes] = {**NO_OBJECT, **WRONG_OBJECT}
    now = ""

    async def answer(_: Request) -> Answer:
        return Answer(status, bodies[now], {"Content-Type": "application/x-amz-json-1.0"})

    async def outcome(call: Awaitable[object]) -> object:
        try:
            return await call
        except SqsUnavailable:
            return "unavailable"
        except SqsError:
            return "refused"

    async def talk() -> None:
        nonlocal now
        async with serve(answer) as port, CLIENTS[client](AwsConfig(endpoint_url=f"http://127.0.0.1:{port}")) as sqs:
            queue = f"http://127.0.0.1:{port}/000000000000/events"
            for now in bodies:
                outcomes = [
                    await outcome(sqs.receive(queue, wait_seconds=0)),
                    await outcome(sqs.send(queue, [OutgoingMessage("{}"), OutgoingMessage("{}")])),
                    await outcome(sqs.delete(queue, ["a", "b"])),
                    await outcome(sqs.change_visibility(queue, ["a", "b"], 9)),
                ]
                if 400 <= status < 500:
                    assert set(outcomes) <= {"unavailable", "refused"}, now
                    continue
                received, sent, *changed = outcomes
                assert received in ("unavailable", []), now
                assert sent == "unavailable" or (isinstance(sent, SentBatch) and _all_to_be_repeated(sent.failures)), (
                    now
                )
                for failures in changed:
                    assert failures == "unavailable" or (
                        isinstance(failures, tuple) and _all_to_be_repeated(failures)
                    ), now

    asyncio.run(asyncio.wait_for(talk(), 20))


def _all_to_be_repeated(failures: tuple[EntryFailure, ...]) -> bool:
    return [failure.index for failure in failures if failure.retryable] == [0, 1]
