"""Archived letters: what the document says, and that what comes back is what was archived."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.recovery import letters

from turnout.letter import PARKED
from turnout.message import Attribute, Message
from turnout.recovery import read_letter
from turnout.recovery.archive import ArchiveFormatError, archive_document, identity, read_document

AT = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


def archived(found: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(archive_document(read_letter(found), by="jo", at=AT))
    return document


def test_the_document_says_what_failed_why_and_what_happened_to_it() -> None:
    document = archived(letters.own())
    assert document["id"] == letters.EVENT_ID
    assert document["type"] == letters.EVENT_TYPE
    assert document["code"] == "RETRIES_EXHAUSTED"
    assert "ThrottlingException" in document["reason"]
    assert document["category"] == "transient"
    assert document["payload"] == letters.BODY
    assert document["payload_encoding"] == "text"
    assert document["archived_at"] == "2026-01-05T10:00:00.000+00:00"
    processing = document["processing"]
    assert (processing["archived_by"], processing["origin"], processing["owed"]) == ("jo", "turnout", ["crm"])
    assert (processing["attempts"], processing["receive_count"], processing["whole"]) == (5, 3, True)
    assert processing["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_the_document_says_all_that_happened_to_the_letter_on_its_way() -> None:
    found = letters.own() | {
        "MessageAttributes": letters.own()["MessageAttributes"] | letters.strings(**{PARKED: "full"})
    }
    letter = read_letter(found, queue="https://sqs.eu-west-1.amazonaws.com/111122223333/dead")
    assert json.loads(archive_document(letter, by="jo", at=AT))["processing"] == {
        "letter": "5b0f9d5c-0000-4000-8000-000000000001",
        "archived_by": "jo",
        "origin": "turnout",
        "chain": ["turnout"],
        "queue": "dead",
        "source": "events",
        "rules": ["vip", "voice"],
        "owed": ["crm"],
        "done": ["audit", "archive"],
        "attempts": 5,
        "receive_count": 3,
        "conversation_id": letters.CONVERSATION,
        "event_time": "2025-12-12T15:15:07.000+00:00",
        "first_failure": "2025-12-12T15:15:10.000+00:00",
        "last_failure": "2025-12-12T15:16:10.000+00:00",
        "sent": "2025-12-12T15:16:30.101+00:00",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "ruleset": "f1",
        "whole": True,
        "notes": ["Put here by recovery: full"],
    }
    assert archived(letters.pipe())["processing"]["whole"] is False


def test_what_only_one_of_several_layers_says_is_found() -> None:
    arn = "arn:aws:sqs:eu-west-1:111122223333:dead"
    found = letters.own()
    found["Attributes"]["DeadLetterQueueSourceArn"] = arn
    processing = archived(found)["processing"]
    assert (processing["chain"], processing["source"]) == (["sqs-redrive", "turnout"], arn)
    assert (processing["trace_id"], processing["ruleset"]) == ("4bf92f3577b34da6a3ce929d0e0e4736", "f1")


def test_the_document_says_what_its_payload_is_known_again_by() -> None:
    assert archived(letters.own())["sha256"] == hashlib.sha256(letters.BODY.encode()).hexdigest()
    assert archived(letters.pipe())["sha256"] == hashlib.sha256(b"").hexdigest(), "it has none"


def test_what_has_neither_id_nor_times_is_archived_by_the_id_of_its_letter() -> None:
    document = archived(letters.message("not json") | {"Attributes": {}})
    assert document["id"] == document["processing"]["letter"] == "5b0f9d5c-0000-4000-8000-000000000001"
    assert [document["processing"][name] for name in ("event_time", "first_failure", "sent")] == [None] * 3


def test_a_body_of_an_unknown_encoding_or_without_a_queue_is_read_as_far_as_it_goes() -> None:
    document = archived(letters.own())
    document["message"]["Queue"] = None
    assert read_document(json.dumps(document).encode(), "k").queue == ""
    document["payload_encoding"] = "gzip"
    with pytest.raises(ArchiveFormatError, match="k: the body is not readable"):
        read_document(json.dumps(document).encode(), "k")
    with pytest.raises(ArchiveFormatError, match="k: is no archived letter"):
        read_document(b"[" * 100_000, "k")


def test_the_entry_of_the_failed_events_api_keeps_its_stack_trace_and_payload() -> None:
    document = archived(letters.failed_event("HTTP_400", "invalid schema"))
    assert (document["code"], document["reason"]) == ("HTTP_400", "HTTP_400: invalid schema")
    assert document["stack_trace"] == "Traceback ..."
    assert json.loads(document["payload"])["interactionId"] == letters.CONVERSATION


def test_a_letter_without_its_event_is_archived_as_what_it_is() -> None:
    document = archived(letters.pipe())
    assert (document["payload"], document["payload_encoding"]) == (None, "absent")
    assert json.loads(document["message"]["Body"])["KinesisBatchInfo"]["batchSize"] == 3


def test_a_wrapped_letter_keeps_the_event_and_the_wrapping() -> None:
    found = letters.message(letters.destination_text("boom"))
    document = archived(found)
    assert document["payload"] == letters.BODY
    assert document["message"]["Body"] == found["Body"]


def test_a_body_that_is_its_payload_is_written_once() -> None:
    assert "Body" not in archived(letters.own())["message"]


def test_control_characters_are_escaped() -> None:
    document = archive_document(read_letter(letters.message("a\x00\x1f\x7f\u2028b")), by="jo", at=AT)
    assert b"\\u0000\\u001f" in document
    assert document.isascii()
    assert read_document(document, "k").body == "a\x00\x1f\x7f\u2028b"


def test_what_is_no_unicode_is_base64() -> None:
    document = archived(letters.message('{"a": "\ud800"}'))
    assert document["payload_encoding"] == "base64"
    assert base64.b64decode(document["payload"]) == b'{"a": "\xed\xa0\x80"}'


def test_a_wrapping_that_is_no_unicode_is_base64_and_comes_back_too() -> None:
    body = json.dumps({"original_message": '{"a": 1}', "error": "\ud800"}, ensure_ascii=False)
    document = archive_document(read_letter(letters.message(body)), by="jo", at=AT)
    written = json.loads(document)
    assert (written["payload"], written["message"]["BodyEncoding"]) == ('{"a": 1}', "base64")
    assert read_document(document, "k").body == body


texts = st.text(st.characters(exclude_categories=()), max_size=60)
attributes = st.dictionaries(
    st.sampled_from(["tier", "ERROR_CODE", "RULE_ARN", "traceparent"]),
    st.one_of(
        st.builds(lambda text: Attribute("String", text=text), texts),
        st.builds(lambda data: Attribute("Binary.png", data=data), st.binary(max_size=20)),
    ),
)


@given(texts, attributes, st.booleans())
def test_what_comes_back_is_what_was_found(body: str, given_attributes: dict[str, Attribute], wrapped: bool) -> None:
    if wrapped:
        body = json.dumps({"original_message": body, "error": "x"})
    found = Message("m-1", "handle", body, "https://sqs.eu-west-1.amazonaws.com/1/dead", given_attributes)
    document = archive_document(read_letter(found), by="jo", at=AT)
    back = read_document(document, "k")
    assert (back.body, back.attributes, back.queue) == (body, given_attributes, found.queue)
    assert identity(read_letter(back)) == identity(read_letter(found))


def test_the_identity_tells_letters_apart_and_not_attempts() -> None:
    letter = read_letter(letters.own())
    assert identity(letter) == identity(read_letter(letters.own() | {"ReceiptHandle": "another"}))
    assert identity(letter) != identity(read_letter(letters.own(owed=("audit",))))
    assert identity(letter) != identity(read_letter(letters.own() | {"MessageId": "another"}))
    assert identity(letter) != identity(read_letter(letters.own() | {"Body": "another"}))
    in_another_order = dict(reversed(letters.own()["MessageAttributes"].items()))
    assert len(in_another_order) > 1
    assert identity(letter) == identity(read_letter(letters.own() | {"MessageAttributes": in_another_order}))


def _without(name: str) -> bytes:
    document = archived(letters.own())
    del document[name]
    return json.dumps(document).encode()


def _with(**changed: Any) -> bytes:
    return json.dumps(archived(letters.own()) | changed).encode()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"\xff", "k: is no archived letter"),
        (b"[]", "was not written by turnout dlq archive"),
        (b"{}", "was not written by turnout dlq archive"),
        (_with(version=2), "is of version 2"),
        (_without("message"), "no message in it"),
        (_without("payload"), "not readable"),
        (_with(payload=5), "not readable"),
        (_with(payload_encoding="rot13"), "not readable"),
        (_with(payload="%", payload_encoding="base64"), "not readable"),
        (_with(payload="changed"), "not what was archived"),
    ],
)
def test_what_is_no_archived_letter_is_refused(document: bytes, said: str) -> None:
    with pytest.raises(ArchiveFormatError, match=said):
        read_document(document, "k")


def test_what_recovery_has_delivered_a_letter_to_is_not_owed_any_more_when_it_comes_back() -> None:
    letter = read_letter(letters.own(owed=("crm", "mail"), done=("audit",)), queue="https://sqs/1/dead")
    document = archive_document(letter, by="jo", at=AT, reached=("crm", "s3://b/k"))
    back = read_letter(read_document(document, "k"))
    assert (back.owed, back.done, back.body) == (("mail",), ("audit", "crm"), letter.body)
    untouched = read_letter(read_document(archive_document(letter, by="jo", at=AT), "k"))
    assert untouched.message.attributes == letter.message.attributes
