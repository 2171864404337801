"""All that keeps a worker from starting is told at once: its settings, AWS's own, and variables of the rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from turnout.cli.run import run
from turnout.errors import SettingsError
from turnout.settings import Settings, variable

RULES = """
targets: {crm: {queue: "${CRM_QUEUE_URL}"}, backup: {queue: "${BACKUP_QUEUE_URL:-backup}"}}
unmatched: crm
rules: []
"""
QUEUES = ("--source-queue-url", "http://localhost/1/events", "--dead-letter-queue-url", "http://localhost/1/dead")


@pytest.fixture(autouse=True)
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rules that need a variable, an AWS configuration without profiles, and nothing else that is set."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES)
    ours = {*map(variable, Settings.model_fields), "GENESYS_SOURCE_QUEUE_URL", "GENESYS_DLQ_URL"}
    for name in (*ours, "CRM_QUEUE_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    return folder


def told(*arguments: str) -> list[str]:
    result = CliRunner().invoke(run, arguments)
    assert isinstance(result.exception, SettingsError), result.exception
    assert result.exception.exit_code == 2
    return [problem.partition(": ")[0] for problem in result.exception.problems]


def test_settings_the_profile_and_variables_of_the_rules_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nope")
    assert told("--pollers", "many") == [
        "TURNOUT_SOURCE_QUEUE_URL",
        "TURNOUT_DEAD_LETTER_QUEUE_URL",
        "TURNOUT_POLLERS",
        "AWS_PROFILE",
        "rules/rules.yaml:2:24",
    ]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_profile_or_a_region_that_is_missing_is_a_wrong_setting(
    processes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(*QUEUES, "--processes", processes) == ["AWS_REGION", "rules/rules.yaml:2:24"]
    monkeypatch.setenv("CRM_QUEUE_URL", "crm")
    assert told(*QUEUES, "--processes", processes) == ["AWS_REGION"]
    monkeypatch.setenv("AWS_PROFILE", "nope")
    assert told(*QUEUES, "--processes", processes) == ["AWS_PROFILE"]


def test_rules_are_looked_for_where_the_command_line_or_the_environment_says(
    rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = rules.rename(rules.with_name("elsewhere"))
    assert told("--pollers", "many")[-1] == "TURNOUT_POLLERS"
    assert told("--pollers", "many", "--rules", str(elsewhere))[-1] == f"{elsewhere}/rules.yaml:2:24"
    monkeypatch.setenv("TURNOUT_RULES", "elsewhere")
    assert told("--pollers", "many")[-1] == "elsewhere/rules.yaml:2:24"
    assert told("--pollers", "many", "--rules", "")[-1] == "elsewhere/rules.yaml:2:24"


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_endpoint_that_is_none_is_a_wrong_setting_and_told_once(
    processes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("CRM_QUEUE_URL", "crm")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "foo")
    result = CliRunner().invoke(run, (*QUEUES, "--processes", processes))
    assert isinstance(result.exception, SettingsError), result.exception
    assert [problem.partition(": ")[0] for problem in result.exception.problems] == ["AWS_ENDPOINT_URL"]
    assert "AWS_ENDPOINT_URL" not in result.stderr
