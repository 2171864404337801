"""What is shown of a letter holds no personal data unless it is asked for, and never a secret."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.recovery import letters

from turnout.message import Attribute
from turnout.recovery.redaction import MASK, Redaction

HIDING = Redaction({})
SHOWING = Redaction({"CRM_PASSWORD": "correct-horse"}, show_pii=True)

PERSONAL: dict[str, Any] = {
    "ani": "tel:+14155550100",
    "dnis": "tel:+14155550199",
    "addressTo": "sip:jane@example.org",
    "addressFrom": "jane@example.org",
    "callbackNumbers": ["+14155550100"],
    "callbackUserName": "Jane Doe",
    "callbackScheduledTime": "2025-01-01",
    "subject": "My divorce",
    "wrapupNotes": "she was upset",
    "attributes": {"account": "12345"},
    "participantName": "Jane Doe",
    "transcripts": [{"utterance": "my name is Jane"}],
}


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_data_is_hidden_by_name_however_deep_it_stands(name: str) -> None:
    event = {"detail": {"eventBody": [{name: PERSONAL[name], "mediaType": "VOICE"}]}}
    shown = json.loads(HIDING.body(json.dumps(event)))
    assert shown == {"detail": {"eventBody": [{name: MASK, "mediaType": "VOICE"}]}}


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_data_is_shown_to_those_who_ask(name: str) -> None:
    event = {"detail": {name: PERSONAL[name]}}
    assert json.loads(SHOWING.body(json.dumps(event))) == event


def test_personal_data_is_hidden_by_its_look_under_any_name_and_as_a_name() -> None:
    event = {"x": "call tel:+14155550100 or jane@example.org", "+14155550100": 1}
    shown = HIDING.body(json.dumps(event))
    assert "4155550100" not in shown
    assert "jane" not in shown


def test_an_event_inside_a_text_is_hidden_in_like_any_other() -> None:
    shown = HIDING.body(json.dumps(letters.notification(json.dumps({"detail": {"wrapupNotes": "upset", "n": 1}}))))
    assert "upset" not in shown
    assert '\\"n\\": 1' in shown


def test_a_list_inside_a_text_is_hidden_in_like_any_other() -> None:
    shown = json.loads(HIDING.body(json.dumps({"records": json.dumps([{"ani": "5550100"}, [{"name": "Jane"}], 7])})))
    assert json.loads(shown["records"]) == [{"ani": MASK}, [{"name": MASK}], 7]


@pytest.mark.parametrize("text", ['[1], "x": [2]', '{"a": 1}, "": {"b": 2}', "[", "{}}", "[1] [2]"])
def test_a_text_that_only_begins_like_json_is_shown_as_the_text_it_is(text: str) -> None:
    assert json.loads(HIDING.body(json.dumps({"x": text}))) == {"x": text}


def test_what_makes_a_letter_useful_stays_readable() -> None:
    shown = json.loads(HIDING.body(letters.BODY))
    assert shown["id"] == letters.EVENT_ID
    assert shown["detail-type"] == letters.EVENT_TYPE
    assert shown["detail"]["eventBody"]["conversationId"] == letters.CONVERSATION
    assert shown["detail"]["eventBody"]["ani"] == MASK


def test_of_a_body_that_is_no_event_only_the_length_is_shown() -> None:
    assert HIDING.body("<xml>Jane</xml>") == "*** (15 characters, not an event)"
    assert SHOWING.body("<xml>Jane</xml>") == "<xml>Jane</xml>"


def test_secrets_stay_hidden_from_everybody() -> None:
    event = {"detail": {"apiKey": "k", "note": "password=hunter22"}}
    for redaction in (HIDING, SHOWING):
        assert "hunter22" not in redaction.body(json.dumps(event))
        assert json.loads(redaction.body(json.dumps(event)))["detail"]["apiKey"] == MASK
    assert SHOWING.text("it said correct-horse to +14155550100") == "it said *** to +14155550100"
    assert HIDING.text("it said nothing to +14155550100") == "it said nothing to ***"


@pytest.mark.parametrize("name", ["Authorization", "proxy-authorization", "Cookie", "set-cookie", "X-Api-Key"])
def test_headers_that_hold_credentials_are_hidden_from_everybody(name: str) -> None:
    for redaction in (HIDING, SHOWING):
        assert json.loads(redaction.body(json.dumps({"headers": {name: "k", "accept": "a"}}))) == {
            "headers": {name: MASK, "accept": "a"}
        }


def test_attributes_are_shown_as_text_by_name() -> None:
    attributes = {
        "tenant": Attribute("String", "a"),
        "phone": Attribute("String", "12345"),
        "blob": Attribute("Binary", data=b"\x00\x01"),
        "authToken": Attribute("String", "t"),
    }
    assert HIDING.attributes(attributes) == {"tenant": "a", "phone": MASK, "blob": "(2 bytes)", "authToken": MASK}
    assert SHOWING.attributes(attributes)["phone"] == "12345"


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=10) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_any_event_can_be_shown_and_printed(event: dict[str, Any]) -> None:
    for redaction in (HIDING, SHOWING):
        redaction.body(json.dumps(event)).encode()


def test_an_event_nested_too_deep_to_look_through_is_hidden() -> None:
    body = '{"a":' * 200 + '"Jane"' + "}" * 200
    assert "Jane" not in HIDING.body(body)
