"""`turnout queues create`: what cannot be made is refused before anything is."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from turnout.cli.queues import queues
from turnout.provision.create import Made
from turnout.provision.plan import QueuePlan

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


def test_of_several_source_queues_all_are_made_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Maker:
        emulator = True

        async def make(self, plans: Iterable[QueuePlan]) -> AsyncIterator[Made]:
            for plan in plans:
                yield Made(plan, f"http://localhost:1/0/{plan.name}", new=True)

    @contextlib.asynccontextmanager
    async def maker() -> AsyncIterator[Maker]:
        yield Maker()

    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    monkeypatch.setattr("turnout.provision.create.open_maker", maker)
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_URL", "http://localhost:1/0/one, http://localhost:1/0/two")
    result = CliRunner().invoke(queues, ["create", "--rules", str(rules)])
    assert "export TURNOUT_SOURCE_QUEUE_URL=http://localhost:1/0/one,http://localhost:1/0/two\n" in result.stdout
