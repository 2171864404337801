"""In which order the worker's effects come, and from when their times count: what a crash or a slow answer may cost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from tests.unit.pipeline.virtual_time import run
from tests.unit.pipeline.yard import SOURCE, Yard, event

from turnout.account import Account, Call
from turnout.idempotency.api import Claim, StoreUnavailable
from turnout.idempotency.keys import event_key
from turnout.idempotency.memory import MemoryStore
from turnout.message import Message
from turnout.pipeline.books import Books
from turnout.pipeline.claims import Claims
from turnout.pipeline.heartbeat import Heartbeat
from turnout.pipeline.inflight import InFlight
from turnout.pipeline.worker import Worker
from turnout.sqs.api import EntryFailure
from turnout.sqs.memory import MemorySqs


def test_what_was_sent_is_known_to_the_store_before_its_message_is_deleted() -> None:
    """What a worker that dies in between leaves in the queue is recognised, and not sent once more."""
    done: list[str] = []

    class Told(MemoryStore):
        async def record(self, told: Mapping[str, tuple[str, frozenset[str]]]) -> None:
            await super().record(told)
            done.append("recorded")

    async def main() -> None:
        yard = Yard()
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, Told(100))
        delete = yard.sqs.delete

        async def noted(queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
            done.append("deleted")
            return await delete(queue, handles)

        yard.sqs.delete = noted  # type: ignore[method-assign]
        await yard.route(event("one"))

    asyncio.run(main())
    assert done == ["recorded", "deleted"]


def test_an_extension_counts_from_when_it_was_asked_for_however_late_its_answer_is() -> None:
    class Slow(MemorySqs):
        async def change_visibility(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
            await asyncio.sleep(9)
            return ()

    async def main() -> None:
        in_flight = InFlight(10, 1_000)
        asked_at = asyncio.get_running_loop().time()
        receive = Call("receive", SOURCE, 1)
        receive.at = asked_at
        held = Account(Message("m-1", "handle", "{}", SOURCE), receive, 1, visible_at=asked_at + 20)
        in_flight.add([held])
        await Heartbeat(Slow(), in_flight, Books(), 60).beat()
        assert asyncio.get_running_loop().time() == asked_at + 9
        assert held.visible_at == asked_at + 60, "SQS may have heard of it at once"

    run(main())


class Failing(MemoryStore):
    """A store that answers nothing, after so many seconds; `asked` counts who wanted to know."""

    def __init__(self, seconds: float) -> None:
        super().__init__(100)
        self.seconds = seconds
        self.asked = 0

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        raise StoreUnavailable("no answer")


def claiming(store: MemoryStore) -> Claims:
    return Claims(store, key=event_key, lease_seconds=60.0, wait_on_error=False, books=Books())


def account(name: str) -> Account:
    return Account(Message(name, f"handle of {name}", "{}", SOURCE), Call("receive", SOURCE, 1), 1)


def test_a_store_that_says_no_at_once_is_asked_again_by_the_next_batch() -> None:
    async def main() -> None:
        store = Failing(0.0)
        claims = claiming(store)
        for _ in range(3):
            await claims.claim([account("m-1")])
        assert store.asked == 3

    run(main())


def test_after_its_pause_a_store_that_did_not_answer_is_asked_by_one_batch_while_the_others_go_on() -> None:
    async def main() -> None:
        store = Failing(4.0)
        claims = claiming(store)
        await claims.claim([account("m-1")])
        await claims.claim([account("m-2")])
        assert store.asked == 1
        await asyncio.sleep(6.0)
        asking = asyncio.create_task(claims.claim([account("m-3")]))
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        assert await claims.claim([account("m-4")]) == [Claim()]
        assert (store.asked, asyncio.get_running_loop().time()) == (2, began)
        await asking

    run(main())
