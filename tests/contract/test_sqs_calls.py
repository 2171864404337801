"""The contract of `turnout.sqs.api.Sqs`: receive, send, delete, visibility."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.contract.benches import Bench

from turnout.errors import Fault, SqsError, SqsQueueMissing, SqsRejected, SqsUnavailable
from turnout.message import Attribute, Message
from turnout.sqs.api import MAX_BATCH_BYTES, OutgoingMessage, Sqs

UNICODE = 'é ü \u4e2d \U0001f600 \ufffd " \\ \n \t \r </a> & \u2028'


async def receive_all(sqs: Sqs, queue: str, count: int) -> list[Message]:
    """Receive until `count` messages came, or nothing more does."""
    messages: list[Message] = []
    while len(messages) < count:
        some = await sqs.receive(queue, wait_seconds=2)
        if not some:
            break
        messages.extend(some)
    return messages


def texts(count: int) -> list[OutgoingMessage]:
    return [OutgoingMessage(f"message {number}") for number in range(count)]


async def test_a_sent_message_is_received_as_it_was_sent(bench: Bench) -> None:
    queue = await bench.queue()
    sent = await bench.sqs.send(queue, [OutgoingMessage(UNICODE)])
    (message,) = await bench.sqs.receive(queue)
    assert message.body == UNICODE
    assert sent.message_ids == (message.id,)
    assert sent.failures == ()
    assert message.queue == queue
    assert message.handle
    assert message.attributes == {}


async def test_ten_messages_go_and_come_in_one_call_each(bench: Bench) -> None:
    queue = await bench.queue()
    sent = await bench.sqs.send(queue, texts(10))
    assert None not in sent.message_ids
    assert len(set(sent.message_ids)) == 10
    received = await receive_all(bench.sqs, queue, 10)
    assert {m.body for m in received} == {m.body for m in texts(10)}
    assert {m.id for m in received} == set(sent.message_ids)
    assert await bench.sqs.delete(queue, [m.handle for m in received]) == ()


async def test_receive_takes_no_more_than_it_is_told(bench: Bench) -> None:
    queue = await bench.queue()
    await bench.sqs.send(queue, texts(5))
    assert 1 <= len(await bench.sqs.receive(queue, max_messages=3)) <= 3


async def test_attributes_of_every_type_arrive(bench: Bench) -> None:
    queue = await bench.queue()
    attributes = {
        "text": Attribute("String", text=UNICODE),
        "labelled": Attribute("String.json", text="{}"),
        "number": Attribute("Number", text="-12.50"),
        "bytes": Attribute("Binary", data=bytes(range(256))),
        "a.b-c_D9": Attribute("String", text="x"),
    }
    await bench.sqs.send(queue, [OutgoingMessage("body", attributes), OutgoingMessage("bare")])
    received = {m.body: m.attributes for m in await receive_all(bench.sqs, queue, 2)}
    assert received == {"body": attributes, "bare": {}}


async def test_a_message_may_have_ten_attributes_and_not_eleven(bench: Bench) -> None:
    queue = await bench.queue()
    ten = {f"a{number}": Attribute("String", text="x") for number in range(10)}
    assert (await bench.sqs.send(queue, [OutgoingMessage("ten", ten)])).failures == ()
    eleven = {**ten, "one-more": Attribute("String", text="x")}
    assert await refusal_of(bench, queue, OutgoingMessage("eleven", eleven)) == Fault.DATA


async def refusal_of(bench: Bench, queue: str, message: OutgoingMessage) -> Fault | None:
    """The fault of a refused message; some servers refuse the entry, some the whole call."""
    try:
        sent = await bench.sqs.send(queue, [message])
    except SqsRejected as error:
        return error.fault
    if sent.failures:
        (failure,) = sent.failures
        assert failure.index == 0
        assert not failure.retryable
        assert sent.message_ids == (None,)
        return failure.fault
    return None


async def test_system_attributes_say_when_and_how_often(bench: Bench) -> None:
    queue = await bench.queue()
    before = int(time.time() * 1000)
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    (message,) = await bench.sqs.receive(queue)
    assert message.receive_count == 1
    assert before - 1000 <= message.sent_ms <= int(time.time() * 1000) + 1000
    assert int(message.system["ApproximateFirstReceiveTimestamp"]) >= message.sent_ms
    assert message.system["SenderId"]


async def test_the_trace_header_travels_as_a_system_attribute(bench: Bench) -> None:
    queue = await bench.queue()
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    await bench.sqs.send(queue, [OutgoingMessage("x", trace_header=header)])
    (message,) = await bench.sqs.receive(queue)
    assert message.system.get("AWSTraceHeader") == header
    assert message.attributes == {}


async def test_a_group_id_travels_on_a_standard_queue(bench: Bench) -> None:
    queue = await bench.queue()
    assert (await bench.sqs.send(queue, [OutgoingMessage("x", group_id="tenant-1")])).failures == ()
    (message,) = await bench.sqs.receive(queue)
    assert message.system["MessageGroupId"] == "tenant-1"


async def test_an_empty_batch_is_refused(bench: Bench) -> None:
    queue = await bench.queue()
    for call in (
        bench.sqs.send(queue, []),
        bench.sqs.delete(queue, []),
        bench.sqs.change_visibility(queue, [], 1),
    ):
        with pytest.raises(SqsRejected) as caught:
            await call
        assert caught.value.code == "EmptyBatchRequest"


async def test_a_batch_of_eleven_is_refused(bench: Bench) -> None:
    queue = await bench.queue()
    with pytest.raises(SqsRejected) as caught:
        await bench.sqs.send(queue, texts(11))
    assert caught.value.code == "TooManyEntriesInBatchRequest"


async def test_a_message_of_one_mebibyte_is_accepted(bench: Bench) -> None:
    queue = await bench.queue()
    body = "x" * MAX_BATCH_BYTES
    assert (await bench.sqs.send(queue, [OutgoingMessage(body)])).failures == ()
    (message,) = await bench.sqs.receive(queue)
    assert message.body == body


async def test_a_batch_above_one_mebibyte_is_refused_as_a_whole(bench: Bench) -> None:
    queue = await bench.queue()
    with pytest.raises(SqsRejected) as caught:
        await bench.sqs.send(queue, [OutgoingMessage("x" * (MAX_BATCH_BYTES // 2)), OutgoingMessage("y" * 524_289)])
    assert caught.value.code == "BatchRequestTooLong"
    assert caught.value.fault == Fault.DATA


async def test_a_message_above_the_queues_own_limit_is_refused(bench: Bench) -> None:
    queue = await bench.queue(max_message_bytes=1024)
    assert (await bench.sqs.send(queue, [OutgoingMessage("x" * 1024)])).failures == ()
    assert await refusal_of(bench, queue, OutgoingMessage("x" * 1025)) == Fault.DATA


async def test_a_forbidden_character_is_refused(bench: Bench) -> None:
    queue = await bench.queue()
    assert await refusal_of(bench, queue, OutgoingMessage("a\x00b")) == Fault.DATA


async def test_a_lone_surrogate_fails_its_entry_and_not_its_neighbours(bench: Bench) -> None:
    queue = await bench.queue()
    sent = await bench.sqs.send(queue, [OutgoingMessage("good"), OutgoingMessage("\ud800"), OutgoingMessage("fine")])
    (failure,) = sent.failures
    assert (failure.index, failure.code, failure.fault) == (1, "InvalidMessageContents", Fault.DATA)
    assert [message_id is not None for message_id in sent.message_ids] == [True, False, True]
    assert {m.body for m in await receive_all(bench.sqs, queue, 2)} == {"good", "fine"}


async def test_only_the_bad_entry_of_a_batch_fails(bench: Bench) -> None:
    queue = await bench.queue(max_message_bytes=1024)
    sent = await bench.sqs.send(queue, [OutgoingMessage("a"), OutgoingMessage("b" * 2000), OutgoingMessage("c")])
    (failure,) = sent.failures
    assert (failure.index, failure.fault, failure.retryable) == (1, Fault.DATA, False)
    assert {m.body for m in await receive_all(bench.sqs, queue, 2)} == {"a", "c"}


async def test_a_missing_queue_is_said_to_be_missing(bench: Bench) -> None:
    calls = {
        "ReceiveMessage": bench.sqs.receive(bench.missing, wait_seconds=0),
        "SendMessageBatch": bench.sqs.send(bench.missing, texts(1)),
        "DeleteMessageBatch": bench.sqs.delete(bench.missing, ["handle"]),
        "ChangeMessageVisibilityBatch": bench.sqs.change_visibility(bench.missing, ["handle"], 1),
        "GetQueueAttributes": bench.sqs.queue_attributes(bench.missing),
    }
    for operation, call in calls.items():
        with pytest.raises(SqsQueueMissing) as caught:
            await call
        assert (caught.value.code, caught.value.operation) == ("QueueDoesNotExist", operation)
        assert caught.value.queue == "missing"
        assert caught.value.fault == Fault.CONFIG


async def test_a_received_message_is_hidden_until_its_visibility_timeout_is_over(bench: Bench) -> None:
    queue = await bench.queue(visibility_seconds=1)
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    (first,) = await bench.sqs.receive(queue)
    assert await bench.sqs.receive(queue, wait_seconds=0) == []
    await bench.pass_time(1)
    (second,) = await bench.sqs.receive(queue)
    assert (second.id, second.body, second.receive_count) == (first.id, "x", 2)


async def test_a_receive_may_set_its_own_visibility_timeout(bench: Bench) -> None:
    queue = await bench.queue(visibility_seconds=30)
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    assert await bench.sqs.receive(queue, visibility_seconds=1)
    await bench.pass_time(1)
    assert await bench.sqs.receive(queue)


async def test_a_deleted_message_does_not_come_back(bench: Bench) -> None:
    queue = await bench.queue(visibility_seconds=1)
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    (message,) = await bench.sqs.receive(queue)
    assert await bench.sqs.delete(queue, [message.handle]) == ()
    await bench.pass_time(1)
    assert await bench.sqs.receive(queue, wait_seconds=0) == []


async def test_deleting_twice_succeeds(bench: Bench) -> None:
    queue = await bench.queue()
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    (message,) = await bench.sqs.receive(queue)
    assert await bench.sqs.delete(queue, [message.handle]) == ()
    assert await bench.sqs.delete(queue, [message.handle]) == ()


async def test_a_handle_that_was_never_given_out_fails_alone(bench: Bench) -> None:
    queue = await bench.queue(visibility_seconds=1)
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    (message,) = await bench.sqs.receive(queue)
    (failure,) = await bench.sqs.delete(queue, ["garbage", message.handle])
    assert (failure.index, failure.code, failure.retryable) == (0, "ReceiptHandleIsInvalid", False)
    await bench.pass_time(1)
    assert await bench.sqs.receive(queue, wait_seconds=0) == []


async def test_visibility_zero_hands_a_message_back_at_once(bench: Bench) -> None:
    queue = await bench.queue()
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    (message,) = await bench.sqs.receive(queue)
    assert await bench.sqs.change_visibility(queue, [message.handle], 0) == ()
    (again,) = await bench.sqs.receive(queue)
    assert again.id == message.id


async def test_extending_visibility_keeps_a_message_hidden(bench: Bench) -> None:
    queue = await bench.queue(visibility_seconds=1)
    await bench.sqs.send(queue, texts(2))
    messages = await receive_all(bench.sqs, queue, 2)
    assert await bench.sqs.change_visibility(queue, [m.handle for m in messages], 30) == ()
    await bench.pass_time(1)
    assert await bench.sqs.receive(queue, wait_seconds=0) == []


async def test_a_visibility_timeout_above_twelve_hours_is_refused(bench: Bench) -> None:
    queue = await bench.queue()
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    (message,) = await bench.sqs.receive(queue)
    try:
        failures = await bench.sqs.change_visibility(queue, [message.handle], 43_201)
    except SqsRejected:
        return
    assert [(failure.index, failure.retryable) for failure in failures] == [(0, False)]


async def test_a_short_poll_of_an_empty_queue_returns_at_once(bench: Bench) -> None:
    queue = await bench.queue()
    async with asyncio.timeout(10):  # a 0 taken for "not said" would wait 20 s
        assert await bench.sqs.receive(queue, wait_seconds=0) == []


async def test_a_long_poll_waits_as_long_as_it_is_told(bench: Bench) -> None:
    queue = await bench.queue()
    started = time.monotonic()
    async with asyncio.timeout(15):  # one that is not told how long waits 20 s
        assert await bench.sqs.receive(queue, wait_seconds=1) == []
    assert time.monotonic() - started >= 0.9


async def test_a_long_poll_ends_when_a_message_is_sent(bench: Bench) -> None:
    queue = await bench.queue()
    poll = asyncio.create_task(bench.sqs.receive(queue, wait_seconds=20))
    await asyncio.sleep(0.3)
    assert not poll.done()
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    async with asyncio.timeout(15):  # one that does not see it waits for what is left of its 20 s
        (message,) = await poll
    assert message.body == "x"


async def test_concurrent_receivers_get_different_messages(bench: Bench) -> None:
    queue = await bench.queue()
    for _ in range(3):
        await bench.sqs.send(queue, texts(10))
    answers = await asyncio.gather(*(bench.sqs.receive(queue, max_messages=5, wait_seconds=1) for _ in range(6)))
    ids = [message.id for answer in answers for message in answer]
    assert len(ids) == len(set(ids))
    assert len(ids) > 5


async def test_many_long_polls_do_not_hold_back_a_send(bench: Bench) -> None:
    idle, queue = await bench.queue(), await bench.queue()
    polls = [asyncio.create_task(bench.sqs.receive(idle, wait_seconds=20)) for _ in range(20)]
    await asyncio.sleep(0.2)
    await bench.sqs.send(queue, [OutgoingMessage("x")])
    assert not any(poll.done() for poll in polls), "it was sent while all of them waited"
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)


async def test_a_cancelled_long_poll_leaves_the_client_usable(bench: Bench) -> None:
    queue = await bench.queue()
    poll = asyncio.create_task(bench.sqs.receive(queue, wait_seconds=20))
    await asyncio.sleep(0.2)
    poll.cancel()
    with pytest.raises(asyncio.CancelledError):
        await poll
    assert (await bench.sqs.send(queue, [OutgoingMessage("x")])).failures == ()


async def test_a_delayed_message_comes_later(bench: Bench) -> None:
    queue = await bench.queue()
    await bench.sqs.send(queue, [OutgoingMessage("later", delay_seconds=1), OutgoingMessage("now")])
    assert [m.body for m in await bench.sqs.receive(queue, wait_seconds=0)] == ["now"]
    await bench.pass_time(1)
    assert [m.body for m in await bench.sqs.receive(queue)] == ["later"]


async def test_a_delay_above_a_quarter_of_an_hour_is_refused(bench: Bench) -> None:
    queue = await bench.queue()
    assert await refusal_of(bench, queue, OutgoingMessage("x", delay_seconds=901)) == Fault.DATA


async def test_queue_attributes_count_the_messages(bench: Bench) -> None:
    queue = await bench.queue(visibility_seconds=77)
    await bench.sqs.send(queue, texts(2))
    await bench.sqs.receive(queue, max_messages=1)
    attributes = await bench.sqs.queue_attributes(queue)
    assert attributes["ApproximateNumberOfMessages"] == "1"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert attributes["VisibilityTimeout"] == "77"
    assert attributes["QueueArn"].endswith(queue.rpartition("/")[2])


async def test_after_closing_every_call_fails_and_a_long_poll_ends(bench: Bench) -> None:
    queue = await bench.queue()
    poll = asyncio.create_task(bench.sqs.receive(queue, wait_seconds=20))
    await asyncio.sleep(0.2)
    await bench.sqs.aclose()
    with pytest.raises(SqsUnavailable):
        await poll
    with pytest.raises(SqsError) as caught:
        await bench.sqs.send(queue, [OutgoingMessage("x")])
    assert caught.value.code == "Closed"
