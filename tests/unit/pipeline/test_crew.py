"""How many pollers poll: one at an empty queue, all at a full one, and in between as many as the batches ask for."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.pipeline.virtual_time import run
from tests.unit.pipeline.yard import Yard, event

from turnout.message import Message
from turnout.pipeline.crew import Crew
from turnout.pipeline.poller import Phase

ROUND_TRIP_SECONDS = 0.01


class Backlog:
    """A source queue of so many messages, at the far end of a network; counts polls and those under way."""

    def __init__(self, yard: Yard, batch: int = 10) -> None:
        self.left = 0
        self.batch = batch
        self.polls = self.at_once = self.most = 0
        self._made = 0
        self._waiting: list[asyncio.Event] = []
        yard.sqs.receive = self._receive  # type: ignore[method-assign]
        yard.sqs.delete = self._delete  # type: ignore[method-assign]

    def publish(self, count: int) -> None:
        self.left += count
        for waiting in self._waiting:
            waiting.set()

    async def _receive(
        self, queue: str, *, max_messages: int = 10, wait_seconds: int = 20, visibility_seconds: int | None = None
    ) -> list[Message]:
        self.polls += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(ROUND_TRIP_SECONDS)
            if not self.left and wait_seconds:
                await self._wait(wait_seconds)
            count = min(self.batch, self.left, max_messages)
            self.left -= count
            self._made += count
            return [
                Message(str(number), str(number), event("nowhere"), queue)
                for number in range(self._made - count, self._made)
            ]
        finally:
            self.at_once -= 1

    async def _wait(self, seconds: float) -> None:
        arrived = asyncio.Event()
        self._waiting.append(arrived)
        try:
            async with asyncio.timeout(seconds):
                await arrived.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.remove(arrived)

    async def _delete(self, queue: str, handles: object) -> tuple[()]:
        return ()


def test_at_an_empty_queue_one_of_eight_pollers_polls() -> None:
    async def main() -> None:
        yard = Yard(pollers=8, max_in_flight=1_000)
        backlog = Backlog(yard)
        async with yard.running(seconds=1_000):
            await asyncio.sleep(600)
            assert backlog.most == 1
            assert backlog.polls == pytest.approx(600 / 20, abs=2)
            assert [poller.phase for poller in yard.worker.pollers].count(Phase.RESTING) == 7

    run(main())


def test_a_full_queue_has_all_pollers_at_work_within_a_few_round_trips() -> None:
    async def main() -> None:
        yard = Yard(pollers=8, max_in_flight=1_000)
        backlog = Backlog(yard)
        async with yard.running(seconds=1_000):
            await asyncio.sleep(60)
            backlog.publish(100_000)
            await asyncio.sleep(ROUND_TRIP_SECONDS * 6)
            assert backlog.at_once == 8
            assert backlog.left > 99_000

    run(main())


def test_when_the_queue_is_empty_again_all_but_one_rest_within_one_long_poll() -> None:
    async def main() -> None:
        yard = Yard(pollers=8, max_in_flight=1_000)
        backlog = Backlog(yard)
        async with yard.running(seconds=1_000):
            backlog.publish(1_000)
            await asyncio.sleep(1.0)
            assert (backlog.most, backlog.left) == (8, 0)
            await asyncio.sleep(20.0)
            assert backlog.at_once == 1
            assert yard.worker.books.received == 1_000

    run(main())


@pytest.mark.parametrize(("batch", "most"), [(4, 1), (5, 4)])
def test_batches_that_come_less_than_half_full_call_nobody(batch: int, most: int) -> None:
    async def main() -> None:
        yard = Yard(pollers=4, max_in_flight=1_000)
        backlog = Backlog(yard, batch)
        async with yard.running(seconds=1_000):
            backlog.publish(500)
            await asyncio.sleep(5)
            assert (backlog.most, backlog.left) == (most, 0)

    run(main())


def test_one_poller_alone_works_on_whatever_it_gets() -> None:
    async def main() -> None:
        yard = Yard(pollers=1, max_in_flight=1_000)
        backlog = Backlog(yard)
        async with yard.running(seconds=1_000):
            backlog.publish(200)
            await asyncio.sleep(45)
            backlog.publish(200)
            await asyncio.sleep(5)
            assert (backlog.most, yard.worker.books.received) == (1, 400)

    run(main())


def test_a_worker_whose_pollers_rest_stops_at_once() -> None:
    async def main() -> float:
        yard = Yard(pollers=8, drain_seconds=30.0)
        backlog = Backlog(yard)
        async with yard.running(seconds=1_000):
            await asyncio.sleep(30)
            assert backlog.at_once == 1
            stopping = asyncio.get_running_loop().time()
        return asyncio.get_running_loop().time() - stopping

    assert run(main()) < 1.0


def test_whoever_is_called_after_it_was_cancelled_is_passed_over() -> None:
    async def main() -> None:
        crew = Crew()
        await crew.join()
        gone, next_one = asyncio.ensure_future(crew.join()), asyncio.ensure_future(crew.join())
        await asyncio.sleep(0)
        gone.cancel()
        assert crew.polled(10, 10)
        await next_one
        assert crew.working == 2
        assert not crew.polled(0, 10)
        assert crew.polled(0, 10), "the last one goes on"

    asyncio.run(main())


def test_a_poll_calls_one_poller_and_not_all_of_them() -> None:
    async def main() -> None:
        crew = Crew()
        await crew.join()
        resting = [asyncio.ensure_future(crew.join()) for _ in range(3)]
        await asyncio.sleep(0)
        assert crew.polled(10, 10)
        await resting[0]
        assert (crew.working, [call.done() for call in resting]) == (2, [True, False, False])
        for call in resting:
            call.cancel()

    asyncio.run(main())
