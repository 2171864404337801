"""The letter format: what is written can be read, and a letter never exceeds what SQS takes."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.letter import (
    ERROR_CODE,
    ERROR_MESSAGE,
    LETTER,
    PARKED,
    LetterAttribute,
    original_attributes,
    parked_attribute,
    read_letter_attribute,
    sealed_attributes,
)
from turnout.message import Attribute
from turnout.sqs.api import MAX_MESSAGE_ATTRIBUTES, MAX_MESSAGE_BYTES, OutgoingMessage
from turnout.sqs.limits import refusal

LETTER_OF_ONE = LetterAttribute(
    reason="RETRIES_EXHAUSTED",
    fault="system",
    message="no answer",
    source="events",
    event_id="e-1",
    rules=("r1", "r2"),
    owed=("crm",),
    done=("archive",),
    attempts=3,
    first_failure="2026-01-01T00:00:00.000+00:00",
    last_failure="2026-01-01T00:01:00.000+00:00",
    ruleset="abc",
    trace_id="0" * 31 + "1",
)


def size(attributes: dict[str, Attribute]) -> int:
    return sum(attribute.size(name) for name, attribute in attributes.items())


def test_what_is_written_can_be_read_back_whole() -> None:
    sealed = sealed_attributes(LETTER_OF_ONE, {"tenant": Attribute("String", "a")}, 10)
    read = read_letter_attribute(sealed)
    assert read is not None
    assert (read.reason, read.owed, read.done, read.rules) == (
        "RETRIES_EXHAUSTED",
        ("crm",),
        ("archive",),
        ("r1", "r2"),
    )
    assert sealed[ERROR_CODE].text == "RETRIES_EXHAUSTED"
    assert sealed[ERROR_MESSAGE].text == "no answer"
    assert original_attributes(sealed) == {"tenant": Attribute("String", "a")}


def test_why_a_letter_was_parked_is_none_of_its_original_attributes() -> None:
    original = {"tenant": Attribute("String", "a")}
    why = {PARKED: parked_attribute("it may have arrived\x00" + "x" * 2_000)}
    assert original_attributes(original | why) == original
    assert original_attributes(sealed_attributes(LETTER_OF_ONE, original, 10) | why) == original
    assert refusal(OutgoingMessage("{}", why)) is None


def test_ten_original_attributes_survive_by_moving_into_the_letter() -> None:
    originals = {f"a{number}": Attribute("Number", str(number)) for number in range(9)}
    originals["binary"] = Attribute("Binary", data=b"\x00\xff")
    sealed = sealed_attributes(LETTER_OF_ONE, originals, 10)
    assert len(sealed) == MAX_MESSAGE_ATTRIBUTES
    assert original_attributes(sealed) == originals


def test_an_error_code_that_came_with_the_message_is_kept_inside_the_letter() -> None:
    originals = {ERROR_CODE: Attribute("String", "NO_PERMISSIONS")}
    sealed = sealed_attributes(LETTER_OF_ONE, originals, 10)
    assert sealed[ERROR_CODE].text == "RETRIES_EXHAUSTED"
    assert original_attributes(sealed) == originals


def test_a_letter_that_several_targets_are_owed_says_of_each_why_as_long_as_there_is_room() -> None:
    failures = {"crm": "ACCESS_DENIED: no", "archive": "RETRIES_EXHAUSTED: " + "x" * 500}
    letter = msgspec.structs.replace(LETTER_OF_ONE, owed=("crm", "archive"), failures=failures)
    read = read_letter_attribute(sealed_attributes(letter, {}, 10))
    assert read is not None
    assert read.failures == {"crm": "ACCESS_DENIED: no", "archive": ("RETRIES_EXHAUSTED: " + "x" * 500)[:200]}
    tight = read_letter_attribute(sealed_attributes(letter, {}, MAX_MESSAGE_BYTES - 500))
    assert tight is not None
    assert (tight.owed, tight.failures) == (("crm", "archive"), {})


def test_beside_a_body_of_the_full_size_nothing_is_added_and_nothing_fails() -> None:
    assert sealed_attributes(LETTER_OF_ONE, {}, MAX_MESSAGE_BYTES) == {}


def test_a_tight_letter_keeps_reason_and_owed_targets_longest() -> None:
    wordy = LetterAttribute(reason="X", message="m" * 5000, owed=("crm",), rules=tuple(f"rule-{n}" for n in range(500)))
    sealed = sealed_attributes(wordy, {}, MAX_MESSAGE_BYTES - 200)
    read = read_letter_attribute(sealed)
    assert read is not None
    assert (read.reason, read.owed, read.rules) == ("X", ("crm",), ())


def test_a_letter_attribute_that_is_not_ours_is_ignored() -> None:
    for text in ("", "{", "[]", '{"version": 2}', '{"version": "1"}', "null", "\ud800", "[" * 5000):
        assert read_letter_attribute({LETTER: Attribute("String", text)}) is None
        assert LETTER in original_attributes({LETTER: Attribute("String", text)})


texts = st.text(st.characters(codec="utf-8"), max_size=50) | st.text(max_size=20)


def test_an_event_id_as_long_as_a_letter_takes_the_place_of_nothing_that_stands_nowhere_else() -> None:
    originals = {f"a{number}": Attribute("String", "value") for number in range(10)}
    letter = msgspec.structs.replace(LETTER_OF_ONE, event_id="i" * 600_000)
    sealed = sealed_attributes(letter, originals, 600_000)
    read = read_letter_attribute(sealed)
    assert read is not None
    assert read == msgspec.structs.replace(LETTER_OF_ONE, version=1, event_id=None, attributes=read.attributes)
    assert original_attributes(sealed) == originals


def test_a_letter_about_an_event_with_half_a_surrogate_pair_in_its_id_can_be_read() -> None:
    letter = msgspec.structs.replace(LETTER_OF_ONE, event_id="e-\ud83d")
    read = read_letter_attribute(sealed_attributes(letter, {}, 10))
    assert read is not None
    assert (read.event_id, read.done) == ("e-\ufffd", ("archive",))


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("", {"type": "String", "text": "x"}),
        ("AWS.x", {"type": "String", "text": "x"}),
        ("x", {"type": "Foo", "text": "x"}),
        ("x", {"type": "Number", "text": "x"}),
        ("x", {"type": "String", "text": ""}),
        ("x", {"type": "Binary", "data": "!"}),
        ("x", {}),
    ],
)
def test_an_attribute_that_sqs_would_refuse_does_not_come_out_of_a_letter_that_somebody_else_wrote(
    name: str, packed: dict[str, str]
) -> None:
    written = json.dumps({"version": 1, "attributes": {name: packed, "tenant": {"type": "String", "text": "a"}}})
    assert original_attributes({LETTER: Attribute("String", written)}) == {"tenant": Attribute("String", "a")}


@given(
    message=texts,
    event=texts,
    names=st.sets(st.sampled_from([*"abcdefghijkl", ERROR_CODE, ERROR_MESSAGE]), max_size=10),
    spare=st.integers(0, 3000),
)
def test_sqs_takes_every_letter_whatever_the_event_brought_along(
    message: str, event: str, names: set[str], spare: int
) -> None:
    originals = {name: Attribute("String", "v") for name in sorted(names)}
    body = "b" * (MAX_MESSAGE_BYTES - size(originals) - spare)
    letter = LetterAttribute(reason="MISSING_FIELD", message=message, event_id=event, owed=("crm", "archive"))
    sealed = sealed_attributes(letter, originals, len(body))
    assert refusal(OutgoingMessage(body, sealed)) is None
    if LETTER in sealed:
        read = read_letter_attribute(sealed)
        assert read is not None
        assert read.owed == ("crm", "archive")
