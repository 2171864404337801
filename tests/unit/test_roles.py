"""A queue that is a target and something else besides: not forbidden, but never passed over in silence."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from turnout.app import load_ruleset
from turnout.cli.check import check
from turnout.errors import SettingsError
from turnout.queues import queue_key
from turnout.roles import double_roles
from turnout.rules.files.load import read_rules
from turnout.settings import load_settings

QUEUES = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
RULES = f"""
targets:
  again: {{queue: "{QUEUES}events"}}
  dead: {{queue: events-dead}}
  crm: {{queue: crm}}
  elsewhere: {{url: "{QUEUES}events"}}
unmatched: drop
rules:
  - {{id: one, when: exists(detail), send: [again, dead, crm, elsewhere]}}
"""
SAID = [
    "target again is also a source queue, events: what is sent there is routed again, and without end if the rules "
    "send it there again",
    "target dead is also the dead-letter queue, events-dead: events delivered there are taken for letters that nobody "
    "has written",
]


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_URL", f"{QUEUES}events")
    monkeypatch.setenv("TURNOUT_DEAD_LETTER_QUEUE_URL", f"{QUEUES}events-dead")
    monkeypatch.setenv("TURNOUT_RULES", str(file))
    return file


@pytest.mark.usefixtures("rules")
def test_a_worker_logs_which_targets_are_also_its_source_or_its_dead_letter_queue(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        load_ruleset(load_settings())
    assert [record.message for record in caplog.records] == SAID


@pytest.mark.parametrize(
    ("source", "spelling"),
    [
        (f"{QUEUES}events", "https://SQS.eu-west-1.amazonaws.com/123456789012/events"),
        (f"{QUEUES}events", "https://sqs.eu-west-1.amazonaws.com:443/123456789012/events"),
        (f"{QUEUES}events", "https://eu-west-1.queue.amazonaws.com/123456789012/events"),
        (f"{QUEUES}events", "https://sqs.eu-west-1.api.aws/123456789012/events"),
        (f"{QUEUES}events", "https://vpce-1-a.sqs.eu-west-1.vpce.amazonaws.com/123456789012/events"),
        ("http://localhost:9324/000000000000/events", "http://LOCALHOST:9324/000000000000/events"),
        ("http://localhost:9324/000000000000/events", "http://127.0.0.1:9324/000000000000/events"),
        ("http://elasticmq/000000000000/events", "http://elasticmq:80/000000000000/events"),
        ("http://localhost:4566/queue/us-east-1/000000000000/events",
         "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/events"),
    ],
)  # fmt: skip
def test_a_queue_is_known_by_whatever_spelling_of_its_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, spelling: str
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace(f"{QUEUES}events", spelling))
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_URL", source)
    monkeypatch.setenv("TURNOUT_DEAD_LETTER_QUEUE_URL", f"{spelling}-dead")
    settings = load_settings()
    said = double_roles(settings, read_rules(file).targets.values())
    assert [sentence.partition(",")[0] for sentence in said] == [
        "target again is also a source queue",
        "target dead is also the dead-letter queue",
    ]
    monkeypatch.setenv("TURNOUT_DEAD_LETTER_QUEUE_URL", spelling)
    with pytest.raises(SettingsError, match="is also a source queue"):
        load_settings()


@pytest.mark.parametrize(
    "other",
    [
        "https://sqs.eu-west-1.amazonaws.com/123456789012/Events",
        "https://sqs.eu-west-2.amazonaws.com/123456789012/events",
        "https://sqs.eu-west-1.amazonaws.com/210987654321/events",
        "http://localhost:9324/123456789012/events",
    ],
)
def test_queues_that_differ_in_name_account_region_or_place_are_not_the_same(other: str) -> None:
    assert queue_key(other) != queue_key(f"{QUEUES}events")


@pytest.mark.usefixtures("rules")
def test_check_notes_it_with_the_settings_and_not_for_rules_alone(rules: Path) -> None:
    assert CliRunner().invoke(check).stderr.splitlines() == [f"note: {sentence}" for sentence in SAID]
    assert CliRunner().invoke(check, ["--rules", str(rules)]).stderr == ""


def test_a_target_whose_url_leads_nowhere_is_a_problem_of_the_rules_alone(rules: Path) -> None:
    rules.write_text(RULES.replace(f'"{QUEUES}events"}}', '"https://[::1/1/events"}', 1))
    result = CliRunner().invoke(check)
    assert "TR113 this is not a queue: its host or its port cannot be" in result.output
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
