"""Every shape of dead letter is unwrapped to the event as it was, with who failed, where, and what is owed."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.recovery import letters, samples
from tests.unit.recovery.letters import BODY, CONVERSATION, EVENT_ID, EVENT_TYPE, FUNCTION, RULE, TARGET

from turnout.letter import LETTER
from turnout.message import Attribute, Message
from turnout.recovery import read_letter
from turnout.recovery.letter import Letter, Origin, Payload

SENT = datetime(2025, 12, 12, 15, 16, 30, 101_000, UTC)

CARRYING: dict[str, dict[str, Any]] = {
    "turnout": letters.own(),
    "eventbridge-rule": letters.rule("THROTTLING", "Rate Exceeded."),
    "eventbridge-scheduler": letters.scheduler("THROTTLING"),
    "lambda-async": letters.lambda_async("timed out"),
    "lambda-destination": letters.message(letters.destination_text("503 Server Error")),
    "lambda-destination (by bus)": letters.destination_by_bus("503 Server Error"),
    "sns": letters.message(json.dumps(letters.notification())),
    "sns (as a record)": letters.message(
        json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": letters.notification()}]})
    ),
    "lambda-record": letters.message(
        json.dumps({"Records": [{"eventSource": "aws:sqs", "body": BODY, "messageAttributes": {}}]})
    ),
    "sqs-redrive": letters.message(BODY, DeadLetterQueueSourceArn="arn:aws:sqs:eu-west-1:111122223333:events"),
    "application": letters.envelope("ClientError: ThrottlingException"),
    "message-key": letters.message(json.dumps({"Message": BODY})),
    "event": letters.message(BODY),
}


def chain(letter: Letter) -> list[str]:
    return [layer.origin.value for layer in letter.chain]


@pytest.mark.parametrize("name", CARRYING)
def test_the_original_comes_out_of_every_wrapper_byte_for_byte(name: str) -> None:
    letter = read_letter(CARRYING[name])
    assert letter.body == BODY
    assert letter.payload is Payload.WHOLE
    assert letter.origin == name.partition(" ")[0]
    assert (letter.event_id, letter.event_type, letter.conversation_id) == (EVENT_ID, EVENT_TYPE, CONVERSATION)
    assert letter.event_time == datetime(2025, 12, 12, 15, 15, 7, tzinfo=UTC)
    assert (letter.id, letter.receive_count, letter.sent) == (CARRYING[name]["MessageId"], 3, SENT)
    assert letter.message.body == CARRYING[name]["Body"]


def test_our_own_letter_tells_all_that_it_says() -> None:
    originals = {"tenant": Attribute("String", "a"), "key": Attribute("Binary", data=b"\x00\xff")}
    letter = read_letter(letters.own(originals=originals))
    assert letter.attributes == originals
    assert (letter.owed, letter.done, letter.rules, letter.attempts) == (
        ("crm",),
        ("audit", "archive"),
        ("vip", "voice"),
        5,
    )
    assert letter.first_failure == datetime(2025, 12, 12, 15, 15, 10, tzinfo=UTC)
    assert letter.last_failure == datetime(2025, 12, 12, 15, 16, 10, tzinfo=UTC)
    assert letter.age_seconds(datetime(2025, 12, 12, 15, 15, 40, tzinfo=UTC)) == 30
    assert letter.code == "RETRIES_EXHAUSTED"
    assert "ThrottlingException" in letter.error
    (layer,) = letter.chain
    assert (layer.source, layer.ruleset, layer.trace_id) == ("events", "f1", "4bf92f3577b34da6a3ce929d0e0e4736")


def test_ten_original_attributes_come_back_from_inside_our_letter() -> None:
    originals = {f"a{n}": Attribute("Number", str(n)) for n in range(10)}
    assert read_letter(letters.own(originals=originals)).attributes == originals


def test_a_letter_that_had_room_for_its_reason_only_is_still_ours() -> None:
    letter = read_letter(letters.message(BODY, letters.strings(ERROR_CODE="ACCESS_DENIED", tenant="a")))
    assert (chain(letter), letter.code, letter.owed) == (["turnout"], "ACCESS_DENIED", ())
    assert letter.attributes == {"tenant": Attribute("String", "a")}
    assert "worker's log" in letter.notes[0]


@pytest.mark.parametrize("written", ["not JSON", '{"version": 2, "reason": "NEW", "owed": ["crm"]}'])
@pytest.mark.parametrize("more", [{}, {"ERROR_CODE": "ACCESS_DENIED"}, {"ERROR_CODE": "NEW"}])
def test_a_letter_of_ours_that_cannot_be_read_says_so(written: str, more: dict[str, str]) -> None:
    letter = read_letter(letters.message(BODY, letters.strings(**{LETTER: written}, **more)))
    (note,) = letter.notes
    assert note.startswith("Its attribute Turnout.Letter cannot be read: it is damaged, or a newer Turnout")
    assert note.endswith("Here nobody knows which targets have the event already.")
    assert (letter.cause, letter.disposition, letter.delivery) == ("LETTER_UNREADABLE", "unknown", None)
    assert ("version 2" in letter.error) == (written != "not JSON")
    assert ("it failed with ACCESS_DENIED" in letter.error) == (more.get("ERROR_CODE") == "ACCESS_DENIED")
    assert letter.attributes == {}


def test_a_letter_of_a_bus_has_an_error_but_neither_rule_nor_target() -> None:
    letter = read_letter(letters.message(BODY, letters.strings(ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="the key")))
    assert (chain(letter), letter.code, letter.error) == (["eventbridge-bus"], "NO_PERMISSIONS", "the key")
    assert (letter.attributes, letter.delivery, letter.last_failure) == ({}, None, SENT)


def test_an_eventbridge_letter_names_rule_target_attempts_and_keeps_other_attributes() -> None:
    message = letters.rule("THROTTLING", "Rate Exceeded.", EXHAUSTED_RETRY_CONDITION="MaximumRetryAttempts", tenant="a")
    letter = read_letter(message)
    (layer,) = letter.chain
    assert (layer.rules, layer.target, letter.attempts) == ((RULE,), TARGET, 185)
    assert letter.attributes == {"tenant": Attribute("String", "a")}
    (evidence,) = letter.evidence
    assert (evidence.code, evidence.message) == ("THROTTLING", "Rate Exceeded.")
    assert evidence.details == {"EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts"}
    assert letter.last_failure == SENT
    assert letter.delivery == layer


def test_an_event_without_its_attributes_is_told_to_lack_them() -> None:
    letter = read_letter(letters.message(BODY))
    assert (letter.origin, chain(letter), letter.delivery) == (Origin.EVENT, [], None)
    assert "ask for all" in letter.notes[0]


def test_a_function_that_failed_is_named_with_what_it_answered() -> None:
    letter = read_letter(letters.message(letters.destination_text("503 Server Error")))
    (layer,) = letter.chain
    assert (layer.target, layer.attempts) == (FUNCTION, 3)
    assert letter.error == "HTTPError: 503 Server Error"
    assert letter.evidence[0].details["functionError"] == "Unhandled"
    assert letter.last_failure == datetime(2025, 12, 12, 15, 17, 11, 204_000, UTC)


def test_a_report_about_a_function_is_not_taken_for_the_event() -> None:
    letter = read_letter(letters.destination_by_bus("timed out"))
    assert letter.event_id == EVENT_ID
    assert letter.event_source.startswith("aws.partner/genesys.com")


@pytest.mark.parametrize(
    ("message", "origin"),
    [
        (letters.stream(), "lambda-stream"),
        (letters.stream("DDBStreamBatchInfo"), "lambda-stream"),
        (letters.pipe(), "eventbridge-pipe"),
        (letters.bus_v2("THROTTLING", ["e-1", "e-2"]), "eventbridge-bus-v2"),
    ],
)
def test_a_letter_without_its_payload_is_recognised_and_says_so(message: dict[str, Any], origin: str) -> None:
    letter = read_letter(message)
    assert (letter.origin, letter.body, letter.payload) == (origin, None, Payload.ABSENT)
    assert letter.message.body == message["Body"], "what there is, is kept"
    assert "only a pointer" in letter.notes[0]
    assert letter.chain[0].pointer


def test_a_pointer_says_where_in_the_stream_the_batch_is() -> None:
    pointer = read_letter(letters.stream()).chain[0].pointer
    assert (pointer["stream"], pointer["shardId"], pointer["batchSize"]) == (
        "KinesisBatchInfo",
        "shardId-000000000000",
        "3",
    )
    bus = read_letter(letters.bus_v2("THROTTLING", ["e-1", "e-2"]))
    assert bus.chain[0].pointer == {"eventIds": "e-1 e-2"}
    assert (bus.event_id, bus.attempts, bus.code) == ("", 7, "THROTTLING")
    assert read_letter(letters.bus_v2("THROTTLING", ["e-1"])).event_id == "e-1"


def test_a_truncated_schedule_cannot_be_delivered_again_and_is_no_malformed_event() -> None:
    letter = read_letter(letters.scheduler("THROTTLING", body='{"cut": "of', IS_PAYLOAD_TRUNCATED="true"))
    assert (letter.payload, letter.body) == (Payload.TRUNCATED, '{"cut": "of')
    assert letter.cause == "RATE_LIMIT_EXCEEDED"
    assert letter.chain[0].source.endswith("nightly")


def test_attributes_that_sns_wrote_become_the_messages_own() -> None:
    letter = read_letter(letters.message(json.dumps(letters.notification())))
    assert letter.attributes == {
        "tier": Attribute("String", "gold"),
        "key": Attribute("Binary", data=base64.b64decode("AP8=")),
    }
    assert letter.chain[0].source == "arn:aws:sns:eu-west-1:111122223333:events"


def test_an_envelope_may_carry_its_original_as_an_object() -> None:
    message = letters.message(f'{{"error": {{"code": "E", "message": "timed out"}}, "original_message": {BODY} }}')
    letter = read_letter(message)
    assert (letter.body, letter.error) == (BODY, "E: timed out")


def test_an_entry_of_the_failed_events_api_is_a_letter() -> None:
    letter = read_letter(letters.failed_event("429", "slow down, please"))
    assert (letter.origin, letter.event_id, letter.event_type) == (Origin.FAILED_EVENT, "f-1", "conversation.ended")
    assert letter.conversation_id == CONVERSATION
    assert json.loads(letter.body or "")["interactionId"] == CONVERSATION
    assert letter.evidence[0].details == {"stackTrace": "Traceback ..."}


def test_wrappers_nest_and_the_chain_tells_the_way_the_last_first() -> None:
    failed = letters.destination_text("timed out", payload=json.dumps({"Records": [{"Sns": letters.notification()}]}))
    message = letters.own(
        body=failed,
        originals={"ERROR_CODE": Attribute("String", "NO_PERMISSIONS"), "RULE_ARN": Attribute("String", RULE)},
    )
    message["Attributes"]["DeadLetterQueueSourceArn"] = "arn:aws:sqs:eu-west-1:111122223333:events"
    letter = read_letter(message)
    assert chain(letter) == ["sqs-redrive", "turnout", "eventbridge-rule", "lambda-destination", "sns"]
    assert letter.body == BODY
    assert letter.delivery is letter.chain[1]
    assert letter.delivery.body == failed, "a retry sends what that delivery carried, not what is inside it"
    assert set(letter.delivery.attributes) == {"ERROR_CODE", "RULE_ARN"}
    assert [evidence.code for evidence in letter.evidence] == [
        "RETRIES_EXHAUSTED",
        "NO_PERMISSIONS",
        "RetriesExhausted",
    ]


def test_wrapping_without_end_is_left_on_and_said_so() -> None:
    body = BODY
    for _ in range(7):
        body = json.dumps({"original_message": body, "error": "x"})
    letter = read_letter(letters.message(body))
    assert chain(letter) == ["application"] * 5
    assert "more than 5 times" in letter.notes[0]
    assert json.loads(letter.body or "")["original_message"].startswith('{"original_message"')


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"detail": {"eventBody": {"conversationId": "a"}, "conversationId": "b"}}, "a"),
        ({"detail": {"conversationId": "b", "interactionId": "c"}}, "b"),
        ({"detail": {"interactionId": "c", "conversation": {"id": "d"}}}, "c"),
        ({"detail": {"conversation": {"id": "d"}}, "interactionId": "e"}, "d"),
        ({"interactionId": "e", "detail": {"id": "f"}}, "e"),
        ({"detail": {"id": "f"}}, "f"),
        ({"detail": {"topicName": f"v2.detail.events.conversation.{CONVERSATION}.acw"}}, CONVERSATION),
        ({"detail": {"topicName": f"v2.users.{CONVERSATION}.presence"}}, ""),
        ({"detail": {"eventBody": {"conversationId": 5}}}, ""),
    ],
)
def test_the_conversation_is_found_by_the_ordered_list_of_places(event: dict[str, Any], found: str) -> None:
    assert read_letter(letters.message(json.dumps(event))).conversation_id == found


def test_our_own_record_of_a_message_reads_the_same() -> None:
    message = letters.rule("NO_RESOURCE")
    attributes = {
        name: Attribute("String", value["StringValue"]) for name, value in message["MessageAttributes"].items()
    }
    own = Message(message["MessageId"], "AQEB-handle", BODY, "https://q/1/dlq", attributes, message["Attributes"])
    letter = read_letter(own)
    assert letter.chain == read_letter(message).chain
    assert letter.queue == "https://q/1/dlq"


def test_poison_is_a_letter_of_unknown_origin_with_its_body() -> None:
    letter = read_letter(letters.message("<xml>429</xml>"))
    assert (letter.origin, letter.body, letter.event_id) == (Origin.UNKNOWN, "<xml>429</xml>", "")


def test_a_message_without_an_id_gets_one_that_stays_the_same() -> None:
    first, second = read_letter({"Body": "x"}), read_letter({"body": "x"})
    assert first.id == second.id
    assert first.id.startswith("sha256-")
    assert first.id != read_letter({"Body": "y"}).id


RECORDED: dict[str, list[str]] = {
    "eventbridge-pipes-dlq.kinesis": ["eventbridge-pipe"],
    "eventbridge-rule.attributes-not-requested": [],
    "eventbridge-rule.invalid-json": ["eventbridge-rule"],
    "eventbridge-rule.no-permissions": ["eventbridge-rule"],
    "eventbridge-rule.no-resource": ["eventbridge-rule"],
    "eventbridge-rule.sdk-client-error-exhausted-age": ["eventbridge-rule"],
    "eventbridge-rule.throttling-exhausted-attempts": ["eventbridge-rule"],
    "lambda-async-dlq": ["lambda-async"],
    "lambda-onfailure-destination.event-age-exceeded": ["lambda-destination"],
    "lambda-onfailure-destination.retries-exhausted": ["lambda-destination"],
    "lambda-sqs-record.of-rule-dlq": ["eventbridge-rule"],
    "lambda-stream-esm-onfailure": ["lambda-stream"],
    "poison.not-json": [],
    "sns-subscription-dlq.wrapped": ["sns"],
    "sqs-redrive.standard": ["sqs-redrive"],
    "tutorial-a-app-envelope": ["application"],
    "tutorial-c-message-key": ["message-key"],
}


@pytest.mark.parametrize("name", samples.NAMES)
def test_recorded_letters_are_read(name: str) -> None:
    if samples.missing(name):
        pytest.skip(f"{samples.DIRECTORY.name}/{name}.json is not beside this checkout")
    letter = read_letter(samples.message(name))
    assert chain(letter) == RECORDED[name]
    pointers = name.startswith(("eventbridge-pipes", "lambda-stream"))
    assert (letter.body is None) == pointers
    if not pointers and not name.startswith("poison"):
        event = json.loads(letter.body or "")
        assert letter.event_id == event["id"]
        assert "detail" in event
        assert letter.conversation_id


def test_every_recorded_letter_is_in_the_list() -> None:
    if not samples.DIRECTORY.exists():
        pytest.skip(f"{samples.DIRECTORY.name} is not beside this checkout")
    assert {path.stem for path in samples.DIRECTORY.glob("*.json")} == set(samples.NAMES)
