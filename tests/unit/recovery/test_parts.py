"""The small parts that reading stands on: moments, and messages in any form."""

from datetime import UTC, datetime

import pytest

from turnout.message import Attribute, Message
from turnout.recovery.messages import as_message, attributes_of
from turnout.recovery.times import moment


def test_milliseconds_that_look_like_a_day_and_a_time_are_milliseconds() -> None:
    # As if 1796-10-10, a separator, 13:03; and so for one moment in hundreds.
    assert moment("1796101011303") == datetime(2026, 12, 1, 4, 56, 51, 303_000, UTC)
    assert moment("20260105") == datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2025-12-12T15:16:30.500Z",
        "2025-12-12T15:16:30.500",
        "2025-12-12T16:16:30.500+01:00",
        " 2025-12-12T15:16:30.500000+00:00 ",
        1_765_552_590.5,
        1_765_552_590_500,
        "1765552590.5",
        "1765552590500",
    ],
)
def test_a_moment_is_read_in_every_form_that_letters_use(value: object) -> None:
    assert moment(value) == datetime(2025, 12, 12, 15, 16, 30, 500_000, UTC)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        True,
        -1,
        0,
        float("nan"),
        float("inf"),
        "9" * 60,
        10**40,
        [],
        {},
        "0001-01-01T00:00:00+14:00",
        "0001-01-01",
        1,
    ],
)
def test_what_is_no_moment_is_none(value: object) -> None:
    assert moment(value) is None


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"DataType": "String", "StringValue": "a"}, Attribute("String", "a")),
        ({"dataType": "Number", "stringValue": "1", "stringListValues": []}, Attribute("Number", "1")),
        ({"DataType": "Binary", "BinaryValue": b"\x00"}, Attribute("Binary", data=b"\x00")),
        ({"dataType": "Binary", "binaryValue": "AA=="}, Attribute("Binary", data=b"\x00")),
        ({"Type": "Binary", "Value": "AA=="}, Attribute("Binary", data=b"\x00")),
        ({"Type": "String.Array", "Value": "[]"}, Attribute("String.Array", "[]")),
        ({"DataType": "Binary", "BinaryValue": "not base64"}, Attribute("Binary", "not base64")),
        (Attribute("String", "a"), Attribute("String", "a")),
    ],
)
def test_attributes_are_read_as_boto3_lambda_and_sns_write_them(given: object, read: Attribute) -> None:
    assert attributes_of({"a": given, "odd": 5, "empty": {}}) == {"a": read}


@pytest.mark.parametrize("value", [None, 5, [], "text", {1: {"StringValue": "a"}}])
def test_attributes_that_are_none_are_none(value: object) -> None:
    assert attributes_of(value) == {}


def test_a_message_of_a_wrong_shape_keeps_what_can_be_kept() -> None:
    assert as_message(["x"]) == Message("", "", '["x"]', "")
    assert as_message({"Body": {"a": 1}, "MessageId": 5}).body == '{"a": 1}'
    assert as_message({"Body": b"\xff"}).body == "\ufffd"
    assert as_message({"body": "x", "eventSourceARN": "arn:q"}).queue == "arn:q"
    assert as_message({"body": "x", "eventSourceARN": "arn:q"}, "https://q").queue == "https://q"
