"""Rules change under a running worker: nothing is lost and no event sees half of a ruleset."""

import json
import signal
from pathlib import Path

from tests.e2e.conftest import RULES
from tests.e2e.turnout import Queues, running, wait_until


def swapped(text: str) -> str:
    """The same two rules, each with the other's targets."""
    parts = text.replace("[critical, high]", "[X]").replace("[standard]", "[critical, high]")
    return parts.replace("[X]", "[standard]")


def test_rules_change_under_load_by_file_and_by_sighup(queues: Queues, rules: Path) -> None:
    file = rules / "rules.yaml"
    versions = [swapped(RULES), RULES.replace("== 'urgent'", "= 'urgent'"), RULES, swapped(RULES)]
    said = ["rules reloaded", "rules not reloaded", "rules reloaded", "rules reloaded"]
    published: list[str] = []

    def publish(count: int) -> None:
        for _ in range(count):
            number = len(published)
            priority = "urgent" if number % 2 else "rest"
            published.append(json.dumps({"id": f"event-{number}", "detail": {"priority": priority}}))
        queues.publish(published[-count:])

    with running(queues.environment(), "--rules", str(rules)) as turnout:
        publish(100)
        turnout.wait_for_log("routing from")
        for version, expected in zip(versions, said, strict=True):
            before = turnout.log.count(expected)
            file.write_text(version)
            if version is versions[-1]:
                turnout.signal(signal.SIGHUP)
            publish(100)
            wait_until(lambda b=before, e=expected: turnout.log.count(e) > b, f"{expected} in {turnout.log}")
            publish(100)
        queues.wait_until_empty()
        turnout.signal(signal.SIGTERM)
        assert turnout.wait() == 0, turnout.log
        assert "rules.yaml:8:" in turnout.log
    critical, high, standard = (queues.event_ids(name) for name in ("critical", "high", "standard"))
    assert critical == high
    assert critical + standard == {f"event-{number}": 1 for number in range(len(published))}
    assert not set(critical) & set(standard)
