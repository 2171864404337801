from __future__ import annotations

import pytest

from turnout.dlq.work_settings import WorkSettings, load_work_settings
from turnout.errors import SettingsError


def test_settings_come_from_the_environment_and_options_win() -> None:
    environ = {"TURNOUT_DLQ_INTERVAL_SECONDS": "30", "TURNOUT_HTTP_PORT": "0", "TURNOUT_DLQ_CONCURRENCY": ""}
    made = load_work_settings(environ, {"interval_seconds": "5"})
    assert (made.interval_seconds, made.http_port, made.concurrency) == (5.0, 0, 16)
    assert load_work_settings({}) == WorkSettings()


def test_all_problems_are_told_at_once_under_the_name_that_was_given() -> None:
    environ = {"TURNOUT_DLQ_LEASE_SECONDS": "1", "TURNOUT_HTTP_PORT": "http", "TURNOUT_LOG_FORMAT": "xml"}
    with pytest.raises(SettingsError) as caught:
        load_work_settings(environ, {"concurrency": "many"})
    text = str(caught.value)
    assert "TURNOUT_DLQ_LEASE_SECONDS: must be 15 or more, but is 1" in text
    assert "TURNOUT_HTTP_PORT: must be a whole number, but is 'http'" in text
    assert "TURNOUT_LOG_FORMAT: must be auto, json or text, but is 'xml'" in text
    assert "--concurrency: must be a whole number, but is 'many'" in text


def test_a_port_that_other_machines_reach_needs_a_token_which_is_never_shown() -> None:
    with pytest.raises(SettingsError, match="TURNOUT_HTTP_TOKEN"):
        load_work_settings({"TURNOUT_HTTP_PORT": "8080", "TURNOUT_HTTP_HOST": "0.0.0.0"})
    made = load_work_settings(
        {"TURNOUT_HTTP_PORT": "8080", "TURNOUT_HTTP_HOST": "0.0.0.0", "TURNOUT_HTTP_TOKEN": "hunter22"}
    )
    assert made.http_token == "hunter22"
    assert "hunter22" not in repr(made)


def test_a_token_out_of_a_file_that_ends_with_a_line_break_is_what_one_can_type() -> None:
    environ = {"TURNOUT_HTTP_PORT": "8080", "TURNOUT_HTTP_HOST": "0.0.0.0"}
    assert load_work_settings(environ | {"TURNOUT_HTTP_TOKEN": "hunter22\n"}).http_token == "hunter22"
    with pytest.raises(SettingsError, match="TURNOUT_HTTP_TOKEN: is not set"):
        load_work_settings(environ | {"TURNOUT_HTTP_TOKEN": "\n"})
