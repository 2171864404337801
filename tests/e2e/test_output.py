"""What is printed where it cannot be written or shown: a full disk, closed streams, a locale that knows ASCII alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest
from tests.e2e.turnout import SOURCE, TURNOUT, Queues
from tests.unit.recovery import letters
from tests.unit.recovery.report.stories import NOW, event

from turnout.recovery import read_letter
from turnout.recovery.sources.export import Redacted, export_line, header_line

RULES = Path(__file__).parents[2] / "rules"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/events-dead"


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    body = event(1)
    body["detail"]["eventBody"]["name"] = "Zoë → 日本"
    message = letters.rule("THROTTLING", "Überlast, rate exceeded", json.dumps(body, ensure_ascii=False))
    letter = read_letter({**message, "MessageId": "m-1"}, queue=QUEUE)
    file = tmp_path / "dead.jsonl"
    file.write_text(header_line("events-dead", NOW, 1, Redacted.NOTHING) + export_line(letter))
    return file


def turnout(
    *arguments: str, stdout: IO[Any] | int = subprocess.PIPE, locale: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TURNOUT, *arguments],
        check=False,
        env={"PATH": "/usr/bin:/bin", "TURNOUT_RULES": str(RULES), **SOURCE, **(locale or {})},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
    )


@pytest.mark.parametrize("command", ["report", "list", "list --json", "show m-1"])
def test_a_disk_that_is_full_is_said_in_one_sentence(command: str, exported: Path) -> None:
    with open("/dev/full", "w") as full:
        done = turnout("dlq", *command.split(), "--file", str(exported), stdout=full)
    assert done.stderr == "turnout: what is to be printed cannot be written: No space left on device\n"
    assert done.returncode == 1


def test_that_nothing_can_be_written_is_said_in_one_sentence() -> None:
    # As on a read-only file system, where no directory that tempfile tries can be written.
    nowhere = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/self/fdinfo']"
    command = f"{nowhere}; from turnout.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "demo", "--rules", str(RULES)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("turnout: No usable temporary directory found in ")
    assert done.stderr.endswith("; set TMPDIR to a directory that can be written\n")


@pytest.mark.parametrize("command", ["report", "list", "list --json", "show m-1 --show-pii"])
def test_a_locale_without_the_characters_ends_nothing(command: str, exported: Path) -> None:
    done = turnout("dlq", *command.split(), "--file", str(exported), locale=ASCII)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_worker_whose_standard_streams_were_closed_works_and_stops_as_others_do(
    closed: str, queues: Queues, rules: Path
) -> None:
    queues.publish([f'{{"id": "event-{number}", "detail": {{"priority": "rest"}}}}' for number in range(20)])
    started = subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', TURNOUT, "run", "--rules", str(rules)], env=queues.environment()
    )
    try:
        queues.wait_until_empty()
        started.terminate()
        assert started.wait(40) == 0
    finally:
        started.kill()
        started.wait()
    assert queues.count("standard") == 20


def test_a_question_that_nobody_can_answer_is_none() -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TURNOUT_"))}
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" "$@" <&-', TURNOUT, "queues", "create"],
        env={**ours, "TURNOUT_RULES": str(RULES), "AWS_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "say --yes if that is wanted" in done.stderr
