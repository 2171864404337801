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

from turnout.cli.check import check
from turnout.cli.dlq import dlq
from turnout.cli.doctor import doctor
from turnout.cli.run import run
from turnout.settings import load_settings
from turnout.variables import (
    idle_settings,
    known_variables,
    misspelt_settings,
    settings_without_port,
    unusable_variables,
)

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
        ("TURNOUT_DLQ_URL", "TURNOUT_DEAD_LETTER_QUEUE_URL"),
        ("TURNOUT_DLQ_QUEUE", "TURNOUT_DEAD_LETTER_QUEUE_URL"),
        ("TURNOUT_DLQ_QUEUE_URL", "TURNOUT_DEAD_LETTER_QUEUE_URL"),
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


NEEDED = {
    "TURNOUT_SOURCE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
    "TURNOUT_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events-dead",
    "TURNOUT_IDEMPOTENCY_TABLE": "turnout-idempotency",
}
IDLE = (
    "TURNOUT_IDEMPOTENCY_TABLE has no effect: set TURNOUT_IDEMPOTENCY=dynamodb to use the table, "
    "or TURNOUT_IDEMPOTENCY=none to do without"
)


@pytest.mark.parametrize(("chosen", "said"), [("", (IDLE,)), ("none", ()), ("memory", ()), ("dynamodb", ())])
def test_a_table_that_nobody_said_to_use_is_pointed_out_and_one_that_was_switched_off_is_not(
    chosen: str, said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**NEEDED, "TURNOUT_IDEMPOTENCY": chosen}.items():
        monkeypatch.setenv(name, value)
    assert idle_settings(load_settings()) == said


SWITCH = "set TURNOUT_IDEMPOTENCY=memory or dynamodb to remember events, or TURNOUT_IDEMPOTENCY=none to do without"
OPEN = "set TURNOUT_HTTP_PORT=8080 to open a port, or leave it empty to do without"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TURNOUT_IDEMPOTENCY_KEY": "genesys"}, (f"TURNOUT_IDEMPOTENCY_KEY has no effect: {SWITCH}",)),
        (
            {"TURNOUT_IDEMPOTENCY_EVENTS": "9", "TURNOUT_IDEMPOTENCY_DAYS": "20", "TURNOUT_IDEMPOTENCY_KEY": "event"},
            (
                "TURNOUT_IDEMPOTENCY_EVENTS, TURNOUT_IDEMPOTENCY_DAYS and TURNOUT_IDEMPOTENCY_KEY have no effect: "
                + SWITCH,
            ),
        ),
        ({"TURNOUT_IDEMPOTENCY_KEY": "genesys", "TURNOUT_IDEMPOTENCY": "none"}, ()),
        ({"TURNOUT_IDEMPOTENCY_KEY": "genesys", "TURNOUT_IDEMPOTENCY": "memory"}, ()),
        ({"TURNOUT_HTTP_HOST": "0.0.0.0"}, (f"TURNOUT_HTTP_HOST has no effect: {OPEN}",)),
        (
            {"TURNOUT_HTTP_HOST": "::1", "TURNOUT_HTTP_BODIES": "true"},
            (f"TURNOUT_HTTP_HOST and TURNOUT_HTTP_BODIES have no effect: {OPEN}",),
        ),
        ({"TURNOUT_HTTP_HOST": "127.0.0.1", "TURNOUT_HTTP_BODIES": "false"}, ()),
        ({"TURNOUT_HTTP_BODIES": "true", "TURNOUT_HTTP_PORT": "0"}, ()),
        ({"TURNOUT_HTTP_BODIES": "true", "TURNOUT_HTTP_PORT": ""}, ()),
        ({"TURNOUT_HTTP_TOKEN": "which turnout top reads from it, too"}, ()),
    ],
)
def test_settings_that_wait_for_a_store_or_a_port_are_pointed_out_unless_it_was_switched_off(
    given: dict[str, str], said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TURNOUT_IDEMPOTENCY", "TURNOUT_HTTP_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**NEEDED, "TURNOUT_IDEMPOTENCY_TABLE": "", **given}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (*idle_settings(settings), *settings_without_port(settings)) == said


