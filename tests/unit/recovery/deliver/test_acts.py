"""Retries and replays of single letters: where they go, what counts as confirmed, what nobody can deliver."""

from __future__ import annotations

import asyncio
import base64
import errno
import fcntl
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.recovery import letters as shapes
from tests.unit.recovery import samples

from turnout.errors import Fault, GenesysDenied, SqsQueueMissing, TargetError
from turnout.genesys.profiles.api import ReplayBatch
from turnout.letter import LETTER, read_letter_attribute
from turnout.message import Attribute
from turnout.recovery import read_letter
from turnout.recovery.deliver.address import Address, Kind, source_queue
from turnout.recovery.deliver.api import Act, Outcome, Unfit, Work
from turnout.recovery.deliver.delivering import Delivering
from turnout.recovery.deliver.requesting import Requesting
from turnout.recovery.deliver.rerouting import Rerouting
from turnout.recovery.deliver.sending import Patience, Refused, Repeated, send
from turnout.recovery.deliver.writing import Writing
from turnout.recovery.ledger.records import Action
from turnout.recovery.letter import Letter
from turnout.rules import Ruleset, load_rules
from turnout.sqs.api import MAX_MESSAGE_BYTES, EntryFailure, OutgoingMessage, SentBatch
from turnout.targets.api import Destination

DEAD = "https://sqs.eu-west-1.amazonaws.com/111122223333/dead"
EVENTS = "https://sqs.eu-west-1.amazonaws.com/111122223333/events"


class Place:
    """A destination that answers as it is told: '' accepts, a code refuses; `!code` is worth another attempt."""

    max_entries = 1
    max_message_bytes = max_batch_bytes = 1_048_576

    def __init__(self, name: str, answers: Sequence[str] = (), *, ordered: bool = False) -> None:
        self.name = self.url = name
        self.ordered = ordered
        self.answers = list(answers)
        self.got: list[OutgoingMessage] = []

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        code = self.answers.pop(0) if self.answers else ""
        if code.startswith("call:"):
            raise TargetError("no", code=code[5:], fault=Fault.SYSTEM, retryable=True, target=self.name, retry_after=7)
        if code:
            failure = EntryFailure(0, code.lstrip("!"), "no", Fault.DATA, code.startswith("!"))
            return SentBatch((None,), (failure,))
        self.got += messages
        return SentBatch(("id",))


class Places:
    """Every address is a place; ARNs of rules are none."""

    def __init__(self, **places: Place) -> None:
        self.made: dict[str, Place] = dict(places)

    def __call__(self, address: Address) -> Destination:
        if ":rule/" in address.value:
            raise TargetError("nothing", code="UnsupportedTarget", fault=Fault.CONFIG, retryable=False)
        return self.made.setdefault(address.value, Place(address.value))

    def queue(self, url: str) -> Destination:
        return self(Address(Kind.QUEUE, url))


ONCE = Patience(1)


def act_on(act: Act, letter: Letter, reached: tuple[str, ...] = ()) -> Outcome:
    (outcome,) = asyncio.run(_call(act, [Work(letter, reached)]))
    return outcome


async def _call(act: Act, works: Sequence[Work]) -> Sequence[Outcome]:
    return await act(works)


def own(**fields: Any) -> Letter:
    return read_letter(shapes.own(**fields), queue=DEAD)


def behind_the_dead_letter_queue() -> Letter:
    """A letter that a reader of the dead-letter queue received too often, so that SQS moved it on."""
    arn = "arn:aws:sqs:eu-west-1:111122223333:dead"
    message = shapes.own()
    moved = {**message, "Attributes": {**message["Attributes"], "DeadLetterQueueSourceArn": arn}}
    return read_letter(moved, queue=f"{DEAD}-people")


def test_only_owed_targets_get_a_letter_and_only_those_recovery_has_not_reached() -> None:
    places = Places()
    retry = Delivering(places, patience=ONCE)
    letter = own(owed=("crm", "mail"), done=("audit",))
    assert retry.aims(Work(letter)) == ("crm", "mail")
    assert retry.aims(Work(letter, ("mail",))) == ("crm",)
    assert act_on(retry, letter, ("mail",)) == Outcome(("crm",))
    assert {name: len(place.got) for name, place in places.made.items()} == {"crm": 1, "mail": 0}
    assert act_on(retry, letter, ("mail", "crm")).done


