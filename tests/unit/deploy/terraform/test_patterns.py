"""The event patterns of deploy/terraform, judged by our own engine, which has the semantics of EventBridge."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.deploy.terraform.module import FOLDER, named, resources

from turnout.rules.files.load import load_rules

Pattern = dict[str, Any]

SOURCE = "aws.partner/genesys.com/cloud/11111111-2222-3333-4444-555555555555/prod"


def event(topic: str = "v2.detail.events.conversation.{id}.customer.end", **fields: object) -> str:
    return json.dumps({"source": SOURCE, "detail-type": topic, "detail": {"eventBody": fields}})


def let_in_by(patterns: dict[str, Pattern], body: str, folder: Path) -> set[str]:
    """The names of the patterns that match."""
    rules = [{"id": name, "pattern": pattern, "send": [name]} for name, pattern in patterns.items()]
    targets = {name: {"queue": f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"} for name in patterns}
    (folder / "rules.yaml").write_text(json.dumps({"targets": targets, "unmatched": "drop", "rules": rules}))
    return set(load_rules(folder).match(body).rules)


def default_pattern() -> Pattern:
    """What a source lets in when nothing else is said."""
    text = resources("aws_cloudwatch_event_rule")["source"]["event_pattern"]
    assert "source = [{prefix = each.value.source_prefix}]" in text
    assert "detail-type = [for topic in each.value.topics : {prefix = topic}]" in text
    type_ = named("variable")["sources"]["type"]
    topics = re.search(r"topics = optional\(list\(string\), (\[.*?\])\)", type_)
    prefix = re.search(r'source_prefix = optional\(string, "([^"]+)"\)', type_)
    assert topics is not None
    assert prefix is not None
    return {
        "source": [{"prefix": prefix[1]}],
        "detail-type": [{"prefix": each} for each in json.loads(topics[1])],
    }


@pytest.mark.parametrize(
    ("topic", "comes_in"),
    [
        ("v2.detail.events.conversation.{id}.customer.end", True),
        ("v2.detail.events.conversation.4b7a2f0c-6c35-4a55-9b3a-1d2e3f405162.acd.end", True),
        ("v2.audits.entitytype.{id}.entityid.{id}", False),
    ],
)
def test_conversations_come_in_when_nothing_else_is_said(topic: str, comes_in: bool, tmp_path: Path) -> None:
    assert let_in_by({"events": default_pattern()}, event(topic), tmp_path) == ({"events"} if comes_in else set())


def test_events_of_others_do_not(tmp_path: Path) -> None:
    other = json.dumps({"source": "aws.ec2", "detail-type": "v2.detail.events.conversation.x", "detail": {}})
    assert let_in_by({"events": default_pattern()}, other, tmp_path) == set()


def shards() -> dict[str, Pattern]:
    """The patterns of examples/sharded."""
    text = (FOLDER / "examples" / "sharded" / "main.tf").read_text()
    assert "conversationId = [for digit in digits : { prefix = digit }]" in text
    rest = 'conversationId = [{ exists = false }, { "anything-but" = { prefix = flatten(values(local.shards)) } }]'
    assert rest in text
    genesys = [{"prefix": "aws.partner/genesys.com"}]
    found = re.findall(r"^    ([a-d]) = (\[.*\])$", text, re.MULTILINE)
    by_digit = {shard: [{"prefix": digit} for digit in json.loads(digits)] for shard, digits in found}
    begun = [each["prefix"] for digits in by_digit.values() for each in digits]
    ids = {**by_digit, "rest": [{"exists": False}, {"anything-but": {"prefix": begun}}]}
    return {name: {"source": genesys, "detail": {"eventBody": {"conversationId": each}}} for name, each in ids.items()}


def test_every_conversation_is_in_one_shard(tmp_path: Path) -> None:
    seen: set[str] = set()
    for digit in "0123456789abcdef":
        body = event(conversationId=f"{digit}b7a2f0c-6c35-4a55-9b3a-1d2e3f405162")
        (shard,) = let_in_by(shards(), body, tmp_path)
        seen.add(shard)
    assert seen == {"a", "b", "c", "d"}


def test_events_without_a_conversation_are_in_the_rest(tmp_path: Path) -> None:
    assert let_in_by(shards(), event("v2.audits.entitytype.{id}.entityid.{id}", id="x"), tmp_path) == {"rest"}


@pytest.mark.parametrize("odd", ["4B7A2F0C", "B7A2F0C4", "x", "", None, 7, []])
def test_events_whose_conversation_has_another_kind_of_id_are_in_one_queue_too(odd: object, tmp_path: Path) -> None:
    assert len(let_in_by(shards(), event(conversationId=odd), tmp_path)) == 1
