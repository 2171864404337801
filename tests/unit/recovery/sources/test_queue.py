"""Reading letters from a queue: nothing is consumed, nothing comes round again, what is deleted stays away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from turnout.errors import SqsRejected
from turnout.message import Attribute, Message
from turnout.recovery.sources.queue import open_queue_source, unseen_note
from turnout.sqs.api import EntryFailure, OutgoingMessage
from turnout.sqs.memory import MemorySqs


def run(story: Callable[[MemorySqs], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story(MemorySqs())

    asyncio.run(whole())


async def fill(sqs: MemorySqs, queue: str, count: int) -> None:
    for number in range(count):
        fifo = queue.endswith(".fifo")
        message = OutgoingMessage(
            f'{{"n": {number}}}',
            {"tenant": Attribute("String", "acme")},
            group_id="g" if fifo else None,
            deduplication_id=f"d{number}" if fifo else None,
        )
        await sqs.send(queue, [message])


def receive_counts(sqs: MemorySqs, queue: str) -> set[int]:
    return {stored.receive_count for stored in sqs.messages(queue)}


def test_every_letter_is_read_once_and_all_are_there_afterwards_after_one_receive() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 23)
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        letters = [letter async for letter in source.letters()]
        assert sorted(letter.body or "" for letter in letters) == sorted(f'{{"n": {n}}}' for n in range(23))
        assert letters[0].attributes["tenant"].text == "acme"
        assert letters[0].queue == queue
        assert await sqs.receive(queue, wait_seconds=0) == [], "held letters are handed to nobody else"
        await source.aclose()
        assert receive_counts(sqs, queue) == {1}
        assert len(await sqs.receive(queue, wait_seconds=0)) == 10, "given back at once"

    run(story)


def test_no_more_letters_are_received_than_wanted_and_a_second_call_goes_on() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 15)
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        first = [letter.id async for letter in source.letters(12)]
        rest = [letter.id async for letter in source.letters()]
        assert (len(first), len(rest), len({*first, *rest})) == (12, 3, 15)
        await source.aclose()

    run(story)


def test_deleted_letters_are_gone_and_given_back_letters_are_visible() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 12)
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        letters = [letter async for letter in source.letters()]
        assert await source.delete(letters[:11]) == {}
        await source.give_back(letters[11:])
        (left,) = await sqs.receive(queue, wait_seconds=0)
        assert left.id == letters[11].id
        await source.aclose()

    run(story)


def test_letters_that_cannot_be_deleted_are_told_with_the_reason_and_stay_held() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 2)
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        letters = [letter async for letter in source.letters()]
        sqs.fail_calls(queue, "DeleteMessageBatch", "ServiceUnavailable", times=1)
        failed = await source.delete(letters)
        assert set(failed) == {letter.id for letter in letters}
        assert "ServiceUnavailable" in failed[letters[0].id]
        assert await source.delete(letters) == {}
        assert "no longer held" in (await source.delete(letters[:1]))[letters[0].id]
        await source.aclose()

    run(story)


def test_held_letters_are_extended_before_they_become_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 12)
        extended = asyncio.Event()
        change = sqs.change_visibility
        handles: list[str] = []

        async def watched(url: str, batch: Any, seconds: int) -> Any:
            answer = await change(url, batch, seconds)
            handles.extend(batch)
            if seconds and len(handles) >= 24:
                extended.set()
            return answer

        monkeypatch.setattr(sqs, "change_visibility", watched)
        source = await open_queue_source(sqs, queue, wait_seconds=0, visibility_seconds=2)
        letters = [letter async for letter in source.letters()]
        async with asyncio.timeout(10):
            await extended.wait()
        sqs.advance(1.5)
        assert await sqs.receive(queue, wait_seconds=0) == []
        assert {handles.count(handle) for handle in set(handles)} == {2}, "again and again"
        assert await source.delete(letters) == {}
        await source.aclose()
        assert [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    run(story)


def test_letters_that_can_be_held_no_longer_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 2)
        source = await open_queue_source(sqs, queue, wait_seconds=0, visibility_seconds=1)
        assert len([letter async for letter in source.letters()]) == 2
        sqs.fail_entries(queue, "ChangeMessageVisibilityBatch", "InvalidParameterValue", times=1)
        async with asyncio.timeout(10):
            while "letters of dead that are no longer held: 1" not in caplog.text:
                await asyncio.sleep(0.01)
        await source.aclose()

    run(story)


def test_a_defect_while_letters_are_extended_is_told_and_does_not_end_that(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 2)
        extended = asyncio.Event()
        change, calls = sqs.change_visibility, 0

        async def defective(url: str, batch: Any, seconds: int) -> Any:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise RuntimeError("a bug")
            extended.set()
            return await change(url, batch, seconds)

        monkeypatch.setattr(sqs, "change_visibility", defective)
        source = await open_queue_source(sqs, queue, wait_seconds=0, visibility_seconds=1)
        assert len([letter async for letter in source.letters()]) == 2
        async with asyncio.timeout(10):
            await extended.wait()
        assert "letters of dead were not extended, please report this" in caplog.text
        await source.aclose()

    run(story)


def test_of_letters_that_leave_while_they_are_being_extended_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 3)
        extend, extended = sqs.change_visibility, asyncio.Event()

        async def meanwhile(url: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
            if seconds and not extended.is_set():
                assert await source.delete(letters[:2]) == {}
            failures = await extend(url, handles, seconds)
            extended.set()
            return failures

        monkeypatch.setattr(sqs, "change_visibility", meanwhile)
        source = await open_queue_source(sqs, queue, wait_seconds=0, visibility_seconds=1)
        letters = [letter async for letter in source.letters()]
        async with asyncio.timeout(10):
            await extended.wait()
        await source.aclose()
        assert caplog.text == ""

    run(story)


def test_a_letter_that_came_again_is_deleted_by_its_newest_handle() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 1)
        source = await open_queue_source(sqs, queue, wait_seconds=0, visibility_seconds=60)
        letters = [letter async for letter in source.letters()]
        sqs.advance(61)
        assert [letter async for letter in source.letters()] == [], "it is held already, and not read twice"
        assert await source.delete(letters) == {}
        assert sqs.messages(queue) == []
        await source.aclose()

    run(story)


def test_a_letter_that_comes_twice_in_one_answer_is_read_once() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 2)
        receive = sqs.receive

        async def receive_twice(*arguments: Any, **options: Any) -> list[Message]:
            return [copy for message in await receive(*arguments, **options) for copy in (message, message)]

        sqs.receive = receive_twice  # type: ignore[method-assign]
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        letters = [letter async for letter in source.letters()]
        assert sorted(letter.body or "" for letter in letters) == ['{"n": 0}', '{"n": 1}']
        assert await source.delete(letters) == {}
        assert sqs.messages(queue) == []
        await source.aclose()

    run(story)


@pytest.mark.parametrize(("most", "said"), [(1, "after 1 receive,"), (2, "after 2 receives,")])
def test_a_queue_that_would_lose_letters_by_being_looked_at_is_refused(most: int, said: str) -> None:
    async def story(sqs: MemorySqs) -> None:
        further = sqs.create_queue("further")
        queue = sqs.create_queue("dead", dead_letter_queue=further, max_receive_count=most)
        with pytest.raises(SqsRejected, match=f"gives a message to further {said}"):
            await open_queue_source(sqs, queue, wait_seconds=0)

    run(story)


def test_a_redrive_policy_of_the_queue_is_pointed_out_and_so_is_each_last_receive() -> None:
    async def story(sqs: MemorySqs) -> None:
        further = sqs.create_queue("further")
        queue = sqs.create_queue("dead", dead_letter_queue=further, max_receive_count=3)
        await fill(sqs, queue, 1)
        for expected in (1, 1, 2):
            source = await open_queue_source(sqs, queue, wait_seconds=0)
            assert len([letter async for letter in source.letters()]) == 1
            assert len(source.notes) == expected, source.notes
            await source.aclose()
        assert "after 3 receives" in source.notes[0]
        assert source.notes[1].startswith("1 of these letters moves on")

    run(story)


def test_letters_that_somebody_holds_are_pointed_out() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 3)
        await sqs.receive(queue, max_messages=2, wait_seconds=0)
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        assert len([letter async for letter in source.letters()]) == 1
        (note,) = source.notes
        assert "About 2 more cannot be seen now: somebody has received them" in note
        assert source.unseen == 2
        await source.aclose()

    run(story)


def test_one_letter_that_somebody_holds_is_told_in_the_singular() -> None:
    assert "About 1 more cannot be seen now: somebody has received it, " in unseen_note(1)
    assert unseen_note(1).endswith("It comes back when the visibility timeout ends, unless deleted before.")


def test_what_lies_in_a_fifo_queue_counts_what_somebody_holds() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead.fifo")
        await fill(sqs, queue, 5)
        await sqs.receive(queue, max_messages=2, wait_seconds=0)
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        assert [letter async for letter in source.letters()] == [], "behind those that are held"
        assert source.notes[1].endswith("it holds about 5.")
        await source.aclose()

    run(story)


def test_a_fifo_queue_shows_what_it_shows_and_says_so() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead.fifo")
        await fill(sqs, queue, 12)
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        letters = [letter async for letter in source.letters()]
        assert len(letters) == 10
        assert "FIFO" in source.notes[0]
        assert source.notes[0].endswith("it holds about 12.")
        assert await source.delete(letters) == {}
        assert len([letter async for letter in source.letters()]) == 2
        await source.aclose()

    run(story)


def test_what_somebody_else_has_let_go_of_until_a_second_look_is_not_called_unseen_any_more() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 5)
        held = [message.handle for message in await sqs.receive(queue, max_messages=3, wait_seconds=0)]
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        assert len([letter async for letter in source.letters()]) == 2
        assert "About 3 more cannot be seen" in source.notes[-1]
        await sqs.change_visibility(queue, held[1:], 0)
        assert len([letter async for letter in source.letters()]) == 2
        assert "About 1 more cannot be seen" in source.notes[-1]
        await sqs.change_visibility(queue, held[:1], 0)
        assert len([letter async for letter in source.letters()]) == 1
        assert (source.unseen, source.notes) == (0, ())
        await source.aclose()

    run(story)


def test_letters_beyond_a_limit_were_not_hidden_by_somebody_else() -> None:
    async def story(sqs: MemorySqs) -> None:
        queue = sqs.create_queue("dead")
        await fill(sqs, queue, 5)
        await sqs.receive(queue, max_messages=1, wait_seconds=0)
        source = await open_queue_source(sqs, queue, wait_seconds=0)
        assert len([letter async for letter in source.letters(2)]) == 2
        assert len([letter async for letter in source.letters()]) == 2
        assert source.unseen == 1
        await source.aclose()

    run(story)