def test_a_target_that_refuses_does_not_keep_the_others_from_their_letter() -> None:
    places = Places(crm=Place("crm", ["AccessDenied"]))
    outcome = act_on(Delivering(places, patience=ONCE), own(owed=("crm", "mail")))
    assert not outcome.done
    assert outcome.reached == ("mail",)
    assert outcome.sentence == "crm: AccessDenied: no"
    assert not outcome.again


@pytest.mark.parametrize(
    "spelled", [DEAD, f"{DEAD}/", "https://eu-west-1.queue.amazonaws.com/111122223333/dead", DEAD.replace("sqs", "SQS")]
)
def test_a_letter_is_not_sent_to_the_queue_it_lies_in_which_would_cost_it_its_reason(spelled: str) -> None:
    letter = own(owed=("crm",))
    assert letter.queue == DEAD
    here = Delivering(Places(), chosen=Address(Kind.QUEUE, spelled), replay="r-1")
    with pytest.raises(Unfit, match="the queue in which it was found"):
        here.aims(Work(letter))
    assert Delivering(Places(), chosen=Address(Kind.QUEUE, EVENTS), replay="r-1").aims(Work(letter)) == (EVENTS,)


def test_a_target_that_is_missing_or_denies_us_is_told_from_one_that_refuses_the_letter() -> None:
    class Missing(Place):
        async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
            raise SqsQueueMissing("no", code="QueueDoesNotExist")

    class Denying(Place):
        async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
            return SentBatch((None,), (EntryFailure(0, "AccessDenied", "no", Fault.CONFIG, False),))

    def met(place: Place) -> tuple[bool, bool]:
        outcome = act_on(Delivering(Places(crm=place), patience=ONCE), own(owed=("crm", "mail")))
        return outcome.again, outcome.config

    assert met(Missing("crm")) == met(Denying("crm")) == (False, True)
    assert met(Place("crm", ["InvalidMessageContents"])) == (False, False)


def test_a_bug_in_one_destination_costs_one_delivery_and_not_the_run(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Place):
        async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
            raise AssertionError

    outcome = act_on(Delivering(Places(crm=Broken("crm")), patience=ONCE), own(owed=("crm", "mail")))
    assert (outcome.done, outcome.again, outcome.reached) == (False, False, ("mail",))
    assert "unforeseen" in outcome.sentence
    assert "please report this" in caplog.text


def test_when_time_is_up_those_that_have_the_letter_are_told_of() -> None:
    class Hanging(Place):
        async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

    cut = asyncio.Event()

    class Last(Place):
        async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
            sent = await super().send(messages)
            asyncio.get_running_loop().call_soon(cut.set)
            return sent

    act = Delivering(Places(mail=Hanging("mail"), crm=Last("crm")), patience=ONCE)
    (outcome,) = asyncio.run(_call(act, [Work(own(owed=("crm", "mail")), cut=cut)]))
    assert outcome.reached == ("crm",)
    assert outcome.failures == {"mail": "no time left; it may have arrived"}
    assert outcome.again


def test_while_there_is_time_a_target_that_is_slow_is_waited_for() -> None:
    class Slow(Place):
        async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
            for _ in range(10):
                await asyncio.sleep(0)
            return await super().send(messages)

    act = Delivering(Places(crm=Slow("crm")), patience=ONCE)
    (outcome,) = asyncio.run(_call(act, [Work(own(owed=("crm",)), cut=asyncio.Event())]))
    assert outcome == Outcome(("crm",))


def test_letters_of_eventbridge_and_lambda_go_to_the_arn_that_did_not_take_them() -> None:
    places = Places()
    retry = Delivering(places, patience=ONCE)
    assert act_on(retry, read_letter(shapes.rule("THROTTLING"))).reached == (shapes.TARGET,)
    (message,) = places.made[shapes.TARGET].got
    assert (message.body, dict(message.attributes)) == (shapes.BODY, {})


def test_of_a_letter_that_says_no_place_the_options_that_choose_one_are_told() -> None:
    with pytest.raises(
        Unfit, match="nothing says where it was to go: choose, with --to-target, --to-queue or --to-url"
    ):
        Delivering(Places()).aims(Work(read_letter(shapes.message(shapes.BODY))))


