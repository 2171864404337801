"""Deletes that fail, and messages that come again meanwhile: the handle that counts is the newest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from tests.unit.pipeline.yard import DEAD, SOURCE, Yard, event

from turnout.account import Outcome
from turnout.errors import Fault
from turnout.idempotency.api import Claim
from turnout.idempotency.memory import MemoryStore
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.worker import Worker
from turnout.sqs.api import EntryFailure
from turnout.sqs.codes import call_error

DELETE, SEND = "DeleteMessageBatch", "SendMessageBatch"


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "ExpiredToken", "AccessDenied", "SignatureDoesNotMatch"])
def test_a_delete_that_is_denied_for_a_moment_is_told_and_repeated(code: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_calls(SOURCE, DELETE, code, times=1)
        yard.sqs.fail_entries(SOURCE, DELETE, code, times=1)
        await yard.route(*(event("one", number) for number in range(5)))
        assert yard.bodies(SOURCE) == []
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 5}

    asyncio.run(main())
    (told,) = (record for record in caplog.records if record.name == "turnout.pipeline.settler")
    assert "done but not deleted (turnout doctor says how" in told.getMessage()
    assert vars(told)["code"] == code


def test_one_handle_that_spoils_the_call_does_not_keep_the_others_from_being_deleted() -> None:
    async def main() -> None:
        yard = Yard()
        delete = yard.sqs.delete
        bad = ""

        async def picky(queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
            nonlocal bad
            bad = bad or handles[0]
            if bad in handles:
                raise call_error("ReceiptHandleIsInvalid", "One of them is not valid.", operation=DELETE)
            return await delete(queue, handles)

        yard.sqs.delete = picky  # type: ignore[method-assign]
        await yard.route(*(event("one", number) for number in range(10)))
        assert len(yard.bodies(SOURCE)) == 1
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 9, Outcome.HANDED_BACK: 1}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("code", "calls"), [("ServiceUnavailable", 4), ("ReceiptHandleIsInvalid", 1)], ids=["the queue's fault", "its own"]
)
def test_a_delete_is_repeated_as_often_as_a_send_unless_that_cannot_help(code: str, calls: int) -> None:
    async def main() -> None:
        yard = Yard()
        delete = yard.sqs.delete
        made = 0

        async def counted(queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
            nonlocal made
            made += 1
            return await delete(queue, handles)

        yard.sqs.delete = counted  # type: ignore[method-assign]
        yard.sqs.fail_entries(SOURCE, DELETE, code)
        await yard.route(event("one"))
        assert made == calls
        assert yard.worker.books.outcomes == {Outcome.HANDED_BACK: 1}

    asyncio.run(main())


def test_a_message_that_cannot_be_deleted_is_let_go_by_a_worker_with_a_store() -> None:
    async def main() -> None:
        yard = Yard()
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, MemoryStore(100))
        yard.sqs.fail_entries(SOURCE, DELETE, "ReceiptHandleIsInvalid")
        await yard.publish(event("one"))
        async with yard.running():
            (left,) = await yard.watch.wait(1)
            assert left.outcome is Outcome.HANDED_BACK
            assert not len(yard.worker.in_flight), "let go at once, and not by the drain"

    asyncio.run(main())


def test_what_sqs_calls_deleted_is_done_with_when_no_attempt_is_left_for_its_newer_handle() -> None:
    async def main() -> None:
        yard = Yard(visibility_seconds=6, backoff=Backoff(base_seconds=0.001, cap_seconds=0.002, attempts=1))
        delete = yard.sqs.delete

        async def overtaken(queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
            yard.sqs.advance(7)
            while not yard.worker.books.redelivered:
                await asyncio.sleep(0)
            return await delete(queue, handles)

        yard.sqs.delete = overtaken  # type: ignore[method-assign]
        await yard.publish(event("one"))
        async with yard.running():
            (done,) = await yard.watch.wait(1)
        assert done.outcome is Outcome.DELIVERED
        assert len(yard.bodies(SOURCE)) == 1, "it comes again: the outdated handle has deleted nothing"

    asyncio.run(main())


def test_settled_messages_need_no_collector_and_handed_back_ones_stay_whole_for_who_works_on_them() -> None:
    async def main() -> None:
        yard = Yard()
        (done,) = await yard.route(event("three"))
        assert not any(hasattr(delivery, "account") for delivery in done.deliveries)
        yard = Yard()
        yard.sqs.fail_entries(SOURCE, DELETE, "ReceiptHandleIsInvalid")
        (left,) = await yard.route(event("one"))
        assert all(delivery.account is left for delivery in left.deliveries)

    asyncio.run(main())


@pytest.mark.parametrize("refused", [False, True])
def test_a_message_that_is_handed_out_again_during_its_delete_is_deleted_with_the_newer_handle(refused: bool) -> None:
    """A standard queue says "deleted" to an outdated handle and keeps the message, or says that the handle expired."""

    async def main() -> None:
        yard = Yard(visibility_seconds=6)
        delete = yard.sqs.delete
        first = True

        async def overtaken(queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
            nonlocal first
            if not first:
                return await delete(queue, handles)
            first = False
            yard.sqs.advance(7)  # its visibility lapses, and the other poller receives it again
            while not yard.worker.books.redelivered:
                await asyncio.sleep(0)
            if refused:
                return (EntryFailure(0, "ReceiptHandleIsInvalid", "It has expired.", Fault.DATA, retryable=False),)
            return await delete(queue, handles)

        yard.sqs.delete = overtaken  # type: ignore[method-assign]
        await yard.route(event("one"))
        assert yard.bodies(SOURCE) == []
        assert len(yard.bodies("crm")) == 1
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}

    asyncio.run(main())


def test_a_handle_that_expired_while_it_was_extended_says_nothing_about_the_newer_one() -> None:
    async def main() -> None:
        yard = Yard(visibility_seconds=6)
        gate = asyncio.Event()
        send = yard.sqs.send

        async def slowly(queue: str, messages: object) -> object:
            await gate.wait()
            return await send(queue, messages)  # type: ignore[arg-type]

        async def expired(queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
            yard.sqs.advance(7)
            while not yard.worker.books.redelivered:
                await asyncio.sleep(0)
            return (EntryFailure(0, "ReceiptHandleIsInvalid", "It has expired.", Fault.DATA, retryable=False),)

        await yard.publish(event("one"))
        yard.sqs.send = slowly  # type: ignore[method-assign,assignment]
        async with yard.running():
            while not len(yard.worker.in_flight):
                await asyncio.sleep(0)
            (held,) = yard.worker.in_flight
            held.visible_at -= 4
            change = yard.sqs.change_visibility
            yard.sqs.change_visibility = expired  # type: ignore[method-assign]
            await yard.worker.heartbeat.beat()
            yard.sqs.change_visibility = change  # type: ignore[method-assign]
            assert held.visible_at <= asyncio.get_running_loop().time() + 6, "the newer handle is extended in its turn"
            gate.set()
            await yard.watch.wait(1)

    asyncio.run(main())


@pytest.mark.parametrize("late", [False, True], ids=["", "and a poll is sooner than the answer"])
def test_a_message_that_comes_again_while_it_is_being_left_is_not_forgotten(late: bool) -> None:
    """Nobody looks at the new receive, because the message is still held: so it goes back at once."""

    async def main() -> None:
        store = MemoryStore(100)
        yard = Yard()
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
        record = store.record

        async def overtaken(done: Mapping[str, tuple[str, frozenset[str]]]) -> None:
            if not yard.worker.books.redelivered:
                yard.sqs.heal()
                yard.sqs.advance(61)  # its visibility lapses, and the other poller receives it again
                while not yard.worker.books.redelivered:
                    await asyncio.sleep(0)
            await record(done)

        async def changed(queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
            failures = await change(queue, handles, seconds)
            while late and yard.worker.books.received + yard.worker.books.redelivered < 3:
                await asyncio.sleep(0)
            return failures

        change = yard.sqs.change_visibility
        yard.sqs.change_visibility = changed  # type: ignore[method-assign]
        store.record = overtaken  # type: ignore[method-assign]
        yard.sqs.fail_calls("crm", SEND, "InvalidMessageContents")
        yard.sqs.fail_calls(DEAD, SEND, "AccessDenied")
        await yard.publish(event("one"))
        async with yard.running():
            left, done = await yard.watch.wait(2)
        assert (left.outcome, done.outcome) == (Outcome.HANDED_BACK, Outcome.DELIVERED)
        assert len(yard.bodies("crm")) == 1

    asyncio.run(main())


def test_a_postponed_message_that_comes_again_before_the_answer_is_taken_for_a_new_one() -> None:
    async def main() -> None:
        store = MemoryStore(100)
        yard = Yard()
        yard.worker = Worker(yard.config, yard.worker.ruleset, yard.sqs, yard.watch, store)
        claim, change = store.claim, yard.sqs.change_visibility

        async def busy(keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
            store.claim = claim  # type: ignore[method-assign]
            return {key: Claim(busy_seconds=2.0) for key in keys}

        async def slowly(queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
            failures = await change(queue, handles, seconds)
            yard.sqs.advance(seconds + 1)
            while yard.worker.books.received + yard.worker.books.redelivered < 2:
                await asyncio.sleep(0)
            return failures

        store.claim = busy  # type: ignore[method-assign]
        yard.sqs.change_visibility = slowly  # type: ignore[method-assign]
        await yard.publish(event("one"))
        async with yard.running():
            postponed, done = await yard.watch.wait(2)
        assert (postponed.outcome, done.outcome) == (Outcome.HANDED_BACK, Outcome.DELIVERED)
        assert len(yard.bodies("crm")) == 1

    asyncio.run(main())
