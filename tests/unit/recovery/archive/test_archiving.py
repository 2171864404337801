"""Archiving and restoring as actions: once however often repeated, and back exactly as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
from tests.servers.archive import MemoryArchive
from tests.unit.recovery import letters as shapes
from tests.unit.recovery import samples

from turnout.errors import ArchiveError, Fault
from turnout.message import Attribute
from turnout.recovery import read_letter
from turnout.recovery.archive import KeyTemplate
from turnout.recovery.archive.archiving import Archiving
from turnout.recovery.archive.restoring import Restoring
from turnout.recovery.archive.source import ArchiveSource
from turnout.recovery.causes import load_causes
from turnout.recovery.deliver.api import Act, Outcome, Unfit, Work
from turnout.recovery.deliver.rerouting import Rerouting
from turnout.recovery.deliver.sending import Patience
from turnout.recovery.letter import Letter
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.targets.queue import QueueDestination

DEAD = "https://sqs.eu-west-1.amazonaws.com/111122223333/dead"


async def no_wait(seconds: float) -> None:
    assert seconds > 0


def archiving(store: MemoryArchive, sleep: Callable[[float], Awaitable[None]] = no_wait) -> Archiving:
    return Archiving(
        store, KeyTemplate(), by="jo", patience=Patience(3), clock=lambda: datetime(2026, 1, 5, tzinfo=UTC), sleep=sleep
    )


def act_on(act: Act, letter: Letter, reached: tuple[str, ...] = ()) -> Outcome:
    async def acting() -> Sequence[Outcome]:
        return await act([Work(letter, reached)])

    (outcome,) = asyncio.run(acting())
    return outcome


def test_a_letter_is_archived_under_the_documented_key_once() -> None:
    store = MemoryArchive()
    letter = read_letter(shapes.own(), queue=DEAD)
    key = (
        "dlq/archives/v2.detail.events.conversation.id.user.end/RETRIES_EXHAUSTED/"
        f"{shapes.EVENT_ID}-20251212T151507Z.json"
    )
    act = archiving(store)
    assert act.aims(Work(letter)) == (f"memory/{key}",)
    assert act_on(act, letter) == act_on(act, letter) == Outcome((f"memory/{key}",), note=f"memory/{key}")
    assert list(store.documents) == [key]


def test_what_recovery_has_delivered_a_letter_to_gets_it_from_no_archive_once_more() -> None:
    store = MemoryArchive()
    letter = read_letter(shapes.own(owed=("crm", "mail"), done=()), queue=DEAD)
    assert act_on(archiving(store), letter, reached=("crm",)).done

    async def reading() -> list[Letter]:
        return [each async for each in ArchiveSource(store, "dlq/").letters()]

    (back,) = asyncio.run(reading())
    assert (back.owed, back.done) == (("mail",), ("crm",))


def test_two_letters_of_one_event_are_both_kept() -> None:
    store = MemoryArchive()
    for attempts in (1, 2):
        assert act_on(archiving(store), read_letter(shapes.own(attempts=attempts), queue=DEAD)).done
    assert len(store.documents) == 2


def test_a_store_that_fails_for_a_moment_is_tried_again_and_one_that_refuses_is_not() -> None:
    store = MemoryArchive()
    store.failure = ArchiveError("slow down", code="SlowDown", fault=Fault.SYSTEM, retryable=True)
    waits = []

    async def recovering(seconds: float) -> None:
        waits.append(seconds)
        store.failure = None

    letter = read_letter(shapes.own(), queue=DEAD)
    assert act_on(archiving(store, recovering), letter).done
    assert len(waits) == 1
    store.failure = ArchiveError("no", code="AccessDenied", fault=Fault.CONFIG)
    refused: list[float] = []

    async def not_waiting(seconds: float) -> None:
        refused.append(seconds)

    outcome = act_on(archiving(store, not_waiting), letter)
    assert (outcome.done, outcome.again, refused) == (False, False, [])
    assert "AccessDenied" in outcome.sentence


def test_a_store_that_goes_on_failing_is_given_up_and_the_letter_may_be_archived_later() -> None:
    store = MemoryArchive()
    store.failure = ArchiveError("slow down", code="SlowDown", fault=Fault.SYSTEM, retryable=True)
    waits = []

    async def waiting(seconds: float) -> None:
        waits.append(seconds)
        assert len(waits) < 9, "it is never given up"

    outcome = act_on(archiving(store, waiting), read_letter(shapes.own(), queue=DEAD))
    assert len(waits) == 2
    assert (outcome.done, outcome.again, outcome.reached) == (False, True, ())


@pytest.mark.parametrize("to_another", [False, True])
def test_what_was_archived_comes_back_exactly_as_it_was_found(to_another: bool) -> None:
    async def story() -> None:
        sqs = MemorySqs()
        dead, other = sqs.create_queue("dead"), sqs.create_queue("other.fifo")
        originals = {"blob": Attribute("Binary", data=b"\0\xff"), "tenant": Attribute("String", "acme")}
        dead_letter = shapes.own(originals=originals)
        system = {"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793", "MessageGroupId": "g"}
        letter = read_letter(dead_letter | {"Attributes": dead_letter["Attributes"] | system}, queue=dead)
        store = MemoryArchive()
        await archiving(store)([Work(letter)])
        source = ArchiveSource(store, "dlq/archives/")
        (found,) = [each async for each in source.letters()]
        assert found.id == f"archived:{letter.id}"
        assert (found.owed, found.cause, found.body) == (letter.owed, letter.cause, letter.body)
        act = Restoring(lambda url: QueueDestination(sqs, url), queue=other if to_another else "")
        home = other if to_another else dead
        assert act.aims(Work(found)) == (home,)
        assert (await act([Work(found)]))[0].reached == (home,)
        assert (await act([Work(found, (home,))]))[0] == Outcome()
        (stored,) = sqs.messages(home)
        assert stored.message.body == letter.message.body
        assert stored.message.attributes == letter.message.attributes
        assert stored.message.trace_header == system["AWSTraceHeader"], "what delivers it goes on with its trace"
        assert stored.message.group_id == "g", "of a standard queue, too, which is a fair one by it"

    asyncio.run(story())


def test_an_archive_is_read_up_to_a_limit_and_from_there_the_next_time() -> None:
    async def story() -> None:
        store = MemoryArchive()
        for number in range(3):
            await archiving(store)([Work(read_letter(shapes.own() | {"MessageId": f"m-{number}"}, queue=DEAD))])
        source = ArchiveSource(store, "dlq/archives/")
        first, rest = [{each.id async for each in source.letters(limit)} for limit in (2, None)]
        assert (len(first), len(rest)) == (2, 1)
        assert first | rest == {f"archived:m-{number}" for number in range(3)}

    asyncio.run(story())


def test_the_empty_object_that_the_s3_console_makes_of_a_folder_is_no_letter_and_in_the_way_of_none() -> None:
    async def story() -> None:
        store = MemoryArchive()
        await store.put("dlq/archives/", b"", "")
        await archiving(store)([Work(read_letter(shapes.own(), queue=DEAD))])
        assert len([each async for each in ArchiveSource(store, "dlq/archives/").letters(1)]) == 1
        await store.put("dlq/archives/z.json", b"", "")
        source = ArchiveSource(store, "dlq/archives/")
        assert len([each async for each in source.letters()]) == source.unreadable == 1

    asyncio.run(story())


def test_a_letter_whose_key_looks_like_a_folder_is_a_letter() -> None:
    async def story() -> None:
        store = MemoryArchive()
        await Archiving(store, KeyTemplate("letters/{event_id}/"), by="jo")([Work(read_letter(shapes.own()))])
        assert [key[-1] for key in store.documents] == ["/"]
        assert len([each async for each in ArchiveSource(store, "letters/").letters()]) == 1

    asyncio.run(story())


def test_what_is_archived_is_judged_by_an_operators_causes_when_it_is_read() -> None:
    own = "{version: 1, codes: {eventbridge: {NO_RESOURCE: {cause: TARGET_MISSING, disposition: permanent}}}}"

    async def story() -> None:
        store = MemoryArchive()
        letter = read_letter(shapes.rule("NO_RESOURCE"), queue=DEAD)
        await archiving(store)([Work(letter)])
        (found,) = [each async for each in ArchiveSource(store, "dlq/", causes=load_causes(own)).letters()]
        assert (letter.disposition, found.disposition) == ("needs-fix", "permanent")
        assert found.queue_name == "dead"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("home", "to", "ordered"),
    [(DEAD, "", False), (f"{DEAD}.fifo", "", True), (DEAD, f"{DEAD}.fifo", True), (f"{DEAD}.fifo", DEAD, False)],
)
def test_what_goes_back_to_a_fifo_queue_goes_in_order_whether_that_is_named_or_its_home(
    home: str, to: str, ordered: bool
) -> None:
    act = Restoring(lambda url: QueueDestination(MemorySqs(), url), queue=to)
    letter = read_letter(shapes.own(), queue=home)
    assert act.aims(Work(letter)) == (to or home,)
    assert act.ordered is ordered
    assert act.aims(Work(letter, (to or home,))) == (), "it is there already"


def test_a_letter_that_was_in_no_queue_needs_one_named() -> None:
    with pytest.raises(Unfit, match="--to-queue"):
        Restoring(lambda url: QueueDestination(MemorySqs(), url)).aims(Work(read_letter(shapes.own())))


@pytest.mark.parametrize("name", samples.NAMES)
def test_every_recorded_letter_is_archived_and_read_back(name: str) -> None:
    if samples.missing(name):
        pytest.skip(f"no recorded letter {name} here")

    async def story() -> None:
        letter = read_letter(samples.message(name), queue=DEAD)
        store = MemoryArchive()
        (outcome,) = await archiving(store)([Work(letter)])
        assert outcome.done
        (found,) = [each async for each in ArchiveSource(store, "").letters()]
        assert (found.message.body, found.message.attributes) == (letter.message.body, letter.message.attributes)
        assert (found.verdict, found.payload) == (letter.verdict, letter.payload)

    asyncio.run(story())


@pytest.mark.parametrize("queue", ["texts", "texts.fifo"])
@pytest.mark.parametrize("body", ["Order 17\tis late\r\n", "<a x='\u00e9'>\U0001f600</a>", '"', "\u2028", '{"half'])
def test_what_is_no_json_comes_back_byte_for_byte_with_attributes_and_group(queue: str, body: str) -> None:
    async def main() -> None:
        sqs = MemorySqs()
        url = sqs.create_queue(queue)
        attributes = {
            "tenant": Attribute("String.custom", "\u00e9"),
            "size": Attribute("Number.int", "17"),
            "key": Attribute("Binary.png", data=b"\x00\xff"),
            **{f"a{n}": Attribute("String", str(n)) for n in range(7)},
        }
        fifo = queue.endswith(".fifo")
        sent = OutgoingMessage(body, attributes, group_id="g-1", deduplication_id="d-1" if fifo else None)
        await sqs.send(url, [sent])
        (found,) = await sqs.receive(url, wait_seconds=0)
        letter = read_letter(found, queue=url)
        assert letter.cause == "PAYLOAD_MALFORMED"
        store = MemoryArchive()
        await archiving(store)([Work(letter)])
        await sqs.delete(url, [found.handle])
        (archived,) = [each async for each in ArchiveSource(store, "dlq/").letters()]
        assert archived.message.system == found.system
        (restored,) = await Restoring(lambda queue: QueueDestination(sqs, queue))([Work(archived)])
        assert restored.done
        (back,) = await sqs.receive(url, wait_seconds=0)
        assert (back.body, back.attributes) == (body, attributes)
        assert archived.message.system["MessageGroupId"] == "g-1"
        assert back.system["MessageGroupId"] == "g-1"

    asyncio.run(main())


def test_from_an_archive_a_letter_goes_where_sqs_had_moved_it_from_though_no_restored_one_can_say_that() -> None:
    async def main() -> None:
        arn = "arn:aws:sqs:eu-west-1:111122223333:orders"
        letter = read_letter(shapes.message("Order 17", DeadLetterQueueSourceArn=arn), queue=DEAD)
        store = MemoryArchive()
        await archiving(store)([Work(letter)])
        (archived,) = [each async for each in ArchiveSource(store, "dlq/").letters()]
        sqs = MemorySqs()
        replay = Rerouting(lambda queue: QueueDestination(sqs, queue), replay="r-1")
        assert replay.aims(Work(archived)) == (DEAD.replace("dead", "orders"),)

    asyncio.run(main())
