"""Settings of recovery: from the environment, over which options go, each problem told in a sentence."""

from __future__ import annotations

import pytest

from turnout.dlq.settings import load_dlq_settings, variable
from turnout.dlq.work_settings import load_work_settings
from turnout.errors import SettingsError


def test_nothing_has_to_be_set() -> None:
    settings = load_dlq_settings({})
    assert (settings.queue, settings.rate, settings.max_failures) == (None, 20.0, 20.0)
    assert settings.archive_key == "dlq/archives/{event_type}/{code}/{event_id}-{timestamp}.json"


@pytest.mark.parametrize("name", ["TURNOUT_DEAD_LETTER_QUEUE_URL", "GENESYS_DLQ_URL"])
def test_the_queue_is_the_workers_under_any_of_its_names(name: str) -> None:
    assert load_dlq_settings({name: "https://sqs/1/dead"}).queue == "https://sqs/1/dead"


def test_options_go_over_the_environment_and_empty_variables_count_as_unset() -> None:
    environ = {"TURNOUT_DLQ_RATE": "5", "TURNOUT_DLQ_LEDGER": "", "TURNOUT_DLQ_ATTEMPTS": "2"}
    settings = load_dlq_settings(environ, {"rate": "7.5", "ledger": None})
    assert (settings.rate, settings.ledger, settings.attempts) == (7.5, "turnout-ledger.sqlite", 2)


def test_every_problem_is_told_at_once_by_the_name_it_was_given_under() -> None:
    environ = {
        "GENESYS_DLQ_URL": "nonsense",
        "TURNOUT_SQS_CLIENT": "magic",
        "TURNOUT_DLQ_ATTEMPTS": "none",
        "TURNOUT_DLQ_MAX_FAILURES": "101",
    }
    with pytest.raises(SettingsError) as caught:
        load_dlq_settings(environ, {"rate": "0"})
    names = [problem.split(":")[0] for problem in caught.value.problems]
    assert names == [
        "GENESYS_DLQ_URL",
        "TURNOUT_SQS_CLIENT",
        "--rate",
        "TURNOUT_DLQ_MAX_FAILURES",
        "TURNOUT_DLQ_ATTEMPTS",
    ]
    assert "such as https://sqs" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TURNOUT_DLQ_RATE", "fast", "must be a number, but is 'fast'"),
        ("TURNOUT_DLQ_RATE", "0", "must be more than 0, but is 0"),
        ("TURNOUT_DLQ_LEDGER_DAYS", "inf", "must be 3650 or less, but is inf"),
        ("TURNOUT_DLQ_ATTEMPTS", "2.5", "must be a whole number, but is '2.5'"),
        ("TURNOUT_DLQ_ATTEMPTS", "0", "must be 1 or more, but is 0"),
        ("TURNOUT_SQS_CLIENT", "magic", "must be wire or aioboto3, but is 'magic'"),
    ],
)
def test_a_problem_shows_the_value_that_was_given(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_dlq_settings({name: value})
    assert caught.value.problems == (f"{name}: {sentence}",)


def test_a_password_in_a_url_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load_dlq_settings({"GENESYS_DLQ_URL": "https://joe:hunter22@sqs/1/dead"})
    assert "but is 'https://***@sqs/1/dead'" in str(caught.value)


def test_a_ledger_without_a_name_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^--ledger: must not be empty$"):
        load_dlq_settings({}, {"ledger": ""})


def test_a_ledger_in_dynamodb_without_a_table_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"^TURNOUT_DLQ_LEDGER: names no table; it must be a file, or dynamodb:TABLE$"
    ):
        load_dlq_settings({"TURNOUT_DLQ_LEDGER": "dynamodb:"})
    with pytest.raises(SettingsError, match=r"^--ledger: names no table"):
        load_dlq_settings({}, {"ledger": "dynamodb: "})


def test_settings_of_recovery_have_a_prefix_of_their_own() -> None:
    assert variable("archive_bucket") == "TURNOUT_DLQ_ARCHIVE_BUCKET"
    assert variable("rules") == "TURNOUT_RULES"


def test_a_queue_whose_server_cannot_be_one_is_told_by_the_tutorials_name_where_that_named_it() -> None:
    with pytest.raises(SettingsError, match=r"^GENESYS_DLQ_URL: .* has a host or a port that cannot be$"):
        load_dlq_settings({"TURNOUT_DEAD_LETTER_QUEUE_URL": " ", "GENESYS_DLQ_URL": "https://sqs.test:99999/1/dead"})


@pytest.mark.parametrize("server", ["[::1", "sqs.test:99999"])
def test_a_queue_whose_server_cannot_be_one_is_refused_by_the_name_it_was_given_under(server: str) -> None:
    url = f"https://{server}/1/dead"
    with pytest.raises(SettingsError) as caught:
        load_dlq_settings({"TURNOUT_SOURCE_QUEUE_URL": f"https://sqs.test/1/events,{url}"}, {"queue": url})
    said = f"{url!r} has a host or a port that cannot be"
    assert caught.value.problems == (f"--queue: {said}", f"TURNOUT_SOURCE_QUEUE_URL: {said}")


def test_what_the_worker_takes_in_capitals_recovery_takes_too() -> None:
    assert load_dlq_settings({"TURNOUT_SQS_CLIENT": "AioBoto3"}).sqs_client == "aioboto3"
    assert load_work_settings({"TURNOUT_LOG_LEVEL": "DEBUG", "TURNOUT_LOG_FORMAT": "JSON"}).log_level == "debug"
