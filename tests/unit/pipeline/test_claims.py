"""The worker with an idempotency store: what SQS delivers again is not sent again."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from tests.unit.pipeline.virtual_time import run
from tests.unit.pipeline.yard import SOURCE, Yard, event, ruleset

from turnout.account import Outcome
from turnout.idempotency.api import Claim, IdempotencyStore, StoreUnavailable
from turnout.idempotency.keys import event_key
from turnout.idempotency.memory import MemoryStore
from turnout.message import Attribute
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.worker import Worker
from turnout.sqs.api import OutgoingMessage, SentBatch

SEND = "SendMessageBatch"


def with_store(store: IdempotencyStore, **config: object) -> Yard:
    """A yard whose worker asks a store."""
    yard = Yard(**config)  # type: ignore[arg-type]
    yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
    return yard


def test_with_a_store_an_event_that_comes_twice_is_sent_once() -> None:
    async def main() -> None:
        yard = with_store(MemoryStore(100))
        async with yard.running():
            await yard.publish(event("three", 1))
            await yard.watch.wait(1)
            await yard.publish(event("three", 1), event("three", 2))
            await yard.watch.wait(3)
        assert sorted(yard.bodies("crm")) == [event("three", 1), event("three", 2)]
        assert yard.worker.books.suppressed == 3
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 3}

    asyncio.run(main())


def test_with_a_store_a_redelivery_goes_only_to_the_targets_that_had_not_taken_the_event() -> None:
    async def main() -> None:
        store = MemoryStore(100)
        first = with_store(store, drain_seconds=0.2, backoff=Backoff(60.0, 60.0, 50))
        first.sqs.fail_calls("archive", SEND, "ServiceUnavailable")
        await first.publish(event("three", 1))
        async with first.running():
            while not first.bodies("crm") or not first.bodies("audit"):
                await asyncio.sleep(0.001)
        assert first.worker.books.outcomes == {Outcome.HANDED_BACK: 1}
        again = with_store(store)
        await again.route(event("three", 1))
        assert (again.bodies("crm"), again.bodies("audit")) == ([], [])
        assert again.bodies("archive") == [event("three", 1)]
        assert again.worker.books.suppressed == 2

    asyncio.run(main())


def test_an_event_that_another_worker_holds_waits_in_its_queue() -> None:
    async def main() -> None:
        store = MemoryStore(100)
        await store.claim({event_key("event-1", ""): "somebody else"}, 30.0)
        yard = with_store(store)
        (account,) = await yard.route(event("one", 1))
        assert account.outcome is Outcome.HANDED_BACK
        assert yard.bodies("crm") == []
        yard.sqs.advance(31)
        (message,) = await yard.sqs.receive(SOURCE)
        assert message.body == event("one", 1)

    asyncio.run(main())


def test_an_event_that_another_holds_for_longer_than_sqs_hides_a_message_waits_as_long_as_sqs_lets_it() -> None:
    async def main() -> None:
        store = MemoryStore(100)
        await store.claim({event_key("event-1", ""): "somebody else"}, 43_210.0)
        yard = with_store(store)
        await yard.route(event("one", 1))
        (stored,) = yard.stored(SOURCE)
        assert 43_190 < stored.due - yard.sqs.now() <= 43_200

    asyncio.run(main())


def test_a_replayed_event_passes_the_store_once_and_its_mark_is_not_passed_on() -> None:
    async def main() -> None:
        yard = with_store(MemoryStore(100))
        replay = {"Turnout.Replay": Attribute("String", "r-1")}
        async with yard.running():
            await yard.publish(event("one", 1))
            await yard.watch.wait(1)
            await yard.publish(event("one", 1), attributes=replay)
            await yard.watch.wait(2)
            await yard.publish(event("one", 1), attributes=replay)
            await yard.watch.wait(3)
        assert len(yard.bodies("crm")) == 2
        assert all(not stored.message.attributes for stored in yard.stored("crm"))

    asyncio.run(main())


REPLAYED = """
targets:
  crm: {queue: crm}
  archive: {queue: archive}
  audit: {queue: audit}