def test_a_chosen_place_gets_letters_that_nobody_knows_the_way_of() -> None:
    letter = read_letter(shapes.message(shapes.BODY))
    with pytest.raises(Unfit, match="nothing says where it was to go"):
        Delivering(Places()).aims(Work(letter))
    chosen = Delivering(Places(), chosen=Address(Kind.URL, "https://u:p@crm.example/in?key=k"), patience=ONCE)
    (label,) = chosen.aims(Work(letter))
    assert label.startswith("https://crm.example/..."), "no secret in the ledger"
    assert act_on(chosen, letter).reached == (label,)
    assert label != Address(Kind.URL, "https://u:p@crm.example/in?key=other").label


def test_the_rules_shape_what_goes_to_their_targets_and_nothing_else_needs_them(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "targets: {crm: {queue: crm}}\nunmatched: drop\n"
        "rules:\n  - {id: all, when: exists(detail), send: [crm], attributes: {kind: {value: voice}}}\n"
    )

    def no_rules() -> Ruleset:
        raise AssertionError("the rules are asked for")

    places = Places()
    assert act_on(Delivering(places, rules=lambda: load_rules(path, environ={}), patience=ONCE), own()).done
    assert places.made["crm"].got[0].attributes["kind"].text == "voice"
    assert act_on(Delivering(places, rules=no_rules, patience=ONCE), read_letter(shapes.rule("THROTTLING"))).done


def test_a_delivery_is_known_as_a_replay_when_it_is_one() -> None:
    assert (Delivering(Places()).action, Delivering(Places(), replay="r-1").action) == (Action.RETRY, Action.REPLAY)


def test_a_place_that_cannot_be_sent_to_is_told_before_anything_is_done() -> None:
    letter = read_letter(shapes.rule("THROTTLING", TARGET_ARN="arn:aws:events:eu-west-1:1:rule/x"))
    with pytest.raises(Unfit, match="UnsupportedTarget"):
        Delivering(Places()).aims(Work(letter))


def test_a_target_that_is_none_any_more_does_not_keep_the_others_from_their_letter() -> None:
    places, letter = Places(), own(owed=("a:rule/x", "crm"))
    retry = Delivering(places, patience=ONCE)
    assert retry.aims(Work(letter)) == ("a:rule/x", "crm")
    assert retry.missing == {"a:rule/x": "UnsupportedTarget: nothing"}
    outcome = act_on(retry, letter)
    assert (outcome.reached, outcome.done, list(outcome.failures)) == (("crm",), False, ["a:rule/x"])
    for act, reached in ((retry, ("crm",)), (Delivering(places, whole=True), ())):
        with pytest.raises(Unfit, match="UnsupportedTarget"):
            act.aims(Work(letter, reached))


def test_a_target_whose_error_names_it_is_named_once_in_the_sentence() -> None:
    outcome = Outcome(("audit",), {"crm": "crm: UnknownTarget: there is none", "mail": "AccessDenied: no"})
    assert outcome.sentence == "crm: UnknownTarget: there is none; mail: AccessDenied: no"


def test_letters_without_their_event_fit_nothing_that_delivers(tmp_path: Path) -> None:
    letter = read_letter(shapes.bus_v2("THROTTLING", ["e-1"]))
    for act in (
        Delivering(Places()),
        Delivering(Places(), chosen=Address(Kind.TARGET, "crm")),
        Rerouting(Places().queue, replay="r"),
        Writing(tmp_path / "out", replay="r"),
    ):
        with pytest.raises(Unfit, match="only a pointer"):
            act.aims(Work(letter))


def test_a_letter_that_was_never_routed_is_owed_to_nobody_and_goes_back_to_its_source() -> None:
    letter = own(reason="UNMATCHED", owed=(), done=())
    with pytest.raises(Unfit, match="never routed"):
        Delivering(Places()).aims(Work(letter))
    assert Rerouting(Places().queue, replay="r").aims(Work(letter)) == (EVENTS,)


def test_what_a_consumer_gave_up_goes_back_to_its_queue() -> None:
    arn = "arn:aws:sqs:eu-west-1:111122223333:events"
    letter = read_letter(shapes.message(shapes.BODY, DeadLetterQueueSourceArn=arn), queue=DEAD)
    with pytest.raises(Unfit, match="--to-source"):
        Delivering(Places()).aims(Work(letter))


