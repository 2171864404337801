"""Looking at messages of a queue without consuming them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from turnout.errors import SqsQueueMissing, SqsRejected, SqsUnavailable
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.sqs.peek import peek


def run(story: Callable[[MemorySqs], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story(MemorySqs())

    asyncio.run(whole())


async def fill(sqs: MemorySqs, queue: str, count: int) -> None:
    for number in range(count):
        await sqs.send(queue, [OutgoingMessage(f"{number}")])


def test_messages_are_seen_once_and_are_all_there_afterwards() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("events")
        await fill(sqs, queue, 25)
        assert sorted(int(message.body) for message in await peek(sqs, queue, 25)) == list(range(25))
        again = [message for _ in range(3) for message in await sqs.receive(queue, wait_seconds=0)]
        assert len({message.id for message in again}) == 25

    run(story)


def test_no_more_messages_are_taken_than_wanted() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("events")
        await fill(sqs, queue, 25)
        assert len(await peek(sqs, queue, 12)) == 12
        counts = [stored.receive_count for stored in sqs.messages(queue)]
        assert sorted(counts) == [0] * 13 + [1] * 12

    run(story)


def test_messages_are_given_back_when_a_later_call_fails() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("events")
        await fill(sqs, queue, 15)
        receive = sqs.receive
        calls = 0

        async def failing(*arguments: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise SqsUnavailable("no answer", code="Timeout")
            return await receive(*arguments, **options)  # type: ignore[arg-type]

        sqs.receive = failing  # type: ignore[method-assign, assignment]
        with pytest.raises(SqsUnavailable):
            await peek(sqs, queue, 15)
        assert len(await receive(queue, wait_seconds=0)) == 10

    run(story)


@pytest.mark.parametrize(("receives", "said"), [(1, "after 1 receive,"), (2, "after 2 receives,")])
def test_a_queue_whose_messages_would_be_used_up_by_looking_is_refused(receives: int, said: str) -> None:
    async def story(sqs: MemorySqs) -> None:
        dead = sqs.create_queue("dead")
        queue = sqs.create_queue("events", dead_letter_queue=dead, max_receive_count=receives)
        await fill(sqs, queue, 1)
        with pytest.raises(SqsRejected, match=f"{said} and looking counts as one"):
            await peek(sqs, queue, 1)

    run(story)


def test_a_queue_that_does_not_exist_is_an_error() -> None:
    async def story(sqs: MemorySqs) -> None:
        with pytest.raises(SqsQueueMissing):
            await peek(sqs, "nowhere", 1)

    run(story)
