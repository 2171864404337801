"""The recovery function: each letter delivered once, archived or kept, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.servers.genesys import Stub, refusing, serving
from tests.unit.genesys.setting import CONVERSATION, PARTICIPANT, config
from tests.unit.recovery import letters as shapes
from tests.unit.recovery import samples
from tests.unit.serverless.acts import FakeAct, StoppedClock
from tests.unit.serverless.mapping import sqs_event

from turnout.genesys.conversation import Conversation
from turnout.genesys.conversations import Correlation
from turnout.genesys.session import open_genesys
from turnout.genesys.writeback import RetryStatus, WriteOutcome
from turnout.letter import LETTER, LetterAttribute, sealed_attributes
from turnout.message import Attribute, Message
from turnout.recovery import read_letter
from turnout.recovery.causes import load_causes
from turnout.recovery.deliver.api import Act, Outcome, Work
from turnout.recovery.deliver.delivering import Delivering
from turnout.recovery.deliver.rerouting import Rerouting
from turnout.recovery.deliver.sending import Patience
from turnout.recovery.ledger.api import Ledger, LedgerUnavailable
from turnout.recovery.ledger.records import Action, Entry, Phase, Record, Status
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.recovery.letter import Letter
from turnout.serverless import recovering
from turnout.serverless.choosing import Course, choose
from turnout.serverless.events import messages_of
from turnout.serverless.recovering import Recovery
from turnout.serverless.telling import Teller
from turnout.sqs.api import OutgoingMessage, SentBatch
from turnout.sqs.memory import MemorySqs
from turnout.targets.api import Destination
from turnout.targets.destinations import Destinations

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/letters"
TARGET = "arn:aws:sqs:eu-west-1:123456789012:crm"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovering, "_BASE_SECONDS", 0.002)


def letter(number: int = 1, code: str = "THROTTLING", *, queue: str = QUEUE, group: str = "") -> Message:
    """A dead letter of an EventBridge rule."""
    event = {
        "id": f"event-{number}",
        "detail-type": "v2.detail.events.conversation.{id}.user.end",
        "source": "aws.partner/genesys.com/cloud/x/y",
        "time": "2026-11-28T08:00:00Z",
        "detail": {"eventBody": {"conversationId": CONVERSATION, "participantId": PARTICIPANT}},
    }
    attributes = {
        "RULE_ARN": Attribute("String", "arn:aws:events:eu-west-1:123456789012:rule/b/r"),
        "TARGET_ARN": Attribute("String", TARGET),
        "ERROR_CODE": Attribute("String", code),
        "ERROR_MESSAGE": Attribute("String", "Rate exceeded."),
    }
    system = {"MessageGroupId": group} if group else {}
    return Message(f"m{number}", f"h{number}", json.dumps(event), queue, attributes, system)


class Setting:
    """A recovery with a ledger in a file and fake acts."""

    def __init__(self, ledger: Ledger, teller: Teller, **acts: Any) -> None:
        self.ledger = ledger
        self.act: FakeAct = acts.get("act") or FakeAct()
        self.archive: FakeAct | None = acts.get("archive")
        self.recovery = Recovery(
            ledger=ledger, deliveries=[self.act], archive=self.archive, teller=teller, by="lambda:test"
        )

    async def recover(self, *messages: Message, seconds: float = 10.0) -> list[str]:
        event = sqs_event(*messages)
        return await self.recovery.recover(messages_of(event, [QUEUE, QUEUE + ".fifo"]), seconds)

    async def status(self, message: str = "m1") -> Status:
        return (await self.ledger.records([message]))[message].status

    async def story(self, message: str = "m1") -> list[str]:
        return [f"{entry.action} {entry.phase}" for entry in await self.ledger.history(message)]


def run(tmp_path: Path, test: Callable[[Setting], Awaitable[None]], **acts: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            await test(Setting(ledger, Teller(None), **acts))

    asyncio.run(whole())


def test_a_letter_is_delivered_once_and_then_known(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == []
        assert await setting.recover(letter()) == []  # Lambda's delete was lost
        assert len(setting.act.done) == 1
        assert await setting.status() is Status.RETRIED
        assert await setting.story() == ["seen done", "retry started", "retry done", "resolve done"]
        assert setting.recovery.take_counts() == {"delivered": 1, "known": 1}
        assert not setting.recovery.take_counts()

    run(tmp_path, test)


def test_of_a_letter_that_is_delivered_as_it_should_be_nothing_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == []

    run(tmp_path, test)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_table_of_causes_of_ones_own_says_what_is_done_with_a_letter(tmp_path: Path) -> None:
    causes = load_causes(OWN_CAUSES)

    async def test(setting: Setting) -> None:
        recovery = Recovery(
            ledger=setting.ledger,
            deliveries=[setting.act],
            archive=setting.archive,
            teller=Teller(None),
            by="lambda:test",
            causes=causes,
        )
        assert await recovery.recover([letter(code="NO_RESOURCE")], 10.0) == []
        assert await setting.status() is Status.ARCHIVED

    run(tmp_path, test, archive=FakeAct(Action.ARCHIVE, aim="s3://bucket/key"))


OWN_CAUSES = """
version: 1
codes:
  eventbridge:
    NO_RESOURCE: {cause: TARGET_MISSING, disposition: permanent}
