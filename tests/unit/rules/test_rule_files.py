"""The rule files that ship: sound, exemplary, and right about real events."""

import json
from pathlib import Path

import pytest

from turnout import load_rules
from turnout.rules.files.load import read_rules
from turnout.rules.trials.examples import run_examples
from turnout.rules.trials.trial import try_rules

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT.parent / "shared" / "samples" / "events"

RULESET = load_rules(ROOT / "rules", environ={}, require=["detail"])

EXPECTED = {
    "acd.end.abandon.voice": ("critical", "standard"),
    "acd.end.voice": ("standard",),
    "acd.start.voice": ("high",),
    "acw.voice": ("standard",),
    "agent.state": (),
    "analytics.conversation.metrics": (),
    "attributes.voice": (),
    "contact.email": (),
    "customer.end.message": ("high", "standard"),
    "customer.end.voice": ("standard",),
    "customer.start.voice": (),
    "flow.end.voice": (),
    "flow.outcome.voice": ("standard",),
    "jobs.availability": ("standard",),
    "operations.event": ("critical",),
    "outbound.voice": ("standard",),
    "queue.conversation.call": (),
    "transcription.ended": ("standard",),
    "transcription.ongoing": (),
    "tutorial-a.interaction-completed": ("high", "standard"),
    "tutorial-c.detail-interactionId": (),
    "tutorial-d.genesys-cloud-event": (),
    "tutorial-e.flat-body": (),
    "user.end.transfer.voice": ("high", "standard"),
    "user.end.voice": ("standard",),
    "user.start.voice": (),
    "voicemail.end": ("high",),
    "wrapup.voice": ("standard",),
}


def test_every_example_holds() -> None:
    assert run_examples(RULESET.rules) == ()


def test_every_table_holds_and_every_term_was_seen_true_and_false() -> None:
    trial = try_rules(read_rules(ROOT / "rules", environ={}), ROOT / "rules")
    assert trial.problems == ()
    assert trial.tests > 10
    assert [(rule.rule, rule.gaps) for rule in trial.coverage if rule.gaps] == []


@pytest.mark.parametrize("rule", RULESET.rules, ids=lambda rule: rule.id)
def test_every_rule_has_a_positive_and_a_negative_example_an_owner_and_a_description(rule) -> None:  # type: ignore[no-untyped-def]
    assert {example.match for example in rule.examples} == {True, False}
    assert rule.owner
    assert rule.description


def test_four_variables_are_enough() -> None:
    assert set(RULESET.targets) == {"critical", "high", "standard"}
    variables = {name for target in RULESET.targets.values() for name in target.unresolved}
    assert variables == {"CRITICAL_QUEUE_URL", "HIGH_QUEUE_URL", "STANDARD_QUEUE_URL"}
    assert RULESET.unmatched == "drop"


@pytest.mark.parametrize(
    ("detail", "rules"),
    [
        ({"tags": {"priority": "critical"}}, ("critical-priority",)),
        ({"tags": {"priority": "high"}}, ("high-priority",)),
        ({"duration_ms": 120001}, ("high-priority",)),
        ({"duration_ms": 120000}, ()),
        ({"channel": "voice", "outcome": "completed"}, ("standard-priority",)),
        (
            {"channel": "voice", "outcome": "completed", "duration_ms": 200000, "tags": {"priority": "critical"}},
            ("critical-priority", "high-priority", "standard-priority"),
        ),
        ({}, ()),
    ],
)
def test_interactions_go_where_their_priority_says(detail: dict[str, object], rules: tuple[str, ...]) -> None:
    body = json.dumps({"source": "genesys.cloud", "detail-type": "Interaction Completed", "detail": detail})
    assert RULESET.match(body).rules == rules


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_event_goes_somewhere_sensible(name: str) -> None:
    path = SAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the sample event {name} is not beside this checkout")
    match = RULESET.match(json.dumps(json.loads(path.read_text())["event"]))
    assert match.rejected is None
    assert match.targets == EXPECTED[name]


def test_every_sample_event_is_accounted_for() -> None:
    if not SAMPLES.exists():
        pytest.skip("the sample events are not beside this checkout")
    with_event = {path.stem for path in SAMPLES.glob("*.json") if "event" in json.loads(path.read_text())}
    assert with_event == set(EXPECTED)