@pytest.mark.parametrize("processes", [1, 2])
def test_a_worker_that_starts_and_the_check_before_it_say_so(
    processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules"
    for name, value in {**NEEDED, "TURNOUT_RULES": str(rules), "TURNOUT_PROCESSES": str(processes)}.items():
        monkeypatch.setenv(name, value)
    for name in ("TURNOUT_IDEMPOTENCY", "TURNOUT_HTTP_PORT"):
        monkeypatch.delenv(name, raising=False)
    environ = dict(os.environ) | {"TURNOUT_LOG_FORMAT": "text", "TURNOUT_HTTP_BODIES": "true"}
    started = subprocess.run(  # which ends because there are no rules
        [sys.executable, "-m", "turnout", "run"], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert started.returncode == 1, started.stderr
    assert started.stderr.count(IDLE) == 1
    assert started.stderr.count(f"TURNOUT_HTTP_BODIES has no effect: {OPEN}") == 1
    rules.mkdir()
    (rules / "rules.yaml").write_text("targets: {crm: {queue: crm}}\nunmatched: crm\nrules: []\n")
    assert f"note: {IDLE}" in CliRunner().invoke(check).stderr


BROKEN = {
    "AWS_ENDPOINT_URL": "foo",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://user:hunter22@dynamo:port",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "notaurl",
    "OTEL_TRACES_SAMPLER": "traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "5",
}
UNUSABLE = (
    "AWS_ENDPOINT_URL: 'foo' is no endpoint; it looks like https://host or http://localhost:4566",
    "AWS_ENDPOINT_URL_DYNAMODB: 'http://***@dynamo:port' is no endpoint; it looks like https://host or "
    "http://localhost:4566",
    "OTEL_EXPORTER_OTLP_ENDPOINT: 'notaurl' is not a URL such as http://localhost:4317.",
    "OTEL_TRACES_SAMPLER_ARG: '5' is not a number from 0 to 1. Using 1.",
)


def test_variables_of_aws_and_opentelemetry_that_cannot_be_used_are_told_without_passwords() -> None:
    assert unusable_variables(BROKEN) == UNUSABLE
    assert unusable_variables(BROKEN | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}) == UNUSABLE[2:]


def test_variables_of_aws_and_opentelemetry_that_can_be_used_are_not_told() -> None:
    assert not unusable_variables(
        {
            "AWS_ENDPOINT_URL": "",
            "AWS_ENDPOINT_URL_SQS": "http://localhost:4566",
            "AWS_ENDPOINT_URL_S3": "https://vpce.example",
            "AWS_REGION": "eu-west-1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317",
        }
    )


def test_the_check_and_a_worker_that_cannot_start_tell_what_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.yaml").write_text("targets: {crm: {queue: crm}}\nunmatched: crm\nrules: []\n")
    for name, value in {**NEEDED, **BROKEN, "TURNOUT_RULES": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    notes = [f"note: {sentence}" for sentence in UNUSABLE]
    checked = CliRunner().invoke(check)  # to it, as to a worker, wrong endpoints are problems
    assert [line for line in checked.stderr.splitlines() if line in notes] == notes[2:]
    assert set(UNUSABLE[:2]) <= set(checked.stdout.splitlines())
    monkeypatch.setenv("TURNOUT_POLLERS", "many")
    assert CliRunner().invoke(doctor).stderr.splitlines()[-4:] == notes
    refused = CliRunner().invoke(run)
    assert refused.stderr.splitlines()[-2:] == notes[2:]
    assert str(refused.exception).splitlines()[-2:] == list(UNUSABLE[:2])


@pytest.mark.parametrize("processes", [1, 2])
def test_a_worker_that_starts_tells_which_endpoints_cannot_be_used(processes: int, tmp_path: Path) -> None:
    of_others = {"AWS_ENDPOINT_URL_S3": "foo", "AWS_ENDPOINT_URL_KMS": "http://user:hunter22@kms:port"}
    environ = dict(os.environ) | NEEDED | BROKEN | of_others
    del environ["AWS_ENDPOINT_URL"], environ["AWS_ENDPOINT_URL_DYNAMODB"]
    environ |= {"TURNOUT_RULES": str(tmp_path / "none"), "TURNOUT_PROCESSES": str(processes)}
    started = subprocess.run(  # which ends because there are no rules, and before it exports anything
        [sys.executable, "-m", "turnout", "run", "--log-format", "text"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 1, started.stderr
    assert started.stderr.count("AWS_ENDPOINT_URL_S3: 'foo' is no endpoint") == 1
    assert started.stderr.count("AWS_ENDPOINT_URL_KMS: 'http://***@kms:port' is no endpoint") == 1
    assert not any(sentence in started.stderr for sentence in UNUSABLE)


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
