"""A queue that is a target and something else besides: not forbidden, but never passed over in silence."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from turnout.app import load_ruleset
from turnout.cli.check import check
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


@pytest.mark.usefixtures("rules")
def test_check_notes_it_with_the_settings_and_not_for_rules_alone(rules: Path) -> None:
    assert CliRunner().invoke(check).stderr.splitlines() == [f"note: {sentence}" for sentence in SAID]
    assert CliRunner().invoke(check, ["--rules", str(rules)]).stderr == ""