def test_a_letter_without_room_for_its_targets_is_not_sent_to_those_that_may_have_it() -> None:
    cut = shapes.message(shapes.BODY, shapes.strings(ERROR_CODE="RETRIES_EXHAUSTED"))
    letter = read_letter(cut, queue=DEAD)
    for act in (Delivering(Places()), Rerouting(Places().queue, replay="r", queues=(EVENTS,))):
        with pytest.raises(Unfit, match="no room"):
            act.aims(Work(letter))


@pytest.mark.parametrize("code", ["RETRIES_EXHAUSTED", "UNMATCHED", "NEW", ""])
@pytest.mark.parametrize(
    ("written", "why"), [('{"version": 2, "owed": ["crm"]}', "another version"), ("not JSON", "is damaged")]
)
def test_a_letter_that_this_turnout_cannot_read_is_sent_to_nothing_that_may_have_it(
    code: str, written: str, why: str
) -> None:
    said = {"ERROR_CODE": code} if code else {}
    # Before it was ours it was a letter of EventBridge, which names where it was to go then.
    before = {"RULE_ARN": shapes.RULE, "TARGET_ARN": shapes.TARGET}
    for more in ({}, before):
        letter = read_letter(
            shapes.message(shapes.BODY, shapes.strings(**more, **said, **{LETTER: written})), queue=DEAD
        )
        for act in (Delivering(Places()), Rerouting(Places().queue, replay="r", queues=(EVENTS,))):
            with pytest.raises(Unfit, match=f"{why}.*choose a target"):
                act.aims(Work(letter))


def test_a_letter_that_this_turnout_cannot_read_goes_to_the_target_that_somebody_chooses() -> None:
    written = {LETTER: '{"version": 2, "owed": ["crm"]}', "ERROR_CODE": "NEW", "tenant": "a"}
    letter = read_letter(shapes.message(shapes.BODY, shapes.strings(**written)), queue=DEAD)
    places = Places()
    chosen = Delivering(places, chosen=Address(Kind.TARGET, "crm"), patience=ONCE)
    assert act_on(chosen, letter).done
    (sent,) = places.made["crm"].got
    assert (sent.body, sent.attributes) == (shapes.BODY, {"tenant": Attribute("String", "a")})


def test_a_letter_of_ours_inside_a_wrapper_says_which_targets_have_it() -> None:
    inner = shapes.own(owed=("crm",), done=("audit",))
    record = {
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:events",
        "body": inner["Body"],
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in inner["MessageAttributes"].items()
        },
    }
    letter = read_letter(shapes.message(json.dumps({"Records": [record]})), queue=DEAD)
    places = Places()
    replay = Rerouting(places.queue, replay="r-1", patience=ONCE)
    assert replay.aims(Work(letter)) == (EVENTS,)
    assert act_on(replay, letter).done
    (sent,) = places.made[EVENTS].got
    written = read_letter_attribute(sent.attributes)
    assert written is not None
    assert written.done == ("audit",)


@pytest.mark.parametrize(
    ("letter", "queues", "expected"),
    [
        (own(), (), EVENTS),
        (own(), ("https://elsewhere/1/events", "https://elsewhere/1/b"), "https://elsewhere/1/events"),
        (own(), ("https://elsewhere/1/b", "https://elsewhere/1/events/"), "https://elsewhere/1/events/"),
        (own(source=""), ("https://elsewhere/1/b",), "https://elsewhere/1/b"),
        (
            read_letter(
                shapes.message(shapes.BODY, DeadLetterQueueSourceArn="arn:aws:sqs:eu-west-1:111122223333:events"),
                queue=DEAD,
            ),
            (),
            EVENTS,
        ),
        (
            read_letter(
                shapes.message(shapes.BODY, DeadLetterQueueSourceArn="arn:aws:sqs:eu-west-1:1:events"),
                queue="http://127.0.0.1:4566/1/dead",
            ),
            (),
            "http://127.0.0.1:4566/1/events",
        ),
        # A topic, a bus and a schedule are no queues.
        (read_letter(shapes.message(json.dumps(shapes.notification())), queue=DEAD), (EVENTS,), EVENTS),
        (read_letter(shapes.scheduler("THROTTLING"), queue=DEAD), (EVENTS,), EVENTS),
        (behind_the_dead_letter_queue(), (), EVENTS),
        (behind_the_dead_letter_queue(), (EVENTS,), EVENTS),
    ],
)
def test_the_source_queue_is_the_one_the_letter_names(letter: Letter, queues: tuple[str, ...], expected: str) -> None:
    places = Places()
    replay = Rerouting(places.queue, replay="r-1", queues=queues, patience=ONCE)
    assert replay.aims(Work(letter)) == (expected,)
    assert act_on(replay, letter).reached == (expected,)
    assert places.made[expected].got[0].attributes["Turnout.Replay"].text == "r-1"


