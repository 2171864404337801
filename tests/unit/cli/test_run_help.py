"""What `turnout run --help` says is enough to give each setting a value that is taken."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from turnout.cli.run import run
from turnout.settings import Settings, variable

HELP = " ".join(CliRunner().invoke(run, ["--help"], terminal_width=100).output.split())
CHOICES = {
    "sqs_client": "wire|aioboto3",
    "idempotency": "none|memory|dynamodb",
    "idempotency_on_error": "continue|wait",
    "idempotency_key": "event|genesys",
    "log_level": "debug|info|warning|error",
    "log_format": "auto|json|text",
    "http_bodies": "true|false",
}


@pytest.mark.parametrize("name", CHOICES)
def test_the_words_that_a_setting_takes_stand_beside_its_option(name: str) -> None:
    assert f"--{name.replace('_', '-')} [{CHOICES[name]}] " in HELP


def test_no_setting_that_takes_certain_words_is_without_them() -> None:
    for name, field in Settings.model_fields.items():
        if "Literal" in str(field.annotation) or field.annotation is bool:
            assert name in CHOICES


@pytest.mark.parametrize("name", ["pollers", "max_in_flight", "max_in_flight_mib", "send_calls", "send_calls_total"])
def test_of_what_is_taken_by_each_process_that_is_said(name: str) -> None:
    option = f"--{name.replace('_', '-')} "
    assert "process" in HELP[HELP.index(option) :].partition("[TURNOUT_")[0]


def test_a_default_is_shown_where_there_is_one_and_can_be_given_as_it_stands() -> None:
    assert "[default: ]" not in HELP
    assert "[TURNOUT_HTTP_BODIES] [default: false]" in HELP
    shown = dict(re.findall(r"\[(TURNOUT_\w+)\] \[default: ([^]]+)\]", HELP))
    assert len(shown) > 25
    queues = {"TURNOUT_SOURCE_QUEUE_URL": "https://q/1/a", "TURNOUT_DEAD_LETTER_QUEUE_URL": "https://q/1/b"}
    given = Settings(**(shown | queues))
    for name, field in Settings.model_fields.items():
        if variable(name) in shown:
            assert getattr(given, name) == field.get_default()
