"""`turnout queues create`: what cannot be made is refused before anything is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from turnout.cli.queues import queues

RULES = """
targets:
  critical: {queue: "${CRITICAL_QUEUE_URL}"}
  topic: {topic: "arn:aws:sns:eu-west-1:123456789012:t"}
unmatched: drop
rules:
  - {id: one, when: detail.to == 'one', send: [critical, topic]}
"""


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--prefix=", "'' cannot begin a queue's name"),
        ("--prefix=a b", "'a b' cannot begin a queue's name"),
        ("--prefix=zürich", "'zürich' cannot begin a queue's name"),
        ("--prefix=" + "x" * 41, "1 to 40 of A-Z, a-z, 0-9, '-' and '_'"),
        ("--fifo=topic", "--fifo topic: this target is no queue, but a topic"),
        ("--fifo=critical", "it has the queue urgent, which is no FIFO queue"),
    ],
)
def test_names_and_kinds_that_no_queue_can_have_are_refused_before_one_is_made(
    option: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    monkeypatch.setenv("CRITICAL_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/urgent")
    monkeypatch.setattr("turnout.cli.queues._make", None)
    result = CliRunner().invoke(queues, ["create", "--rules", str(rules), option])
    assert result.exit_code == 2
    assert said in result.stderr
