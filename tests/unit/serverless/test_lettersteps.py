"""The steps of the state machine by themselves: what they answer, and that no two act on one letter at once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.recovery import letters as shapes
from tests.unit.serverless.acts import FakeAct, StoppedClock
from tests.unit.serverless.mapping import sqs_record
from tests.unit.serverless.test_recovering import failing_to, letter

from turnout.errors import TurnoutError
from turnout.genesys.conversation import Conversation, Participant
from turnout.genesys.conversations import Correlation, Presence
from turnout.genesys.writeback import RetryStatus, WriteOutcome
from turnout.letter import LetterAttribute, sealed_attributes
from turnout.message import Attribute, Message
from turnout.recovery import read_letter
from turnout.recovery.deliver.api import Outcome, Work
from turnout.recovery.ledger.api import Ledger, LedgerUnavailable
from turnout.recovery.ledger.records import Action
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.recovery.letter import Letter
from turnout.serverless.lettersteps import InvalidStep, LetterHeld, LetterSteps, NotDelivered, NotParked, Refused, Step
from turnout.serverless.recovering import Recovery
from turnout.serverless.telling import Teller
from turnout.sqs.api import OutgoingMessage, SentBatch
from turnout.sqs.memory import MemorySqs

Call = Callable[[LetterSteps, Step, float], Coroutine[Any, Any, Step]]


class SlowAct(FakeAct):
    """Says when it has begun, and waits until it may go on."""

    def __init__(self, action: Action = Action.RETRY) -> None:
        super().__init__(action)
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        self.begun.set()
        await self.may_end.wait()
        return await super().__call__(works)


class Crowd(Teller):
    """Finds a conversation of very many, the customer last."""

    def __init__(self) -> None:
        super().__init__(None)

    async def correlate(self, letter: Letter, seconds: float) -> Correlation:
        agents = [Participant(f"agent-{number}", "agent") for number in range(5_000)]
        queues = tuple(f"queue-{number}" for number in range(5_000))
        participants = (*agents, Participant("caller", "customer"))
        conversation = Conversation(id="c", participants=participants, queue_ids=queues, division_ids=queues)
        return Correlation(conversation_id="c", presence=Presence.FOUND, conversation=conversation)


def steps(
    ledger: Ledger, act: FakeAct, archive: FakeAct | None = None, *, by: str = "one", teller: Teller | None = None
) -> LetterSteps:
    """The steps of one container."""
    recovery = Recovery(ledger=ledger, deliveries=[act], archive=archive, teller=teller or Teller(None), by=by)
    return LetterSteps(recovery, MemorySqs(), "")


class Half(FakeAct):
    """Reaches the first of two targets; the other refuses for good."""

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        return [Outcome(("crm",), {"mail": "AccessDenied: no"}) for _ in works]


def parking(
    ledger: Ledger, act: FakeAct, sqs: MemorySqs | None = None, *, by: str = "one"
) -> tuple[LetterSteps, MemorySqs]:
    """The steps of one container, with a queue for operators."""
    sqs = sqs or MemorySqs()
    recovery = Recovery(ledger=ledger, deliveries=[act], archive=None, teller=Teller(None), by=by)
    return LetterSteps(recovery, sqs, sqs.create_queue("parked")), sqs


@asynccontextmanager
async def ledger_in(path: Path) -> AsyncIterator[Ledger]:
    async with asyncio.timeout(20), open_sqlite_ledger(path / "ledger.sqlite") as ledger:
        yield ledger


@pytest.mark.parametrize(
    ("call", "code", "action"),
    [(LetterSteps.deliver, "THROTTLING", Action.RETRY), (LetterSteps.archive, "INVALID_JSON", Action.ARCHIVE)],
)
def test_two_calls_at_once_act_on_a_letter_once(tmp_path: Path, call: Call, code: str, action: Action) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = SlowAct(action)
            one, other = (steps(ledger, act, act, by=by) for by in ("one", "other"))
            step: Step = {"record": sqs_record(letter(1, code))}
            first = asyncio.create_task(call(one, step, 10.0))
            await act.begun.wait()
            with pytest.raises(LetterHeld, match="another call is at this letter"):
                await call(other, step, 10.0)
            act.may_end.set()
            answer = await first
            assert answer["reached"] == ["crm"]
            assert (await call(other, step, 10.0)) == answer
            assert len(act.done) == 1

    asyncio.run(main())


@pytest.mark.parametrize(("again", "failed"), [(True, NotDelivered), (False, Refused)])
def test_an_attempt_that_failed_keeps_nobody_from_the_next(
    tmp_path: Path, again: bool, failed: type[TurnoutError]
) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = FakeAct(failures=1)
            act.again = again
            step: Step = {"record": sqs_record(letter(1))}
            with pytest.raises(failed):
                await steps(ledger, act, by="one").deliver(step, 10.0)
            assert await steps(ledger, act, by="other").deliver(step, 10.0) == {"reached": ["crm"], "attempts": 2}

    asyncio.run(main())


def test_an_attempt_that_takes_longer_than_its_call_is_one_to_be_repeated(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = FakeAct()
            act.hangs = True
            with pytest.raises(NotDelivered, match="may have arrived"):
                await steps(ledger, act).deliver({"record": sqs_record(letter(1))}, 0.5)

    asyncio.run(main())


@pytest.mark.parametrize("slow", ["see", "claim", "record"])
def test_what_the_ledger_takes_is_not_given_to_the_attempt_which_ends_before_its_function_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            clock = StoppedClock(monkeypatch)
            call = getattr(ledger, slow)

            async def slowly(*arguments: Any, **options: Any) -> Any:
                clock.pass_until(9.5)
                return await call(*arguments, **options)

            monkeypatch.setattr(ledger, slow, slowly)
            act = FakeAct()
            act.clock, act.cut_at = clock, 10.01
            with pytest.raises(NotDelivered, match="may have arrived"):
                await steps(ledger, act).deliver({"record": sqs_record(letter(1))}, 10.0)
            assert act.tried == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kib", "filling", "code", "course"),
    [
        (215, "x", "THROTTLING", "deliver"),
        (230, "x", "THROTTLING", "park"),
        (230, "\u00e9", "THROTTLING", "park"),
        (230, "x", "INVALID_JSON", "park"),
    ],
)
def test_a_letter_that_leaves_an_execution_no_room_is_parked(
    tmp_path: Path, kib: int, filling: str, code: str, course: str
) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            step: Step = {"record": sqs_record(filled(kib * 1024, filling, code))}
            answer = await steps(ledger, FakeAct(), FakeAct(Action.ARCHIVE)).classify(step, 10.0)
            assert answer["course"] == course
            assert ("224 KiB" in answer["why"]) == (course == "park")

    asyncio.run(main())


def test_a_letter_that_is_parked_is_not_owed_any_more_to_what_has_taken_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            owed = LetterAttribute(reason="RETRIES_EXHAUSTED", source="events", message="no", owed=("crm", "mail"))
            given = {"tenant": Attribute("String", "acme")}
            attributes = sealed_attributes(owed, given, 11)
            header = {"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793"}
            message = Message("m1", "h1", '{"id":"e1"}', "q", attributes, header)
            step: Step = {"record": sqs_record(message)}
            one, sqs = parking(ledger, Half())
            with pytest.raises(Refused):
                await one.deliver(step, 10.0)
            await one.park(step, 10.0)
            (found,) = sqs.messages("parked")
            parked = read_letter(Message("m2", "h2", found.message.body, "parked", found.message.attributes))
            assert (parked.owed, parked.done) == (("mail",), ("crm",))
            assert (parked.code, parked.chain[0].source, parked.attributes) == ("RETRIES_EXHAUSTED", "events", given)
            assert found.message.body == message.body
            assert found.message.attributes["ERROR_MESSAGE"].text == "no"
            assert found.message.trace_header == header["AWSTraceHeader"]

    asyncio.run(main())


def as_parked(sqs: MemorySqs) -> Letter:
    """The letter in the queue for people, as its next reader finds it."""
    (found,) = sqs.messages("parked")
    return read_letter(Message("m2", "h2", found.message.body, "parked", found.message.attributes))


def test_a_letter_that_is_parked_after_an_attempt_was_cut_off_says_that_it_may_have_arrived(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = SlowAct()
            one, sqs = parking(ledger, act)
            step: Step = {"record": sqs_record(letter(1))}
            killed = asyncio.create_task(one.deliver(step, 10.0))
            await act.begun.wait()
            killed.cancel()
            await asyncio.wait({killed})
            await one.park(step | {"why": "transient (RATE_LIMIT_EXCEEDED)"}, 10.0)
            said = "transient (RATE_LIMIT_EXCEEDED); the last attempt was cut off before it could say what came of it: "
            parked, before = as_parked(sqs), read_letter(letter(1))
            assert parked.notes == (f"Put here by recovery: {said}it may have arrived", *before.notes)
            assert (parked.body, parked.attributes, parked.chain[0].evidence, parked.verdict) == (
                before.body, before.attributes, before.chain[0].evidence, before.verdict,
            ), "it is else as it was found, and that goes nowhere with it"  # fmt: skip
            assert (await ledger.records(["m1"]))["m1"].note.endswith("it may have arrived")

    asyncio.run(main())


def test_a_letter_that_is_parked_says_what_its_last_attempt_failed_with(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            one, sqs = parking(ledger, FakeAct(failures=9))
            step: Step = {"record": sqs_record(letter(1))}
            with pytest.raises(NotDelivered):
                await one.deliver(step, 10.0)
            await one.park(step | {"why": "transient"}, 10.0)
            assert as_parked(sqs).notes[0] == "Put here by recovery: transient; crm: ServiceUnavailable: not now"

    asyncio.run(main())


def test_to_park_a_letter_twice_puts_one_copy_into_the_queue(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = FakeAct()
            one, sqs = parking(ledger, act)
            step: Step = {"record": sqs_record(letter(1))}
            assert await one.park(step, 10.0) == await one.park(step, 10.0)
            assert len(sqs.messages("parked")) == 1
            assert (await one.classify(step, 10.0))["course"] == "nothing"
            with pytest.raises(Refused, match="parked"):
                await one.deliver(step, 10.0)
            assert act.tried == 0

    asyncio.run(main())


def test_two_calls_at_once_park_a_letter_once(tmp_path: Path) -> None:
    class SlowSqs(MemorySqs):
        """Says when a message is on its way, and waits until it may arrive."""

        def __init__(self) -> None:
            super().__init__()
            self.begun, self.may_end = asyncio.Event(), asyncio.Event()

        async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            self.begun.set()
            await self.may_end.wait()
            return await super().send(queue, messages)

    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            sqs = SlowSqs()
            one, other = (parking(ledger, FakeAct(), sqs, by=by)[0] for by in ("one", "other"))
            step: Step = {"record": sqs_record(letter(1))}
            first = asyncio.create_task(one.park(step, 10.0))
            await sqs.begun.wait()
            with pytest.raises(LetterHeld):
                await other.park(step, 10.0)
            sqs.may_end.set()
            assert await first == await other.park(step, 10.0)
            assert len(sqs.messages("parked")) == 1

    asyncio.run(main())


def test_what_was_delivered_by_an_attempt_that_could_not_say_so_is_not_parked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            one, sqs = parking(ledger, FakeAct())
            step: Step = {"record": sqs_record(letter(1))}
            await one.deliver(step, 10.0)
            assert await one.park(step, 10.0) == {"queue": ""}
            assert sqs.messages("parked") == []

    caplog.set_level(logging.INFO, "turnout.serverless")
    asyncio.run(main())
    assert "letter m1 is not parked, it was done with meanwhile" in caplog.messages


def test_a_letter_that_could_not_be_resolved_is_resolved_by_the_next_attempt_and_parked_by_none(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = FakeAct()
            one, sqs = parking(ledger, act)
            record = failing_to(Action.RESOLVE, ledger)
            step: Step = {"record": sqs_record(letter(1))}
            with pytest.raises(LedgerUnavailable):
                await one.deliver(step, 10.0)
            assert await one.park(step, 10.0) == {"queue": ""}
            assert sqs.messages("parked") == []
            ledger.record = record  # type: ignore[method-assign]
            assert await one.deliver(step, 10.0) == {"reached": ["crm"], "attempts": 1}
            assert act.tried == 1
            assert (await ledger.records(["m1"]))["m1"].resolved_ms

    asyncio.run(main())


def test_a_letter_is_parked_although_the_ledger_cannot_be_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def unavailable(*arguments: Any, **options: Any) -> Any:
        raise LedgerUnavailable("throttled")

    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            one, sqs = parking(ledger, FakeAct())
            ledger.see = ledger.record = unavailable  # type: ignore[method-assign]
            await one.park({"record": sqs_record(letter(1))}, 10.0)
            (found,) = sqs.messages("parked")
            assert found.message.attributes == letter(1).attributes

    asyncio.run(main())
    assert "letter m1 is parked without asking the ledger: throttled" in caplog.messages


def test_a_large_letter_that_was_dealt_with_needs_nothing_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            step: Step = {"record": sqs_record(filled(230 * 1024, "x", "THROTTLING"))}
            one = steps(ledger, FakeAct())
            await one.deliver(step, 10.0)
            assert (await one.classify(step, 10.0))["course"] == "nothing"

    asyncio.run(main())


def test_a_letter_that_was_archived_needs_nothing_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            step: Step = {"record": sqs_record(letter(1, "INVALID_JSON"))}
            archive = FakeAct(Action.ARCHIVE, aim="s3://bucket/key")
            one = steps(ledger, FakeAct(), archive)
            answer = await one.archive(step, 10.0)
            assert answer == {"reached": ["s3://bucket/key"], "attempts": 0}
            again = await one.classify(step, 10.0)
            assert (again["course"], again["why"]) == ("nothing", "it was resolved before")
            assert await one.archive(step, 10.0) == answer
            assert archive.tried == 1

    asyncio.run(main())


def test_a_large_letter_that_is_parked_anyway_says_why_and_not_that_it_is_large(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            step: Step = {"record": sqs_record(filled(230 * 1024, "x", "NO_PERMISSIONS"))}
            answer = await steps(ledger, FakeAct()).classify(step, 10.0)
            assert (answer["course"], "repaired first" in answer["why"]) == ("park", True)

    asyncio.run(main())


def test_of_what_an_event_calls_itself_the_state_gets_no_more_than_it_can_hold(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            event = {"id": "i" * 999, "detail-type": "t" * 999, "source": "x", "time": "2026-11-28T08:00:00Z"}
            event["detail"] = {"conversation": {"id": "c" * 999}}  # type: ignore[assignment]
            message = msgspec.structs.replace(letter(1), body=json.dumps(event))
            answer = await steps(ledger, FakeAct()).classify({"record": sqs_record(message)}, 10.0)
            assert (answer["event_id"], answer["event_type"]) == ("i" * 256, "t" * 256)
            assert len(answer["conversation_id"]) <= 256

    asyncio.run(main())


def test_what_a_call_delivered_and_did_not_live_to_say_is_not_delivered_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = FakeAct()
            recovery = Recovery(ledger=ledger, deliveries=[act], archive=None, teller=Teller(None), by="killed")
            found = recovery.read(letter(1))
            record = await recovery.see(found)
            await recovery.attempt(recovery.choose(Work.of(found, record)), found, record, 5)
            answer = await steps(ledger, act).deliver({"record": sqs_record(letter(1))}, 10.0)
            assert answer == {"reached": ["crm"], "attempts": 1}
            assert act.tried == 1

    asyncio.run(main())


def test_a_course_that_is_not_the_letters_is_a_mistake_of_the_state_machine(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = FakeAct()
            one = steps(ledger, act, act)
            with pytest.raises(InvalidStep, match="the course of this letter is deliver, not archive: transient"):
                await one.archive({"record": sqs_record(letter(1))}, 10.0)
            with pytest.raises(InvalidStep, match="the step has no record"):
                await one.deliver({"record": []}, 10.0)
            assert act.tried == 0

    asyncio.run(main())


def test_without_genesys_nothing_is_known_of_a_conversation(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            answer = await steps(ledger, FakeAct()).correlate({"record": sqs_record(letter(1))}, 10.0)
            assert answer == {"presence": "unknown"}

    asyncio.run(main())


def test_a_letter_that_cannot_be_parked_stays_with_its_execution(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            step: Step = {"record": sqs_record(letter(1))}
            with pytest.raises(NotParked, match="TURNOUT_PARKED_QUEUE_URL is not set"):
                await steps(ledger, FakeAct()).park(step, 10.0)
            one, sqs = parking(ledger, FakeAct())
            sqs.fail_calls("parked", "SendMessageBatch", "AccessDenied")
            with pytest.raises(NotParked, match="AccessDenied"):
                await one.park(step, 10.0)
            sqs.heal()
            sqs.fail_entries("parked", "SendMessageBatch", "InternalError")
            with pytest.raises(NotParked, match="InternalError: "):
                await one.park(step, 10.0)
            sqs.heal()
            assert await one.park(step, 10.0) == {"queue": "http://sqs.memory/000000000000/parked"}
            assert len(sqs.messages("parked")) == 1

    asyncio.run(main())


def test_a_letter_that_was_parked_is_not_parked_again_because_the_ledger_could_not_be_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def unavailable(*arguments: Any, **options: Any) -> Any:
        raise LedgerUnavailable("throttled")

    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            one, sqs = parking(ledger, FakeAct())
            ledger.record = unavailable  # type: ignore[method-assign]
            assert (await one.park({"record": sqs_record(letter(1))}, 10.0))["queue"]
            assert len(sqs.messages("parked")) == 1

    asyncio.run(main())
    assert "letter m1 is parked, but the ledger does not know: throttled" in caplog.messages


def test_of_a_conversation_of_thousands_the_state_gets_a_few_and_the_customer(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            step: Step = {"record": sqs_record(letter(1))}
            answer = await steps(ledger, FakeAct(), teller=Crowd()).correlate(step, 10.0)
            assert len(json.dumps(answer)) < 4_096
            assert answer["conversation"]["participants"][0] == {"id": "caller", "purpose": "customer"}
            assert len(answer["conversation"]["participants"]) == 20

    asyncio.run(main())


def test_a_conversation_is_told_by_way_of_the_participants_that_an_earlier_step_found(tmp_path: Path) -> None:
    told: list[tuple[RetryStatus, str]] = []

    class Telling(Crowd):
        async def tell(
            self, letter: Letter, status: RetryStatus, attempt: int, found: Conversation | None, seconds: float
        ) -> WriteOutcome:
            told.append((status, found.participants[0].id if found is not None else ""))
            return WriteOutcome.OFF

    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            one = steps(ledger, FakeAct(), teller=Telling())
            step: Step = {"record": sqs_record(letter(1)), "status": "replay_successful"}
            found = json.loads(json.dumps(await one.correlate(step, 10.0)))
            for conversation in (found, {"presence": "unknown"}, {"presence": "absent", "conversation": None}, None):
                await one.notify(step | {"conversation": conversation}, 10.0)
            with pytest.raises(InvalidStep, match="status must be one of"):
                await one.notify(step | {"status": "done"}, 10.0)

    asyncio.run(main())
    assert told == [(RetryStatus.REPLAY_SUCCESSFUL, participant) for participant in ("caller", "", "", "")]


@pytest.mark.parametrize("participants", [None, 5, "agent", [None, 1, "x", []]])
def test_a_conversation_is_told_though_its_participants_came_in_an_odd_form(
    tmp_path: Path, participants: object
) -> None:
    told: list[Conversation | None] = []

    class Telling(Crowd):
        async def tell(
            self, letter: Letter, status: RetryStatus, attempt: int, found: Conversation | None, seconds: float
        ) -> WriteOutcome:
            told.append(found)
            return WriteOutcome.OFF

    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            step: Step = {"record": sqs_record(letter(1)), "status": "retrying"}
            found = {"presence": "found", "conversation": {"id": "c", "participants": participants}}
            await steps(ledger, FakeAct(), teller=Telling()).notify(step | {"conversation": found}, 10.0)

    asyncio.run(main())
    assert told == [Conversation(id="c")]


def test_why_a_letter_is_archived_is_said_in_words(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            one = steps(ledger, FakeAct(), FakeAct(Action.ARCHIVE))
            pointer = Message("m2", "h2", shapes.bus_v2("THROTTLING", ["e1"])["Body"], "q")
            for message, why in ((letter(1, "INVALID_JSON"), "as it is"), (pointer, "does not carry its event")):
                answer = await one.classify({"record": sqs_record(message)}, 10.0)
                assert (answer["course"], why in answer["why"]) == ("archive", True)

    asyncio.run(main())


def test_a_bare_event_is_a_letter_whatever_its_fields_are_called(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            one = steps(ledger, FakeAct())
            events: list[Step] = [{"id": "e1", "body": "x"}, {"id": "e1", "messageId": "m1"}, {"id": "e1"}]
            ids = [(await one.classify({"record": event}, 10.0))["id"] for event in events]
            assert [each.partition("-")[0] for each in ids] == ["event"] * 3
            assert len(set(ids)) == 3
            assert ids[0] == (await one.classify({"record": dict(events[0])}, 10.0))["id"]

    asyncio.run(main())


def filled(size: int, filling: str, code: str) -> Message:
    """A letter whose body is of about that many bytes."""
    small = letter(1, code)
    event = json.loads(small.body)
    event["detail"]["filling"] = filling * (size // len(filling.encode()))
    return msgspec.structs.replace(small, body=json.dumps(event, ensure_ascii=False))
