"""Held messages stay invisible: extended in batches, tried again when that fails, never beyond SQS's 12 hours."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.unit.pipeline.virtual_time import run
from tests.unit.pipeline.yard import SOURCE, Yard, event

from turnout.account import Account, Outcome, State
from turnout.errors import Fault
from turnout.idempotency.memory import MemoryStore
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.worker import Worker
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch
from turnout.sqs.codes import call_error
from turnout.sqs.memory_queue import MessageState

CHANGE = "ChangeMessageVisibilityBatch"
TWELVE_HOURS = 43_200
SECOND = 1_000_000_000


class Holding(Yard):
    """A worker that holds what it gets, because the target does not work; `asked` is what it asked to extend."""

    def __init__(self) -> None:
        backoff = Backoff(3_600.0, 3_600.0, 50)
        super().__init__(backoff=backoff, visibility_seconds=60, hold_seconds=TWELVE_HOURS, drain_seconds=0.2)
        self.asked: list[tuple[int, int]] = []
        self.sqs.fail_calls("crm", "SendMessageBatch", "ServiceUnavailable")
        self._change = self.sqs.change_visibility
        self.sqs.change_visibility = self._counted  # type: ignore[method-assign]

    async def _counted(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
        self.asked.append((len(handles), seconds))
        return await self._change(queue, handles, seconds)

    def gated(self) -> asyncio.Event:
        """Let the target work, but take nothing before the event that is given out is set."""
        self.sqs.heal()
        send, gate = self.sqs.send, asyncio.Event()

        async def wait_and_send(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            if queue == "crm":
                await gate.wait()
            return await send(queue, messages)

        self.sqs.send = wait_and_send  # type: ignore[method-assign]
        return gate

    @asynccontextmanager
    async def held(self, count: int, *, for_seconds: float, limit: float = 20.0) -> AsyncIterator[list[Account]]:
        """So many messages, as if they were held for so long; `asked` says what one beat of the heart then asks."""
        await self.publish(*(event("one", number) for number in range(count)))
        async with self.running(limit):
            while len(self.worker.in_flight) < count:
                await asyncio.sleep(0)
            accounts = list(self.worker.in_flight)
            for account in accounts:
                account.handle_at = asyncio.get_running_loop().time() - for_seconds
                account.visible_at -= 40  # of the 60 seconds of the last extension
            yield accounts


def test_what_has_used_half_of_its_time_is_extended_in_batches_of_ten() -> None:
    async def main() -> None:
        yard = Holding()
        async with yard.held(25, for_seconds=40):
            await yard.worker.heartbeat.beat()
            assert sorted(yard.asked) == [(5, 60), (10, 60), (10, 60)]
            await yard.worker.heartbeat.beat()
            assert len(yard.asked) == 3, "they have their time now"
        assert yard.worker.books.extensions == 25

    asyncio.run(main())


def test_an_extension_ends_with_the_12_hours_after_which_sqs_takes_none() -> None:
    async def main() -> None:
        yard = Holding()
        async with yard.held(1, for_seconds=TWELVE_HOURS - 50):
            await yard.worker.heartbeat.beat()
            ((count, seconds),) = yard.asked
            assert count == 1
            assert 30 <= seconds < 50

    asyncio.run(main())


@pytest.mark.parametrize("seconds", [TWELVE_HOURS - 1.5, TWELVE_HOURS])
def test_what_was_held_for_12_hours_is_not_asked_for_any_more(seconds: float) -> None:
    async def main() -> None:
        yard = Holding()
        async with yard.held(1, for_seconds=seconds):
            await yard.worker.heartbeat.beat()
            assert yard.asked == []

    asyncio.run(main())


def test_a_newer_handle_starts_the_12_hours_anew() -> None:
    async def main() -> None:
        yard = Holding()
        async with yard.held(1, for_seconds=TWELVE_HOURS) as (account,):
            yard.sqs.advance(61)
            while not yard.worker.books.redelivered:
                await asyncio.sleep(0.001)
            account.visible_at -= 40
            await yard.worker.heartbeat.beat()
            assert yard.asked == [(1, 60)]
            assert list(yard.worker.in_flight) == [account], "still one message, not two"

    asyncio.run(main())


def test_a_clock_that_is_set_forward_lets_no_held_message_lapse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        yard = Holding()
        async with yard.held(1, for_seconds=40):
            ahead = time.time_ns() + 2 * TWELVE_HOURS * SECOND
            monkeypatch.setattr(time, "time_ns", lambda: ahead)
            await yard.worker.heartbeat.beat()
            assert yard.asked == [(1, 60)]

    asyncio.run(main())


def test_an_extension_whose_call_failed_is_tried_again_with_the_next_beat(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        yard = Holding()
        async with yard.held(3, for_seconds=40):
            yard.sqs.fail_calls("events", CHANGE, "ServiceUnavailable", times=1)
            await yard.worker.heartbeat.beat()
            assert yard.worker.books.extensions == 0
            await yard.worker.heartbeat.beat()
            assert yard.worker.books.extensions == 3

    asyncio.run(main())
    assert "visibility of 3 messages not extended, trying again: " in caplog.text


def test_an_extension_has_three_tries_before_the_message_would_come_again() -> None:
    async def main() -> None:
        yard = Holding()
        yard.sqs._clock = asyncio.get_running_loop().time  # the queues' time is virtual, too
        yard.sqs.fail_calls("events", CHANGE, "ServiceUnavailable", times=2)
        await yard.publish(event("one"))
        async with yard.running(1_000):
            await asyncio.sleep(59)
            assert [seconds for _, seconds in yard.asked] == [60, 60, 60]
            assert yard.worker.books.extensions == 1
            await asyncio.sleep(300)
            assert yard.worker.books.redelivered == 0
            (account,) = yard.worker.in_flight
            assert account.message.receive_count == 1

    run(main())


def test_after_the_process_stood_still_the_beats_that_were_missed_are_not_made_up_for_one_by_one() -> None:
    async def main() -> None:
        yard = Holding()
        yard.sqs._clock = asyncio.get_running_loop().time  # the queues' time is virtual, too
        beats: list[float] = []

        async def beat() -> None:
            beats.append(asyncio.get_running_loop().time())

        yard.worker.heartbeat.beat = beat  # type: ignore[method-assign]
        async with yard.running(10_000):
            await asyncio.sleep(25)
            loop: Any = asyncio.get_running_loop()
            loop._virtual.now += 600
            await asyncio.sleep(21)
        assert sorted(set(beats)) == [10, 20, 625, 635, 645]
        assert len(beats) <= 6

    run(main())


def test_an_extension_that_hangs_does_not_let_the_other_messages_lapse(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        yard = Holding()
        yard.sqs._clock = asyncio.get_running_loop().time  # the queues' time is virtual, too
        change, hung = yard.sqs.change_visibility, asyncio.Event()

        async def hang_once(queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
            if not hung.is_set():
                hung.set()
                await asyncio.Event().wait()
            return await change(queue, handles, seconds)

        yard.sqs.change_visibility = hang_once  # type: ignore[method-assign]
        async with yard.held(25, for_seconds=0, limit=1_000.0) as accounts:
            handles = [account.handle for account in accounts]
            await asyncio.sleep(600)
            assert hung.is_set()
            assert [account.handle for account in yard.worker.in_flight] == handles, "none was handed out again"

    run(main())
    assert "visibility of 10 messages not extended in time, trying again" in caplog.text
    assert "idempotency" not in caplog.text


class HangingStore(MemoryStore):
    async def renew(
        self, keys: Mapping[str, str], lease_seconds: float, done: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        await asyncio.Event().wait()


def test_an_idempotency_store_that_hangs_does_not_make_an_extension_undone(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        yard = Holding()
        yard.sqs._clock = asyncio.get_running_loop().time  # the queues' time is virtual, too
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, HangingStore(100))
        async with yard.held(3, for_seconds=0, limit=1_000.0):
            yard.asked.clear()
            await yard.worker.heartbeat.beat()
            await yard.worker.heartbeat.beat()
            assert yard.asked == [(3, 60)], "extended once, and known to be"
            assert yard.worker.books.extensions == 3

    run(main())
    assert "did not renew 3 claims in time" in caplog.text
    assert "not extended" not in caplog.text


def test_what_some_targets_have_while_another_fails_is_known_to_the_store_should_the_worker_die() -> None:
    async def main() -> None:
        yard, store = Holding(), MemoryStore(100)
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
        await yard.publish(event("three"))
        async with yard.held(0, for_seconds=40):
            while not (held := list(yard.worker.in_flight)):
                await asyncio.sleep(0)
            (account,) = held
            while [delivery.state for delivery in account.deliveries].count(State.DONE) < 2:
                await asyncio.sleep(0)
            account.visible_at -= 40
            await yard.worker.heartbeat.beat()
            claims = await store.claim({account.key: "another"}, 60)
            assert claims[account.key].done == {"archive", "audit"}

    asyncio.run(main())


class CountingStore(MemoryStore):
    renewed = 0

    async def renew(
        self, keys: Mapping[str, str], lease_seconds: float, done: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self.renewed += len(keys)


def test_claims_are_renewed_with_the_extension_and_not_when_that_failed() -> None:
    async def main() -> None:
        yard, store = Holding(), CountingStore(100)
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
        async with yard.held(3, for_seconds=40):
            yard.sqs.fail_calls("events", CHANGE, "ServiceUnavailable", times=1)
            await yard.worker.heartbeat.beat()
            assert store.renewed == 0
            await yard.worker.heartbeat.beat()
            assert store.renewed == 3

    asyncio.run(main())


class SlowStore(MemoryStore):
    under_way = most = renewed = 0

    async def renew(
        self, keys: Mapping[str, str], lease_seconds: float, done: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        for _ in range(20):  # as many turns of the loop as all calls would take to begin
            await asyncio.sleep(0)
        self.under_way -= 1
        self.renewed += len(keys)


def test_the_claims_of_many_messages_are_not_renewed_all_at_once() -> None:
    async def main() -> None:
        yard, store = Holding(), SlowStore(100)
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
        target = yard.gated()
        async with yard.held(60, for_seconds=40):
            await yard.worker.heartbeat.beat()
            target.set()
        assert store.renewed == 60
        assert store.most == 5, "batches of ten"

    asyncio.run(main())


def test_a_handle_that_is_good_for_nothing_is_counted_and_left_in_peace(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        yard = Holding()
        async with yard.held(2, for_seconds=40) as accounts:
            accounts[0].handle = "expired"
            await yard.worker.heartbeat.beat()
            assert (yard.worker.books.extensions, yard.worker.books.expired) == (1, 1)
            accounts[1].visible_at -= 40
            await yard.worker.heartbeat.beat()
            assert [count for count, _ in yard.asked] == [2, 1]

    asyncio.run(main())
    (record,) = [record for record in caplog.records if "can no longer be kept invisible" in record.getMessage()]
    assert vars(record)["code"] == "ReceiptHandleIsInvalid"


@pytest.mark.parametrize("told_first", [True, False], ids=["deleted", "delete under way"])
def test_what_was_deleted_before_its_extension_is_not_said_to_have_become_visible(
    told_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        yard = Holding()
        change, delete = yard.sqs.change_visibility, yard.sqs.delete
        deleted, asked, extended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def slow_delete(queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
            failures = await delete(queue, handles)
            deleted.set()
            if not told_first:
                await extended.wait()
            return failures

        async def late(queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
            asked.set()
            await deleted.wait()
            if told_first:
                assert await yard.worker.in_flight.wait_until(0, 10.0)
            return await change(queue, handles, seconds)

        yard.sqs.delete, yard.sqs.change_visibility = slow_delete, late  # type: ignore[method-assign]
        target = yard.gated()
        async with yard.held(2, for_seconds=40):
            beat = asyncio.create_task(yard.worker.heartbeat.beat())
            await asked.wait()
            target.set()
            await beat
            extended.set()
            assert await yard.worker.in_flight.wait_until(0, 10.0)
        assert yard.stored(SOURCE) == []
        assert (yard.worker.books.extensions, yard.worker.books.expired) == (0, 0)

    asyncio.run(main())
    assert "invisible" not in caplog.text


def test_a_delete_that_has_failed_explains_no_handle_that_is_good_for_nothing() -> None:
    async def main() -> None:
        yard = Holding()
        yard.worker._settler._backoff = Backoff(0.01, 0.01, 10_000)
        target = yard.gated()
        yard.sqs.fail_calls(SOURCE, "DeleteMessageBatch", "ServiceUnavailable")
        async with yard.held(1, for_seconds=40) as (account,):
            target.set()
            while not account.deletes:
                await asyncio.sleep(0)
            handle, account.handle = account.handle, "expired"
            await yard.worker.heartbeat.beat()
            assert yard.worker.books.expired == 1
            account.handle = handle
            yard.sqs.heal()
            assert await yard.worker.in_flight.wait_until(0, 10.0)

    asyncio.run(main())


def test_what_is_handed_out_again_during_the_call_keeps_the_time_of_its_newer_handle() -> None:
    async def main() -> None:
        yard = Holding()
        async with yard.held(2, for_seconds=40) as accounts:
            change = yard.sqs.change_visibility

            async def overtaken(queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
                failures = await change(queue, handles, seconds)
                accounts[0].handle, accounts[0].visible_at = "newer", 7.0
                return failures

            yard.sqs.change_visibility = overtaken  # type: ignore[method-assign]
            await yard.worker.heartbeat.beat()
            assert (accounts[0].visible_at, yard.worker.books.extensions) == (7.0, 1)

    asyncio.run(main())


def test_an_entry_that_failed_for_the_moment_is_tried_again_with_the_next_beat(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        yard = Holding()
        async with yard.held(2, for_seconds=40):
            change, failures = yard.sqs.change_visibility, [EntryFailure(1, "InternalError", "", Fault.SYSTEM, True)]

            async def fail_once(queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
                await change(queue, handles, seconds)
                return (failures.pop(),) if failures else ()

            yard.sqs.change_visibility = fail_once  # type: ignore[method-assign]
            await yard.worker.heartbeat.beat()
            assert (yard.worker.books.extensions, yard.worker.books.expired) == (1, 0)
            await yard.worker.heartbeat.beat()
            assert yard.worker.books.extensions == 2
            assert [count for count, _ in yard.asked] == [2, 1]

    asyncio.run(main())
    assert "invisible" not in caplog.text


def test_one_handle_that_spoils_the_call_does_not_let_the_others_lapse_nor_keeps_them_from_being_handed_back() -> None:
    async def main() -> None:
        yard = Holding()
        change = yard.sqs.change_visibility

        async def picky(queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
            if "bad" in handles:
                raise call_error("ReceiptHandleIsInvalid", "One of them is not valid.", operation=CHANGE)
            return await change(queue, handles, seconds)

        yard.sqs.change_visibility = picky  # type: ignore[method-assign]
        async with yard.held(5, for_seconds=40) as accounts:
            accounts[2].handle = "bad"
            await yard.worker.heartbeat.beat()
            assert (yard.worker.books.extensions, yard.worker.books.expired) == (4, 1)
            yard.asked.clear()
            await yard.worker.heartbeat.beat()
            assert yard.asked == [], "it is left in peace, and the others have their time"
        states = [stored.state for stored in yard.stored(SOURCE)]
        assert states.count(MessageState.READY) == 4

    asyncio.run(main())


@pytest.mark.parametrize("began_first", [True, False], ids=["overtaken", "began while it was handed back"])
def test_an_extension_that_comes_after_its_message_was_handed_back_does_not_hide_it_again(
    began_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        yard = Holding()
        change = yard.sqs.change_visibility
        asked, handed_back, extended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def slowly(queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
            if seconds:
                asked.set()
                await handed_back.wait()
                failures = await change(queue, handles, seconds)
                extended.set()
                return failures
            failures = await change(queue, handles, 0)
            handed_back.set()
            await extended.wait()
            return failures

        yard.sqs.change_visibility = slowly  # type: ignore[method-assign]
        async with yard.held(2, for_seconds=40):
            if began_first:
                beat = asyncio.create_task(yard.worker.heartbeat.beat())
                await asked.wait()
            else:

                async def in_between() -> None:
                    await handed_back.wait()
                    await yard.worker.heartbeat.beat()

                beat = asyncio.create_task(in_between())
        await beat
        assert [stored.state for stored in yard.stored(SOURCE)] == [MessageState.READY] * 2
        assert (yard.worker.books.extensions, yard.worker.books.expired) == (0, 0)

    asyncio.run(main())
    assert "invisible" not in caplog.text


def test_a_drain_keeps_invisible_what_it_still_waits_for() -> None:
    async def main() -> None:
        yard = Yard(visibility_seconds=30, drain_seconds=300.0)
        yard.sqs._clock = asyncio.get_running_loop().time  # the queues' time is virtual, too
        send = yard.sqs.send

        async def slowly(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            if queue != SOURCE:
                await asyncio.sleep(200)
            return await send(queue, messages)

        yard.sqs.send = slowly  # type: ignore[method-assign]
        await yard.publish(event("one"))
        async with yard.running(seconds=1_000):
            while not len(yard.worker.in_flight):
                await asyncio.sleep(0.01)
        # The stop came at once, and the delivery took 200 s: more than six times the visibility timeout.
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}
        assert yard.worker.books.extensions > 6
        assert yard.watch.accounts[0].message.receive_count == 1
        assert yard.stored(SOURCE) == []

    run(main())
