"""Our requests say the same as botocore's, whatever is in them; any answer at all is read or refused, never worse."""

from __future__ import annotations

import json
from typing import Any, cast

import botocore.session
import msgspec
import pytest
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.message import Attribute
from turnout.sqs import aio
from turnout.sqs.answers import (
    BatchAnswer,
    ReceiveAnswer,
    SendAnswer,
    batch_failures,
    received_messages,
    sent_batch,
    unencodable_entries,
)
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch
from turnout.sqs.wire import codec
from turnout.sqs.wire.sign import CONTENT_TYPE

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
ANY_TEXT = st.text(max_size=20)
ATTRIBUTES = st.one_of(
    st.builds(Attribute, st.sampled_from(["String", "String.json", "Number"]), text=TEXTS),
    st.builds(Attribute, st.just("Binary"), data=st.binary(min_size=1, max_size=20)),
)
MESSAGES = st.builds(
    OutgoingMessage,
    body=TEXTS,
    attributes=st.dictionaries(TEXTS, ATTRIBUTES, max_size=3),
    delay_seconds=st.integers(0, 900),
    group_id=st.none() | TEXTS,
    deduplication_id=st.none() | TEXTS,
    trace_header=st.none() | TEXTS,
)

_model = botocore.session.get_session().get_service_model("sqs")
_serializer = create_serializer("json", include_validation=False)


def botocores_body(operation: str, parameters: dict[str, object]) -> object:
    request = _serializer.serialize_to_request(parameters, _model.operation_model(operation))
    return json.loads(cast("bytes", request["body"]))


@settings(deadline=None)
@given(st.lists(MESSAGES, min_size=1, max_size=10))
def test_send_requests_say_what_botocores_say(messages: list[OutgoingMessage]) -> None:
    entries = [aio.entry_parameters(index, message) for index, message in enumerate(messages)]
    theirs = botocores_body("SendMessageBatch", {"QueueUrl": QUEUE, "Entries": entries})
    assert json.loads(codec.send_request(QUEUE, messages)) == theirs


@given(st.lists(MESSAGES, min_size=1, max_size=10))
def test_a_body_that_is_written_already_makes_the_same_request(messages: list[OutgoingMessage]) -> None:
    written = [
        msgspec.structs.replace(message, body_json=msgspec.Raw(msgspec.json.encode(message.body)))
        for message in messages
    ]
    assert codec.send_request(QUEUE, written) == codec.send_request(QUEUE, messages)


@settings(deadline=None)
@given(st.integers(1, 10), st.integers(0, 20), st.none() | st.integers(0, 43_200))
def test_receive_requests_say_what_botocores_say(count: int, wait: int, visibility: int | None) -> None:
    theirs = botocores_body("ReceiveMessage", {"QueueUrl": QUEUE, **aio.receive_parameters(count, wait, visibility)})
    assert json.loads(codec.receive_request(QUEUE, count, wait, visibility)) == theirs


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=10), st.integers(0, 43_200))
def test_the_other_requests_say_what_botocores_say(handles: list[str], seconds: int) -> None:
    entries: list[dict[str, object]] = [{"Id": str(i), "ReceiptHandle": handle} for i, handle in enumerate(handles)]
    theirs = botocores_body("DeleteMessageBatch", {"QueueUrl": QUEUE, "Entries": entries})
    assert json.loads(codec.delete_request(QUEUE, handles)) == theirs
    delayed = [{**entry, "VisibilityTimeout": seconds} for entry in entries]
    theirs = botocores_body("ChangeMessageVisibilityBatch", {"QueueUrl": QUEUE, "Entries": delayed})
    assert json.loads(codec.visibility_request(QUEUE, handles, seconds)) == theirs
    theirs = botocores_body("GetQueueAttributes", {"QueueUrl": QUEUE, "AttributeNames": ["All"]})
    assert json.loads(codec.attributes_request(QUEUE)) == theirs


def test_requests_have_the_content_type_of_botocores() -> None:
    request = _serializer.serialize_to_request({"QueueUrl": QUEUE}, _model.operation_model("ReceiveMessage"))
    assert request["headers"]["Content-Type"] == CONTENT_TYPE


@given(st.lists(ANY_TEXT.map(OutgoingMessage), min_size=1, max_size=10))
def test_a_send_request_can_be_written_once_the_unencodable_are_left_out(messages: list[OutgoingMessage]) -> None:
    refused = unencodable_entries(messages)
    written = json.loads(codec.send_request(QUEUE, messages, refused))
    assert [entry["MessageBody"] for entry in written["Entries"]] == [
        message.body for index, message in enumerate(messages) if index not in refused
    ]
    if refused:
        with pytest.raises(UnicodeEncodeError):
            codec.send_request(QUEUE, messages)


IDS = st.sampled_from(["0", "1", "2", "3", "9", "x", ""])
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"Id": IDS, "MessageId": ANY_TEXT},
        optional={"MD5OfMessageBody": st.sampled_from(["9dd4e461268c8034f5c8564e155c67a6", "other"])},
    ),
    max_size=6,
)
FAILED = st.lists(
    st.fixed_dictionaries(
        {"Id": IDS, "Code": st.sampled_from(["InternalError", "InvalidMessageContents", "New", ""])},
        optional={"SenderFault": st.booleans(), "Message": ANY_TEXT},
    ),
    max_size=6,
)


@given(st.integers(1, 4), st.none() | ENTRIES, st.none() | FAILED)
def test_every_entry_is_either_sent_or_failed(count: int, successful: Any, failed: Any) -> None:
    reply = json.dumps({"Successful": successful, "Failed": failed}).encode()
    sent = sent_batch([OutgoingMessage("x")] * count, msgspec.json.decode(reply, type=SendAnswer))
    assert len(sent.message_ids) == count
    not_sent = [index for index, message_id in enumerate(sent.message_ids) if message_id is None]
    assert [failure.index for failure in sent.failures] == not_sent
    assert {failure.index for failure in batch_failures(count, msgspec.json.decode(reply, type=BatchAnswer))} <= set(
        range(count)
    )


@given(st.integers(1, 10), st.integers(0, 9), st.data())
def test_entries_are_judged_alike_in_whatever_order_the_answer_has_them(count: int, damaged: int, data: Any) -> None:
    entries = [
        {"Id": str(n), "MessageId": f"m-{n}", "MD5OfMessageBody": "other" if n == damaged else None}
        for n in range(count)
    ]
    messages = [OutgoingMessage("x")] * count

    def judged(entries: list[dict[str, str | None]]) -> tuple[SentBatch, tuple[EntryFailure, ...]]:
        reply = json.dumps({"Successful": entries}).encode()
        return (
            sent_batch(messages, msgspec.json.decode(reply, type=SendAnswer)),
            batch_failures(count, msgspec.json.decode(reply, type=BatchAnswer)),
        )

    sent, failures = judged(data.draw(st.permutations(entries)))
    assert (sent, failures) == judged(entries)
    assert sent.message_ids == tuple(None if n == damaged else f"m-{n}" for n in range(count))
    assert failures == ()


@given(st.binary(max_size=60) | st.recursive(ANY_TEXT | st.integers() | st.none(), st.lists).map(json.dumps))
def test_any_bytes_are_an_answer_or_are_refused(reply: bytes | str) -> None:
    body = reply.encode() if isinstance(reply, str) else reply
    try:
        answer = msgspec.json.decode(body, type=ReceiveAnswer)
    except codec.UNREADABLE:
        return
    assert isinstance(received_messages(answer, QUEUE), list)
