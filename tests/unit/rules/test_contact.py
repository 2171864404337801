"""Contact data is known by the names it stands under, and masked."""

from __future__ import annotations

import json

import pytest
from tests.unit.rules.language import read

from turnout.rules.contact import excerpt, hide_contact_data, is_contact_data
from turnout.rules.explain.explain import explain

CONTACT = """
    ani dnis ANI addressTo addressFrom address fromAddress callbackNumbers callbackUserName participantName userName
    name firstName last_name email emailAddress phoneNumber subject wrapupNotes attributes transcripts
    participantAttributes text messageText displayName toName lastAgentName customerFirstName externalContactName
    customer_first_name callerId callerIdName emailAccount callbackScheduledTime phoneNumber
    nameRaw street streetName city zip zipCode postalCode postcode
"""
OTHER = """
    id conversationId topicName queueId direction mediaType disconnectType queueName flowName metric value eventTime
    channel outcome duration_ms priority status entityName fieldName serviceName topicName callerIdentified
"""
MEASURES = """
    callbackDurationMs voicemailDurationMs callback_duration_ms emailDuration startSequenceNumber endSequenceNumber
    pageNumber
"""


@pytest.mark.parametrize("name", CONTACT.split())
def test_names_of_contact_data_are_known(name: str) -> None:
    assert is_contact_data(name)


@pytest.mark.parametrize("name", MEASURES.split())
def test_how_long_it_took_and_where_it_stands_in_a_row_is_not_hidden_whatever_it_is_of(name: str) -> None:
    assert not is_contact_data(name)


@pytest.mark.parametrize("name", OTHER.split())
def test_what_rules_are_about_is_not_hidden(name: str) -> None:
    assert not is_contact_data(name)


def test_an_excerpt_masks_contact_data_wherever_it_stands() -> None:
    event = {
        "id": "e",
        "detail": {
            "ani": "tel:+15550100",
            "participants": [{"purpose": "customer", "name": "Ada", "attributes": {"pin": "1234"}}],
        },
    }
    masked = {
        "id": "e",
        "detail": {"ani": "***", "participants": [{"purpose": "customer", "name": "***", "attributes": "***"}]},
    }
    assert json.loads(excerpt(json.dumps(event))) == masked


def test_an_excerpt_is_short_and_safe_to_print() -> None:
    assert len(excerpt(json.dumps({"a": "x" * 10_000}))) == 603
    assert "\x1b" not in excerpt(json.dumps({"a\x1b": "\x1b[2J\ud800"}))
    deep: object = "secret"
    for _ in range(400):
        deep = {"a": deep}
    assert "secret" not in excerpt(json.dumps(deep))


def test_there_is_no_excerpt_of_what_is_no_event() -> None:
    assert excerpt(b"tel:+15550100") == ""


def test_an_explanation_can_hide_contact_data_and_show_the_rest() -> None:
    event = {"detail": {"ani": "tel:+15550100", "channel": "voice", "attributes": {"vip": "yes"}}}
    condition = read("detail.ani == 'x' or detail.channel == 'x' or detail.attributes.vip == 'x'")
    finding = explain(condition, event, redact=hide_contact_data)
    assert [part.found[0].shown for part in finding.parts] == ["***", '"voice"', "***"]
