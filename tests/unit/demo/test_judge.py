"""The judge: the demonstration's own opinion on where a message belongs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from turnout.demo.audit import DEAD_LETTERS
from turnout.demo.events import DemoMessage, generate
from turnout.demo.judge import judge
from turnout.demo.queues import SOURCE
from turnout.failures import Reason
from turnout.message import Message
from turnout.pipeline.router import metadata
from turnout.rules import Ruleset, load_rules

RULES = """\
targets:
  critical: {{queue: critical}}
  standard: {{queue: standard}}
unmatched: {unmatched}
rules:
  - {{id: urgent, when: detail.priority == 'critical', send: [critical]}}
  - {{id: tried, when: detail.priority == 'critical', send: [standard], mode: shadow}}
  - {{id: asleep, when: detail.priority == 'critical', send: [standard], enabled: false}}
  - {{id: last, when: detail.last == true, send: [critical], stop: true}}
  - {{id: voice, when: detail.channel == 'voice', send: [standard, critical]}}
"""

LONG_AND_SPOKEN = """\
targets: {a: {queue: a}, b: {queue: b}}
unmatched: drop
rules:
  - id: long
    when: detail.duration_ms > 120000 or detail.eventBody.interactingDurationMs > 120000
    send: [a]
  - {id: spoken, when: "detail.eventBody.mediaType in ['VOICE', 'CALLBACK']", send: [b]}
"""


def ruleset(path: Path, unmatched: str = "drop") -> Ruleset:
    file = path / "rules.yaml"
    file.write_text(RULES.format(unmatched=unmatched))
    return load_rules(file)


def event(**detail: object) -> DemoMessage:
    return DemoMessage(json.dumps({"detail": detail}))


def test_every_active_rule_that_holds_adds_its_targets_once(tmp_path: Path) -> None:
    rules = ruleset(tmp_path)
    assert judge(event(priority="critical"), rules) == ("critical",)
    assert judge(event(priority="critical", channel="voice"), rules) == ("critical", "standard")


def test_nothing_is_added_after_a_rule_that_stops(tmp_path: Path) -> None:
    assert judge(event(last=True, channel="voice"), ruleset(tmp_path)) == ("critical",)


@pytest.mark.parametrize(
    ("unmatched", "places"), [("drop", ()), ("dead-letter", (DEAD_LETTERS,)), ("standard", ("standard",))]
)
def test_an_event_that_no_rule_wants_goes_where_the_rules_say(
    tmp_path: Path, unmatched: str, places: tuple[str, ...]
) -> None:
    assert judge(event(priority="low"), ruleset(tmp_path, unmatched)) == places


def test_poison_is_a_dead_letter_whatever_the_rules_say(tmp_path: Path) -> None:
    body = json.dumps({"detail": {"priority": "critical"}})
    poison = DemoMessage(body, poison=Reason.MISSING_FIELD)
    assert judge(poison, ruleset(tmp_path)) == (DEAD_LETTERS,)


def test_the_judge_and_the_ruleset_are_of_one_opinion(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(LONG_AND_SPOKEN)
    rules = load_rules(file, require=("detail",))
    for message in generate(seed=2, count=500):
        places, match = judge(message, rules), rules.match(message.body)
        if message.poison is None:
            assert set(places) == set(match.targets)
        else:
            assert match.rejected is not None
            assert match.rejected.reason is message.poison


@pytest.mark.parametrize(
    "when",
    ["@queue != 'turnout-audits'", "@sent_timestamp > 1700000000000", "exists(@message_id)", "@receive_count == 1"],
)
def test_what_rules_know_of_a_message_beside_its_event_the_judge_knows_too(tmp_path: Path, when: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        "targets: {a: {queue: a}, b: {queue: b}}\n"
        "unmatched: drop\n"
        "rules:\n"
        f'  - {{id: around, when: "{when}", send: [a], stop: true}}\n'
        "  - {id: all, when: exists(detail), send: [b]}\n"
    )
    rules = load_rules(file)
    message = event(priority="low")
    system = {"ApproximateReceiveCount": "1", "SentTimestamp": str(time.time_ns() // 1_000_000)}
    received = Message("0b2e", "handle", message.body, f"http://127.0.0.1/000000000000/{SOURCE}", system=system)
    assert judge(message, rules) == rules.match(message.body, metadata(received)).targets == ("a",)
