"""Which conversation an event is about: the known places, in order."""

import json
from pathlib import Path

import pytest

from turnout.rules import load_rules
from turnout.rules.identity import conversation_id, time_ns
from turnout.rules.model import Json

ID = "2f150522-3b90-5ae1-b77f-d8fbd135a177"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"detail": {"eventBody": {"conversationId": "1"}, "conversationId": "2"}}, "1"),
        ({"detail": {"conversationId": "2", "interactionId": "3"}}, "2"),
        ({"detail": {"interactionId": "3", "conversation": {"id": "4"}}}, "3"),
        ({"detail": {"conversation": {"id": "4"}, "id": "6"}, "interactionId": "5"}, "4"),
        ({"detail": {"id": "6"}, "interactionId": "5"}, "5"),
        ({"detail": {"id": "6"}}, "6"),
        ({"detail": {"eventBody": {"conversationId": ""}, "id": "6"}}, "6"),
        ({"detail": {"eventBody": {"conversationId": 5}, "id": "6"}}, "6"),
        ({"detail": {"topicName": f"v2.detail.events.conversation.{ID}.user.end"}}, ID),
        ({"detail": {"topicName": f"v2.conversations.{ID}.transcription"}}, ID),
        ({"detail": {"topicName": f"v2.analytics.conversation.{ID}.metrics"}}, ID),
        ({"detail": {"topicName": f"v2.routing.queues.{ID}.conversations"}}, None),
        ({"detail": {"topicName": f"v2.users.{ID}.conversations"}}, None),
        ({"detail": {"topicName": "v2.detail.events.conversation.{id}.user.end"}}, None),
        ({"detail": []}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_conversation_of_an_event(event: Json, expected: str | None) -> None:
    assert conversation_id(event) == expected


def test_a_time_of_any_length_that_somebody_wrote_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("targets: {a: {queue: a}}\nunmatched: a\nrules: [{id: r, when: exists(detail), send: [a]}]\n")
    rules = load_rules(path)
    written = "2026-01-01T00:00:00." + "0" * 19 + "Z"
    before = time_ns.cache_info().misses
    assert rules.match(json.dumps({"time": written})).event_time_ns == 1_767_225_600_000_000_000
    assert rules.match(json.dumps({"time": written + "0" * 1_000_000})).event_time_ns is None
    assert time_ns.cache_info().misses == before + 1
