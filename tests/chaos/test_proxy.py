"""The fault proxy does what its journal says: every kind of fault, seen from both sides of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import boto3
import httpx
import pytest
from tests.chaos.credentials import Credentials
from tests.chaos.faults import APPLICABLE, EFFECT_WITHOUT_ANSWER, Kind, Plan
from tests.chaos.journal import HANDED_BACK, Journal
from tests.chaos.load import Fate
from tests.chaos.proxy import FaultProxy, open_proxy
from tests.chaos.upstream import Document, EmulatorUpstream, MemoryUpstream, Outcome, Upstream
from tests.servers.emulators import absent, ministack

from turnout.errors import SqsError
from turnout.message import Attribute
from turnout.sqs.aio import open_aio_sqs
from turnout.sqs.api import OutgoingMessage, SentBatch, Sqs
from turnout.sqs.memory import MemorySqs
from turnout.sqs.session import AwsConfig
from turnout.sqs.wire.client import open_wire_sqs

CLIENTS: dict[str, Callable[[AwsConfig], AbstractAsyncContextManager[Sqs]]] = {
    "aio": open_aio_sqs,
    "wire": open_wire_sqs,
}
BODIES = [f'{{"id": "{number}"}}' for number in range(10)]
WITHOUT_EFFECT = [
    Kind.INTERNAL_ERROR,
    Kind.UNAVAILABLE,
    Kind.THROTTLED,
    Kind.THROTTLED_403,
    Kind.RESET_BEFORE,
    Kind.CLOCK_SKEW,
    Kind.EXPIRED_TOKEN,
]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.fixture(params=list(CLIENTS))
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Bench:
    """A queue behind the proxy, which injects one kind of fault into every call, or none; and a client before it."""

    def __init__(self, proxy: FaultProxy, sqs: Sqs, memory: MemorySqs, journal: Journal) -> None:
        self.proxy = proxy
        self.sqs = sqs
        self.memory = memory
        self.journal = journal
        self.queue = proxy.queue_url("crm")
        self.source = proxy.queue_url("events")

    async def fill(self) -> list[str]:
        """Put events into the source and receive them; returns the handles."""
        await self.memory.send("events", [OutgoingMessage(body) for body in BODIES])
        return [message.handle for message in await self.sqs.receive(self.source, visibility_seconds=60)]

    def bodies(self, queue: str) -> list[str]:
        return [stored.message.body for stored in self.memory.messages(queue)]


@asynccontextmanager
async def bench(client: str, *kinds: Kind, rate: float = 1.0, seed: int = 1) -> AsyncIterator[Bench]:
    memory = MemorySqs()
    for name in ("events", "events-dead", "crm"):
        memory.create_queue(name)
    journal = Journal({body: Fate(("crm",)) for body in BODIES})
    async with (
        open_proxy(MemoryUpstream(memory), journal, Plan(seed, kinds=kinds, rate=rate), sources=["events"]) as proxy,
        CLIENTS[client](AwsConfig(endpoint_url=proxy.url)) as sqs,
    ):
        yield Bench(proxy, sqs, memory, journal)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(bounded())


async def send(found: Bench) -> SentBatch:
    return await found.sqs.send(found.queue, [OutgoingMessage(body) for body in BODIES])


@pytest.mark.parametrize("kind", WITHOUT_EFFECT)
def test_a_refused_send_is_an_error_and_nothing_arrived(client: str, kind: Kind) -> None:
    async def test() -> None:
        async with bench(client, kind) as found:
            with pytest.raises(SqsError):
                await send(found)
            assert found.bodies("crm") == []
            assert found.journal.by_kind()[kind] == found.journal.calls["SendMessageBatch"] >= 1
            assert ("crm", BODIES[0]) in found.journal.troubled
            assert not found.journal.untold

    run(test)


@pytest.mark.parametrize("kind", sorted(EFFECT_WITHOUT_ANSWER - {Kind.STALLED}))
def test_a_send_whose_answer_is_lost_arrived_and_its_sender_cannot_know(client: str, kind: Kind) -> None:
    async def test() -> None:
        async with bench(client, kind) as found:
            try:
                sent = await send(found)
            except SqsError:
                pass
            else:
                assert sent.message_ids == (None,) * 10
            times = found.journal.calls["SendMessageBatch"]
            assert sorted(found.bodies("crm")) == sorted(BODIES * times)
            assert all(found.journal.untold["crm", body] == [kind] * times for body in BODIES)

    run(test)


def test_a_slow_answer_is_a_good_answer(client: str) -> None:
    async def test() -> None:
        async with bench(client, Kind.SLOW) as found:
            assert not (await send(found)).failures
            assert not found.journal.untold

    run(test)


@pytest.mark.parametrize("kind", [Kind.PARTIAL, Kind.PARTIAL_SENDER])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_entries_that_are_said_to_have_failed_did_not_arrive(client: str, kind: Kind, seed: int) -> None:
    async def test() -> None:
        async with bench(client, kind, seed=seed) as found:
            sent = await send(found)
            failed = {failure.index for failure in sent.failures}
            assert failed
            assert sorted(found.bodies("crm")) == [body for index, body in enumerate(BODIES) if index not in failed]
            assert {failure.retryable for failure in sent.failures} == {kind is Kind.PARTIAL}
            assert found.journal.troubled == {("crm", BODIES[index]) for index in failed}

    run(test)


def test_entries_that_are_not_mentioned_arrived(client: str) -> None:
    async def test() -> None:
        async with bench(client, Kind.UNMENTIONED) as found:
            sent = await send(found)
            silent = {BODIES[failure.index] for failure in sent.failures}
            assert silent
            assert sorted(found.bodies("crm")) == BODIES
            assert {body for (_, body), kinds in found.journal.untold.items() if kinds} == silent

    run(test)


def test_the_handle_that_expired_leaves_its_message_in_the_queue(client: str) -> None:
    async def test() -> None:
        async with bench(client, Kind.EXPIRED_HANDLE) as found:
            handles = await found.fill()
            failures = await found.sqs.delete(found.source, handles)
            left = found.bodies("events")
            assert left
            # A standard queue says of some that they are deleted although they are not.
            assert {found.journal.bodies([handles[failure.index]])[0] for failure in failures} <= set(left)
            again = await found.sqs.receive(found.source, visibility_seconds=60)
            assert sorted(message.body for message in again) == sorted(left)
            assert all(found.journal.again[body] == [Kind.EXPIRED_HANDLE] for body in left)

    run(test)


def test_a_message_is_handed_out_twice_while_it_is_in_flight(client: str) -> None:
    async def test() -> None:
        async with bench(client, Kind.DUPLICATE, seed=4) as found:
            handles = await found.fill()
            again = await found.sqs.receive(found.source, wait_seconds=2, visibility_seconds=60)
            assert again
            assert {message.handle for message in again}.isdisjoint(handles)
            assert all(found.journal.again[message.body] == [Kind.DUPLICATE] for message in again)

    run(test)


def test_a_message_is_handed_out_once_more_after_its_deletion(client: str) -> None:
    async def test() -> None:
        async with bench(client, Kind.GHOST) as found:
            handles = await found.fill()
            await found.sqs.delete(found.source, handles)
            assert found.bodies("events") == []
            ghosts = await found.sqs.receive(found.source)
            assert {ghost.handle for ghost in ghosts} <= set(handles)
            assert {ghost.receive_count for ghost in ghosts} == {2}
            assert not await found.sqs.delete(found.source, [ghost.handle for ghost in ghosts])
            assert all(found.journal.again[ghost.body] == [Kind.GHOST] for ghost in ghosts)

    run(test)


def test_a_receive_whose_answer_is_lost_does_not_count_as_one(client: str) -> None:
    async def test() -> None:
        async with bench(client, Kind.RESET_AFTER, rate=0.5, seed=3) as found:
            await found.memory.send("events", [OutgoingMessage(body) for body in BODIES])
            received = None
            while received is None:
                try:
                    received = await found.sqs.receive(found.source, wait_seconds=0, visibility_seconds=60)
                except SqsError:
                    found.memory.advance(60)
            assert sorted(message.body for message in received) == BODIES
            assert found.journal.by_kind()[Kind.RESET_AFTER]
            assert not found.journal.violations
            assert not found.journal.again
            assert found.journal.held() == 10

    run(test)


class LateUpstream:
    """Says that a visibility was changed only when it is let."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.let = asyncio.Event()

    async def call(self, operation: str, document: Document) -> Outcome:
        outcome = await self._upstream.call(operation, document)
        if operation == "ChangeMessageVisibilityBatch":
            await self.let.wait()
        return outcome


