"""What is held, and how much may be."""

import asyncio

from turnout.account import Account, Call
from turnout.message import Message
from turnout.pipeline.inflight import InFlight


def account(number: int, *, handle: str = "h", body: str = "{}", queue: str = "http://q/1/source") -> Account:
    return Account(Message(str(number), handle, body, queue), Call("receive", queue, 1), 1)


def test_a_message_received_again_while_held_hands_its_newer_handle_to_the_held_one() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        held, again = account(1, handle="old"), account(1, handle="new")
        again.visible_at, again.handle_at = 99.0, 77.0
        assert in_flight.add([held]) == [held]
        assert in_flight.add([again]) == []
        assert (held.handle, held.visible_at, held.handle_at, len(in_flight)) == ("new", 99.0, 77.0, 1)

    asyncio.run(main())


def test_the_same_message_id_in_two_queues_is_two_messages() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        both = [account(1, queue="http://q/1/a"), account(1, queue="http://q/1/b")]
        assert in_flight.add(both) == both
        assert len(in_flight) == 2

    asyncio.run(main())


def test_places_are_granted_in_order_and_only_up_to_the_limit() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        await in_flight.reserve(10)
        order: list[str] = []

        async def wait(name: str, count: int) -> None:
            await in_flight.reserve(count)
            order.append(name)

        big, small = asyncio.create_task(wait("big", 6)), asyncio.create_task(wait("small", 4))
        await asyncio.sleep(0)
        in_flight.unreserve(4)
        await asyncio.sleep(0)
        assert order == []  # the small one fits, but it came later
        in_flight.unreserve(6)
        await asyncio.gather(big, small)
        assert order == ["big", "small"]

    asyncio.run(main())


def test_nobody_passes_those_who_wait_though_there_is_room_for_less() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        await in_flight.reserve(5)
        big = asyncio.create_task(in_flight.reserve(6))
        await asyncio.sleep(0)
        small = asyncio.create_task(in_flight.reserve(1))
        await asyncio.sleep(0)
        assert not small.done()
        in_flight.unreserve(2)
        async with asyncio.timeout(15):
            await asyncio.gather(big, small)

    asyncio.run(main())


def test_whoever_is_cancelled_while_waiting_had_nothing_to_give_back() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        await in_flight.reserve(10)
        gone = asyncio.create_task(in_flight.reserve(5))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        later = asyncio.create_task(in_flight.reserve(1))
        await asyncio.sleep(0)
        assert not later.done()
        in_flight.unreserve(1)
        async with asyncio.timeout(15):
            await later

    asyncio.run(main())


def test_whoever_is_cancelled_while_waiting_keeps_nobody_waiting() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        await in_flight.reserve(10)
        gone = asyncio.create_task(in_flight.reserve(10))
        behind = asyncio.create_task(in_flight.reserve(1))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        in_flight.unreserve(1)
        async with asyncio.timeout(15):
            await behind

    asyncio.run(main())


def test_places_that_were_waited_for_are_taken() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        await in_flight.reserve(10)
        first, second = asyncio.create_task(in_flight.reserve(7)), asyncio.create_task(in_flight.reserve(4))
        await asyncio.sleep(0)
        in_flight.unreserve(10)
        await first
        assert not second.done()
        in_flight.unreserve(7)
        async with asyncio.timeout(15):
            await second

    asyncio.run(main())


def test_bytes_are_those_of_the_bodies_that_are_held() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        first, second = account(1, body="x" * 7), account(2, body="x" * 5)
        in_flight.add([first, second, account(1, handle="again", body="x" * 7)])
        assert (len(in_flight), in_flight.bytes) == (2, 12)
        assert list(in_flight) == [first, second]
        in_flight.remove([first])
        assert (len(in_flight), in_flight.bytes) == (1, 5)
        in_flight.remove([second])
        assert (len(in_flight), in_flight.bytes) == (0, 0)

    asyncio.run(main())


def test_what_is_held_and_what_is_being_fetched_fill_the_places_together() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        await in_flight.reserve(6)
        in_flight.add([account(number) for number in range(4)])
        in_flight.unreserve(6)
        await in_flight.reserve(4)
        await in_flight.reserve(2)
        waiting = asyncio.create_task(in_flight.reserve(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        in_flight.remove(list(in_flight)[:1])
        async with asyncio.timeout(15):
            await waiting

    asyncio.run(main())


def test_everybody_who_watches_is_told_when_few_enough_are_held() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        held = [account(number) for number in range(3)]
        in_flight.add(held)
        assert await in_flight.wait_until(3, 0.0)
        assert not await in_flight.wait_until(2, -1.0)
        watching = [asyncio.create_task(in_flight.wait_until(count, 5)) for count in (1, 2)]
        await asyncio.sleep(0)
        in_flight.remove(held[:1])
        assert await watching[1]
        assert not watching[0].done()
        in_flight.remove(held[1:2])
        assert await watching[0]

    asyncio.run(main())


def test_a_cancelled_waiter_takes_no_places_even_when_they_were_just_granted() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        await in_flight.reserve(10)
        waiting = asyncio.create_task(in_flight.reserve(10))
        await asyncio.sleep(0)
        in_flight.unreserve(10)  # granted now ...
        waiting.cancel()  # ... and cancelled before it ran
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        async with asyncio.timeout(15):
            await in_flight.reserve(10)

    asyncio.run(main())


def test_bodies_are_bounded_by_bytes_as_well() -> None:
    async def main() -> None:
        in_flight = InFlight(1000, 100)
        heavy = account(1, body="x" * 100)
        in_flight.add([heavy])
        waiting = asyncio.create_task(in_flight.reserve(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        in_flight.remove([heavy])
        async with asyncio.timeout(15):
            await waiting

    asyncio.run(main())


def test_waiting_for_empty_ends_when_the_last_message_is_settled_or_the_time_is_up() -> None:
    async def main() -> None:
        in_flight = InFlight(10, 1000)
        assert await in_flight.wait_until(0, 0.01)
        held = account(1)
        in_flight.add([held])
        assert not await in_flight.wait_until(0, 0.01)
        waiting = asyncio.create_task(in_flight.wait_until(0, 5))
        in_flight.remove([held])
        assert await waiting

    asyncio.run(main())
