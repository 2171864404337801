"""The demonstration's queues: created with redrive, filled within the limits, drained, kept apart from real ones."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from turnout.demo.events import DemoMessage, generate
from turnout.demo.queues import Queues, create_queues, drain, publish
from turnout.demo.server import DemoServerError, embedded_server
from turnout.errors import TurnoutError
from turnout.rules import Target
from turnout.rules.model import Kind
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs


def attributes_of(endpoint: str, queue: str) -> dict[str, str]:
    answer = httpx.post(
        endpoint,
        headers={"X-Amz-Target": "AmazonSQS.GetQueueAttributes", "Content-Type": "application/x-amz-json-1.0"},
        json={"QueueUrl": queue, "AttributeNames": ["All"]},
    )
    found: dict[str, str] = answer.json()["Attributes"]
    return found


def test_every_queue_is_created_and_redrives_to_the_dead_letter_queue() -> None:
    targets = [Target("critical", "${CRITICAL_QUEUE_URL}", 0), Target("standard", "https://sqs/1/standard")]
    with embedded_server() as endpoint:
        queues = asyncio.run(create_queues(endpoint, targets))
        assert set(queues.targets) == {"critical", "standard"}
        assert "RedrivePolicy" not in attributes_of(endpoint, queues.dead_letter)
        for queue in (queues.source, *queues.targets.values()):
            policy = json.loads(attributes_of(endpoint, queue)["RedrivePolicy"])
            assert policy["deadLetterTargetArn"] == attributes_of(endpoint, queues.dead_letter)["QueueArn"]


def test_a_fifo_target_gets_a_fifo_queue() -> None:
    with embedded_server() as endpoint:
        queues = asyncio.run(create_queues(endpoint, [Target("in-order", "https://sqs/1/orders.fifo")]))
        assert queues.fifo == {"in-order"}
        assert attributes_of(endpoint, queues.targets["in-order"])["FifoQueue"] == "true"


def test_every_target_has_a_queue_of_its_own_whatever_it_is_called() -> None:
    names = ["source", "dead-letter", "crm.eu", "crm-eu", "n" * 100, "n" * 99 + "m", "f" * 100]
    targets = [Target(name, "https://sqs/1/orders.fifo" if name[0] == "f" else "https://sqs/1/x") for name in names]
    with embedded_server() as endpoint:
        queues = asyncio.run(create_queues(endpoint, targets))
        urls = {queues.source, queues.dead_letter, *queues.targets.values()}
        assert len(urls) == 2 + len(names)
        assert max(len(url.rpartition("/")[2]) for url in urls) <= 80, "a queue's name is no longer"


def test_a_server_that_refuses_is_reported() -> None:
    with embedded_server(services=("s3",)) as endpoint, pytest.raises(DemoServerError, match="did not create"):
        asyncio.run(create_queues(endpoint, []))


def test_what_is_published_is_drained_unchanged_and_the_queue_is_empty_then() -> None:
    async def scene() -> None:
        sqs = MemorySqs()
        queue = sqs.create_queue("source")
        messages = list(generate(seed=5, count=100))  # the largest ones fill more than one batch by bytes
        await publish(sqs, queue, messages)
        drained = [message async for message in drain(sqs, queue)]
        assert [message.body for message in drained] == [message.body for message in messages]
        assert [dict(message.attributes) for message in drained] == [dict(message.attributes) for message in messages]
        assert list(sqs.messages(queue)) == []

    asyncio.run(scene())


def test_an_event_that_the_source_refuses_is_an_error() -> None:
    async def scene() -> None:
        sqs = MemorySqs()
        queue = sqs.create_queue("source")
        await publish(sqs, queue, [DemoMessage("\x00")])

    with pytest.raises(TurnoutError, match="did not take an event"):
        asyncio.run(scene())


def test_an_embedded_queue_stands_in_for_whatever_a_target_is() -> None:
    async def scene() -> None:
        sqs = MemorySqs()
        source, dead, hook = (sqs.create_queue(name) for name in ("source", "dead", "hook"))
        queues = Queues(source, dead, {"hook": hook})
        target = Target("hook", "https://example.com/events", kind=Kind.URL)
        await queues.destination(sqs, target).send([OutgoingMessage("not over HTTP")])
        assert [stored.message.body for stored in sqs.messages(hook)] == ["not over HTTP"]

    asyncio.run(scene())


def test_what_rules_say_of_delays_and_repetition_hides_nothing_from_the_audit() -> None:
    async def scene() -> None:
        sqs = MemorySqs()
        source, dead, plain, ordered = (sqs.create_queue(name) for name in ("source", "dead", "plain", "ordered.fifo"))
        queues = Queues(source, dead, {"plain": plain, "ordered": ordered})
        destination = queues.destination(sqs, Target("plain", "https://sqs/1/plain"))
        await destination.send([OutgoingMessage("later", delay_seconds=900)])
        assert [message.body async for message in drain(sqs, plain)] == ["later"]
        destination = queues.destination(sqs, Target("ordered", "https://sqs/1/ordered.fifo"))
        bodies = ["first", "second", "first"]
        await destination.send([OutgoingMessage(body, group_id="g", deduplication_id="one") for body in bodies])
        assert [message.body async for message in drain(sqs, ordered)] == ["first", "second"]

    asyncio.run(scene())