unmatched: drop
rules:
  - {id: all, when: detail.to == 'three', send: [crm, audit]}
  - {id: live, pattern: {replay-name: [{exists: false}]}, send: [archive]}
"""


@pytest.mark.parametrize(("store", "audited"), [(None, 2), (MemoryStore(100), 1)])
def test_what_eventbridge_replays_is_the_same_event_to_a_store_and_known_to_rules_by_its_replay_name(
    store: MemoryStore | None, audited: int
) -> None:
    async def main() -> None:
        yard = Yard(backoff=Backoff(0.001, 0.001, 1))
        yard.worker = Worker(yard.config, ruleset(REPLAYED), yard.sqs, yard.watch, store)
        yard.sqs.fail_calls("crm", SEND, "ServiceUnavailable", times=1)
        original = event("three", 1)
        replayed = f'{original[:-1]}, "replay-name": "after-the-outage"}}'
        async with yard.running():
            await yard.publish(original)
            await yard.watch.wait(1)
            await yard.publish(replayed)
            await yard.watch.wait(2)
        assert yard.bodies("crm") == [replayed], "what it did not take the first time"
        assert yard.bodies("archive") == [original]
        assert len(yard.bodies("audit")) == audited

    asyncio.run(main())


class Unreachable(MemoryStore):
    """A store that never answers."""

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        raise StoreUnavailable("no table here")

    async def record(self, done: Mapping[str, tuple[str, frozenset[str]]]) -> None:
        raise StoreUnavailable("no table here")


@pytest.mark.parametrize(("waits", "outcome"), [(False, Outcome.DELIVERED), (True, Outcome.HANDED_BACK)])
def test_an_unreachable_store_loses_nothing_whether_the_worker_goes_on_or_waits(waits: bool, outcome: Outcome) -> None:
    async def main() -> None:
        yard = with_store(Unreachable(1), idempotency_waits=waits)
        (account,) = await yard.route(event("one", 1))
        assert account.outcome is outcome
        assert len(yard.bodies("crm")) == (0 if waits else 1)
        assert len(yard.bodies(SOURCE)) == (1 if waits else 0)
        assert yard.worker.books.store_errors == 1

    asyncio.run(main())


class Hanging(MemoryStore):
    """A store that lets everybody wait for four seconds and then does not answer, until it is well again."""

    well = False
    asked = 0

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        self.asked += 1
        if not self.well:
            await asyncio.sleep(4.0)
            raise StoreUnavailable("no answer in time")
        return await super().claim(keys, lease_seconds)


def test_going_on_without_a_store_that_hangs_does_not_mean_that_every_batch_waits_for_it() -> None:
    async def main() -> None:
        store = Hanging(1_000)
        yard = with_store(store)
        loop = asyncio.get_running_loop()
        async with yard.running(1_000):
            began = loop.time()
            await yard.publish(*(event("one", number) for number in range(300)))
            await yard.watch.wait(300)
            assert loop.time() - began < 9.0, "two waits, not one for each batch of each poller"
            assert store.asked <= 5
            store.well = True
            await asyncio.sleep(6.0)
            await yard.publish(event("one", 300))
            await yard.watch.wait(301)
            await yard.publish(event("one", 300))
            await yard.watch.wait(302)
        assert sorted(yard.bodies("crm")) == sorted(event("one", number) for number in range(301))

    run(main())


class Silenced(Hanging):
    """A store that from some moment on lets everybody wait, also those who tell it what was done."""

    well = True

    async def record(self, done: Mapping[str, tuple[str, frozenset[str]]]) -> None:
        if not self.well:
            await asyncio.sleep(4.0)
            raise StoreUnavailable("no answer in time")
        await super().record(done)


@pytest.mark.parametrize("waits", [False, True])
def test_a_store_that_falls_silent_does_not_keep_what_is_done_from_being_deleted_unless_messages_are_to_wait(
    waits: bool,
) -> None:
    async def main() -> float:
        store = Silenced(1_000)
        yard = with_store(store, idempotency_waits=waits)
        send, gate = yard.sqs.send, asyncio.Event()

        async def wait_and_send(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            if queue == "http://sqs.memory/000000000000/crm":
                await gate.wait()
            return await send(queue, messages)

        yard.sqs.send = wait_and_send  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        await yard.publish(*(event("one", number) for number in range(100)))
        async with yard.running(1_000):
            while store.asked < 10:
                await asyncio.sleep(0.1)
            store.well = False
            began = loop.time()
            gate.set()
            while len(yard.watch.accounts) < 100:
                await asyncio.sleep(0.1)
            took = loop.time() - began
        assert len(yard.bodies("crm")) == 100
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 100}
        return took

    took = run(main())
    assert took > 15.0 if waits else took < 9.0


class Throttled(MemoryStore):
    """A store that cannot answer for one of the events."""

    def __init__(self, key: str) -> None:
        super().__init__(100)
        self.key = key
        self.throttled = True

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        if not self.throttled:
            return await super().claim(keys, lease_seconds)
        others = await super().claim({key: keys[key] for key in keys if key != self.key}, lease_seconds)
        return {key: others.get(key, Claim(unavailable="throttled")) for key in keys}


def test_when_the_store_cannot_answer_for_one_event_the_others_are_sent_once_and_it_is_remembered_as_well() -> None:
    async def main() -> None:
        store = Throttled(event_key("event-2", ""))
        yard = with_store(store)
        async with yard.running():
            await yard.publish(event("one", 1))
            await yard.watch.wait(1)
            await yard.publish(event("one", 1), event("one", 2))
            await yard.watch.wait(3)
            store.throttled = False
            await yard.publish(event("one", 2))
            await yard.watch.wait(4)
        assert yard.bodies("crm") == [event("one", 1), event("one", 2)]
        assert yard.worker.books.store_errors == 1

    asyncio.run(main())


def test_when_messages_wait_for_the_store_only_those_wait_that_it_could_not_answer_for() -> None:
    async def main() -> None:
        yard = with_store(Throttled(event_key("event-2", "")), idempotency_waits=True)
        await yard.route(event("one", 1), event("one", 2), event("one", 3))
        assert yard.bodies("crm") == [event("one", 1), event("one", 3)]
        assert yard.bodies(SOURCE) == [event("one", 2)]

    asyncio.run(main())


def test_what_was_decided_goes_to_its_target_though_new_rules_without_it_came_while_the_store_was_asked() -> None:
    class Reloading(MemoryStore):
        async def claim(self, owners: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
            yard.worker.use(ruleset(WITHOUT_AUDIT))
            return await super().claim(owners, lease_seconds)

    yard = with_store(Reloading(100))

    async def main() -> None:
        await yard.route(event("three", 1))

    asyncio.run(main())
    assert [yard.bodies(name) for name in ("crm", "archive", "audit")] == [[event("three", 1)]] * 3
    assert list(yard.worker.senders) == ["crm"]


WITHOUT_AUDIT = """
targets:
  crm: {queue: crm}
unmatched: drop
rules:
  - {id: one, when: detail.to == 'one', send: [crm]}
"""


def test_two_copies_of_an_event_in_one_receive_are_sent_once() -> None:
    async def main() -> None:
        yard = with_store(MemoryStore(100), clock=asyncio.get_running_loop().time)
        await yard.publish(event("three", 1), event("three", 1))
        async with yard.running():
            await yard.watch.wait(3)
        assert [yard.bodies(name) for name in ("crm", "archive", "audit")] == [[event("three", 1)]] * 3
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 2, Outcome.HANDED_BACK: 1}

    run(main())


def test_a_letter_says_which_targets_the_store_knew_to_have_the_event() -> None:
    async def main() -> None:
        store = MemoryStore(100)
        key = event_key("event-1", "")
        await store.claim({key: "one that died"}, 30.0)
        await store.record({key: ("one that died", frozenset({"crm"}))})
        yard = with_store(store)
        yard.sqs.fail_entries("archive", SEND, "InvalidMessageContents")
        await yard.route(event("three", 1))
        (letter,) = yard.letters()
        assert (letter.owed, letter.done) == (("archive",), ("crm", "audit"))

    asyncio.run(main())
