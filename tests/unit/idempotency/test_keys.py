"""What makes two messages one event."""

import json
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from turnout.idempotency.keys import event_key, genesys_key
from turnout.targets.identity import deduplication_id, identifier

EVENT: dict[str, Any] = {
    "id": "envelope-1",
    "detail": {
        "topicName": "v2.detail.events.conversation.c-1.user.end",
        "eventBody": {
            "eventTime": 1765552507657,
            "conversationId": "c-1",
            "participantId": "p-1",
            "sessionId": "s-1",
        },
        "timestamp": "2025-12-12T15:15:07.919Z",
    },
}


def key(event: dict[str, Any]) -> str:
    return genesys_key(event["id"], json.dumps(event))


def changed(**event_body: object) -> dict[str, Any]:
    event = deepcopy(EVENT)
    event["detail"]["eventBody"].update(event_body)
    return event


def test_the_events_own_id_counts_and_without_one_its_body() -> None:
    assert event_key("e-1", "{}") == event_key("e-1", "{ }") != event_key("e-2", "{}")
    assert event_key(None, "{}") != event_key(None, "{ }")
    assert event_key("x", "x") != event_key(None, "x")


def test_ids_with_different_halves_of_a_pair_of_surrogates_are_different() -> None:
    assert event_key("e-\ud800", "") != event_key("e-\ud801", "") != event_key("e-?", "")
    assert deduplication_id("crm", "e-\ud800", "") != deduplication_id("crm", "e-\ud801", "")
    assert identifier("e-\ud800") != identifier("e-\ud801")


def test_an_event_published_again_under_another_envelope_id_is_recognised() -> None:
    again = {**deepcopy(EVENT), "id": "envelope-2"}
    again["detail"]["timestamp"] = "2025-12-12T15:20:00.000Z"
    assert key(EVENT) == key(again)


def test_an_event_whose_body_names_no_time_is_recognised_by_that_of_its_envelope() -> None:
    event = changed(eventTime=None)
    later = deepcopy(event)
    later["detail"]["timestamp"] = "2025-12-12T15:20:00.000Z"
    assert key(event) == key({**event, "id": "envelope-2"}) != key(later)


def test_an_event_that_its_fields_identify_is_recognised_however_its_body_is_written() -> None:
    again = {**deepcopy(EVENT), "id": "envelope-2"}
    again["detail"]["eventBody"] = dict(reversed(EVENT["detail"]["eventBody"].items()))
    assert key(EVENT) == key(again)


def test_another_session_time_or_topic_is_another_event() -> None:
    other_topic = deepcopy(EVENT)
    other_topic["detail"]["topicName"] = "v2.detail.events.conversation.c-1.acw"
    others = [
        changed(sessionId="s-2"),
        changed(participantId="p-2"),
        changed(conversationId="c-2"),
        changed(eventTime=1),
    ]
    assert len({key(event) for event in (EVENT, other_topic, *others)}) == 6


def test_an_event_that_does_not_say_when_or_of_which_conversation_it_is_goes_by_its_own_id() -> None:
    timeless = changed(eventTime=None)
    del timeless["detail"]["timestamp"]
    for event in (timeless, changed(conversationId=None)):
        assert key(event) == event_key("envelope-1", "")
        assert key(event) != key({**event, "id": "envelope-2"}), "nothing says that it is the same"


def test_attribute_events_and_outcomes_of_a_flow_of_one_moment_differ_by_their_content() -> None:
    def of_kind(kind: str, value: str, envelope: str) -> dict[str, Any]:
        event = changed(attributes={"k": value}, flowOutcomeId=value)
        event["id"] = envelope
        event["detail"]["topicName"] = f"v2.detail.events.conversation.c-1.{kind}"
        return event

    for kind in ("attributes", "flow.outcome"):
        assert key(of_kind(kind, "a", "e-1")) == key(of_kind(kind, "a", "e-2")) != key(of_kind(kind, "b", "e-1"))


def test_metrics_and_utterances_of_one_moment_are_several_events_and_each_is_known_again() -> None:
    def of_topic(topic: str, envelope: str, **event_body: object) -> dict[str, Any]:
        event = changed(**event_body)
        event["id"] = envelope
        event["detail"]["topicName"] = topic
        return event

    for topic, name in [
        ("v2.analytics.conversation.c-1.metrics", "recordId"),
        ("v2.conversations.c-1.transcription", "utteranceId"),
    ]:
        first, second = of_topic(topic, "e-1", **{name: "1"}), of_topic(topic, "e-2", **{name: "2"})
        assert key(first) == key(of_topic(topic, "e-3", **{name: "1"})) != key(second)


def test_events_without_participant_or_session_differ_by_their_content() -> None:
    for missing in ("participantId", "sessionId"):
        one, other = (changed(**{missing: None}, outboundContactId=contact) for contact in "ab")
        assert key(one) == key({**one, "id": "envelope-2"}) != key(other)


def test_an_event_that_is_not_genesyss_falls_back_to_its_id() -> None:
    assert genesys_key("e-1", '{"id": "e-1", "detail": {}}') == event_key("e-1", "")
    assert genesys_key("e-1", '{"detail": {"topicName": 7}}') == event_key("e-1", "")


@given(st.text(), st.none() | st.text(min_size=1))
def test_a_key_is_found_for_anything(body: str, event_id: str | None) -> None:
    assert genesys_key(event_id, body) == event_key(event_id, body)
