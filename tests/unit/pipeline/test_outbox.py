"""When an outbox flushes, how much, and in which order."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from tests.unit.pipeline import virtual_time

from turnout.pipeline.outbox import Outbox
from turnout.pipeline.slots import Slots
from turnout.sqs.api import MAX_BATCH_BYTES


class Gate:
    """A flush that records its batches and returns only when let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.started = asyncio.Semaphore(0)
        self.open = asyncio.Event()

    async def __call__(self, batch: list[str]) -> list[tuple[str, float]]:
        self.batches.append(batch)
        self.started.release()
        await self.open.wait()
        return []


def run(scenario: Callable[[asyncio.TaskGroup], Awaitable[None]]) -> None:
    """Run a scenario in a task group, then cancel what it left running."""

    async def main() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            started = asyncio.all_tasks()
            await scenario(tasks)
            for task in asyncio.all_tasks() - started:
                task.cancel()

    asyncio.run(main())


class Returning:
    """A flush that records its batches, each with its time, and wants each item back once that has a delay."""

    def __init__(self, delays: dict[str, float] | None = None) -> None:
        self.batches: list[tuple[float, list[str]]] = []
        self._delays = delays or {}

    async def __call__(self, batch: list[str]) -> list[tuple[str, float]]:
        self.batches.append((round(asyncio.get_running_loop().time()), batch))
        return [(item, self._delays.pop(item)) for item in batch if item in self._delays]


