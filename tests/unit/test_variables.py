"""Misspelt settings are pointed out by every program; what another program reads is no mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from turnout.cli.dlq import dlq
from turnout.variables import known_variables, misspelt_settings

SOURCE = Path(__file__).parents[2] / "src" / "turnout"


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("TURNOUT_POLERS", "TURNOUT_POLLERS"),
        ("TURNOUT_DLQ_RATES", "TURNOUT_DLQ_RATE"),
        ("TURNOUT_DLQ_ARCHIVE_BUKCET", "TURNOUT_DLQ_ARCHIVE_BUCKET"),
        ("TURNOUT_DLQ_INTERVAL", "TURNOUT_DLQ_INTERVAL_SECONDS"),
        ("TURNOUT_GENESYS_CLIENT_SECRT", "TURNOUT_GENESYS_CLIENT_SECRET"),
        ("TURNOUT_PARKED_QUEUE", "TURNOUT_PARKED_QUEUE_URL"),
        ("TURNOUT_PORT", "TURNOUT_HTTP_PORT"),
    ],
)
def test_a_misspelt_setting_of_any_program_is_pointed_out_without_its_value(misspelt: str, meant: str) -> None:
    assert misspelt_settings({misspelt: "hunter22", "TURNOUT_POLLERS": "2"}) == (
        f"{misspelt} is not a setting and has no effect; did you mean {meant}?",
    )


def test_what_another_program_reads_is_not_pointed_out_however_close_it_is() -> None:
    # TURNOUT_DLQ_DRAIN_SECONDS is nearer to the worker's TURNOUT_DRAIN_SECONDS than most misspellings are.
    assert misspelt_settings(dict.fromkeys(known_variables(), "1")) == ()


def test_what_kubernetes_sets_for_a_service_is_not_pointed_out() -> None:
    environ = {
        "TURNOUT_SERVICE_HOST": "10.0.0.1",
        "TURNOUT_SERVICE_PORT": "8080",
        "TURNOUT_SERVICE_PORT_HTTP": "8080",
        "TURNOUT_PORT": "tcp://10.0.0.1:8080",
        "TURNOUT_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "TURNOUT_PORT_8080_TCP_PROTO": "tcp",
        "TURNOUT_PORT_8080_TCP_PORT": "8080",
        "TURNOUT_PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    assert misspelt_settings(environ) == ()


def test_every_variable_that_the_code_names_is_known() -> None:
    named = {
        name
        for path in SOURCE.rglob("*.py")
        for name in re.findall(r"\bTURNOUT_[A-Z_]+[A-Z]\b", path.read_text())
        if name != "TURNOUT_SERVICE_HOST"
    }
    assert "TURNOUT_DLQ_LEDGER" in named
    assert named - {"TURNOUT_PORT", "TURNOUT_DLQ", "TURNOUT_GENESYS"} <= known_variables()


@pytest.mark.parametrize(
    "command", [("list",), ("show", "1"), ("report",), ("retry", "--dry-run"), ("work", "--dry-run")]
)
def test_commands_of_recovery_point_it_out_before_they_fail(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TURNOUT_DEAD_LETTER_QUEUE_URL", raising=False)
    monkeypatch.delenv("GENESYS_DLQ_URL", raising=False)
    result = CliRunner().invoke(dlq, command, env={"TURNOUT_DEAD_LETTERS_QUEUE_URL": "https://sqs/1/dead"})
    assert result.exit_code != 0
    assert result.stderr.startswith(
        "note: TURNOUT_DEAD_LETTERS_QUEUE_URL is not a setting and has no effect; "
        "did you mean TURNOUT_DEAD_LETTER_QUEUE_URL?\n"
    )


def test_the_processor_points_it_out_in_its_log(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TURNOUT_", "GENESYS_"))}
    done = subprocess.run(
        [sys.executable, "-m", "turnout", "dlq", "work", "--once", "--log-format", "json"],
        env=environ | {"TURNOUT_DLQ_LEGDER": "dynamodb:turnout"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr  # there is no queue either
    first = json.loads(done.stderr.splitlines()[0])
    assert first["level"] == "warning"
    assert first["message"].endswith("did you mean TURNOUT_DLQ_LEDGER?")
