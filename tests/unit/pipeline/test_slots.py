"""Who may begin a call when there are more who want to than slots."""

import asyncio
from collections.abc import Sequence

import pytest

from turnout.pipeline.slots import Share, Slots


async def wants(share: Share, priority: int = 0) -> asyncio.Task[None]:
    """Somebody who wants to begin a call, and has begun it if that is possible now."""
    task = asyncio.create_task(share.acquire(priority))
    await asyncio.sleep(0)
    return task


def begun(tasks: Sequence[asyncio.Task[None]]) -> list[int]:
    """Which of them have begun their call."""
    return [number for number, task in enumerate(tasks) if task.done() and not task.cancelled()]


def test_each_share_has_one_call_of_its_own_however_few_slots_there_are() -> None:
    async def main() -> None:
        slots = Slots(1)
        greedy = slots.share()
        assert begun([await wants(greedy) for _ in range(4)]) == [0, 1]
        for _ in range(20):
            assert begun([await wants(slots.share(), priority=9)]) == [0]

    asyncio.run(main())


def test_the_most_urgent_waiter_gets_the_slot_and_among_equals_the_one_who_came_first() -> None:
    async def main() -> None:
        slots = Slots(0)
        shares = [slots.share() for _ in range(4)]
        for share in shares:
            await share.acquire(0)
        priorities = (5, 0, 9, 0)
        waiting = [await wants(share, priority) for share, priority in zip(shares, priorities, strict=True)]
        order = []
        for _ in range(4):
            slots.give()
            await asyncio.sleep(0)
            order += [number for number in begun(waiting) if number not in order]
        assert order == [1, 3, 0, 2]

    asyncio.run(main())


def test_a_call_of_ones_own_that_ends_goes_to_the_same_target_however_urgent_others_are() -> None:
    async def main() -> None:
        slots = Slots(0)
        standard, critical = slots.share(), slots.share()
        await standard.acquire(9)
        await critical.acquire(0)
        first, second, urgent = await wants(standard, 9), await wants(standard, 9), await wants(critical, 0)
        standard.release()
        await asyncio.sleep(0)
        assert begun([first, second, urgent]) == [0]
        critical.release()
        await asyncio.sleep(0)
        assert begun([first, second, urgent]) == [0, 2]

    asyncio.run(main())


def test_whichever_of_two_calls_ends_first_the_other_is_the_targets_own_and_the_slot_goes_on() -> None:
    async def main() -> None:
        slots = Slots(1)
        one, other = slots.share(), slots.share()
        await one.acquire(0)
        await one.acquire(0)
        await other.acquire(0)
        waiting = await wants(other)
        assert not waiting.done()
        one.release()
        await asyncio.sleep(0)
        assert waiting.done()
        assert not (await wants(one)).done(), "its own call is under way, and the slot is with the other"

    asyncio.run(main())


def test_a_slot_that_was_given_back_is_one_slot() -> None:
    async def main() -> None:
        slots = Slots(1)
        share = slots.share()
        await share.acquire(0)
        for _ in range(3):
            await share.acquire(0)
            share.release()
        assert (await wants(share)).done()
        assert not (await wants(share)).done()

    asyncio.run(main())


def test_a_cancelled_waiter_passes_what_it_was_just_given_on() -> None:
    async def main() -> None:
        slots = Slots(1)
        share, other = slots.share(), slots.share()
        for each in (share, share, other):
            await each.acquire(0)
        first, second = await wants(share), await wants(other)
        share.release()  # the slot is granted to the first ...
        first.cancel()  # ... who is cancelled before it runs
        async with asyncio.timeout(15):
            await second
        first, second = await wants(share), await wants(share)
        share.release()  # its own call is granted to the first ...
        first.cancel()
        async with asyncio.timeout(15):
            await second

    asyncio.run(main())


def test_whoever_is_cancelled_while_waiting_had_nothing_to_give_back_and_is_passed_over() -> None:
    async def main() -> None:
        slots = Slots(1)
        share, other = slots.share(), slots.share()
        for each in (share, share, other):
            await each.acquire(0)
        for _ in range(20):
            gone, staying = await wants(share), await wants(other)
            gone.cancel()
            await asyncio.wait([gone])
            assert not staying.done()
            share.release()
            async with asyncio.timeout(15):
                await staying
            gone, staying = await wants(share), await wants(share)
            gone.cancel()
            await asyncio.wait([gone])
            other.release()
            async with asyncio.timeout(15):
                await staying

    asyncio.run(main())


def test_slots_are_never_lost_or_made_up() -> None:
    async def main() -> None:
        slots = Slots(3)
        shares = [slots.share() for _ in range(4)]
        holding = [0] * 4
        most = 0

        async def work(number: int) -> None:
            nonlocal most
            share = shares[number]
            for _ in range(40):
                await share.acquire(number)
                try:
                    holding[number] += 1
                    most = max(most, sum(max(0, held - 1) for held in holding))
                    await asyncio.sleep(0)
                finally:
                    holding[number] -= 1
                    share.release()

        tasks = [asyncio.create_task(work(number % 4)) for number in range(20)]
        for task in tasks[::5]:
            asyncio.get_running_loop().call_later(0.001, task.cancel)
        await asyncio.wait(tasks)
        assert most == 3
        left = [await wants(shares[0]) for _ in range(6)]
        assert begun(left) == [0, 1, 2, 3]

    asyncio.run(main())


@pytest.mark.parametrize("cancelled", [True, False])
def test_under_pressure_that_never_ceases_nobody_who_was_served_or_has_gone_stays_in_a_line(cancelled: bool) -> None:
    async def main() -> None:
        slots = Slots(0)
        standard, critical = slots.share(), slots.share()
        await standard.acquire(9)
        await critical.acquire(0)
        urgent = [await wants(critical, 0) for _ in range(5)]
        for _ in range(500):
            served = await wants(standard, 9)
            if cancelled:
                served.cancel()
                await asyncio.wait([served])
            else:
                standard.release()
                await served
        assert len(slots._line) <= 32
        assert len(standard._line) <= 2
        assert begun(urgent) == []
        slots.give()
        await asyncio.sleep(0)
        assert begun(urgent) == [0], "those who wait keep their places"

    asyncio.run(main())