def test_a_message_that_is_handed_back_may_come_again_before_that_is_answered(client: str) -> None:
    async def test() -> None:
        async with bench(client) as found:
            late = found.proxy._upstream = LateUpstream(found.proxy._upstream)
            handles = await found.fill()
            async with asyncio.TaskGroup() as tasks:
                back = tasks.create_task(found.sqs.change_visibility(found.source, handles, 0))
                again = await found.sqs.receive(found.source, visibility_seconds=60)
                assert not back.done()
                late.let.set()
            assert again
            assert not found.journal.violations
            assert all(found.journal.again[message.body] == [HANDED_BACK] for message in again)

    run(test)


def test_the_journal_notices_a_delete_that_comes_too_early(client: str) -> None:
    async def test() -> None:
        async with bench(client) as found:
            handles = await found.fill()
            await found.sqs.send(found.queue, [OutgoingMessage(BODIES[0])])
            await found.sqs.delete(found.source, handles[:2])
            assert len(found.journal.violations) == 1
            assert "still belongs to crm" in found.journal.violations[0]

    run(test)


def test_the_journal_notices_a_message_that_comes_again_without_a_reason(client: str) -> None:
    async def test() -> None:
        async with bench(client) as found:
            await found.fill()
            found.memory.advance(61)
            await found.sqs.receive(found.source)
            assert len(found.journal.violations) == 10
            assert "without a reason" in found.journal.violations[0]

    run(test)


