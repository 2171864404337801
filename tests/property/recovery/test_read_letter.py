"""Whatever lies in a dead-letter queue is read to a letter: nothing raises, nothing is lost."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.recovery import letters
from tests.unit.recovery.letters import BODY

from turnout.message import Attribute, Message
from turnout.recovery import Cause, Disposition, read_letter
from turnout.recovery.letter import Letter, Payload

# The names that some shape looks at, so that the shapes are reached with values of any type.
NAMES = [
    "original_message",
    "originalEvent",
    "error",
    "errorMessage",
    "errorCode",
    "timestamp",
    "Message",
    "Type",
    "TopicArn",
    "MessageAttributes",
    "Records",
    "Sns",
    "eventSource",
    "body",
    "messageAttributes",
    "eventSourceARN",
    "requestContext",
    "requestPayload",
    "responseContext",
    "responsePayload",
    "condition",
    "functionArn",
    "approximateInvokeCount",
    "statusCode",
    "functionError",
    "errorType",
    "KinesisBatchInfo",
    "DDBStreamBatchInfo",
    "context",
    "partnerResourceArn",
    "failedMessages",
    "eventId",
    "busArn",
    "subscriberArn",
    "detail",
    "source",
    "detail-type",
    "id",
    "time",
    "eventType",
    "failureCode",
    "failureReason",
    "payload",
    "code",
    "message",
    "eventBody",
    "conversationId",
    "interactionId",
    "topicName",
]
ATTRIBUTES = [
    "Turnout.Letter",
    "ERROR_CODE",
    "ERROR_MESSAGE",
    "RULE_ARN",
    "TARGET_ARN",
    "RETRY_ATTEMPTS",
    "EXHAUSTED_RETRY_CONDITION",
    "SCHEDULE_ARN",
    "IS_PAYLOAD_TRUNCATED",
    "SCHEDULED_TIME",
    "SUBSCRIBER_ARN",
    "BUS_ARN",
    "RequestID",
    "ErrorCode",
    "ErrorMessage",
]

texts = st.text(max_size=30) | st.sampled_from(
    [
        "Notification",
        "lambda",
        "aws:sqs",
        "arn:aws:pipes:r:a:pipe/p",
        "THROTTLING",
        "200",
        "9" * 400,
        "status 429",
        "\ud800",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
names = st.sampled_from(NAMES) | texts
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(names, inner, max_size=6)
        | inner.map(lambda value: json.dumps(value))
    ),
    max_leaves=20,
)
objects = st.dictionaries(names, values, max_size=8)
bodies = (
    objects.map(json.dumps)
    | values.map(json.dumps)
    | texts
    | st.just("[" * 5000)
    | st.just('{"a":' * 900 + "1" + "}" * 900)
)
attribute_names = st.sampled_from(ATTRIBUTES) | texts
raw_attributes = st.dictionaries(
    attribute_names,
    st.fixed_dictionaries({"DataType": texts, "StringValue": texts | objects.map(json.dumps)}) | values,
    max_size=8,
)


def holds(letter: Letter) -> None:
    assert letter.cause in Cause
    assert letter.disposition in Disposition
    assert (letter.body is None) == (letter.payload is Payload.ABSENT)
    assert letter.id
    assert len(letter.chain) <= 6
    for question in (letter.owed, letter.done, letter.rules, letter.attempts, letter.code, letter.error):
        assert question is not None
    assert letter.delivery is None or letter.delivery in letter.chain
    assert letter.last_failure is None or letter.first_failure is not None


@given(
    message=st.dictionaries(
        st.sampled_from(["Body", "body", "Attributes", "MessageAttributes", "MessageId"]) | texts, values
    )
)
def test_any_value_in_place_of_a_message_is_read(message: dict[str, Any]) -> None:
    holds(read_letter(message))


@settings(max_examples=300)
@given(body=bodies, attributes=raw_attributes, system=st.dictionaries(texts, texts, max_size=3))
@example(body='{"original_message": ' * 899 + "1" + "}" * 899, attributes={}, system={})
@example(body='{"Message": "\\ud800{}"}', attributes={}, system={})
@example(body='{"original_message": {"n": ' + "9" * 5000 + "}}", attributes={}, system={})
@example(body="\ud800", attributes={}, system={"SentTimestamp": "9" * 30})
def test_any_body_with_any_attributes_is_read_and_kept(
    body: str, attributes: dict[str, Any], system: dict[str, str]
) -> None:
    letter = read_letter({"MessageId": "m", "Body": body, "MessageAttributes": attributes, "Attributes": system})
    holds(letter)
    assert letter.message.body == body


@given(body=bodies, attributes=st.dictionaries(attribute_names, st.builds(Attribute, texts, text=texts), max_size=8))
def test_our_own_record_with_any_content_is_read(body: str, attributes: dict[str, Attribute]) -> None:
    holds(read_letter(Message("m", "h", body, "q", attributes)))


# Each wraps a text as a body, so that the text must come out again.
WRAPPERS = {
    "sns": lambda body: json.dumps(letters.notification(body)),
    "application": lambda body: json.dumps({"original_message": body, "error": "x"}),
    "lambda-destination": lambda body: letters.destination_text("x", payload=body),
    "lambda-record": lambda body: json.dumps({"Records": [{"eventSource": "aws:sqs", "body": body}]}),
    "message-key": lambda body: json.dumps({"Message": body}),
}


@given(
    wrappers=st.lists(st.sampled_from(sorted(WRAPPERS)), max_size=5),
    event=st.dictionaries(texts.map(lambda t: f"_{t}"), values, max_size=4),
)
def test_however_wrappers_nest_the_original_comes_out_as_it_was(wrappers: list[str], event: dict[str, Any]) -> None:
    body = json.dumps(event, allow_nan=False) if not _odd(event) else BODY
    wrapped = body
    for name in wrappers:
        wrapped = WRAPPERS[name](wrapped)
    letter = read_letter(letters.message(wrapped))
    assert [layer.origin.value for layer in letter.chain] == wrappers[::-1]
    assert letter.body == body


def _odd(value: object) -> bool:
    """Whether JSON has no way to write it."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return True
    return False
