"""What SQS refuses in a message, judged locally."""

from __future__ import annotations

import pytest

from turnout.errors import SqsRejected
from turnout.message import Attribute, sendable
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.limits import check_batch, refusal


@pytest.mark.parametrize("text", ["", "plain", "\t\n\r", "\ud7ff\ue000\ufffd", "\U00010000\U0010ffff"])
def test_permitted_characters_are_sendable(text: str) -> None:
    assert sendable(text) == text


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x0c", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_forbidden_characters_are_not(character: str) -> None:
    assert sendable(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"
    code, _ = refusal(OutgoingMessage(f"a{character}b")) or ("", "")
    assert code == "InvalidMessageContents"


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("", Attribute("String", text="x")),
        ("a" * 257, Attribute("String", text="x")),
        ("AWS.x", Attribute("String", text="x")),
        ("amazon.x", Attribute("String", text="x")),
        (".a", Attribute("String", text="x")),
        ("a.", Attribute("String", text="x")),
        ("a..b", Attribute("String", text="x")),
        ("a b", Attribute("String", text="x")),
        ("a", Attribute("Text", text="x")),
        ("a", Attribute("String", text="")),
        ("a", Attribute("String", text="\x00")),
        ("a", Attribute("String", text="\ud800")),
        ("a", Attribute("String.\ud800", text="x")),
        ("a", Attribute("String", data=b"x")),
        ("a", Attribute("Number", text="twelve")),
        ("a", Attribute("Binary", data=b"")),
        ("a", Attribute("Binary", text="x")),
    ],
)
def test_a_bad_attribute_is_refused(name: str, attribute: Attribute) -> None:
    code, text = refusal(OutgoingMessage("x", {name: attribute})) or ("", "")
    assert code == "InvalidParameterValue"
    assert "attribute" in text


def test_size_counts_body_names_types_and_values() -> None:
    message = OutgoingMessage("é" * 10, {"name": Attribute("String", text="value")})
    assert message.size() == 20 + 4 + 6 + 5
    assert refusal(message, max_bytes=35) is None
    assert refusal(message, max_bytes=34) is not None


@pytest.mark.parametrize(
    ("message", "fifo", "said"),
    [
        (OutgoingMessage(""), False, "must contain the parameter MessageBody"),
        (OutgoingMessage("x", delay_seconds=901), False, "DelaySeconds must be between 0 and 900"),
        (OutgoingMessage("x", delay_seconds=-1), False, "DelaySeconds must be between 0 and 900"),
        (OutgoingMessage("x", delay_seconds=1, group_id="g"), True, "DelaySeconds is not allowed on a FIFO queue"),
        (OutgoingMessage("x", deduplication_id="d"), False, "a parameter that is not valid for this queue type"),
        (OutgoingMessage("x", group_id=""), False, "MessageGroupId can only include 1 to 128"),
        (OutgoingMessage("x", group_id="g" * 129), False, "MessageGroupId can only include 1 to 128"),
        (OutgoingMessage("x", group_id="a b"), True, "MessageGroupId can only include 1 to 128"),
    ],
)
def test_bad_parameters_are_refused_each_by_its_name(message: OutgoingMessage, fifo: bool, said: str) -> None:
    refused = refusal(message, fifo=fifo)
    assert refused is not None
    assert said in refused[1]


def test_a_good_message_is_not_refused() -> None:
    attributes = {
        "a.b-c_D": Attribute("String.label", text="x"),
        "n": Attribute("Number", text="-1.5e3"),
        "b": Attribute("Binary", data=b"\x00"),
    }
    assert refusal(OutgoingMessage("x", attributes, delay_seconds=900, group_id="tenant/1")) is None
    assert refusal(OutgoingMessage("x", attributes, group_id="g", deduplication_id="d"), fifo=True) is None


def test_what_is_just_at_a_limit_is_not_refused_and_what_is_just_beyond_it_is() -> None:
    label = "String." + "x" * 249
    for many, length, group, refused in ((10, 256, 128, False), (11, 1, 1, True), (1, 257, 1, True), (1, 1, 129, True)):
        names = ["n" * length, *(f"a{number}" for number in range(1, many))]
        message = OutgoingMessage("x", {name: Attribute(label, text="x") for name in names}, group_id="g" * group)
        assert (refusal(message) is not None) == refused
    assert refusal(OutgoingMessage("x", {"a": Attribute(label + "x", text="x")})) is not None


def test_a_call_takes_one_to_ten_entries() -> None:
    url = "https://sqs.eu-west-1.amazonaws.com/1/orders"
    for count in (1, 10):
        check_batch(["x"] * count, "SendMessageBatch", url)
    for count, code in ((0, "EmptyBatchRequest"), (11, "TooManyEntriesInBatchRequest")):
        with pytest.raises(SqsRejected, match=f"SendMessageBatch orders: {code}"):
            check_batch(["x"] * count, "SendMessageBatch", url)