def given_up(message_id: str, attributes: dict[str, Any] | None = None, queue: str = "events") -> Letter:
    """A letter of the same event each time, which a consumer gave up."""
    arn = f"arn:aws:sqs:eu-west-1:111122223333:{queue}"
    message = shapes.message(shapes.BODY, attributes, DeadLetterQueueSourceArn=arn)
    return read_letter({**message, "MessageId": message_id}, queue=DEAD)


@pytest.mark.parametrize("arn", ["arn:aws:sqs:x", "arn:aws:sqs:elsewhere.example/:111122223333:q"])
def test_a_letter_cannot_choose_the_host_that_it_is_replayed_to(arn: str) -> None:
    letter = read_letter(shapes.message(shapes.BODY, None, DeadLetterQueueSourceArn=arn), queue=DEAD)
    with pytest.raises(Unfit, match="name one with --source-queue"):
        source_queue(letter, ())
    assert source_queue(letter, (EVENTS,)) == EVENTS


def test_an_event_that_comes_back_is_another_replay_when_nobody_asked_for_either() -> None:
    places = Places()
    replay = Rerouting(places.queue, replay="work", automatic=True, patience=ONCE)
    for message_id in ("m-1", "m-2", "m-1"):
        assert act_on(replay, given_up(message_id, queue="events.fifo")).done
    first, second, again = places.made[f"{EVENTS}.fifo"].got
    assert first.deduplication_id != second.deduplication_id
    assert first.attributes["Turnout.Replay"] != second.attributes["Turnout.Replay"]
    assert again == first, "another attempt at a letter must not make a second copy"


def test_what_was_replayed_and_failed_again_is_replayed_again_only_when_somebody_asks_for_it() -> None:
    letter = given_up("m-2", shapes.strings(**{"Turnout.Replay": "work:m-1"}))
    with pytest.raises(Unfit, match="replayed before"):
        Rerouting(Places().queue, replay="work", automatic=True).aims(Work(letter))
    assert Rerouting(Places().queue, replay="r-1").aims(Work(letter)) == (EVENTS,)


def test_what_goes_back_to_a_fifo_queue_goes_one_after_the_other() -> None:
    replay = Rerouting(Places().queue, replay="r-1")
    replay.aims(Work(given_up("m-1")))
    assert not replay.ordered
    replay.aims(Work(given_up("m-2", queue="events.fifo")))
    assert replay.ordered


def test_a_letter_too_large_to_name_who_has_it_is_refused_before_anything_is_done() -> None:
    head, tail = '{"id": "e-1", "detail": "', '"}'
    body = head + "x" * (MAX_MESSAGE_BYTES - 120 - len(head + tail)) + tail
    letter = own(body=body, owed=("crm", "mail"), done=())
    with pytest.raises(Unfit, match="too large"):
        Rerouting(Places().queue, replay="r-1", queues=(EVENTS,)).aims(Work(letter, ("crm",)))
    assert Delivering(Places()).aims(Work(letter, ("crm",))) == ("mail",), "as the refusal says"


def test_a_letter_is_never_replayed_into_the_queue_it_lies_in() -> None:
    letter = own(source="dead")
    with pytest.raises(Unfit, match="--source-queue"):
        Rerouting(Places().queue, replay="r").aims(Work(letter))
    with pytest.raises(Unfit, match="--source-queue"):
        Rerouting(Places().queue, replay="r").aims(Work(read_letter(shapes.message(shapes.BODY))))


