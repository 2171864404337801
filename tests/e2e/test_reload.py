"""Rules change under a running worker: nothing is lost and no event sees half of a ruleset."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
from tests.e2e.conftest import RULES
from tests.e2e.test_observed import port_of, scraped, value
from tests.e2e.turnout import Queues, running, wait_until

from turnout import load_rules
from turnout.settings import required_paths


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


TARGETS = RULES.partition("rules:\n")[0]
ONE_RULE = """rules:
  - id: %s
    when: detail.priority == 'urgent'
    send: [%s]
    examples: [{event: {detail: {priority: urgent}}, match: %s}]
"""


class Mount:
    """A ConfigMap as Kubernetes mounts it: links to links to a folder with the files of one version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._versions = 0

    def swap(self, files: dict[str, str]) -> None:
        """Put a version in place, in one moment, and remove the one before it."""
        self._versions += 1
        before, data = (self.path / f"..{number}" for number in (self._versions - 1, self._versions))
        data.mkdir(parents=True)
        for name, text in files.items():
            (data / name).write_text(text)
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        (self.path / "..data_tmp").symlink_to(data.name)
        os.replace(self.path / "..data_tmp", self.path / "..data")
        shutil.rmtree(before, ignore_errors=True)

    def remove(self) -> None:
        """The whole directory is gone."""
        shutil.rmtree(self.path)


def test_a_mounted_configmap_changes_breaks_and_goes_under_load(queues: Queues, tmp_path: Path) -> None:
    """Two rules in two files match every event: where it goes tells whether it saw one version or a mixture."""

    def version(one: str, two: str, *, example: str = "true") -> dict[str, str]:
        rules = {"10-one.yaml": ONE_RULE % ("one", one, "true"), "20-two.yaml": ONE_RULE % ("two", two, example)}
        return {"00-targets.yaml": TARGETS, **rules}

    mount = Mount(tmp_path / "mount")
    first, second = version("critical", "high"), version("standard", "standard")
    cut = {**second, "20-two.yaml": second["20-two.yaml"][:-15]}
    failing = version("critical", "standard", example="false")
    steps: list[tuple[str, Callable[[], None], str, str]] = [
        ("swapped", partial(mount.swap, second), "rules reloaded", ""),
        ("half-written", partial(mount.swap, cut), "rules not reloaded", "TR103"),
        ("whole again", partial(mount.swap, first), "rules reloaded", ""),
        ("a failing example", partial(mount.swap, failing), "rules not reloaded", "TR401"),
        ("deleted", mount.remove, "rules not reloaded", "TR102"),
        ("back", partial(mount.swap, second), "rules reloaded", ""),
    ]
    mount.swap(first)
    published = 0

    def publish(count: int) -> None:
        nonlocal published
        numbers = range(published, published + count)
        queues.publish([json.dumps({"id": f"event-{n}", "detail": {"priority": "urgent"}}) for n in numbers])
        published += count

    environment = queues.environment() | {"TURNOUT_HTTP_PORT": "0"}
    with running(environment, "--rules", str(mount.path)) as turnout:
        url = port_of(turnout)
        active = load_rules(mount.path, environ=environment, require=required_paths()).fingerprint
        for what, change, said, reason in steps:
            times = turnout.log.count(said)
            publish(100)
            change()
            publish(100)
            wait_until(lambda b=times, s=said: turnout.log.count(s) > b, f"{said!r} after {what}: {turnout.log}")
            assert reason in turnout.log, what
            is_good = said == "rules reloaded"
            if is_good:
                active = load_rules(mount.path, environ=environment, require=required_paths()).fingerprint
            health, series = httpx.get(url + "/readyz").json(), scraped(url)
            assert (health["ruleset"], health["reload_success"]) == (active, is_good), what
            assert value(series, "turnout_rules_info", fingerprint=active) == 1, what
            assert value(series, "turnout_rules_reload_success") == int(is_good), what
        queues.publish(["not json"])
        queues.wait_until_empty()
        turnout.signal(signal.SIGTERM)
        assert turnout.wait() == 0, turnout.log
    (letter,) = queues.drain("events-dead")
    assert json.loads(letter["MessageAttributes"]["Turnout.Letter"]["StringValue"])["ruleset"] == active
    critical, high, standard = (queues.event_ids(name) for name in ("critical", "high", "standard"))
    assert critical == high
    assert critical + standard == {f"event-{number}": 1 for number in range(published)}