"""


def test_an_archive_is_the_first_attempt_at_archiving_however_often_delivery_was_tried(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == ["m1"]
        assert await setting.recover(letter(code="INVALID_JSON")) == []
        tried = [(each.action, each.attempt) for each in await setting.ledger.history("m1") if each.action != "seen"]
        assert (Action.RETRY, 3) in tried
        assert {attempt for action, attempt in tried if action is Action.ARCHIVE} == {1}

    run(tmp_path, test, act=FakeAct(failures=9), archive=FakeAct(Action.ARCHIVE, aim="s3://bucket/key"))


def test_a_delivery_that_fails_is_repeated_up_to_three_times(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == []
        assert setting.act.tried == 3
        assert (await setting.ledger.records(["m1"]))["m1"].attempts == 3

    run(tmp_path, test, act=FakeAct(failures=2))


def test_a_delivery_that_fails_three_times_stays_and_the_next_call_goes_on_counting(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == ["m1"]
        assert await setting.status() is Status.FAILED_RETRY
        assert await setting.recover(letter()) == []
        assert (await setting.ledger.records(["m1"]))["m1"].attempts == 4

    run(tmp_path, test, act=FakeAct(failures=3))


def test_a_target_is_left_alone_between_attempts_for_as_long_as_it_asks(tmp_path: Path) -> None:
    tried: list[float] = []

    class Asking(FakeAct):
        async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
            tried.append(time.monotonic())
            (outcome,) = await super().__call__(works)
            return [outcome if outcome.done else Outcome(failures=outcome.failures, again=True, retry_after=0.2)]

    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == []
        assert tried[1] - tried[0] > 0.19

    run(tmp_path, test, act=Asking(failures=1))


def test_a_letter_that_a_call_delivered_and_did_not_live_to_resolve_is_only_taken_out(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        read = setting.recovery.read(letter())
        record = await setting.recovery.see(read)
        await setting.recovery.attempt(setting.recovery.choose(Work.of(read, record)), read, record, 5)
        assert await setting.recover(letter()) == []
        assert setting.act.tried == 1
        assert await setting.story() == ["seen done", "retry started", "retry done", "resolve done"]
        assert setting.recovery.take_counts() == {"known": 1}

    run(tmp_path, test)


def test_what_a_call_that_died_was_delivering_is_told_as_what_may_arrive_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(setting: Setting) -> None:
        await setting.recovery.see(setting.recovery.read(letter()))
        await setting.ledger.record([Entry("m1", Action.RETRY, Phase.STARTED, "dead")])
        assert await setting.recover(letter(1), letter(2)) == []

    run(tmp_path, test)
    said = "a call that was cut off may have delivered it: it may arrive twice"
    assert [vars(each)["message_id"] for each in caplog.records if each.message == said] == ["m1"]


def test_a_delivery_that_is_refused_for_good_is_not_repeated(tmp_path: Path) -> None:
    act = FakeAct(failures=9)
    act.again = False

    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == ["m1"]
        assert setting.act.tried == 1

    run(tmp_path, test, act=act)


def test_one_letters_failure_is_no_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Picky(FakeAct):
        async def __call__(self, works: Any) -> Any:
            if works[0].letter.event_id == "event-2":
                raise ZeroDivisionError
            return await super().__call__(works)

    async def test(setting: Setting) -> None:
        assert await setting.recover(letter(1), letter(2), letter(3)) == ["m2"]
        assert {work.letter.id for work in setting.act.done} == {"m1", "m3"}
        assert setting.recovery.take_counts() == {"delivered": 2, "failed": 1}

    run(tmp_path, test, act=Picky())
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "recovering failed, please report this"
    ]


@pytest.mark.parametrize("code", ["NO_PERMISSIONS", "NO_RESOURCE"])
def test_what_needs_a_repair_is_not_looped(tmp_path: Path, code: str, caplog: pytest.LogCaptureFixture) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter(code=code)) == ["m1"]
        assert setting.act.tried == 0
        assert await setting.status() is Status.PARKED

    run(tmp_path, test)
    assert "left for an operator: something has to be repaired first" in caplog.text


def test_what_is_permanent_is_archived_and_taken_out(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter(code="INVALID_JSON")) == []
        assert setting.act.tried == 0
        assert await setting.status() is Status.ARCHIVED
        assert setting.recovery.take_counts() == {"archived": 1}

    run(tmp_path, test, archive=FakeAct(Action.ARCHIVE, aim="s3://bucket/key"))


def test_without_an_archive_what_is_permanent_stays(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter(code="INVALID_JSON")) == ["m1"]
        record = (await setting.ledger.records(["m1"]))["m1"]
        assert (record.status, record.reached) == (Status.PARKED, ())

    run(tmp_path, test)


def test_an_archive_that_fails_keeps_the_letter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter(code="INVALID_JSON")) == ["m1"]
        assert await setting.status() is Status.FAILED_ARCHIVE
        assert setting.recovery.take_counts() == {"failed": 1}

    run(tmp_path, test, archive=FakeAct(Action.ARCHIVE, failures=9))
    said = {record.message: vars(record) for record in caplog.records}
    known = said["not recovered, it stays: crm: ServiceUnavailable: not now"]
    assert (known["message_id"], known["event_id"], known["conversation_id"]) == ("m1", "event-1", CONVERSATION)


def test_a_letter_that_goes_nowhere_stays_and_the_ledger_says_why(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == ["m1"]
        assert (await setting.ledger.records(["m1"]))["m1"].note == "nothing says where it was to go"

    run(tmp_path, test, act=FakeAct(unfit="nothing says where it was to go"))


def test_a_letter_of_another_version_stays_with_the_advice_to_use_that_version() -> None:
    def nowhere(address: object) -> Destination:
        raise AssertionError(f"nothing may be sent to {address}")

    newer = read_letter(shapes.message(shapes.BODY, shapes.strings(**{LETTER: '{"version": 2}'})), queue=QUEUE)
    acts: list[Act] = [
        Delivering(nowhere),
        Rerouting(nowhere, replay="recover", automatic=True, queues=(QUEUE + "-source",)),
    ]
    choice = choose(Work(newer), acts, FakeAct(Action.ARCHIVE))
    assert choice.course is Course.PARK
    assert "use that version or a newer one" in choice.why


def test_a_letter_that_goes_back_instead_of_to_what_it_is_owed_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unset = "environment variable CRM_QUEUE_URL is not set, which its address needs"
    back = FakeAct(Action.REPLAY, aim="events")

    async def test(setting: Setting) -> None:
        recovery = Recovery(
            ledger=setting.ledger,
            deliveries=[FakeAct(unfit=unset), back],
            archive=None,
            teller=Teller(None),
            by="lambda:test",
        )
        choice = recovery.choose(Work.of(recovery.read(letter())))
        assert choice.why == f"transient (RATE_LIMIT_EXCEEDED); not to what it is owed: {unset}"
        assert await recovery.recover([letter()], 10.0) == []
        assert len(back.done) == 1
        assert f"it goes to events, not to what it is owed: {unset}" in caplog.text
        (done,) = [one for one in await setting.ledger.history("m1") if one.action is Action.REPLAY and one.note]
        assert done.note == f"not to what it is owed: {unset}"

        caplog.clear()
        moved = Message("m2", "h2", letter(2).body, QUEUE, {}, {"DeadLetterQueueSourceArn": "arn:aws:sqs:eu:1:events"})
        assert await recovery.recover([moved], 10.0) == []
        assert "not to what it is owed" not in caplog.text, "it is owed to nobody"

    run(tmp_path, test)


def test_an_event_whose_consumer_always_fails_is_replayed_once_and_then_left_for_people(tmp_path: Path) -> None:
    sqs = MemorySqs()
    dead = sqs.create_queue("dead")
    source = sqs.create_queue("source", dead_letter_queue=dead, max_receive_count=1, visibility_seconds=5)

    async def fail() -> list[Message]:
        """What is in the dead-letter queue when the consumer has failed once more."""
        await sqs.receive(source, wait_seconds=0)
        sqs.advance(6)
        await sqs.receive(source, wait_seconds=0)
        return list(await sqs.receive(dead, wait_seconds=0))

    async def test(setting: Setting) -> None:
        await sqs.send(source, [OutgoingMessage('{"id": "e1", "detail-type": "x", "source": "s", "detail": {}}')])
        first = await fail()
        assert await setting.recovery.recover(first, 10.0) == []
        await sqs.delete(dead, [message.handle for message in first])
        second = await fail()
        assert await setting.recovery.recover(second, 10.0) == [second[0].id]
        assert setting.recovery.take_counts() == {"delivered": 1, "parked": 1}
        assert "replayed before" in (await setting.ledger.records([second[0].id]))[second[0].id].note

    places = Destinations(sqs, beside=source, environ={})
    run(tmp_path, test, act=Rerouting(places.queue, replay="lambda:test", automatic=True, patience=Patience(1)))


def test_a_letter_that_another_call_is_at_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "turnout.serverless")

    async def test(setting: Setting) -> None:
        await setting.recovery.see(setting.recovery.read(letter()))
        assert await setting.ledger.claim(["m1"], by="lambda:other", lease_seconds=60)
        assert await setting.recover(letter()) == ["m1"], (
            "that call may still fail, and would have nothing to try again"
        )
        assert setting.act.tried == 0
        assert setting.recovery.take_counts() == {"held": 1}

    run(tmp_path, test)
    assert "another call is at this letter" in caplog.messages


def test_a_target_that_asks_for_more_time_than_is_left_is_not_waited_for(tmp_path: Path) -> None:
    class Asking(FakeAct):
        async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
            self.tried += 1
            return [Outcome(failures={"crm": "later"}, again=True, retry_after=60.0)]

    async def test(setting: Setting) -> None:
        assert await setting.recover(letter(), seconds=15.0) == ["m1"]
        assert setting.act.tried == 1
        assert setting.recovery.take_counts() == {"failed": 1}

    run(tmp_path, test, act=Asking())


def test_two_calls_at_once_deliver_a_letter_once(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        async def other() -> list[str]:
            recovery = Recovery(
                ledger=setting.ledger, deliveries=[setting.act], archive=None, teller=Teller(None), by="lambda:other"
            )
            return await recovery.recover([letter()], 5.0)

        class Slow(FakeAct):
            pass

        first, second = await asyncio.gather(setting.recover(letter()), other())
        assert len(setting.act.done) == 1
        assert sorted([len(first), len(second)]) in ([0, 0], [0, 1])

    run(tmp_path, test)


@pytest.mark.parametrize("seconds", [10.0, 900.0])
def test_a_letter_is_held_for_longer_than_the_call_that_is_at_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    async def test(setting: Setting) -> None:
        claim = setting.ledger.claim
        leases: list[float] = []

        async def watched(letters: Sequence[str], *, by: str, lease_seconds: float) -> Mapping[str, Record]:
            leases.append(lease_seconds)
            return await claim(letters, by=by, lease_seconds=lease_seconds)

        monkeypatch.setattr(setting.ledger, "claim", watched)
        assert await setting.recover(letter(), seconds=seconds) == []
        assert seconds - 2 < min(leases) <= seconds, "two seconds before its end what is under way is cut"

    run(tmp_path, test)


def test_a_delivery_that_hangs_is_cut_before_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act = FakeAct()

    async def test(setting: Setting) -> None:
        act.clock, act.cut_at = StoppedClock(monkeypatch), 8.01  # two seconds are kept in reserve for the ledger
        assert await setting.recover(letter(), seconds=10.0) == ["m1"]
        assert "may have arrived" in (await setting.ledger.records(["m1"]))["m1"].note

    run(tmp_path, test, act=act)


def test_a_letter_for_which_no_time_is_left_is_not_said_to_have_been_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    act = FakeAct()
    act.hangs = True
    numbers = range(1, 8)

    async def test(setting: Setting) -> None:
        assert await setting.recover(*map(letter, numbers), seconds=2.0) == [f"m{number}" for number in numbers]
        known = await setting.ledger.records([f"m{number}" for number in numbers])
        assert [record.attempts for record in known.values()] == [1] * 5
        assert setting.recovery.take_counts() == {"failed": 7}

    run(tmp_path, test, act=act)
    assert "no time left to begin with 2 of 7 letters" in caplog.text


def test_an_attempt_for_which_little_time_is_left_is_given_that_time(tmp_path: Path) -> None:
    class Obedient(FakeAct):
        async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
            for _ in range(3):
                await asyncio.sleep(0)
            assert works[0].cut is not None
            assert not works[0].cut.is_set()
            return await super().__call__(works)

    async def test(setting: Setting) -> None:
        assert await setting.recover(letter(), seconds=0.6) == []

    run(tmp_path, test, act=Obedient())


def test_a_target_that_hangs_does_not_make_another_get_the_letter_again(tmp_path: Path) -> None:
    got: list[str] = []

    class Place:
        """A destination; only `mail` hangs."""

        max_entries, max_message_bytes, max_batch_bytes, ordered = 1, 1_048_576, 1_048_576, False

        def __init__(self, name: str) -> None:
            self.name = self.url = name

        async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
            if self.name == "mail":
                await asyncio.Event().wait()
            got.append(self.name)
            return SentBatch(("id",))

    owed = LetterAttribute(reason="RETRIES_EXHAUSTED", fault="system", source="events", owed=("crm", "mail"))
    message = Message("m1", "h1", '{"id":"e1"}', QUEUE, sealed_attributes(owed, {}, 11))

    async def test(setting: Setting) -> None:
        for _ in range(2):
            assert await setting.recover(message, seconds=0.5) == ["m1"]
        assert got == ["crm"]
        assert (await setting.ledger.records(["m1"]))["m1"].reached == ("crm",)

    run(tmp_path, test, act=Delivering(lambda address: Place(address.value), patience=Patience(1)))


def test_a_group_of_a_fifo_queue_stops_at_what_must_stay(tmp_path: Path) -> None:
    fifo = QUEUE + ".fifo"
    messages = [
        letter(1, queue=fifo, group="a"),
        letter(2, "NO_PERMISSIONS", queue=fifo, group="a"),
        letter(3, queue=fifo, group="a"),
        letter(4, queue=fifo, group="b"),
    ]

    async def test(setting: Setting) -> None:
        assert await setting.recover(*messages) == ["m2", "m3"]
        assert {work.letter.id for work in setting.act.done} == {"m1", "m4"}
        assert setting.recovery.take_counts() == {"delivered": 2, "parked": 1, "behind": 1}

    run(tmp_path, test)


def test_a_ledger_that_cannot_be_used_stops_everything_and_loses_nothing(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        async def unavailable(*arguments: Any, **options: Any) -> Any:
            raise LedgerUnavailable("no")

        setting.ledger.see = unavailable  # type: ignore[method-assign]
        assert await setting.recover(letter(1), letter(2)) == ["m1", "m2"]
        assert setting.act.tried == 0
        assert setting.recovery.take_counts() == {"failed": 2}

    run(tmp_path, test)


def test_a_ledger_that_fails_for_a_while_makes_no_letter_arrive_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.recovery.ledger.insisting._WAITS", (0.0,) * 2)

    async def test(setting: Setting) -> None:
        failing_for_a_while(setting.ledger, 2)
        assert await setting.recover(letter()) == []
        assert await setting.recover(letter()) == []
        assert len(setting.act.done) == 1

    run(tmp_path, test)


def test_no_attempt_to_note_an_outcome_is_waited_for_beyond_the_end_of_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("turnout.recovery.ledger.insisting._WAITS", (60.0,))

    async def test(setting: Setting) -> None:
        failing_for_a_while(setting.ledger, 9)
        assert await setting.recover(letter(), seconds=5.0) == ["m1"]

    run(tmp_path, test)
    assert "it stays, because the ledger cannot be used: throttled" in caplog.text


def test_a_letter_that_is_done_with_leaves_although_it_cannot_be_given_free(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(setting: Setting) -> None:
        async def unavailable(*arguments: Any, **options: Any) -> None:
            raise LedgerUnavailable("throttled")

        setting.ledger.release = unavailable  # type: ignore[method-assign]
        assert await setting.recover(letter()) == []
        assert setting.recovery.take_counts() == {"delivered": 1}

    run(tmp_path, test)
    assert "not given free before its lease ends: throttled" in caplog.text


@pytest.mark.parametrize(
    ("code", "became", "status"),
    [("THROTTLING", "delivered", Status.RETRIED), ("INVALID_JSON", "archived", Status.ARCHIVED)],
)
def test_a_letter_that_cannot_be_resolved_stays_and_counts_once_as_what_became_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, code: str, became: str, status: Status
) -> None:
    archive = FakeAct(Action.ARCHIVE, aim="s3://bucket/key")

    async def test(setting: Setting) -> None:
        record = failing_to(Action.RESOLVE, setting.ledger)
        assert await setting.recover(letter(code=code)) == ["m1"]
        assert setting.recovery.take_counts() == {became: 1}
        assert f"{became}, but it stays, because the ledger cannot be used: throttled" in caplog.messages
        setting.ledger.record = record  # type: ignore[method-assign]
        assert await setting.recover(letter(code=code)) == []
        assert setting.recovery.take_counts() == {"known": 1}
        assert (len(setting.act.done) + len(archive.done), await setting.status()) == (1, status)

    run(tmp_path, test, archive=archive)


def test_a_letter_that_cannot_be_parked_is_not_counted_as_parked(tmp_path: Path) -> None:
    async def test(setting: Setting) -> None:
        failing_to(Action.PARK, setting.ledger)
        assert await setting.recover(letter(code="NO_PERMISSIONS")) == ["m1"]
        assert setting.recovery.take_counts() == {"failed": 1}

    run(tmp_path, test)


def failing_to(action: Action, ledger: Ledger) -> Any:
    """This cannot be noted. Returns what notes it."""
    record = ledger.record

    async def failing(entries: Sequence[Entry]) -> Mapping[str, Record]:
        if entries[0].action is action:
            raise LedgerUnavailable("throttled")
        return await record(entries)

    ledger.record = failing  # type: ignore[method-assign]
    return record


def failing_for_a_while(ledger: Ledger, failures: int) -> None:
    """What has arrived can be noted only after so many attempts."""
    record = ledger.record

    async def failing(entries: Sequence[Entry]) -> Mapping[str, Record]:
        nonlocal failures
        if failures and entries[0].targets:
            failures -= 1
            raise LedgerUnavailable("throttled")
        return await record(entries)

    ledger.record = failing  # type: ignore[method-assign]


@pytest.mark.parametrize("name", samples.NAMES)
def test_no_recorded_letter_is_lost(tmp_path: Path, name: str) -> None:
    if samples.missing(name):
        pytest.skip("no recorded samples beside the checkout")
    found = samples.message(name)
    record = found if "eventSource" in found else _record(found)

    async def test(setting: Setting) -> None:
        failed = await setting.recovery.recover(messages_of({"Records": [record]}, [QUEUE]), 5.0)
        identity = record["messageId"]
        status = (await setting.ledger.records([identity]))[identity].status
        # Either it is where it belongs, or it stays.
        assert (failed == []) == (status in (Status.RETRIED, Status.ARCHIVED))

    run(tmp_path, test, archive=FakeAct(Action.ARCHIVE, aim="key"))


def _record(message: dict[str, Any]) -> dict[str, Any]:
    """A message as boto3 returns it, as Lambda passes it."""
    lower = {name[0].lower() + name[1:]: value for name, value in message.items()}
    attributes = lower.get("messageAttributes", {})
    lower["messageAttributes"] = {
        name: {key[0].lower() + key[1:]: value for key, value in each.items()} for name, each in attributes.items()
    }
    return {
        "messageId": "sample",
        "receiptHandle": "h",
        "attributes": {},
        "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q",
        **lower,
        "eventSource": "aws:sqs",
    }


# ------------------------------------------------------------------------------------------------------------ Genesys


def with_genesys(tmp_path: Path, stub: Stub, test: Callable[[Setting], Awaitable[None]], **changes: Any) -> None:
    async def whole() -> None:
        async with (
            asyncio.timeout(20),
            serving(stub),
            open_genesys(config(stub.url, **changes)) as genesys,
            open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger,
        ):
            await test(Setting(ledger, Teller(genesys), act=FakeAct(failures=1)))

    asyncio.run(whole())


def test_the_tutorials_interaction_is_looked_up_and_told(tmp_path: Path) -> None:
    stub = Stub()
    stub.interactions[CONVERSATION] = {"id": CONVERSATION}

    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == []
        assert stub.paths()[0] == f"GET /api/v2/interactions/{CONVERSATION}"
        told = [one.body["attributes"]["system"] for one in stub.seen if one.method == "PATCH"]
        assert told == [
            {"retryAttempt": 1, "retryStatus": "retrying"},
            {"retryAttempt": 2, "retryStatus": "retrying"},
            {"retryAttempt": 2, "retryStatus": "replay_successful"},
        ]

    with_genesys(tmp_path, stub, test, profile="tutorial", write_back="interaction")


@pytest.mark.parametrize(
    ("again", "last"),
    [
        (True, {"retryAttempt": 3, "retryStatus": "exhausted_retries"}),
        (False, {"retryAttempt": 1, "retryStatus": "replay_failed"}),
    ],
)
def test_a_conversation_is_told_when_its_message_could_not_be_delivered(
    tmp_path: Path, again: bool, last: dict[str, Any]
) -> None:
    stub = Stub()
    stub.interactions[CONVERSATION] = {"id": CONVERSATION}

    async def test(setting: Setting) -> None:
        setting.act.failures, setting.act.again = 9, again
        assert await setting.recover(letter()) == ["m1"]
        told = [one.body["attributes"]["system"] for one in stub.seen if one.method == "PATCH"]
        assert told[-1] == last

    with_genesys(tmp_path, stub, test, profile="tutorial", write_back="interaction")


def test_a_success_at_the_last_attempt_is_told_as_one(tmp_path: Path) -> None:
    stub = Stub()
    stub.interactions[CONVERSATION] = {"id": CONVERSATION}

    async def test(setting: Setting) -> None:
        setting.act.failures = 2
        assert await setting.recover(letter()) == []
        told = [one.body["attributes"]["system"] for one in stub.seen if one.method == "PATCH"]
        assert told[-1] == {"retryAttempt": 3, "retryStatus": "replay_successful"}

    with_genesys(tmp_path, stub, test, profile="tutorial", write_back="interaction")


def test_to_look_up_and_to_tell_a_conversation_takes_a_part_of_the_time_at_most(tmp_path: Path) -> None:
    given: list[float] = []

    class Watching(Teller):
        async def correlate(self, letter: Letter, seconds: float) -> Correlation | None:
            given.append(seconds)
            return await super().correlate(letter, seconds)

        async def tell(
            self, letter: Letter, status: RetryStatus, attempt: int, found: Conversation | None, seconds: float
        ) -> WriteOutcome:
            given.append(seconds)
            return await super().tell(letter, status, attempt, found, seconds)

    async def test(setting: Setting) -> None:
        setting.recovery.teller = Watching(None)
        assert await setting.recover(letter(), seconds=100.0) == []
        assert len(given) == 3
        assert 20 < min(given) <= max(given) < 0.3 * 100

    run(tmp_path, test)


def test_genesys_participants_attributes_are_written(tmp_path: Path) -> None:
    stub = Stub()
    stub.conversations[CONVERSATION] = {"conversationId": CONVERSATION, "conversationStart": "2026-11-28T08:00:00.000Z"}
    stub.live[CONVERSATION] = {"id": CONVERSATION}

    async def test(setting: Setting) -> None:
        assert await setting.recover(letter()) == []
        assert stub.attributes[CONVERSATION, PARTICIPANT] == {
            "turnout_retryAttempt": "2",
            "turnout_retryStatus": "replay_successful",
        }

    with_genesys(tmp_path, stub, test, write_back="participant-attributes")


def test_one_token_serves_all_calls_of_a_container(tmp_path: Path) -> None:
    stub = Stub()

    async def test(setting: Setting) -> None:
        for number in range(3):
            await setting.recover(letter(number))
        assert stub.logins == 1

    with_genesys(tmp_path, stub, test)


def test_no_letter_waits_for_genesys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stub = Stub()

    async def test(setting: Setting) -> None:
        stub.faults.extend([refusing(3600)] * 50)
        assert await setting.recover(letter()) == []
        assert len(setting.act.done) == 1

    with_genesys(tmp_path, stub, test, profile="tutorial", write_back="interaction")
    assert "could not be looked up" in caplog.text
