"""Keys of archived letters: readable, safe, and the same each time."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.recovery import letters

from turnout.recovery import read_letter
from turnout.recovery.archive import DEFAULT_TEMPLATE, KeyTemplate
from turnout.recovery.archive.store import unmistakable


def test_the_key_says_type_code_event_and_time() -> None:
    key = KeyTemplate().key(read_letter(letters.rule("NO_PERMISSIONS")))
    assert key == (
        "dlq/archives/v2.detail.events.conversation.id.user.end/NO_PERMISSIONS/"
        f"{letters.EVENT_ID}-20251212T151507Z.json"
    )


def test_what_a_letter_does_not_say_is_unknown() -> None:
    found = letters.message("not json") | {"Attributes": {}}
    assert KeyTemplate().key(read_letter(found)) == (
        "dlq/archives/unknown/unknown/5b0f9d5c-0000-4000-8000-000000000001-undated.json"
    )


def test_every_field_can_stand_in_a_key() -> None:
    template = KeyTemplate("a/{date}/{cause}/{disposition}/{origin}/{event_id}")
    key = template.key(read_letter(letters.rule("THROTTLING", "slow down")))
    assert key == f"a/2025-12-12/RATE_LIMIT_EXCEEDED/transient/eventbridge-rule/{letters.EVENT_ID}"


def test_a_letter_whose_event_has_no_time_has_that_of_its_failure_or_its_sending() -> None:
    found = letters.rule("THROTTLING") | {"Body": '{"id": "e1"}'}
    template = KeyTemplate("a/{date}/{event_id}")
    letter = read_letter(found)
    assert (letter.event_time, letter.sent is not None) == (None, True)
    at = letter.first_failure or letter.sent
    assert at is not None
    assert template.key(letter) == f"a/{at:%Y-%m-%d}/e1"


def test_a_letter_has_the_time_of_its_event_before_that_of_its_failure_and_that_before_when_it_was_sent() -> None:
    template = KeyTemplate("{timestamp}-{event_id}")
    failed = "2025-12-10T08:00:00.000+00:00"
    without_time = '{"id": "e1"}'
    assert template.key(read_letter(letters.own(first_failure=failed))) == f"20251212T151507Z-{letters.EVENT_ID}"
    assert (
        template.key(read_letter(letters.own(without_time, event_id="e1", first_failure=failed)))
        == "20251210T080000Z-e1"
    )
    assert template.key(read_letter(letters.message(without_time))) == "20251212T151630Z-e1"


def test_no_field_is_longer_than_s3_lets_all_of_them_be() -> None:
    found = letters.rule("NO_PERMISSIONS") | {"Body": json.dumps({"id": "e" * 2_000, "detail-type": "." + "t" * 2_000})}
    assert KeyTemplate("a/{event_type}/{event_id}").key(read_letter(found)) == f"a/{'t' * 150}/{'e' * 150}"


@given(st.text(), st.text(), st.text())
def test_no_letter_makes_a_key_that_leaves_its_place(code: str, kind: str, event_id: str) -> None:
    found = letters.failed_event(code, "reason")
    found["Body"] = found["Body"].replace(
        "{", '{"id": ' + json.dumps(event_id) + ', "eventType": ' + json.dumps(kind) + ", ", 1
    )
    key = KeyTemplate().key(read_letter(found))
    assert re.fullmatch(r"dlq/archives/[\w.-]+/[\w.-]+/[\w.-]+\.json", key, re.ASCII)
    assert "/." not in key
    assert len(key) < 1_024


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a/{event_id}/{colour}.json", "{colour} cannot stand in a key; event_type, code, event_id"),
        ("a/{code}.json", "lacks {event_id}"),
        ("a/{event_id", "is no key"),
        ("a/{event_id!r}", "cannot stand"),
        ("a/{event_id:>9}", "cannot stand"),
        ("/a/{event_id}", "not beginning with /"),
        ("a\n{event_id}", "plain ASCII"),
        ("a" * 300 + "{event_id}", "at most 200 characters"),
        ("{0}{event_id}", "{0} cannot stand"),
        ("{event_id.__class__}", "cannot stand"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        KeyTemplate(text)


def test_the_prefix_is_what_all_keys_begin_with() -> None:
    assert KeyTemplate(DEFAULT_TEMPLATE).prefix == "dlq/archives/"
    assert KeyTemplate("x-{event_id}").prefix == ""


def test_a_taken_key_becomes_one_that_only_this_letter_has() -> None:
    assert unmistakable("a/b.json", "0123456789abcdef01") == "a/b-0123456789abcdef.json"
    assert unmistakable("a", "0123456789abcdef01") == "a-0123456789abcdef"
