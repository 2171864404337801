"""The contract of `turnout.sqs.api.Sqs`: what queues do by themselves: redrive, FIFO order, deduplication."""

from __future__ import annotations

import pytest
from tests.contract.benches import Bench

from turnout.errors import SqsRejected
from turnout.message import Attribute
from turnout.sqs.api import OutgoingMessage


def in_group(body: str, group: str) -> OutgoingMessage:
    return OutgoingMessage(body, group_id=group, deduplication_id=body)


async def test_a_message_received_too_often_moves_to_the_dead_letter_queue(bench: Bench) -> None:
    dead = await bench.queue()
    queue = await bench.queue(dead_letter_queue=dead, max_receive_count=2)
    await bench.sqs.send(queue, [OutgoingMessage("poison", {"kept": Attribute("String", text="yes")})])
    for _ in range(2):
        (message,) = await bench.sqs.receive(queue, visibility_seconds=0)
    assert await bench.sqs.receive(queue, wait_seconds=0) == []
    (letter,) = await bench.sqs.receive(dead, wait_seconds=2)
    assert (letter.body, letter.id) == ("poison", message.id)
    assert letter.attributes == {"kept": Attribute("String", text="yes")}


async def test_a_redriven_message_names_the_queue_it_came_from(bench: Bench) -> None:
    dead = await bench.queue()
    queue = await bench.queue(dead_letter_queue=dead, max_receive_count=1)
    await bench.sqs.send(queue, [OutgoingMessage("poison")])
    await bench.sqs.receive(queue, visibility_seconds=0)
    assert await bench.sqs.receive(queue, wait_seconds=0) == []
    (letter,) = await bench.sqs.receive(dead, wait_seconds=2)
    arn = (await bench.sqs.queue_attributes(queue))["QueueArn"]
    assert letter.system.get("DeadLetterQueueSourceArn") == arn


async def test_a_fifo_queue_keeps_the_order_within_a_group(bench: Bench) -> None:
    queue = await bench.queue(fifo=True)
    await bench.sqs.send(queue, [in_group(str(number), "one") for number in range(10)])
    bodies: list[str] = []
    while messages := await bench.sqs.receive(queue, max_messages=4, wait_seconds=0):
        bodies += [m.body for m in messages]
        assert await bench.sqs.delete(queue, [m.handle for m in messages]) == ()
    assert bodies == [str(number) for number in range(10)]


async def test_a_fifo_group_is_blocked_while_a_message_of_it_is_in_flight(bench: Bench) -> None:
    queue = await bench.queue(fifo=True)
    await bench.sqs.send(queue, [in_group("a1", "a"), in_group("a2", "a")])
    (first,) = await bench.sqs.receive(queue, max_messages=1)
    assert first.body == "a1"
    await bench.sqs.send(queue, [in_group("b1", "b")])
    assert [m.body for m in await bench.sqs.receive(queue, wait_seconds=0)] == ["b1"]
    assert await bench.sqs.delete(queue, [first.handle]) == ()
    assert [m.body for m in await bench.sqs.receive(queue, wait_seconds=1)] == ["a2"]


async def test_a_fifo_message_handed_back_comes_before_its_successors(bench: Bench) -> None:
    queue = await bench.queue(fifo=True)
    await bench.sqs.send(queue, [in_group("a1", "a"), in_group("a2", "a")])
    (first,) = await bench.sqs.receive(queue, max_messages=1)
    assert await bench.sqs.change_visibility(queue, [first.handle], 0) == ()
    (again,) = await bench.sqs.receive(queue, max_messages=1, wait_seconds=1)
    assert (again.body, again.receive_count) == ("a1", 2)


async def test_a_fifo_duplicate_is_accepted_and_not_delivered(bench: Bench) -> None:
    queue = await bench.queue(fifo=True)
    first = await bench.sqs.send(queue, [OutgoingMessage("x", group_id="g", deduplication_id="same")])
    second = await bench.sqs.send(queue, [OutgoingMessage("x", group_id="g", deduplication_id="same")])
    assert first.failures == second.failures == ()
    (message,) = await bench.sqs.receive(queue)
    assert message.body == "x"
    await bench.sqs.delete(queue, [message.handle])
    assert await bench.sqs.receive(queue, wait_seconds=0) == []


async def test_fifo_messages_say_their_group_and_deduplication_id(bench: Bench) -> None:
    queue = await bench.queue(fifo=True)
    await bench.sqs.send(queue, [in_group("a", "group-1")])
    (message,) = await bench.sqs.receive(queue)
    assert message.system["MessageGroupId"] == "group-1"
    assert message.system["MessageDeduplicationId"] == "a"


async def test_fifo_sequence_numbers_grow(bench: Bench) -> None:
    queue = await bench.queue(fifo=True)
    await bench.sqs.send(queue, [in_group(str(number), "g") for number in range(10)])
    numbers = [int(message.system["SequenceNumber"]) for message in await bench.sqs.receive(queue)]
    assert len(numbers) > 5
    assert numbers == sorted(set(numbers))


async def test_a_fifo_queue_refuses_a_message_without_a_group(bench: Bench) -> None:
    queue = await bench.queue(fifo=True)
    with pytest.raises(SqsRejected) as caught:
        await bench.sqs.send(queue, [OutgoingMessage("x", deduplication_id="x")])
    assert caught.value.code == "MissingParameter"


async def test_content_based_deduplication_goes_by_the_body(bench: Bench) -> None:
    queue = await bench.queue(fifo=True, content_based_deduplication=True)
    await bench.sqs.send(queue, [OutgoingMessage("same", group_id="g"), OutgoingMessage("other", group_id="g")])
    await bench.sqs.send(queue, [OutgoingMessage("same", group_id="g")])
    assert [m.body for m in await bench.sqs.receive(queue)] == ["same", "other"]
    assert await bench.sqs.receive(queue, wait_seconds=0) == []
