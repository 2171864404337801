"""A required setting that is not set may be a misspelt one: commands name it before they complain."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from turnout.cli.doctor import doctor
from turnout.cli.run import run
from turnout.errors import SettingsError


@pytest.mark.parametrize("command", [run, doctor])
def test_a_misspelt_variable_is_named_before_what_is_not_set(
    command: click.Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TURNOUT_SOURCE_QUEUE_URL", raising=False)
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_ULR", "https://user:hunter22@sqs.example/1/events")
    result = CliRunner().invoke(command)
    assert result.stderr.splitlines() == [
        "note: TURNOUT_SOURCE_QUEUE_ULR is not a setting and has no effect; did you mean TURNOUT_SOURCE_QUEUE_URL?"
    ]
    assert isinstance(result.exception, SettingsError)
    assert "TURNOUT_SOURCE_QUEUE_URL: is not set" in str(result.exception)
