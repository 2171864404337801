"""Who gets a slot when there are too few."""

import asyncio
from collections import Counter

import pytest

from turnout.pipeline.slots import Slots


def served(priorities: list[int], *, rounds: int) -> list[int]:
    """The order in which waiters of these priorities, each coming back at once, get the only slot."""

    async def main() -> list[int]:
        slots = Slots(1)
        order: list[int] = []
        done = asyncio.Event()

        async def customer(priority: int) -> None:
            while True:
                await slots.acquire(priority)
                order.append(priority)
                if len(order) == rounds:
                    done.set()
                slots.release()
                await asyncio.sleep(0)

        await slots.acquire(0)
        tasks = [asyncio.create_task(customer(priority)) for priority in priorities]
        await asyncio.sleep(0)
        slots.release()
        await done.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return order[:rounds]

    return asyncio.run(main())


def test_the_most_urgent_waiter_goes_first() -> None:
    assert served([5, 0, 9], rounds=3)[0] == 0


def test_among_equals_the_one_who_came_first_goes_first() -> None:
    async def main() -> None:
        slots = Slots(1)
        await slots.acquire(1)
        order: list[str] = []

        async def wait(name: str) -> None:
            await slots.acquire(1)
            order.append(name)
            slots.release()

        tasks = [asyncio.create_task(wait(name)) for name in "abc"]
        await asyncio.sleep(0)
        slots.release()
        await asyncio.gather(*tasks)
        assert order == ["a", "b", "c"]

    asyncio.run(main())


def test_the_least_urgent_still_get_their_share_under_pressure() -> None:
    counts = Counter(served([0, 0, 0, 9], rounds=800))
    assert 0.05 < counts[9] / 800 < 0.25


def test_a_cancelled_waiter_passes_a_slot_it_was_just_given_on() -> None:
    async def main() -> None:
        slots = Slots(1)
        await slots.acquire(0)
        first = asyncio.create_task(slots.acquire(0))
        second = asyncio.create_task(slots.acquire(0))
        await asyncio.sleep(0)
        slots.release()  # granted to the first ...
        first.cancel()  # ... who is cancelled before it runs
        async with asyncio.timeout(1):
            await second
        slots.release()
        async with asyncio.timeout(1):
            await slots.acquire(0)

    asyncio.run(main())


async def takes(slots: Slots) -> asyncio.Task[None]:
    """Somebody who wants a slot, and has it if there is one."""
    task = asyncio.create_task(slots.acquire(0))
    await asyncio.sleep(0)
    return task


def test_a_slot_that_was_given_back_is_one_slot() -> None:
    async def main() -> None:
        slots = Slots(1)
        for _ in range(3):
            await slots.acquire(0)
            slots.release()
        assert (await takes(slots)).done()
        assert not (await takes(slots)).done()

    asyncio.run(main())


def test_whoever_is_cancelled_while_waiting_had_no_slot_to_give_back() -> None:
    async def main() -> None:
        slots = Slots(1)
        await slots.acquire(0)
        gone = await takes(slots)
        gone.cancel()
        await asyncio.wait([gone])
        later = await takes(slots)
        assert not later.done()
        slots.release()
        async with asyncio.timeout(1):
            await later

    asyncio.run(main())


def test_whoever_has_gone_is_passed_over_in_both_lines() -> None:
    async def main() -> None:
        slots = Slots(1)
        await slots.acquire(0)
        for _ in range(20):
            gone, staying = await takes(slots), await takes(slots)
            gone.cancel()
            slots.release()
            async with asyncio.timeout(1):
                await staying

    asyncio.run(main())


@pytest.mark.parametrize(("arriving", "order"), [([], [1, 5, 9]), ([0] * 20, [0] * 7 + [5])])
def test_those_who_wait_keep_their_places_when_many_who_have_gone_are_dropped(
    arriving: list[int], order: list[int]
) -> None:
    async def main() -> list[int]:
        slots = Slots(1)
        await slots.acquire(0)
        served: list[int] = []

        async def customer(priority: int) -> None:
            await slots.acquire(priority)
            served.append(priority)
            slots.release()

        first = await takes(slots)
        staying = [asyncio.create_task(customer(priority)) for priority in (5, 1)]
        await asyncio.sleep(0)
        gone = [first, *[await takes(slots) for _ in range(60)]]
        for task in gone:
            task.cancel()
        await asyncio.wait(gone)
        staying.append(asyncio.create_task(customer(9)))
        await asyncio.sleep(0)
        assert len(slots._urgent) == len(slots._oldest) == 3
        staying += [asyncio.create_task(customer(priority)) for priority in arriving]
        await asyncio.sleep(0)
        slots.release()
        await asyncio.wait(staying, timeout=5)
        return served

    assert asyncio.run(main())[: len(order)] == order


def test_slots_are_never_lost_or_made_up() -> None:
    async def main() -> None:
        slots = Slots(3)
        holding = most = 0

        async def work(priority: int) -> None:
            nonlocal holding, most
            for _ in range(20):
                await slots.acquire(priority)
                holding += 1
                most = max(most, holding)
                await asyncio.sleep(0)
                holding -= 1
                slots.release()

        tasks = [asyncio.create_task(work(number % 4)) for number in range(12)]
        for task in tasks[::5]:
            asyncio.get_running_loop().call_later(0.001, task.cancel)
        await asyncio.wait(tasks)
        assert most <= 3
        # A cancelled worker in the middle of its call did not give its slot back here; the outbox does, in a finally.

    asyncio.run(main())


def test_under_pressure_that_never_ceases_nobody_who_was_served_stays_in_a_line() -> None:
    async def main() -> int:
        slots = Slots(1)
        await slots.acquire(0)

        async def customer(priority: int) -> None:
            for _ in range(500):
                await slots.acquire(priority)
                await asyncio.sleep(0)
                slots.release()

        tasks = [asyncio.create_task(customer(priority)) for priority in (0, 0, 0, 9)]
        await asyncio.sleep(0)
        slots.release()
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        standing = len(slots._urgent) + len(slots._oldest)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return standing

    assert asyncio.run(main()) <= 16 * 5
