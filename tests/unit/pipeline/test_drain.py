"""A stop while everything goes wrong: it ends in time, loses nothing, and says what it left. In virtual time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from tests.unit.pipeline.virtual_time import run
from tests.unit.pipeline.yard import DEAD, RULES, SOURCE, Yard, event, ruleset

from turnout.account import Outcome
from turnout.idempotency.api import Claim
from turnout.idempotency.keys import event_key
from turnout.idempotency.memory import MemoryStore
from turnout.message import Message
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.breaker import BreakerConfig
from turnout.pipeline.worker import Worker
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch
from turnout.sqs.codes import call_error
from turnout.sqs.memory_queue import MessageState

SEND = "SendMessageBatch"
DRAIN = 25.0


def now() -> float:
    return asyncio.get_running_loop().time()


class Late(Yard):
    """A yard in virtual time, of which some calls take long. `seconds` is how long, by queue or operation."""

    def __init__(self, seconds: Mapping[str, float], **config: object) -> None:
        super().__init__(clock=now, **{"drain_seconds": DRAIN, **config})  # type: ignore[arg-type]
        self._seconds = seconds
        self._send, self._change = self.sqs.send, self.sqs.change_visibility
        self.sqs.send = self._late_send  # type: ignore[method-assign]
        self.sqs.change_visibility = self._late_change  # type: ignore[method-assign]

    async def _late_send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        await asyncio.sleep(self._seconds.get(queue.rpartition("/")[2], 0.0))
        return await self._send(queue, messages)

    async def _late_change(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
        await asyncio.sleep(self._seconds.get("change", 0.0))
        return await self._change(queue, handles, seconds)

    async def stopped_after(self, ready: Callable[[], bool]) -> float:
        """Work until `ready`, then stop; how many seconds that took."""
        stop = asyncio.Event()
        working = asyncio.create_task(self.worker.run(stop))
        while not ready():
            await asyncio.sleep(0.01)
        asked = now()
        stop.set()
        await working
        return now() - asked

    def in_source(self) -> dict[str, bool]:
        """What is in the source queue, and whether it can be received now."""
        return {stored.message.body: stored.state is MessageState.READY for stored in self.stored(SOURCE)}


def test_a_message_whose_heartbeat_falls_due_during_the_drain_is_kept_and_finished() -> None:
    async def main() -> None:
        yard = Late({"crm": 20.0}, visibility_seconds=6)
        await yard.publish(event("one"))
        took = await yard.stopped_after(lambda: len(yard.worker.in_flight) == 1)
        assert 19 < took < DRAIN
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}
        assert yard.worker.books.extensions >= 5
        assert yard.worker.books.redelivered == yard.worker.books.expired == 0
        assert yard.bodies(SOURCE) == []
        assert yard.bodies("crm") == [event("one")]

    run(main())


def test_long_polls_backoffs_heartbeats_and_slow_deliveries_at_once_end_before_the_deadline_and_balance() -> None:
    async def main() -> None:
        yard = Late({"crm": 10.0}, visibility_seconds=6, backoff=Backoff(1e6, 1e6, 50))
        yard.sqs.fail_calls("archive", SEND, "ServiceUnavailable")
        yard.sqs.fail_calls(DEAD, SEND, "ServiceUnavailable")
        await yard.publish(event("one", 1), event("three", 2), "poison")
        # By then all other pollers wait for messages, and two senders for their next attempt.
        took = await yard.stopped_after(lambda: now() > 3)
        assert took < DRAIN
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1, Outcome.HANDED_BACK: 2}
        assert yard.in_source() == {event("three", 2): True, "poison": True}
        assert yard.worker.books.balance(len(yard.worker.in_flight)) == (
            "3 received = 1 delivered + 0 dead lettered + 0 dropped + 2 handed back + 0 in flight"
        )

    run(main())


def test_what_waits_behind_a_slow_target_is_sent_before_the_deadline() -> None:
    async def main() -> None:
        yard = Late({"crm": 3.0}, send_calls=1, visibility_seconds=60)
        await yard.publish(*(event("one", number) for number in range(30)))
        took = await yard.stopped_after(lambda: len(yard.worker.in_flight) == 30)
        assert 6 < took < DRAIN
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 30}

    run(main())


def test_what_waits_for_a_target_that_is_left_alone_beyond_the_deadline_is_handed_back_before() -> None:
    async def main() -> None:
        breaker = BreakerConfig(failures=1, probe_seconds=600.0, probe_cap_seconds=600.0)
        yard = Late({}, breaker=breaker, hold_seconds=3600.0, wait_seconds=1)
        yard.sqs.fail_calls("crm", SEND, "ServiceUnavailable")
        await yard.publish(*(event("one", number) for number in range(30)))
        took = await yard.stopped_after(lambda: now() > 5)
        assert took < 3, "no longer than polls under way, which could swallow what is handed back"
        assert yard.worker.books.outcomes == {Outcome.HANDED_BACK: 30}
        assert set(yard.in_source().values()) == {True}

    run(main())


@pytest.mark.parametrize("seconds", [{"crm": 2.0}, {"archive": 2.0}], ids=["other targets", "the last attempt"])
def test_what_becomes_hopeless_during_the_drain_is_not_waited_for_either(seconds: dict[str, float]) -> None:
    async def main() -> None:
        # When the stop comes, one target has the event only later, or the other has not failed yet.
        yard = Late(seconds, backoff=Backoff(1e6, 1e6, 50), wait_seconds=1)
        yard.sqs.fail_calls("archive", SEND, "ServiceUnavailable")
        await yard.publish(event("three"))
        took = await yard.stopped_after(lambda: len(yard.bodies("audit")) == 1)
        assert took < 5
        assert yard.worker.books.outcomes == {Outcome.HANDED_BACK: 1}
        assert yard.bodies("crm") == [event("three")]

    run(main())


def test_a_target_that_is_down_is_probed_by_one_call_at_a_time_after_ever_longer_pauses() -> None:
    async def main() -> None:
        breaker = BreakerConfig(failures=1, probe_seconds=1.0, probe_cap_seconds=30.0)
        yard = Late({"crm": 0.5}, breaker=breaker, hold_seconds=3600.0, backoff=Backoff(0.001, 0.002, 50))
        send, called = yard.sqs.send, []

        async def noted(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            called.append(round(now(), 1))
            return await send(queue, messages)

        yard.sqs.send = noted  # type: ignore[method-assign]
        await yard.publish(*(event("one", number) for number in range(30)))
        called.clear()
        yard.sqs.fail_calls("crm", SEND, "ServiceUnavailable")
        await yard.stopped_after(lambda: now() > 20)
        assert [at for at in called if 1 < at < 20] == [1.5, 4.0, 8.5, 17.0], "each call takes half a second"

    run(main())


def test_a_source_queue_that_does_not_answer_cannot_hold_up_the_stop() -> None:
    async def main() -> None:
        yard = Late({"crm": 600.0, "change": 600.0})
        await yard.publish(event("one", 1), event("one", 2))
        took = await yard.stopped_after(lambda: len(yard.worker.in_flight) == 2)
        assert took <= DRAIN + 0.1
        assert yard.in_source() == {event("one", 1): False, event("one", 2): False}, "they return by themselves"
        assert yard.worker.books.balance(len(yard.worker.in_flight)).endswith("+ 2 in flight")

    run(main())


@pytest.mark.parametrize(("failing", "body"), [("crm", event("one")), ("events-dead", "poison")])
def test_a_queue_that_fails_while_messages_are_handed_back_leaves_those_to_the_hand_back(
    failing: str, body: str
) -> None:
    async def main() -> None:
        # The second calls end at 1.6 s and open the breaker. From 1.5 to 1.8 s messages are handed back, and more of
        # them wait for the queue than may.
        yard = Late({failing: 0.8, "change": 0.3}, send_calls=4, drain_seconds=2.0, breaker=BreakerConfig(failures=5))
        yard.sqs.fail_calls(failing, SEND, "ServiceUnavailable")
        await yard.publish(*[body] * 100)
        await yard.stopped_after(lambda: now() >= 0.5)
        assert yard.worker.books.outcomes == {Outcome.HANDED_BACK: 100}
        assert len(yard.worker.in_flight) == 0

    run(main())


@pytest.mark.parametrize(("slow", "body"), [("crm", event("one")), ("events-dead", "poison")])
def test_what_is_handed_back_is_not_sent_as_well(slow: str, body: str) -> None:
    async def main() -> None:
        # The third call ends at 9 s, while messages are handed back: from 7 s, when others may have them, to 9.5 s.
        yard = Late({slow: 3.0, "change": 2.5}, send_calls=1, drain_seconds=10.0)
        send, called = yard.sqs.send, []

        async def noted(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            called.append(round(now()))
            return await send(queue, messages)

        yard.sqs.send = noted  # type: ignore[method-assign]
        await yard.publish(*[body] * 60)
        called.clear()
        await yard.stopped_after(lambda: len(yard.worker.in_flight) == 60)
        assert called == [0, 3, 6]
        assert yard.worker.books.outcomes[Outcome.HANDED_BACK] == 40

    run(main())


def test_what_goes_alone_because_of_its_neighbours_is_not_sent_once_it_is_handed_back() -> None:
    async def main() -> None:
        yard = Late({"crm": 3.0, "change": 2.5}, send_calls=1, drain_seconds=10.0, pollers=1)
        send, called = yard.sqs.send, []

        async def spoilt(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            called.append(len(messages))
            if len(messages) > 1:
                raise call_error("InvalidParameterValue", "One of them is not valid.", operation=SEND)
            return await send(queue, messages)

        await yard.publish(*(event("one", number) for number in range(4)))
        yard.sqs.send = spoilt  # type: ignore[method-assign]
        await yard.stopped_after(lambda: len(yard.worker.in_flight) == 4)
        # One by one they end at 3, 6 and 9 s, and from 7 s on others may have what is left.
        assert called == [4, 1, 1, 1]
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 2, Outcome.HANDED_BACK: 2}

    run(main())


def test_a_reload_at_the_very_end_of_a_drain_does_not_keep_the_worker_from_ending() -> None:
    async def main() -> None:
        yard = Late({"crm": 600.0})
        send = yard.sqs.send

        async def reloads_when_cancelled(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            try:
                return await send(queue, messages)
            finally:
                yard.worker.use(ruleset(RULES.replace("crm", "ledger")))

        yard.sqs.send = reloads_when_cancelled  # type: ignore[method-assign]
        await send(SOURCE, [OutgoingMessage(event("one"))])
        async with asyncio.timeout(100):
            await yard.stopped_after(lambda: len(yard.worker.in_flight) == 1)
        yard.worker.use(ruleset(RULES.replace("crm", "journal")))

    run(main())


class Hung(MemoryStore):
    """A store that takes minutes to be told anything."""

    async def record(self, done: Mapping[str, tuple[str, frozenset[str]]]) -> None:
        await asyncio.sleep(600)


class Stuck(MemoryStore):
    """A store that takes minutes to answer."""

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        await asyncio.sleep(600)
        return await super().claim(keys, lease_seconds)


def test_an_idempotency_store_that_does_not_answer_cannot_keep_messages_from_being_handed_back() -> None:
    async def with_store(store: MemoryStore) -> None:
        yard = Late({"crm": 600.0})
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
        await yard.publish(event("one"))
        took = await yard.stopped_after(lambda: len(yard.worker.in_flight) == 1)
        assert took <= DRAIN + 0.1
        assert yard.in_source() == {event("one"): True}
        assert yard.worker.books.outcomes == {Outcome.HANDED_BACK: 1}

    for store in (Hung(10), Stuck(10)):
        run(with_store(store))


class Slow(MemoryStore):
    """A store that has done what it is asked at once, or later, and says so later still."""

    def __init__(self, before: float, after: float) -> None:
        super().__init__(100, clock=now)
        self.before, self.after = before, after

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        await asyncio.sleep(self.before)
        claims = await super().claim(keys, lease_seconds)
        await asyncio.sleep(self.after)
        return claims


@pytest.mark.parametrize(("before", "after"), [(0.0, 60.0), (0.0, 22.5), (22.2, 0.2), (22.9, 0.0)])
def test_a_claim_that_is_under_way_at_the_end_of_a_drain_is_given_up_so_that_the_next_worker_need_not_wait(
    before: float, after: float
) -> None:
    async def main() -> None:
        # Messages are handed back from 22 s on, and the claims are told of it for at most 1.5 s.
        store = Slow(before, after)
        yard = Late({"change": 1.0})
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
        await yard.publish(event("one", 1), event("one", 2))
        assert await yard.stopped_after(lambda: len(yard.worker.in_flight) == 2) <= DRAIN
        assert yard.worker.books.outcomes == {Outcome.HANDED_BACK: 2}
        store.before = store.after = 0.0
        keys = {event_key(f"event-{number}", ""): "the next worker" for number in (1, 2)}
        assert await store.claim(keys, 60.0) == dict.fromkeys(keys, Claim())
        assert yard.bodies("crm") == []

    run(main())


def test_a_claim_that_reaches_the_store_just_after_messages_are_handed_back_is_waited_for_and_given_up() -> None:
    async def main() -> None:
        store = Slow(22.2, 0.2)  # messages are handed back from 22 s on
        claim = store.claim

        async def living_on(keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
            return await asyncio.shield(asyncio.ensure_future(claim(keys, lease_seconds)))

        store.claim = living_on  # type: ignore[method-assign]
        yard = Late({})
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
        await yard.publish(event("one", 1))
        assert await yard.stopped_after(lambda: len(yard.worker.in_flight) == 1) <= DRAIN
        await asyncio.sleep(1)
        store.before = store.after = 0.0
        key = event_key("event-1", "")
        assert await store.claim({key: "the next worker"}, 60.0) == {key: Claim()}

    run(main())


def test_a_delete_that_would_be_repeated_after_the_deadline_is_repeated_at_once_and_not_left_out() -> None:
    async def main() -> None:
        yard = Late({}, backoff=Backoff(1e6, 1e6, 12))
        yard.sqs.fail_calls("events", "DeleteMessageBatch", "ServiceUnavailable", times=1)
        await yard.publish(event("one"))
        seconds = await yard.stopped_after(lambda: bool(yard.worker.books.source(SOURCE).deletes.by_error))
        assert seconds < 1.0, "nothing else was to be done"
        assert yard.in_source() == {}, "else its target would get it again"
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}

    run(main())


def test_deletes_that_fail_to_the_end_of_a_drain_do_not_prolong_it() -> None:
    async def main() -> None:
        yard = Late({}, backoff=Backoff(1e6, 1e6, 12))
        yard.sqs.fail_calls("events", "DeleteMessageBatch", "ServiceUnavailable")
        await yard.publish(event("one"))
        seconds = await yard.stopped_after(lambda: bool(yard.worker.books.source(SOURCE).deletes.by_error))
        assert seconds <= DRAIN
        assert list(yard.in_source()) == [event("one")]
        assert yard.worker.books.in_flight == len(yard.worker.in_flight) == 1

    run(main())


def test_a_stop_does_not_wait_for_a_long_poll_when_all_that_is_held_can_be_finished() -> None:
    async def main() -> None:
        yard = Late({"crm": 1.0}, wait_seconds=20)
        await yard.publish(event("one"))
        took = await yard.stopped_after(lambda: len(yard.worker.in_flight) == 1)
        assert took < 2
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}

    run(main())


def left_alone(seconds: Mapping[str, float], **config: object) -> Late:
    """A yard whose target 'archive' fails, and is not looked at again before a stop is over."""
    breaker = BreakerConfig(failures=1, probe_seconds=600.0, probe_cap_seconds=600.0)
    yard = Late(seconds, breaker=breaker, hold_seconds=3600.0, **config)
    yard.sqs.fail_calls("archive", SEND, "ServiceUnavailable")
    return yard


def test_a_poll_that_lives_on_at_sqs_when_it_is_cut_does_not_swallow_what_is_handed_back() -> None:
    async def main() -> None:
        yard = left_alone({}, wait_seconds=20)
        receive = yard.sqs.receive

        async def living_on(*arguments: Any, **options: Any) -> list[Message]:
            return await asyncio.shield(asyncio.ensure_future(receive(*arguments, **options)))

        yard.sqs.receive = living_on  # type: ignore[method-assign]
        await yard.publish(event("three"))
        assert await yard.stopped_after(lambda: now() > 5) < DRAIN
        await asyncio.sleep(1)
        assert yard.in_source() == {event("three"): True}
        assert yard.worker.books.outcomes == {Outcome.HANDED_BACK: 1}

    run(main())


def test_what_the_last_poll_brings_while_others_wait_to_be_handed_back_is_delivered() -> None:
    async def main() -> None:
        yard = left_alone({"crm": 1.0}, wait_seconds=20)
        await yard.publish(event("three", 1))

        async def publish_later() -> None:
            await asyncio.sleep(8)
            await yard.publish(event("one", 2))

        later = asyncio.create_task(publish_later())
        await yard.stopped_after(lambda: now() > 5)
        await later
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1, Outcome.HANDED_BACK: 1}
        assert yard.in_source() == {event("three", 1): True}

    run(main())


def test_a_stop_that_has_little_time_keeps_half_of_it_for_finishing() -> None:
    async def main() -> None:
        yard = Late({"crm": 0.5}, drain_seconds=2.0)
        await yard.publish(event("one"))
        assert await yard.stopped_after(lambda: len(yard.worker.in_flight) == 1) < 2.0
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}

    run(main())


def test_what_a_poll_under_way_has_taken_already_is_waited_for_and_delivered() -> None:
    async def main() -> None:
        yard = Late({}, last_poll_seconds=0.5)
        receive = yard.sqs.receive

        async def slowly(*arguments: Any, **options: Any) -> list[Message]:
            messages = await receive(*arguments, **options)
            await asyncio.sleep(0.3)
            return messages

        yard.sqs.receive = slowly  # type: ignore[method-assign]
        await yard.publish(event("one"))
        await yard.stopped_after(lambda: now() >= 0.1)
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}
        assert yard.in_source() == {}

    run(main())


def test_nothing_is_claimed_any_more_once_messages_are_handed_back() -> None:
    async def main() -> None:
        # Messages are handed back from 22 s on, and until 22.75 s what was asked of the store may be answered.
        answers, asked = iter((22.2, 22.6, 0.0)), list[int]()
        store = MemoryStore(100, clock=now)
        claim = store.claim

        async def late(keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
            asked.append(len(keys))
            await asyncio.sleep(next(answers))
            return await claim(keys, lease_seconds)

        store.claim = late  # type: ignore[method-assign]
        yard = Late({}, pollers=2)
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
        await yard.publish(*(event("one", number) for number in range(30)))
        assert await yard.stopped_after(lambda: len(yard.worker.in_flight) == 30) <= DRAIN
        assert asked == [10, 10], "the others were received, and waited for their turn"
        assert yard.worker.books.outcomes == {Outcome.HANDED_BACK: 30}

    run(main())