def test_sending_is_patient_with_what_may_pass_and_with_nothing_else() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    def sent(place: Place, patience: Patience) -> Refused | Repeated | None:
        return asyncio.run(send(place, OutgoingMessage("{}"), patience, sleep))

    assert sent(Place("p", ["!Throttled", "call:Throttled"]), Patience(3, 2, 60)) is None
    assert 1 <= waits[0] <= 2
    assert waits[1] >= 7, "what the service asks for"
    refused = sent(Place("p", ["!Throttled"] * 3), Patience(3, 2, 60))
    assert refused == Refused("Throttled: no (after 3 attempts)", again=True)
    assert sent(Place("p", ["Invalid", ""]), Patience(3)) == Refused("Invalid: no")
    assert sent(Place("p", ["call:Slow", ""]), Patience(3, 1, 5)) == Refused("p: Slow: no", True, 7)
    small = Place("p")
    small.max_message_bytes = 2
    assert sent(small, ONCE) is None, "just what it takes"
    small.max_message_bytes = 1
    assert sent(small, ONCE) == Refused("2 bytes with its attributes; p takes 1")


def test_what_had_no_clear_answer_before_it_was_confirmed_may_have_arrived_more_than_once() -> None:
    class Silent(Place):
        async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
            sent = await super().send(messages)
            if len(self.got) < 3:
                code = "ConnectionClosed" if len(self.got) < 2 else "ThrottlingException"
                raise TargetError("no", code=code, fault=Fault.SYSTEM, retryable=True, target="crm")
            return sent

    act = Delivering(Places(crm=Silent("crm")), patience=Patience(3, 0, 0))
    outcome = act_on(act, own(owed=("crm", "mail")))
    said = "may have arrived more than once: crm: ConnectionClosed: no"
    assert (outcome.reached, outcome.done, outcome.sentence) == (("crm", "mail"), True, said)
    throttled = Delivering(Places(crm=Place("crm", ["!Throttled"])), patience=Patience(3, 0, 0))
    assert act_on(throttled, own(owed=("crm",))).repeated == ""
    fifo = Delivering(Places(crm=Silent("crm", ordered=True)), patience=Patience(3, 0, 0))
    assert act_on(fifo, own(owed=("crm",))) == Outcome(("crm",)), "which takes it once"


def test_waits_between_attempts_grow_to_the_cap() -> None:
    patience = Patience(10, 2.0, 60.0)
    for attempt, longest in ((1, 2), (2, 4), (5, 32), (6, 60), (9, 60)):
        waits = [patience.wait(attempt, None) or 0 for _ in range(50)]
        assert longest / 2 <= min(waits) <= max(waits) <= longest
    assert patience.wait(10, None) is None
    assert patience.wait(1, 60.0) == 60.0, "as long as the cap is not too long"
    assert patience.wait(1, 60.5) is None


def test_an_api_is_asked_for_each_event_once_and_each_letter_fares_as_its_event() -> None:
    asked: list[Sequence[str]] = []

    async def ask(ids: Sequence[str]) -> AsyncIterator[ReplayBatch]:
        asked.append(ids)
        yield ReplayBatch(tuple(ids[:1]))
        yield ReplayBatch(tuple(ids[1:2]), GenesysDenied("no", code="403"))
        raise GenesysDenied("not offered", code="404")

    act = Requesting(ask, "replay API s-1")
    works = [Work(listed(each)) for each in ("1", "1", "2", "3")]
    assert {act.aims(work) for work in works} == {("replay API s-1",)}
    outcomes = asyncio.run(_call(act, works))
    assert asked == [["fe-1", "fe-2", "fe-3"]]
    assert [outcome.done for outcome in outcomes] == [True, True, False, False]
    with pytest.raises(Unfit, match="no event id"):
        act.aims(Work(read_letter(shapes.message("text"))))


def test_what_an_api_was_not_asked_for_counts_as_failed() -> None:
    async def ask(ids: Sequence[str]) -> AsyncIterator[ReplayBatch]:
        yield ReplayBatch(tuple(ids[:1]))

    outcomes = asyncio.run(_call(Requesting(ask, "API"), [Work(listed("1")), Work(listed("2"))]))
    assert outcomes == [Outcome(("API",)), Outcome((), {"API": "the API was not asked"})]


def listed(number: str) -> Letter:
    """A failed event as an API lists it."""
    entry = {"id": f"fe-{number}", "eventType": "x", "failureCode": "503", "payload": shapes.BODY}
    return read_letter({"MessageId": f"m-{number}", "Body": json.dumps(entry)})


