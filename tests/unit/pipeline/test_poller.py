"""Polls: no more is received than there is room for, and a queue that cannot be read is asked after a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.unit.pipeline.virtual_time import run
from tests.unit.pipeline.yard import SOURCE, Yard, event

from turnout.account import Outcome
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.poller import Phase
from turnout.sqs.api import OutgoingMessage, SentBatch
from turnout.sqs.memory_queue import MessageState


def now() -> float:
    return asyncio.get_running_loop().time()


def test_no_more_messages_are_received_than_may_be_held() -> None:
    async def main() -> None:
        yard = Yard(clock=now, max_in_flight=25, visibility_seconds=6)
        send, gate = yard.sqs.send, asyncio.Event()

        async def wait_and_send(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            if queue != SOURCE:
                await gate.wait()
            return await send(queue, messages)

        yard.sqs.send = wait_and_send  # type: ignore[method-assign]
        await yard.publish(*(event("one", number) for number in range(60)))
        async with yard.running(1_000):
            await asyncio.sleep(100)
            assert len(yard.worker.in_flight) == 20, "for a third batch of ten there is no room"
            states = [stored.state for stored in yard.stored(SOURCE)]
            assert states.count(MessageState.READY) == 40
            assert {poller.phase for poller in yard.worker.pollers} == {Phase.NO_ROOM}
            gate.set()
            await yard.watch.wait(60)
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 60}

    run(main())


@pytest.mark.parametrize(
    ("code", "advice"),
    [("ServiceUnavailable", ""), ("AccessDenied", " (turnout doctor says how to repair this)")],
)
def test_a_queue_that_cannot_be_read_is_told_counted_and_asked_again_after_a_pause(
    code: str, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        yard = Yard(clock=now, pollers=1, backoff=Backoff(1e6, 1e6, 50))
        yard.sqs.fail_calls("events", "ReceiveMessage", code)
        async with yard.running(1_000):
            await asyncio.sleep(100)
            (poller,) = yard.worker.pollers
            assert (poller.errors, poller.error, poller.phase) == (1, code, Phase.PAUSING)
            assert yard.worker.books.poll_errors == 1
            assert yard.worker.books.polls == 0

    run(main())
    (record,) = [record for record in caplog.records if "cannot receive" in record.getMessage()]
    assert record.getMessage().startswith(f"cannot receive from events{advice}, next try in ")
