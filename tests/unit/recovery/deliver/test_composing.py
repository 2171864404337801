"""What is sent for a letter: the body byte for byte, ten attributes at most, ids that are stable and tell replays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.recovery import letters as shapes

from turnout.idempotency.keys import event_key
from turnout.letter import LETTER, PARKED, original_attributes, read_letter_attribute
from turnout.message import REPLAY, Attribute, Message
from turnout.recovery import read_letter
from turnout.recovery.deliver.address import Address, Kind
from turnout.recovery.deliver.api import Unfit
from turnout.recovery.deliver.composing import compose, compose_as_found, compose_for_source
from turnout.recovery.letter import Letter
from turnout.rules import Ruleset, load_rules
from turnout.sqs.api import MAX_MESSAGE_BYTES
from turnout.sqs.memory import MemorySqs
from turnout.targets.identity import deduplication_id
from turnout.targets.queue import QueueDestination

STANDARD = QueueDestination(MemorySqs(), "https://sqs/1/crm")
FIFO = QueueDestination(MemorySqs(), "https://sqs/1/crm.fifo")
CRM = Address(Kind.TARGET, "crm")
TEN = {f"a{n}": Attribute("String", "x") for n in range(10)}


def own(**fields: Any) -> Letter:
    return read_letter(shapes.own(originals={"tenant": Attribute("String", "acme")}, **fields), queue="https://sqs/1/d")


def rules(tmp_path: Path, more: str, queue: str = "crm") -> Ruleset:
    path = tmp_path / "rules.yaml"
    path.write_text(
        f"targets: {{crm: {{queue: {queue}}}}}\nunmatched: drop\n"
        f"rules:\n  - {{id: all, when: exists(detail), send: [crm], {more}}}\n"
    )
    return load_rules(path, environ={})


def test_a_retry_repeats_the_delivery_with_body_and_attributes_as_they_came() -> None:
    message = compose(own(), CRM, STANDARD, None)
    assert message.body == shapes.BODY
    assert dict(message.attributes) == {"tenant": Attribute("String", "acme")}
    assert (message.group_id, message.deduplication_id, message.delay_seconds) == (None, None, 0)


def test_a_letter_says_why_it_is_parked_while_there_is_room_and_is_else_as_it_was_found() -> None:
    def parked(attributes: dict[str, Attribute], body: str = "{}") -> Any:
        found = read_letter(Message("m", "h", body, "https://sqs/1/d", attributes))
        return compose_as_found(found, "https://sqs/1/people", (), "it may have arrived").attributes

    some = {"tenant": Attribute("String", "acme")}
    why = {PARKED: Attribute("String", "it may have arrived")}
    assert parked(some) == parked(some | {PARKED: Attribute("String", "before")}) == some | why
    assert parked(TEN) == TEN
    assert parked(some, "x" * (MAX_MESSAGE_BYTES - 30)) == some


def test_what_rules_say_of_a_target_shapes_what_is_sent_there(tmp_path: Path) -> None:
    ruleset = rules(
        tmp_path, "group: detail.eventBody.mediaType, delay: 7, attributes: {tenant: {value: beta}, kind: '@queue'}"
    )
    message = compose(own(), CRM, STANDARD, ruleset)
    assert (message.group_id, message.delay_seconds) == ("VOICE", 7)
    assert {name: value.text for name, value in message.attributes.items()} == {"tenant": "beta", "kind": "d"}
    elsewhere = compose(own(), Address(Kind.QUEUE, "https://sqs/1/other"), STANDARD, ruleset)
    assert elsewhere.group_id is None


def test_a_fifo_target_gets_the_workers_own_deduplication_id_so_that_an_uncertain_send_is_not_doubled() -> None:
    first, second = compose(own(), CRM, FIFO, None), compose(own(), CRM, FIFO, None)
    assert first == second
    assert first.deduplication_id == deduplication_id("crm", shapes.EVENT_ID, shapes.BODY)
    assert first.group_id == shapes.CONVERSATION


@pytest.mark.parametrize("replay", ["", "r-1"])
def test_letters_without_an_event_id_are_not_taken_for_one_because_their_bodies_are_equal(replay: str) -> None:
    body = '{"detail": {"seat": "taken"}}'
    found = [shapes.own(body, event_id=None) | {"MessageId": f"m-{number}"} for number in range(2)]
    one, other = (read_letter(each, queue="https://sqs/1/d") for each in found)
    ids = [compose(letter, CRM, FIFO, None, replay=replay).deduplication_id for letter in (one, one, other)]
    assert ids[0] == ids[1] != ids[2]
    back = [compose_for_source(each, "https://sqs/1/e.fifo", "r-1", ()).deduplication_id for each in (one, other)]
    assert back[0] != back[1], "SQS would drop the second, and it would count as delivered"


def test_a_retry_has_the_deduplication_id_that_the_rules_gave_the_workers_send_and_a_replay_does_not(
    tmp_path: Path,
) -> None:
    ruleset = rules(tmp_path, "deduplicate: detail.eventBody.mediaType", queue="crm.fifo")
    worker = ruleset.match(shapes.BODY, None).send("crm").deduplicate
    assert worker is not None
    assert compose(own(), CRM, FIFO, ruleset).deduplication_id == worker
    assert compose(own(), CRM, FIFO, ruleset, replay="r-1").deduplication_id != worker, "it would be dropped as a copy"


def test_a_retry_goes_on_with_the_trace_and_type_of_the_event_and_a_replay_begins_a_trace() -> None:
    header = "Root=1-5759e988-bd862e3fe1be46a994272793"
    letter = read_letter(shapes.message(shapes.BODY, AWSTraceHeader=header))
    retry, replay = (compose(letter, CRM, STANDARD, None, replay=replay) for replay in ("", "r-1"))
    assert (retry.trace_header, replay.trace_header) == (header, None)
    assert retry.event_type == replay.event_type == shapes.EVENT_TYPE


def test_a_retry_repeats_what_the_failed_delivery_carried_wrappers_and_all() -> None:
    wrapped = json.dumps(shapes.notification())
    for letter in (read_letter(shapes.rule("THROTTLING", body=wrapped)), read_letter(shapes.own(wrapped))):
        assert letter.body == shapes.BODY
        assert compose(letter, CRM, STANDARD, None).body == wrapped
    never_routed = read_letter(shapes.own(wrapped, reason="UNMATCHED", owed=(), done=()))
    assert compose(never_routed, CRM, STANDARD, None).body == wrapped


def test_a_replay_has_ids_of_its_own_the_same_each_time_it_is_tried() -> None:
    letter = own()
    one, again = (compose(letter, CRM, FIFO, None, replay="r-1") for _ in range(2))
    other = compose(letter, CRM, FIFO, None, replay="r-2")
    assert one == again
    ids = {one.deduplication_id, other.deduplication_id, compose(letter, CRM, FIFO, None).deduplication_id}
    assert len(ids) == 3
    assert one.attributes[REPLAY].text == "r-1"


@pytest.mark.parametrize("replay", ["", "r-1"])
def test_no_message_has_more_than_ten_attributes(replay: str) -> None:
    letter = read_letter(shapes.own(originals=TEN))
    message = compose(letter, CRM, STANDARD, None, replay=replay)
    assert len(message.attributes) == 10
    assert (REPLAY in message.attributes) == bool(replay)


@pytest.mark.parametrize("replay", ["", "replay-1"])
def test_targets_get_no_baggage_with_a_letter_and_its_slot_is_free(replay: str) -> None:
    ten = {"baggage": Attribute("String", "customer=42")} | {f"a{n}": Attribute("String", "x") for n in range(9)}
    message = compose(read_letter(shapes.own(originals=ten)), CRM, STANDARD, None, replay=replay)
    assert message.attributes.keys() == ten.keys() - {"baggage"} | ({REPLAY} if replay else set())


def test_an_earlier_replay_leaves_no_mark_on_a_retry() -> None:
    letter = read_letter(shapes.own(originals={REPLAY: Attribute("String", "r-0")}))
    assert REPLAY not in compose(letter, CRM, STANDARD, None).attributes
    assert compose_for_source(letter, "https://sqs/1/events", "r-1", ()).attributes[REPLAY].text == "r-1"


def test_an_event_that_goes_back_to_its_source_names_the_targets_that_have_it() -> None:
    message = compose_for_source(own(owed=("crm", "mail")), "https://sqs/1/events", "r-1", ("crm", "elsewhere"))
    letter = read_letter_attribute(message.attributes)
    assert letter is not None
    assert (letter.done, letter.owed) == (("audit", "archive", "crm"), ("mail",))
    assert letter.attempts == 5, "history goes on"
    assert "ERROR_CODE" not in message.attributes
    assert message.body == shapes.BODY


def test_what_no_target_has_goes_back_as_the_plain_event() -> None:
    message = compose_for_source(own(done=(), owed=()), "https://sqs/1/events", "r-1", ())
    assert set(message.attributes) == {"tenant", REPLAY}
    assert LETTER not in message.attributes


@pytest.mark.parametrize("count", [9, 10])
def test_attributes_without_room_travel_in_the_letter_and_come_out_of_it(count: int) -> None:
    originals = {f"a{n}": Attribute("String", str(n)) for n in range(count)}
    found = shapes.message(shapes.BODY, shapes.boto_attributes(originals))
    message = compose_for_source(read_letter(found), "https://sqs/1/events", "r-1", ())
    assert len(message.attributes) <= 10
    assert message.attributes[REPLAY].text == "r-1"
    assert (LETTER in message.attributes) == (count == 10), "ten are no reason to make a letter of it"
    assert {**original_attributes(message.attributes), REPLAY: None} == {**originals, REPLAY: None}


def test_a_message_too_large_to_name_its_done_targets_does_not_go_back_to_its_source() -> None:
    letter = own()
    (layer,) = letter.chain
    full = msgspec.structs.replace(letter, chain=(msgspec.structs.replace(layer, body="x" * (MAX_MESSAGE_BYTES - 60)),))
    with pytest.raises(Unfit, match="too large to say which targets have it"):
        compose_for_source(full, "https://sqs/1/events", "r-1", ())


def test_a_standard_source_gets_the_fair_group_that_sqs_moved_a_message_with_but_not_that_of_a_fifo_queue() -> None:
    moved = shapes.message(shapes.BODY, MessageGroupId="acme")
    for dead, group in (("https://sqs/1/d", "acme"), ("https://sqs/1/d.fifo", None)):
        sent = compose_for_source(read_letter(moved, queue=dead), "https://sqs/1/events", "r-1", ())
        assert (sent.group_id, sent.deduplication_id) == (group, None)


def test_a_fifo_source_gets_a_group_and_a_stable_id() -> None:
    one, again = (compose_for_source(own(), "https://sqs/1/e.fifo", "r-1", ()) for _ in range(2))
    assert one == again
    assert one.group_id == shapes.CONVERSATION
    assert one.deduplication_id is not None


def test_wrappers_come_off_before_an_event_goes_to_a_source_queue() -> None:
    letter = read_letter(shapes.rule("NO_PERMISSIONS", "denied"))
    message = compose_for_source(letter, "https://sqs/1/events", "r-1", ())
    assert (message.body, set(message.attributes)) == (shapes.BODY, {REPLAY})
    assert event_key(letter.event_id, message.body) == event_key(shapes.EVENT_ID, "")


def test_what_sqs_moved_goes_back_to_its_queue_as_it_lay_there_wrappers_and_all() -> None:
    held = json.dumps(shapes.notification())
    consumer = "arn:aws:sqs:eu-west-1:111122223333:consumer"
    letter = read_letter(shapes.message(held, DeadLetterQueueSourceArn=consumer), queue="https://sqs/1/dead")
    assert letter.body == shapes.BODY
    assert compose_for_source(letter, "https://sqs/1/consumer", "r-1", ()).body == held
    assert compose_for_source(letter, "https://sqs/1/events", "r-1", ()).body == shapes.BODY


@pytest.mark.parametrize("room", range(0, 2_000, 40))
def test_no_attribute_is_lost_on_the_way_to_the_source_or_the_letter_is_refused(room: int) -> None:
    originals = {f"a{n}": Attribute("String", "x" * 50) for n in range(10)}
    body = json.dumps({"id": "e-1", "detail": ""})[:-2]
    kept = sum(each.size(name) for name, each in list(originals.items())[:6])
    body += "x" * (MAX_MESSAGE_BYTES - kept - 20 - room - len(body) - 2) + '"}'
    letter = read_letter(shapes.own(owed=("crm",), done=("audit",)))
    whole = msgspec.structs.replace(letter.chain[0], body=body, attributes=originals)
    letter = msgspec.structs.replace(letter, chain=(whole,), body=body, attributes=originals)
    try:
        sent = compose_for_source(letter, "https://sqs/1/events", "r-1", ())
    except Unfit:
        return
    assert sent.size() <= MAX_MESSAGE_BYTES
    back = original_attributes(sent.attributes)
    assert {name: back.get(name) for name in originals} == originals


def test_a_letter_that_is_put_elsewhere_stays_as_it_was_found_while_no_owed_target_was_reached() -> None:
    # Written in another way than ours, and with the sentence for people alone: it is to be found just so.
    message = read_letter(shapes.own(owed=("crm", "mail"))).message
    said = json.loads(message.attributes[LETTER].text or "")
    del said["message"]
    attributes = {**message.attributes, LETTER: Attribute("String", json.dumps(said, indent=1))}
    letter = msgspec.structs.replace(
        read_letter(shapes.own()), message=msgspec.structs.replace(message, attributes=attributes)
    )
    for reached in ((), ("elsewhere",)):
        moved = compose_as_found(letter, "https://sqs/1/people", reached)
        assert (moved.body, moved.attributes) == (message.body, attributes)
    told = compose_as_found(letter, "https://sqs/1/people", ("crm",))
    after = read_letter_attribute(told.attributes)
    assert after is not None
    assert (after.owed, after.done, after.message) == (("mail",), ("audit", "archive", "crm"), letter.error)


def test_a_fifo_queue_for_letters_takes_each_letter_once_and_keeps_it_in_its_group() -> None:
    grouped = read_letter(shapes.message(shapes.BODY, MessageGroupId="g"), queue="https://sqs/1/d.fifo")
    alone = read_letter(shapes.message(shapes.BODY), queue="https://sqs/1/d")
    for letter, group in ((grouped, "g"), (alone, alone.id)):
        one, again = (compose_as_found(letter, "https://sqs/1/people.fifo", ()) for _ in range(2))
        assert one == again
        assert (one.group_id, one.deduplication_id) == (group, letter.id)
    for letter in (grouped, alone):
        moved = compose_as_found(letter, "https://sqs/1/people", ())
        assert (moved.group_id, moved.deduplication_id) == (None, None)


def test_a_letter_keeps_the_group_that_it_has_in_a_standard_queue_which_makes_that_a_fair_one() -> None:
    tenant = read_letter(shapes.message(shapes.BODY, MessageGroupId="acme"), queue="https://sqs/1/d")
    moved = compose_as_found(tenant, "https://sqs/1/people", ())
    assert (moved.group_id, moved.deduplication_id) == ("acme", None)
