"""The in-memory queue, beyond the contract: its clock, its ordered failures, its waiting, stale handles."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from turnout.errors import SqsError, SqsRejected, SqsUnavailable
from turnout.message import Message
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.sqs.memory_queue import MessageState

NOW = 1_700_000_000.0


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


def bodies(messages: list[Message]) -> list[str]:
    return [message.body for message in messages]


def test_time_stands_still_until_it_is_advanced() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        queue = sqs.create_queue("q", visibility_seconds=3600)
        await sqs.send(queue, [OutgoingMessage("x")])
        (message,) = await sqs.receive(queue)
        assert message.sent_ms == int(NOW * 1000)
        sqs.advance(3599)
        assert await sqs.receive(queue, wait_seconds=0) == []
        sqs.advance(1)
        assert bodies(await sqs.receive(queue, wait_seconds=0)) == ["x"]

    run(test())


def test_a_long_poll_ends_when_time_is_advanced_past_it() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        queue = sqs.create_queue("q")
        poll = asyncio.create_task(sqs.receive(queue, wait_seconds=20))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        sqs.advance(20)
        assert await poll == []

    run(test())


def test_a_long_poll_ends_when_a_message_becomes_visible_again() -> None:
    async def test() -> None:
        sqs = MemorySqs()
        queue = sqs.create_queue("q", visibility_seconds=1)
        await sqs.send(queue, [OutgoingMessage("x")])
        await sqs.receive(queue)
        (again,) = await sqs.receive(queue, wait_seconds=5)
        assert again.receive_count == 2

    run(test())


def test_a_waiting_long_poll_does_not_spin() -> None:
    async def test() -> None:
        looked = 0

        def clock() -> float:
            nonlocal looked
            looked += 1
            return NOW + looked * 1e-6

        sqs = MemorySqs(clock=clock)
        queue = sqs.create_queue("q")
        poll = asyncio.create_task(sqs.receive(queue, wait_seconds=20))
        await asyncio.sleep(0.05)
        poll.cancel()
        assert looked < 10

    run(test())


def test_the_state_of_every_message_can_be_looked_at() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        queue = sqs.create_queue("q")
        await sqs.send(queue, [OutgoingMessage("held"), OutgoingMessage("later", delay_seconds=9)])
        await sqs.receive(queue, max_messages=1)
        await sqs.send(queue, [OutgoingMessage("ready")])
        assert [(stored.message.body, stored.state) for stored in sqs.messages("q")] == [
            ("held", MessageState.IN_FLIGHT),
            ("later", MessageState.DELAYED),
            ("ready", MessageState.READY),
        ]
        sqs.advance(30)
        assert {stored.state for stored in sqs.messages(queue)} == {MessageState.READY}
        assert [stored.receive_count for stored in sqs.messages(queue)] == [1, 0, 0]

    run(test())


def test_an_outdated_handle_of_a_standard_queue_succeeds_and_deletes_nothing() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        queue = sqs.create_queue("q")
        await sqs.send(queue, [OutgoingMessage("x")])
        (old,) = await sqs.receive(queue, visibility_seconds=0)
        (new,) = await sqs.receive(queue)
        assert await sqs.delete(queue, [old.handle]) == ()
        assert len(sqs.messages(queue)) == 1
        assert await sqs.delete(queue, [new.handle]) == ()
        assert sqs.messages(queue) == []

    run(test())


def test_an_expired_handle_deletes_from_a_standard_queue_while_nobody_else_has_the_message() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        queue = sqs.create_queue("q")
        await sqs.send(queue, [OutgoingMessage("x")])
        (message,) = await sqs.receive(queue)
        sqs.advance(31)
        assert await sqs.delete(queue, [message.handle]) == ()
        assert await sqs.receive(queue, wait_seconds=0) == []

    run(test())


def test_an_expired_handle_of_a_fifo_queue_is_refused() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        queue = sqs.create_queue("q.fifo")
        await sqs.send(queue, [OutgoingMessage("x", group_id="g", deduplication_id="d")])
        (message,) = await sqs.receive(queue)
        sqs.advance(31)
        (failure,) = await sqs.delete(queue, [message.handle])
        assert failure.code == "InvalidParameterValue"
        assert "expired" in failure.message
        (failure,) = await sqs.change_visibility(queue, [message.handle], 30)
        assert failure.code == "MessageNotInflight"

    run(test())


def test_a_handle_belongs_to_one_queue() -> None:
    async def test() -> None:
        sqs = MemorySqs()
        one, other = sqs.create_queue("one"), sqs.create_queue("other")
        await sqs.send(one, [OutgoingMessage("x")])
        (message,) = await sqs.receive(one)
        (failure,) = await sqs.delete(other, [message.handle])
        assert failure.code == "ReceiptHandleIsInvalid"

    run(test())


def test_deduplication_forgets_after_five_minutes() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        queue = sqs.create_queue("q.fifo")
        message = OutgoingMessage("x", group_id="g", deduplication_id="same")
        first = await sqs.send(queue, [message])
        sqs.advance(299)
        assert (await sqs.send(queue, [message])).message_ids == first.message_ids
        sqs.advance(2)
        assert (await sqs.send(queue, [message])).message_ids != first.message_ids
        assert len(sqs.messages(queue)) == 2

    run(test())


def test_a_message_older_than_the_retention_is_gone() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        queue = sqs.create_queue("q", retention_seconds=60)
        await sqs.send(queue, [OutgoingMessage("x")])
        sqs.advance(60)
        assert await sqs.receive(queue, wait_seconds=0) == []

    run(test())


def test_a_standard_dead_letter_queue_keeps_the_time_of_the_first_send() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        dead = sqs.create_queue("dead")
        queue = sqs.create_queue("q", dead_letter_queue=dead, max_receive_count=1)
        await sqs.send(queue, [OutgoingMessage("x")])
        await sqs.receive(queue)
        sqs.advance(100)
        assert await sqs.receive(queue, wait_seconds=0) == []
        (letter,) = await sqs.receive(dead, wait_seconds=0)
        assert letter.sent_ms == int(NOW * 1000)

    run(test())


def test_a_poison_message_of_a_fifo_group_stops_blocking_it_after_redrive() -> None:
    async def test() -> None:
        sqs = MemorySqs(clock=lambda: NOW)
        dead = sqs.create_queue("dead.fifo")
        queue = sqs.create_queue("q.fifo", dead_letter_queue=dead, max_receive_count=1)
        await sqs.send(queue, [OutgoingMessage(b, group_id="g", deduplication_id=b) for b in ("poison", "next")])
        await sqs.receive(queue, max_messages=1)
        assert await sqs.receive(queue, wait_seconds=0) == []
        sqs.advance(31)
        assert bodies(await sqs.receive(queue, wait_seconds=0)) == ["next"]
        assert bodies(await sqs.receive(dead, wait_seconds=0)) == ["poison"]

    run(test())


def test_ordered_call_failures_come_the_ordered_number_of_times() -> None:
    async def test() -> None:
        sqs = MemorySqs()
        queue = sqs.create_queue("q")
        sqs.fail_calls(queue, "SendMessageBatch", "ServiceUnavailable", times=2)
        for _ in range(2):
            with pytest.raises(SqsUnavailable):
                await sqs.send(queue, [OutgoingMessage("x")])
        assert (await sqs.send(queue, [OutgoingMessage("x")])).failures == ()
        assert bodies(await sqs.receive(queue)) == ["x"]

    run(test())


def test_ordered_call_failures_last_until_healed() -> None:
    async def test() -> None:
        sqs = MemorySqs()
        queue = sqs.create_queue("q")
        sqs.fail_calls(queue, "ReceiveMessage", "AccessDenied")
        for _ in range(3):
            with pytest.raises(SqsError, match="AccessDenied"):
                await sqs.receive(queue, wait_seconds=0)
        sqs.heal()
        assert await sqs.receive(queue, wait_seconds=0) == []

    run(test())


def test_ordered_entry_failures_hit_the_chosen_entries_only() -> None:
    async def test() -> None:
        sqs = MemorySqs()
        queue = sqs.create_queue("q")

        def is_bad(entry: OutgoingMessage | str) -> bool:
            return isinstance(entry, OutgoingMessage) and entry.body == "bad"

        sqs.fail_entries(queue, "SendMessageBatch", "InternalError", when=is_bad, times=1)
        batch = [OutgoingMessage("good"), OutgoingMessage("bad")]
        sent = await sqs.send(queue, batch)
        (failure,) = sent.failures
        assert (failure.index, failure.code, failure.retryable) == (1, "InternalError", True)
        assert (await sqs.send(queue, batch)).failures == ()
        assert bodies(await sqs.receive(queue)) == ["good", "good", "bad"]

    run(test())


def test_ordered_failures_of_deletes_leave_the_message_where_it_is() -> None:
    async def test() -> None:
        sqs = MemorySqs()
        queue = sqs.create_queue("q")
        await sqs.send(queue, [OutgoingMessage("x")])
        (message,) = await sqs.receive(queue)
        sqs.fail_entries(queue, "DeleteMessageBatch", "InternalError", times=1)
        (failure,) = await sqs.delete(queue, [message.handle])
        assert failure.retryable
        assert len(sqs.messages(queue)) == 1
        assert await sqs.delete(queue, [message.handle]) == ()
        assert sqs.messages(queue) == []

    run(test())


@pytest.mark.parametrize(
    "options", [{"max_messages": 0}, {"max_messages": 11}, {"wait_seconds": 21}, {"visibility_seconds": 43_201}]
)
def test_receive_refuses_what_sqs_refuses(options: dict[str, int]) -> None:
    async def test() -> None:
        sqs = MemorySqs()
        with pytest.raises(SqsRejected):
            await sqs.receive(sqs.create_queue("q"), **options)

    run(test())
