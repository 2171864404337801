"""The generated stream: reproducible, realistic in shape and size, with every kind of poison in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from turnout.demo.events import MAX_BODY_BYTES, POISON_EVERY, DemoMessage, generate
from turnout.failures import Reason
from turnout.rules import load_rules
from turnout.sqs.api import MAX_MESSAGE_ATTRIBUTES, OutgoingMessage

RULES = Path(__file__).parents[3] / "rules"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def stream() -> list[DemoMessage]:
    return list(generate(seed=11, count=2000))


def events_of(stream: list[DemoMessage]) -> list[dict[str, Any]]:
    return [json.loads(message.body) for message in stream if message.poison is None]


def genesys_events(stream: list[DemoMessage]) -> list[dict[str, Any]]:
    return [event for event in events_of(stream) if event["source"].startswith("aws.partner/genesys.com/cloud/")]


def test_the_same_seed_gives_the_same_messages_byte_for_byte() -> None:
    assert list(generate(seed=3, count=300)) == list(generate(seed=3, count=300))


def test_another_seed_gives_other_messages() -> None:
    one = {message.body for message in generate(seed=3, count=300)}
    other = {message.body for message in generate(seed=4, count=300)}
    assert not one & other


def test_a_longer_run_starts_with_the_messages_of_a_shorter_one() -> None:
    assert list(generate(seed=3, count=500))[:120] == list(generate(seed=3, count=120))


def test_every_event_carries_the_eventbridge_envelope(stream: list[DemoMessage]) -> None:
    envelope = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
    for event in events_of(stream):
        assert set(event) == envelope
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])


def test_a_genesys_event_names_its_topic_as_a_template_outside_and_with_the_id_inside(
    stream: list[DemoMessage],
) -> None:
    for event in genesys_events(stream):
        outside, inside = event["detail-type"], event["detail"]["topicName"]
        assert UUID.sub("{id}", inside) == outside
        assert event["detail"]["version"] == "2"
        assert UUID.fullmatch(event["detail"]["metadata"]["CorrelationId"])


def test_a_detail_event_tells_its_time_in_epoch_milliseconds(stream: list[DemoMessage]) -> None:
    for event in genesys_events(stream):
        if event["detail-type"].startswith("v2.detail.events.conversation."):
            body = event["detail"]["eventBody"]
            assert isinstance(body["eventTime"], int)
            assert body["conversationId"] in event["detail"]["topicName"]


def test_the_topics_of_a_contact_centre_all_occur(stream: list[DemoMessage]) -> None:
    topics = {event["detail-type"].removeprefix("v2.detail.events.conversation.{id}.") for event in events_of(stream)}
    assert topics >= {
        *("customer.start", "customer.end", "user.start", "user.end", "acd.start", "acd.end"),
        *("flow.start", "flow.end", "flow.outcome", "attributes", "wrapup", "acw", "voicemail.end", "outbound"),
        *("v2.detail.events.agent.{id}.state", "v2.operations.events.{id}", "Interaction Completed"),
        *("v2.conversations.{id}.transcription", "v2.analytics.conversation.{id}.metrics"),
        "v2.analytics.conversations.details.jobs.availability",
    }


def test_every_rule_that_comes_along_finds_something_and_some_events_match_several_or_none(
    stream: list[DemoMessage],
) -> None:
    rules = load_rules(RULES)
    matches = [rules.match(message.body) for message in stream if message.poison is None]
    hits = Counter(rule for match in matches for rule in (*match.rules, *match.shadow))
    assert set(hits) == {rule.id for rule in rules.rules if rule.enabled}
    assert sum(len(match.targets) > 1 for match in matches) > 50
    assert sum(not match.rules for match in matches) > 100


def test_genesys_events_weigh_about_one_and_a_half_kilobytes(stream: list[DemoMessage]) -> None:
    events = [message.body for message in stream if message.poison is None]
    sizes = [len(body.encode()) for body in events if json.loads(body)["detail-type"].startswith("v2.")]
    assert 1200 < mean(sizes) < 1700


def test_tutorial_events_spread_over_priorities_channels_and_durations(stream: list[DemoMessage]) -> None:
    details = [event["detail"] for event in events_of(stream) if event["source"] == "genesys.cloud"]
    assert {detail["tags"]["priority"] for detail in details} == {"critical", "high", "standard"}
    assert {detail["channel"] for detail in details} >= {"voice", "chat"}
    long = sum(detail["duration_ms"] > 120_000 for detail in details)
    assert 0.15 < long / len(details) < 0.6


def test_every_kind_of_poison_occurs_once_in_so_many_messages(stream: list[DemoMessage]) -> None:
    poison = Counter(message.poison for message in stream if message.poison)
    assert poison.total() == len(stream) // POISON_EVERY
    assert set(poison) == {Reason.INVALID_JSON, Reason.NOT_AN_OBJECT, Reason.MISSING_FIELD, Reason.TOO_DEEP}


def test_poison_is_what_it_says_it_is(stream: list[DemoMessage]) -> None:
    for message in stream:
        if message.poison is Reason.INVALID_JSON:
            with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
                json.loads(message.body)
        elif message.poison is Reason.NOT_AN_OBJECT:
            assert not isinstance(json.loads(message.body), dict)
        elif message.poison is Reason.MISSING_FIELD:
            assert "detail" not in json.loads(message.body)
        elif message.poison is Reason.TOO_DEEP:
            with pytest.raises(RecursionError):
                json.loads(message.body)


def test_the_largest_message_fills_the_queue_limit_with_all_attributes_in_use(stream: list[DemoMessage]) -> None:
    largest = max(stream, key=lambda message: len(message.body))
    assert len(largest.attributes) == MAX_MESSAGE_ATTRIBUTES
    assert OutgoingMessage(largest.body, largest.attributes).size() == MAX_BODY_BYTES


def test_some_events_are_published_twice_and_poison_never_is(stream: list[DemoMessage]) -> None:
    copies = Counter(message.body for message in stream)
    repeated = {body for body, count in copies.items() if count > 1}
    assert 20 < len(repeated) < 60
    assert not repeated & {message.body for message in stream if message.poison}
