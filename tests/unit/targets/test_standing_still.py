"""A process that stood still longer than a call may take: what was answered meanwhile is taken, and not done again."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
import uvloop
from tests.unit.targets.endpoint import Endpoint, endpoint

from turnout.sqs.aio import AioSqs
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.deadline import Deadline
from turnout.sqs.session import AwsConfig, AwsSession
from turnout.targets.aws import AwsClients, TopicDestination
from turnout.targets.http import HttpDestination

CALL_SECONDS = 0.3
STANDING_SECONDS = 1.5

TAKEN = b"""<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>
<Successful><member><Id>0</Id><MessageId>m0</MessageId></member></Successful>
</PublishBatchResult></PublishBatchResponse>"""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with endpoint() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url.partition("/hook")[0])
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        running.status = 200
        yield running


async def standing_still(service: Endpoint, call: Callable[[], Awaitable[object]]) -> None:
    """Make `call`, and stand still from when it was received until long after it was answered."""
    await call()  # with a connection that is open and a client that is built, what is left is the answer
    service.answering.clear()
    known = len(service.got)
    calling = asyncio.ensure_future(call())
    async with asyncio.timeout(10):
        while len(service.got) == known:
            await asyncio.sleep(0)
    threading.Timer(0.1, service.answering.set).start()
    time.sleep(STANDING_SECONDS)  # noqa: ASYNC251 - that is what it is about
    await calling
    assert len(service.got) == known + 1


async def an_endpoint(service: Endpoint) -> None:
    async with httpx.AsyncClient() as client:
        destination = HttpDestination(client, service.url, call_seconds=CALL_SECONDS)
        await standing_still(service, lambda: destination.send([OutgoingMessage("{}")]))


async def a_topic(service: Endpoint) -> None:
    service.body = TAKEN
    clients = AwsClients(call_seconds=5.0)
    destination = TopicDestination(clients, "arn:aws:sns:us-east-1:111122223333:events")
    try:
        await destination.send([OutgoingMessage("{}")])
        clients.call_seconds = CALL_SECONDS
        await standing_still(service, lambda: destination.send([OutgoingMessage("{}")]))
    finally:
        await clients.aclose()


async def a_queue_by_aioboto3(service: Endpoint) -> None:
    service.body = b'{"Attributes": {}}'
    service.headers = {"content-type": "application/x-amz-json-1.0"}
    sqs = AioSqs(AwsSession(AwsConfig(connect_seconds=CALL_SECONDS / 2, answer_seconds=CALL_SECONDS / 2)))
    queue = "https://sqs.us-east-1.amazonaws.com/111122223333/events"
    try:
        await standing_still(service, lambda: sqs.queue_attributes(queue))
    finally:
        await sqs.aclose()


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("spoken_to", [an_endpoint, a_topic, a_queue_by_aioboto3])
def test_an_answer_that_came_while_the_process_stood_still_is_taken(
    service: Endpoint, spoken_to: Callable[[Endpoint], Awaitable[None]], runner: Callable[[Awaitable[None]], None]
) -> None:
    runner(spoken_to(service))


def test_a_process_that_is_always_held_up_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        now, stood_still = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: now() + stood_still)

        async def held_up() -> None:
            nonlocal stood_still
            async with Deadline(0.5):
                for _ in range(2):
                    stood_still += 5.0
                    for _ in range(3):  # timers that are due are called
                        await asyncio.sleep(0)

        with pytest.raises(TimeoutError):
            await held_up()

    asyncio.run(main())


def test_what_has_been_lifted_is_no_longer_bounded() -> None:
    async def main() -> None:
        async with Deadline(0.0) as deadline:
            deadline.lift()
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_what_is_lifted_at_the_moment_when_it_is_due_is_no_longer_bounded() -> None:
    async def main() -> None:
        async with Deadline(0.0) as deadline:
            for _ in range(2):  # it has just become due, and nothing has come of that yet
                await asyncio.sleep(0)
            deadline.lift()
            await asyncio.sleep(0.01)

    asyncio.run(main())