def test_the_same_seed_draws_the_same_faults() -> None:
    calls = [(operation, queue) for operation in APPLICABLE for queue in ("events", "crm")] * 50

    def drawn(seed: int) -> list[Kind | None]:
        plan = Plan(seed)
        faults = [plan.draw(*call) for call in calls]
        return [fault.kind if fault else None for fault in faults]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert any(drawn(7))


def test_every_kind_is_applicable_somewhere_and_is_drawn_by_some_seed() -> None:
    assert frozenset(Kind) == frozenset().union(*APPLICABLE.values())
    assert frozenset(Kind) - {Kind.STALLED} == frozenset().union(*(Plan(seed).kinds for seed in range(50)))


def test_a_key_is_refused_soon_after_the_next_one_was_issued() -> None:
    keys = Credentials(life_seconds=2)
    header = "AWS4-HMAC-SHA256 Credential=ASIA{:016d}/20250101/us-east-1/sqs/aws4_request"
    assert not keys.accepts("AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/sqs/aws4_request")
    assert b'"AccessKeyId": "ASIA0000000000000001"' in keys.issue()
    assert keys.accepts(header.format(1))
    keys.expire()
    assert not keys.accepts(header.format(1))
    keys.issue()
    assert keys.accepts(header.format(2))
    assert keys.refused == 2


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    if absent("ministack"):
        pytest.skip("ministack is not installed")
    with ministack() as server:
        yield server.url


@pytest.mark.parametrize("behind", ["memory", "ministack"])
def test_without_faults_nobody_notices_the_proxy(behind: str, request: pytest.FixtureRequest) -> None:
    """boto3 before it, the in-memory queues or an emulator behind it."""

    def talk(url: str) -> None:
        sqs: Any = boto3.client("sqs", endpoint_url=url, region_name="us-east-1")
        queue = f"{url}/000000000000/crm"
        attributes = {
            "text": {"DataType": "String", "StringValue": "é"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        }
        entries = [{"Id": body[8:9], "MessageBody": body, "MessageAttributes": attributes} for body in BODIES]
        sent = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
        assert len(sent["Successful"]) == 10
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])[
            "Messages"
        ]
        assert [message["Body"] for message in received] == BODIES
        assert received[0]["MessageAttributes"] == attributes
        handles = [{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in received]
        visible = [handle | {"VisibilityTimeout": 0} for handle in handles[:5]]
        assert len(sqs.change_message_visibility_batch(QueueUrl=queue, Entries=visible)["Successful"]) == 5
        assert len(sqs.delete_message_batch(QueueUrl=queue, Entries=handles)["Successful"]) == 10
        assert sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"]
        with pytest.raises(sqs.exceptions.QueueDoesNotExist):
            sqs.receive_message(QueueUrl=f"{url}/000000000000/no-such-queue")

    async def through(upstream: Upstream) -> None:
        journal = Journal({})
        async with open_proxy(upstream, journal, Plan(1, rate=0.0), sources=[]) as proxy:
            await asyncio.to_thread(talk, proxy.url)
        assert not journal.faults

    async def test() -> None:
        if behind == "memory":
            memory = MemorySqs()
            memory.create_queue("crm")
            await through(MemoryUpstream(memory))
            return
        url = request.getfixturevalue("emulator")
        async with httpx.AsyncClient() as web:
            upstream = EmulatorUpstream(web, url)
            await upstream.call("CreateQueue", {"QueueName": "crm"})
            await through(upstream)

    run(test)


def test_attributes_and_odd_bytes_pass_through_unchanged(client: str) -> None:
    async def test() -> None:
        async with bench(client) as found:
            message = OutgoingMessage(
                "é\u2028\U0001f600", {"a": Attribute("Binary.x", data=b"\x00\xff")}, trace_header="Root=1"
            )
            await found.sqs.send(found.queue, [message])
            (received,) = await found.sqs.receive(found.queue)
            assert (received.body, received.attributes) == (message.body, message.attributes)
            assert received.system["AWSTraceHeader"] == "Root=1"

    run(test)