def in_virtual_time(scenario: Callable[[asyncio.TaskGroup], Awaitable[None]]) -> None:
    """Run a scenario that waits for minutes."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            started = asyncio.all_tasks()
            await scenario(tasks)
            for task in asyncio.all_tasks() - started:
                task.cancel()

    virtual_time.run(main())


def lane(item: str) -> str | None:
    """Items are of the lane that their first letter names; digits are of none."""
    return item[0] if item[0].isalpha() else None


def test_an_idle_outbox_sends_a_single_item_at_once() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=2)
        outbox.start(tasks)
        await asyncio.sleep(0)
        outbox.put("a")
        await gate.started.acquire()
        assert gate.batches == [["a"]]

    run(scenario)


def test_while_a_call_is_under_way_items_gather_and_leave_as_one_batch() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=2)
        outbox.start(tasks)
        outbox.put("a")
        await gate.started.acquire()
        for item in "bcd":
            outbox.put(item)
        await asyncio.sleep(0)
        assert gate.batches == [["a"]]
        gate.open.set()
        await gate.started.acquire()
        assert gate.batches == [["a"], ["b", "c", "d"]]

    run(scenario)


def test_a_full_batch_does_not_wait_for_the_call_under_way() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=2)
        outbox.start(tasks)
        outbox.put("first")
        await gate.started.acquire()
        for number in range(12):
            outbox.put(str(number))
        await gate.started.acquire()
        assert gate.batches[1] == [str(number) for number in range(10)]
        assert len(outbox) == 2

    run(scenario)


def test_what_is_put_at_once_and_fills_several_batches_goes_out_in_as_many_calls() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=3)
        outbox.start(tasks)
        await asyncio.sleep(1)
        outbox.extend([str(number) for number in range(25)])
        await asyncio.sleep(1)
        assert [len(batch) for batch in gate.batches] == [10, 10]
        gate.open.set()
        await asyncio.sleep(1)
        assert [len(batch) for batch in gate.batches] == [10, 10, 5]

    in_virtual_time(scenario)


def test_whoever_flushes_is_told_of_each_batch_before_and_may_hold_the_next() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        told: list[object] = []

        def taken(count: int) -> None:
            told.append(count)
            outbox.hold(math.inf)

        async def flush(batch: list[str]) -> list[tuple[str, float]]:
            told.append(batch)
            return []

        outbox = Outbox("t", flush, calls=2, max_items=2, taken=taken)
        outbox.start(tasks)
        outbox.extend(["a", "b", "c"])
        await asyncio.sleep(1)
        assert told == [2, ["a", "b"]]
        outbox.hold(0.0)
        await asyncio.sleep(1)
        assert told == [2, ["a", "b"], 1, ["c"]]

    in_virtual_time(scenario)


def test_outboxes_that_share_slots_have_one_call_each_and_no_more_beyond_than_there_are_slots() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate, slots = Gate(), Slots(1)
        one, other = (Outbox("t", gate, calls=3, max_items=2, slots=slots) for _ in range(2))
        one.start(tasks)
        other.start(tasks)
        for item in ("a", "bb", "cc"):
            one.extend([*item])
            await asyncio.sleep(1)
        assert gate.batches == [["a"], ["b", "b"]]
        other.put("d")
        await asyncio.sleep(1)
        assert gate.batches[2:] == [["d"]], "whoever has many calls under way leaves others one"
        other.extend(["e", "f"])
        await asyncio.sleep(1)
        assert gate.batches[3:] == []
        gate.open.set()
        await asyncio.sleep(1)
        assert sorted(gate.batches[3:]) == [["c", "c"], ["e", "f"]]

    in_virtual_time(scenario)


def test_while_a_slot_is_waited_for_the_batch_fills() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=2, size=len, max_bytes=4, slots=Slots(0))
        outbox.start(tasks)
        outbox.put("a")
        await asyncio.sleep(1)
        outbox.extend(["bb", "cc"])
        await asyncio.sleep(1)
        outbox.put("d")
        gate.open.set()
        await asyncio.sleep(1)
        assert gate.batches == [["a"], ["bb", "cc"], ["d"]]

    in_virtual_time(scenario)


def test_the_more_urgent_outbox_gets_the_slot_that_both_wait_for() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate, slots = Gate(), Slots(0)
        for priority in (5, 0):
            outbox = Outbox("t", gate, calls=2, max_items=1, slots=slots, priority=priority)
            outbox.start(tasks)
            outbox.extend(["first", f"of priority {priority}"])
            await asyncio.sleep(1)
        assert gate.batches == [["first"], ["first"]]
        for _ in range(2):
            slots.give()
            await asyncio.sleep(1)
        assert gate.batches[2:] == [["of priority 0"], ["of priority 5"]]

    in_virtual_time(scenario)


def test_what_is_held_or_gone_when_its_slot_comes_is_not_sent_and_the_slot_is_given_back() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate, slots = Gate(), Slots(0)
        outbox = Outbox("t", gate, calls=2, max_items=1, slots=slots)
        outbox.start(tasks)
        outbox.extend(["first", "a"])
        await asyncio.sleep(1)
        outbox.hold(math.inf)
        slots.give()
        await asyncio.sleep(1)
        assert slots.take(), "given back"
        outbox.hold(0.0)
        await asyncio.sleep(1)
        assert outbox.remove(lambda item: item == "a") == ["a"]
        slots.give()
        await asyncio.sleep(1)
        assert slots.take(), "given back"
        outbox.put("b")
        slots.give()
        await asyncio.sleep(1)
        assert gate.batches == [["first"], ["b"]]

    in_virtual_time(scenario)


def test_a_batch_is_full_with_the_last_item_that_fits() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=2, max_items=3)
        outbox.start(tasks)
        outbox.put("first")
        await gate.started.acquire()
        outbox.extend(["a", "b"])
        await asyncio.sleep(1)
        assert len(outbox) == 2
        outbox.put("c")
        await gate.started.acquire()
        assert gate.batches == [["first"], ["a", "b", "c"]]

    in_virtual_time(scenario)


def test_a_batch_never_exceeds_one_mebibyte() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        gate.open.set()
        outbox = Outbox("t", gate, calls=1, size=lambda item: int(item))
        for size in (600_000, 400_000, 100_000, MAX_BATCH_BYTES, 1):
            outbox.put(str(size))
        outbox.start(tasks)
        for _ in range(4):
            await gate.started.acquire()
        assert gate.batches == [["600000", "400000"], ["100000"], [str(MAX_BATCH_BYTES)], ["1"]]

    run(scenario)


def test_several_put_at_once_are_cut_into_batches_like_those_put_one_by_one() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        gate.open.set()
        outbox = Outbox("t", gate, calls=1, size=lambda item: int(item))
        outbox.extend(["600000", "400000", "100000", str(MAX_BATCH_BYTES), "1"])
        outbox.start(tasks)
        for _ in range(4):
            await gate.started.acquire()
        assert gate.batches == [["600000", "400000"], ["100000"], [str(MAX_BATCH_BYTES)], ["1"]]

    run(scenario)


def test_several_put_at_once_of_one_lane_go_one_after_the_other() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=2, lane=lambda item: item[0])
        outbox.start(tasks)
        await asyncio.sleep(0)
        outbox.extend(["g1", "g2", "h1"])
        await gate.started.acquire()
        assert gate.batches == [["g1", "h1"]]
        gate.open.set()
        await gate.started.acquire()
        assert gate.batches == [["g1", "h1"], ["g2"]]

    run(scenario)


def test_what_is_to_be_repeated_goes_first_when_its_time_comes() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        batches: list[list[str]] = []
        release = asyncio.Event()
        done = asyncio.Event()

        async def flush(batch: list[str]) -> list[tuple[str, float]]:
            batches.append(batch)
            if len(batches) == 1:
                return [("a", 0.001)]
            if len(batches) == 2:
                await release.wait()
            else:
                done.set()
            return []

        outbox = Outbox("t", flush, calls=1)
        outbox.start(tasks)
        outbox.put("a")
        await asyncio.sleep(0)
        outbox.put("b")
        await asyncio.sleep(0)
        outbox.put("c")
        await asyncio.sleep(0.01)  # the retry of a falls due while b is under way
        release.set()
        await done.wait()
        assert batches == [["a"], ["b"], ["a", "c"]]

    run(scenario)


def test_a_lane_sends_one_at_a_time_and_keeps_its_order_through_a_retry() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        sent: list[str] = []
        failed: set[str] = set()
        done = asyncio.Event()

        async def flush(batch: list[str]) -> list[tuple[str, float]]:
            lanes = [item[0] for item in batch]
            assert len(set(lanes)) == len(lanes), "two items of one lane in one batch"
            again = []
            for item in batch:
                if item == "g1" and item not in failed:
                    failed.add(item)
                    again.append((item, 0.001))
                else:
                    sent.append(item)
            if len(sent) == 5:
                done.set()
            return again

        outbox = Outbox("t", flush, calls=3, lane=lambda item: item[0])
        outbox.start(tasks)
        for item in ("g1", "g2", "h1", "g3", "h2"):
            outbox.put(item)
        await done.wait()
        assert [item for item in sent if item[0] == "g"] == ["g1", "g2", "g3"]
        assert [item for item in sent if item[0] == "h"] == ["h1", "h2"]
        assert len(outbox) == 0

    run(scenario)


def test_withdrawing_takes_late_retries_and_what_waits_behind_them_in_their_lane() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        first = asyncio.Event()

        async def flush(batch: list[str]) -> list[tuple[str, float]]:
            first.set()
            return [(item, 60.0 if item[0] == "g" else 5.0) for item in batch]

        outbox = Outbox("t", flush, calls=1, lane=lambda item: item[0])
        outbox.start(tasks)
        for item in ("g1", "g2", "h1"):
            outbox.put(item)
        await first.wait()
        await asyncio.sleep(0)
        withdrawn = outbox.withdraw(asyncio.get_running_loop().time() + 30)
        assert withdrawn == ["g1", "g2"]
        assert len(outbox) == 1

    run(scenario)


def test_what_comes_to_a_lane_after_it_was_withdrawn_overtakes_nothing_and_is_withdrawn_next() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        sent: list[str] = []
        first, second = asyncio.Event(), asyncio.Event()

        async def flush(batch: list[str]) -> list[tuple[str, float]]:
            sent.extend(batch)
            (second if first.is_set() else first).set()
            return [(item, 60.0) for item in batch if item == "g1"]

        outbox = Outbox("t", flush, calls=1, lane=lambda item: item[0])
        outbox.start(tasks)
        outbox.put("g1")
        await first.wait()
        await asyncio.sleep(0)
        soon = asyncio.get_running_loop().time() + 30
        assert outbox.withdraw(soon) == ["g1"]
        outbox.extend(["g2", "h1"])
        await second.wait()
        assert sent == ["g1", "h1"]
        assert outbox.withdraw(soon) == ["g2"]

    run(scenario)


def test_a_waiting_flusher_can_be_cancelled_and_the_next_item_still_leaves() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=2)
        first, _ = outbox.start(tasks)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        outbox.put("a")
        await gate.started.acquire()
        assert gate.batches == [["a"]]

    run(scenario)


def test_an_item_that_comes_while_a_flusher_is_being_cancelled_still_leaves() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=2)
        first, _ = outbox.start(tasks)
        await asyncio.sleep(0)
        first.cancel()
        outbox.put("a")
        await gate.started.acquire()
        assert gate.batches == [["a"]]

    run(scenario)


def test_a_flusher_that_is_cancelled_as_it_is_woken_just_ends() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        outbox = Outbox("t", Gate(), calls=2)
        first, _ = outbox.start(tasks)
        await asyncio.sleep(0)
        outbox.put("a")
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()

    run(scenario)


def test_what_is_of_no_lane_waits_for_nobody() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        flush = Returning()
        outbox = Outbox("t", flush, calls=1, lane=lane)
        outbox.start(tasks)
        for item in ("g1", "1", "g2", "2"):
            outbox.put(item)
        await asyncio.sleep(1)
        assert flush.batches == [(0, ["g1", "1", "2"]), (0, ["g2"])]

    in_virtual_time(scenario)


def test_what_waits_is_counted_wherever_it_waits() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        outbox = Outbox("t", Returning({"g1": 60.0}), calls=1, lane=lane)
        outbox.start(tasks)
        outbox.extend(["g1", "g2", "g3"])
        await asyncio.sleep(1)
        outbox.hold(math.inf)
        outbox.put("1")
        assert (len(outbox), outbox.repeating) == (4, 1)

    in_virtual_time(scenario)


def test_a_hold_ends_at_its_time_and_not_at_that_of_an_earlier_one() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        flush = Returning()
        outbox = Outbox("t", flush, calls=1)
        outbox.start(tasks)
        for until in (10.0, 30.0):
            outbox.hold(until)
        outbox.put("a")
        await asyncio.sleep(50)
        assert flush.batches == [(30, ["a"])]
        for until in (60.0, math.inf):
            outbox.hold(until)
        outbox.put("b")
        await asyncio.sleep(1_000)
        assert flush.batches == [(30, ["a"])]
        outbox.hold(0.0)
        await asyncio.sleep(1)
        assert flush.batches == [(30, ["a"]), (1050, ["b"])]

    in_virtual_time(scenario)


def test_what_is_removed_is_found_wherever_it_waits_and_frees_its_lane() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        flush = Returning({"g1": 60.0, "h1": 30.0})
        outbox = Outbox("t", flush, calls=1, lane=lane)
        outbox.start(tasks)
        outbox.extend(["g1", "h1", "g2", "g3", "h2"])
        await asyncio.sleep(1)
        outbox.hold(math.inf)
        outbox.extend(["k1", "k2", "k3"])
        assert outbox.remove(lambda item: item in ("g1", "g3", "k1", "k3")) == ["k1", "g1", "g3", "k3"]
        assert (len(outbox), outbox.repeating) == (4, 1)
        outbox.hold(0.0)
        await asyncio.sleep(100)
        assert flush.batches == [(0, ["g1", "h1"]), (1, ["k2", "g2"]), (30, ["h1"]), (30, ["h2"])]
        assert len(outbox) == 0

    in_virtual_time(scenario)


def test_the_rest_is_repeated_in_time_when_what_would_have_come_first_is_removed() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        flush = Returning({"a": 10.0, "b": 50.0, "c": 20.0})
        outbox = Outbox("t", flush, calls=1)
        outbox.start(tasks)
        outbox.extend(["a", "b", "c"])
        await asyncio.sleep(1)
        assert outbox.remove(lambda item: item == "a") == ["a"]
        await asyncio.sleep(100)
        assert flush.batches == [(0, ["a", "b", "c"]), (20, ["c"]), (50, ["b"])]

    in_virtual_time(scenario)


def test_what_is_left_after_a_removal_is_cut_into_batches_by_its_own_size() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        flush = Returning()
        outbox = Outbox("t", flush, calls=2, size=len, max_bytes=10)
        outbox.hold(math.inf)
        outbox.start(tasks)
        outbox.extend(["a" * 6, "b" * 5, "c" * 3])
        assert outbox.remove(lambda item: item == "ccc") == ["ccc"]
        outbox.hold(0.0)
        await asyncio.sleep(1)
        assert [batch for _, batch in flush.batches] == [["a" * 6], ["b" * 5]]

    in_virtual_time(scenario)


def test_what_has_left_no_longer_counts_towards_a_full_batch() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=3, size=len, max_bytes=10)
        outbox.start(tasks)
        outbox.put("a" * 6)
        await gate.started.acquire()
        for letter in "bc":
            sent = list(gate.batches)
            outbox.put(letter * 9)
            await asyncio.sleep(1)
            assert gate.batches == sent
            outbox.put(letter)
            await asyncio.sleep(1)
            assert gate.batches == [*sent, [letter * 9, letter]]

    in_virtual_time(scenario)


def test_a_batch_may_be_filled_to_the_byte_and_what_it_leaves_behind_counts_on() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=3, size=len, max_bytes=10)
        outbox.start(tasks)
        outbox.extend(["a" * 6, "b" * 4, "c" * 6])
        await asyncio.sleep(1)
        assert gate.batches == [["a" * 6, "b" * 4]]
        outbox.put("d" * 3)
        await asyncio.sleep(1)
        assert len(gate.batches) == 1
        outbox.put("e")
        await asyncio.sleep(1)
        assert gate.batches[1:] == [["c" * 6, "d" * 3, "e"]]

    in_virtual_time(scenario)


def test_what_follows_in_a_lane_counts_towards_the_size_of_its_batch() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        flush = Returning()
        outbox = Outbox("t", flush, calls=1, size=len, lane=lane, max_bytes=10)
        outbox.start(tasks)
        outbox.extend(["g1----", "h1----", "g2----", "h2----"])
        await asyncio.sleep(1)
        assert [batch for _, batch in flush.batches] == [["g1----"], ["h1----"], ["g2----"], ["h2----"]]

    in_virtual_time(scenario)


def test_what_is_repeated_counts_towards_the_size_of_its_batch() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        flush = Returning({"a" * 6: 10.0})
        outbox = Outbox("t", flush, calls=1, size=len, max_bytes=10)
        outbox.start(tasks)
        outbox.put("a" * 6)
        await asyncio.sleep(1)
        outbox.hold(20.0)
        outbox.put("b" * 6)
        await asyncio.sleep(60)
        assert flush.batches == [(0, ["a" * 6]), (20, ["a" * 6]), (20, ["b" * 6])]

    in_virtual_time(scenario)


def test_what_is_repeated_at_the_same_time_goes_in_the_order_in_which_it_came() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        flush = Returning({"b": 10.0, "c": 10.0, "a": 10.0})
        outbox = Outbox("t", flush, calls=1)
        outbox.start(tasks)
        outbox.extend(["b", "c", "a"])
        await asyncio.sleep(60)
        assert flush.batches == [(0, ["b", "c", "a"]), (10, ["b", "c", "a"])]

    in_virtual_time(scenario)


def test_an_item_that_is_larger_than_a_batch_goes_alone() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        flush = Returning()
        outbox = Outbox("t", flush, calls=1, size=len, max_bytes=10)
        outbox.start(tasks)
        outbox.put("a" * 11)
        await asyncio.sleep(1)
        outbox.extend(["b", "c" * 11, "d"])
        await asyncio.sleep(1)
        assert [batch for _, batch in flush.batches] == [["a" * 11], ["b"], ["c" * 11], ["d"]]

    in_virtual_time(scenario)


def test_what_was_removed_no_longer_counts_towards_a_full_batch() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        gate = Gate()
        outbox = Outbox("t", gate, calls=2, size=len, max_bytes=10)
        outbox.start(tasks)
        outbox.put("first")
        await gate.started.acquire()
        outbox.put("a" * 6)
        assert outbox.remove(lambda item: item[0] == "a") == ["a" * 6]
        outbox.put("b" * 5)
        await asyncio.sleep(1)
        assert gate.batches == [["first"]]
        outbox.put("c" * 5)
        await gate.started.acquire()
        assert gate.batches == [["first"], ["b" * 5, "c" * 5]]

    in_virtual_time(scenario)


def test_trimming_takes_what_came_last_and_what_waits_for_a_retry_last_of_all() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        outbox = Outbox("t", Returning({"1": 60.0, "2": 30.0}), calls=1, lane=lane)
        outbox.start(tasks)
        outbox.extend(["1", "2"])
        await asyncio.sleep(1)
        outbox.hold(math.inf)
        outbox.extend(["g1", "g2", "3"])
        assert outbox.trim(5) == []
        assert outbox.trim(6) == []
        assert outbox.trim(4) == ["g2"]
        assert outbox.trim(2) == ["g1", "3"]
        assert outbox.trim(1) == ["2"]
        assert outbox.trim(0) == ["1"]
        assert len(outbox) == 0

    in_virtual_time(scenario)


def test_withdrawing_leaves_what_is_due_in_time_and_asks_for_no_lanes() -> None:
    async def scenario(tasks: asyncio.TaskGroup) -> None:
        for lanes in (None, lane):
            start = round(asyncio.get_running_loop().time())
            flush = Returning({"1": 10.0, "2": 60.0, "3": 30.0})
            outbox = Outbox("t", flush, calls=1, lane=lanes)
            outbox.start(tasks)
            outbox.extend(["1", "2", "3"])
            await asyncio.sleep(1)
            assert outbox.withdraw(start + 30.0) == ["2"]
            await asyncio.sleep(99)
            assert flush.batches == [(start, ["1", "2", "3"]), (start + 10, ["1"]), (start + 30, ["3"])]

    in_virtual_time(scenario)
