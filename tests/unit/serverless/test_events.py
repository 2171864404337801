"""What Lambda passes, and what it wants back."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.recovery import samples
from tests.unit.serverless.mapping import sqs_event, sqs_record

from turnout.message import Message
from turnout.serverless.events import InvalidEvent, messages_of, partial_response, queue_of

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/events"
ARN = "arn:aws:sqs:eu-west-1:123456789012:events"


def test_messages_come_in_the_order_of_the_event_each_once() -> None:
    one, two = Message("1", "h1", "{}", URL), Message("2", "h2", "[]", URL)
    assert [message.id for message in messages_of(sqs_event(two, one, two), [URL])] == ["2", "1"]


def test_digests_are_not_believed() -> None:
    (message,) = messages_of(sqs_event(Message("1", "h", "{}", URL)), [URL])
    assert message.body_md5 is None


@pytest.mark.parametrize(
    ("arn", "url"),
    [
        (ARN, URL),
        ("arn:aws-cn:sqs:cn-north-1:1:x", "https://sqs.cn-north-1.amazonaws.com.cn/1/x"),
        ("arn:aws-eusc:sqs:eusc-de-east-1:1:x", "https://sqs.eusc-de-east-1.amazonaws.eu/1/x"),
        ("arn:aws-iso-e:sqs:eu-isoe-west-1:1:x", "https://sqs.eu-isoe-west-1.cloud.adc-e.uk/1/x"),
        ("arn:aws:sqs:us-east-1:1:other.fifo", "https://sqs.us-east-1.amazonaws.com/1/other.fifo"),
        ("nonsense", URL),
        ("", URL),
    ],
)
def test_a_queue_is_known_by_its_name_else_made_of_its_arn(arn: str, url: str) -> None:
    assert queue_of(arn, [URL]) == url


def test_a_queue_of_the_settings_wins_over_amazons_own_form() -> None:
    emulated = "http://127.0.0.1:4566/000000000000/events"
    assert queue_of(ARN, [emulated]) == emulated


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        {"Records": {}},
        {"Records": ["x"]},
        {"Records": [{"eventSource": "aws:sns", "messageId": "1", "body": "{}"}]},
        {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
        {"Records": [{"eventSource": "aws:sqs", "messageId": "1"}]},
        {"source": "aws.partner/genesys.com", "detail": {}},
    ],
)
def test_what_is_no_batch_of_sqs_is_refused_whole_so_that_nothing_is_deleted(event: Any) -> None:
    with pytest.raises(InvalidEvent):
        messages_of(event, [URL])


def test_the_answer_names_the_messages_that_stay() -> None:
    assert partial_response([]) == {"batchItemFailures": []}
    assert partial_response(["a", "b"]) == {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}


@pytest.mark.skipif(samples.missing("lambda-sqs-record.of-rule-dlq"), reason="no recorded samples beside the checkout")
def test_a_recorded_record_is_read_with_its_attributes() -> None:
    record = samples.message("lambda-sqs-record.of-rule-dlq")
    (message,) = messages_of({"Records": [record]}, [])
    assert message.queue == "https://sqs.us-east-1.amazonaws.com/123456789012/genesys-dlq"
    assert message.attributes["ERROR_CODE"].text == "THROTTLING"
    assert message.receive_count == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("messageId", "body", "receiptHandle", "attributes", "messageAttributes", "eventSourceARN", "md5OfBody")
RECORD = st.fixed_dictionaries({"eventSource": st.just("aws:sqs")}, optional=dict.fromkeys(FIELDS, JSON))

TEXT = st.text(min_size=1, max_size=3)
GOOD = st.builds(lambda name, body: sqs_record(Message(name, "handle", body, URL)), TEXT, TEXT)


@given(st.lists(GOOD, min_size=1, max_size=4) | st.lists(GOOD | RECORD | JSON, max_size=4))
@settings(max_examples=200, deadline=None)
def test_whatever_the_records_hold_they_are_messages_or_refused(records: list[Any]) -> None:
    try:
        messages = messages_of({"Records": records}, [URL])
    except InvalidEvent:
        return
    # What is answered must be ids of the event, or Lambda takes the whole answer for a failure.
    assert [message.id for message in messages] == list(dict.fromkeys(record["messageId"] for record in records))
    assert all(message.body == record["body"] for message, record in zip(messages[:1], records, strict=False))
