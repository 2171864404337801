"""FIFO targets and sources: order within a group survives batches, retries and failures."""

import asyncio
import json
from collections import defaultdict

import pytest
from tests.unit.pipeline.yard import RULES, Watch, Yard, ruleset

from turnout.account import Outcome
from turnout.idempotency.api import Claim, IdempotencyStore
from turnout.idempotency.keys import event_key
from turnout.idempotency.memory import MemoryStore
from turnout.pipeline.breaker import BreakerConfig
from turnout.pipeline.worker import Worker
from turnout.sqs.api import OutgoingMessage

FIFO_RULES = (
    RULES.replace("{queue: crm, priority: 0}", "{queue: crm.fifo}")
    .replace("send: [crm]}", "send: [crm], group: detail.group}")
    .replace("detail.to == 'one'", "exists(detail.group)")
)
SEND = "SendMessageBatch"


def event(group: str, number: int) -> str:
    return json.dumps({"id": f"{group}-{number}", "detail": {"group": group, "n": number}})


def order(yard: Yard) -> dict[str, list[int]]:
    """The numbers in the target, by group, in the order in which they arrived."""
    found: dict[str, list[int]] = defaultdict(list)
    for body in yard.bodies("crm.fifo"):
        detail = json.loads(body)["detail"]
        found[detail["group"]].append(detail["n"])
    return found


def test_order_within_a_group_survives_entries_and_calls_that_fail() -> None:
    async def main() -> None:
        # So many calls in a row that achieve nothing would open the breaker, and what is too much to wait goes back.
        patient = BreakerConfig(failures=100)
        yard = Yard(FIFO_RULES, fifo=["crm.fifo"], pollers=1, send_calls=4, breaker=patient)
        seen: set[str] = set()

        def each_third_fails_at_first(entry: OutgoingMessage | str) -> bool:
            assert isinstance(entry, OutgoingMessage)
            again = entry.body in seen
            seen.add(entry.body)
            return not again and json.loads(entry.body)["detail"]["n"] % 3 == 0

        yard.sqs.fail_entries("crm.fifo", SEND, "InternalError", when=each_third_fails_at_first)
        yard.sqs.fail_calls("crm.fifo", SEND, "ServiceUnavailable", times=2)
        await yard.route(*(event(group, number) for number in range(20) for group in "abc"))
        assert order(yard) == {group: list(range(20)) for group in "abc"}

    asyncio.run(main())


def test_an_event_that_fails_for_good_lets_the_next_of_its_group_go() -> None:
    async def main() -> None:
        yard = Yard(FIFO_RULES, fifo=["crm.fifo"], pollers=1)
        yard.sqs.fail_entries(
            "crm.fifo",
            SEND,
            "InvalidMessageContents",
            when=lambda entry: isinstance(entry, OutgoingMessage) and '"n": 1}' in entry.body,
        )
        await yard.route(*(event("a", number) for number in range(4)))
        assert order(yard) == {"a": [0, 2, 3]}
        assert [letter.event_id for letter in yard.letters()] == ["a-1"]

    asyncio.run(main())


def test_a_fifo_source_keeps_its_groups_order_into_a_fifo_target() -> None:
    async def main() -> None:
        yard = Yard(FIFO_RULES, fifo=["crm.fifo", "events.fifo"], pollers=3)
        source = "http://sqs.memory/000000000000/events.fifo"
        config = type(yard.config)(
            **{field: getattr(yard.config, field) for field in yard.config.__struct_fields__} | {"sources": (source,)}
        )
        yard.watch = Watch()
        yard.worker = Worker(config, ruleset(FIFO_RULES), yard.sqs, yard.watch)
        for number in range(20):
            messages = [
                OutgoingMessage(event(group, number), group_id=group, deduplication_id=f"{group}{number}")
                for group in "abc"
            ]
            await yard.sqs.send(source, messages)
        yard.sqs.fail_entries("crm.fifo", SEND, "InternalError", times=3)  # an entry is given up at its fourth failure
        async with yard.running():
            await yard.watch.wait(60)
        assert order(yard) == {group: list(range(20)) for group in "abc"}
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 60}

    asyncio.run(main())


SOURCE = "http://sqs.memory/000000000000/events.fifo"


def fifo_yard(store: IdempotencyStore | None = None) -> Yard:
    """A yard whose source and target are FIFO queues."""
    yard = Yard(FIFO_RULES, fifo=["crm.fifo", "events.fifo"], pollers=1, sources=(SOURCE,))
    yard.worker = Worker(yard.config, ruleset(FIFO_RULES), yard.sqs, yard.watch, store)
    return yard


@pytest.mark.parametrize("stored", [False, True])
def test_events_without_an_id_that_a_fifo_sources_producer_tells_apart_are_not_taken_for_one(stored: bool) -> None:
    async def main() -> None:
        yard = fifo_yard(MemoryStore(100) if stored else None)
        body = json.dumps({"detail": {"group": "a", "n": 1}})
        async with yard.running():
            for number in range(3):
                await yard.sqs.send(SOURCE, [OutgoingMessage(body, group_id="a", deduplication_id=f"tick-{number}")])
                await yard.watch.wait(number + 1)
        assert yard.bodies("crm.fifo") == [body] * 3

    asyncio.run(main())


def test_what_stands_behind_an_event_that_another_worker_claims_does_not_overtake_it() -> None:
    async def main() -> None:
        store = MemoryStore(100)
        await store.claim({event_key("a-1", ""): "a worker that was killed"}, 30.0)
        yard = fifo_yard(store)
        await yard.sqs.send(
            SOURCE,
            [
                OutgoingMessage(event(group, number), group_id=group, deduplication_id=f"{group}{number}")
                for number in range(4)
                for group in "ab"
            ],
        )
        async with yard.running():
            await yard.watch.wait(8)
        assert order(yard) == {"a": [0], "b": [0, 1, 2, 3]}
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 5, Outcome.HANDED_BACK: 3}
        assert await store.claim({event_key("a-2", ""): "the next worker"}, 30.0) == {event_key("a-2", ""): Claim()}

    asyncio.run(main())


def test_an_odd_group_is_replaced_by_its_hash_because_sqs_would_refuse_it() -> None:
    async def main() -> None:
        yard = Yard(FIFO_RULES, fifo=["crm.fifo"])
        await yard.route(event("Zürich / 1", 1), event("x" * 200, 1))
        groups = {stored.message.group_id for stored in yard.stored("crm.fifo")}
        assert len(groups) == 2
        assert all(group is not None and len(group) == 64 for group in groups)

    asyncio.run(main())