def test_a_file_takes_events_one_a_line_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "out"
    act = Writing(path, replay="r-1")
    assert act_on(act, own()).reached == (str(path),)
    assert act.aims(Work(own(), (str(path),))) == ()
    assert act_on(act, own(), (str(path),)).done
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["body"] == shapes.BODY
    assert path.stat().st_mode & 0o777 == 0o600
    nowhere = act_on(Writing(tmp_path / "no" / "where", replay="r"), own())
    assert not nowhere.done
    assert "No such file" in nowhere.sentence


def test_a_line_of_a_file_holds_all_that_the_event_came_with(tmp_path: Path) -> None:
    originals = {"tenant": Attribute("String", "acme"), "key": Attribute("Binary", data=b"\0\xff")}
    act = Writing(tmp_path / "out", replay="r-1")
    assert act.aims(Work(own(originals=originals))) == (str(tmp_path / "out"),)
    assert act_on(act, own(originals=originals)).done
    line = json.loads((tmp_path / "out").read_text())
    assert line["attributes"] == {
        "tenant": {"type": "String", "text": "acme"},
        "key": {"type": "Binary", "data": base64.b64encode(b"\0\xff").decode()},
    }
    assert (line["letter"], line["replay"]) == (own().id, "r-1")


def test_a_replay_waits_while_another_writes_into_its_file(tmp_path: Path) -> None:
    path = tmp_path / "out"

    async def story() -> Sequence[Outcome]:
        with path.open("ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            writing = asyncio.create_task(_call(Writing(path, replay="r-1"), [Work(own())]))
            await asyncio.wait({writing}, timeout=0.05)
            assert path.read_bytes() == b"", "if the other's line fails, it cuts the file to where it began"
        return await writing

    (outcome,) = asyncio.run(story())
    assert outcome.done
    assert path.read_bytes()


def test_half_a_line_that_a_killed_process_left_does_not_swallow_the_next_letter(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text('{"body": "half of it')
    assert act_on(Writing(path, replay="r-1"), own()).done
    torn, line = path.read_text().splitlines()
    assert torn == '{"body": "half of it'
    assert json.loads(line)["body"] == shapes.BODY


def test_a_letter_that_could_not_be_written_whole_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    act = Writing(path, replay="r-1")
    assert act_on(act, own()).done
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        outcome = act_on(act, own())
    assert (outcome.done, outcome.sentence.count("No space left")) == (False, 1)
    assert path.read_bytes() == before


def aimed(act: Act, letter: Letter) -> tuple[tuple[str, ...], str]:
    try:
        return act.aims(Work(letter)), ""
    except Unfit as reason:
        return (), str(reason)


@pytest.mark.parametrize("name", samples.NAMES)
def test_every_recorded_letter_is_delivered_or_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    if samples.missing(name):
        pytest.skip(f"no recorded letter {name} here")
    letter = read_letter(samples.message(name), queue=DEAD)
    chosen = Address(Kind.QUEUE, "https://sqs/1/q")
    for act in (
        Delivering(Places(), patience=ONCE),
        Delivering(Places(), chosen=chosen, patience=ONCE, replay="r"),
        Rerouting(Places().queue, replay="r", queues=(EVENTS,), patience=ONCE),
        Writing(tmp_path / "out", replay="r"),
    ):
        aims, why = aimed(act, letter)
        assert (len(why) > 20) != bool(aims)
        if aims:
            assert act_on(act, letter) == Outcome(aims)


def test_an_outcome_says_whether_time_may_help_and_how_much() -> None:
    places = Places(crm=Place("crm", ["call:Slow"]), mail=Place("mail", ["Invalid"]))
    outcome = act_on(Delivering(places, patience=ONCE), own(owed=("crm", "mail")))
    assert (outcome.again, outcome.retry_after) == (True, 7)
    assert msgspec.structs.replace(outcome, failures={}).done


def test_of_several_targets_that_ask_for_time_the_one_that_asks_for_most_is_waited_for() -> None:
    asked = {name: Refused("busy", True, seconds) for name, seconds in (("crm", 7), ("mail", 90), ("audit", None))}
    assert Outcome.of({**asked, "archive": None}).retry_after == 90


def test_a_file_that_cannot_be_written_is_told_without_python_s_words_for_it(tmp_path: Path) -> None:
    assert act_on(Writing(tmp_path, replay="r"), own()).sentence == f"{tmp_path}: Is a directory"
