"""Settings: read from the environment, all problems told at once and in plain words."""

import os
import re
from pathlib import Path

import pytest

from turnout.errors import SettingsError
from turnout.settings import Settings, load_settings, variable

SOURCES = Path(__file__).parents[2] / "src" / "turnout"
SOURCE = "https://sqs.eu-west-1.amazonaws.com/123456789012/events"
DEAD = "https://sqs.eu-west-1.amazonaws.com/123456789012/events-dead"


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)
    monkeypatch.delenv("GENESYS_SOURCE_QUEUE_URL", raising=False)
    monkeypatch.delenv("GENESYS_DLQ_URL", raising=False)


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_URL", SOURCE)
    monkeypatch.setenv("TURNOUT_DEAD_LETTER_QUEUE_URL", DEAD)


def problems(**flags: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(flags)
    assert caught.value.exit_code == 2
    return caught.value.problems


@pytest.mark.usefixtures("queues")
def test_two_queues_are_all_that_must_be_set() -> None:
    settings = load_settings()
    assert settings.source_queue_url == (SOURCE,)
    assert settings.dead_letter_queue_url == DEAD
    assert settings.rules == Path("rules")
    assert settings.require == ("detail",)


def test_the_tutorials_names_work_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESYS_SOURCE_QUEUE_URL", SOURCE)
    monkeypatch.setenv("GENESYS_DLQ_URL", DEAD)
    assert load_settings().source_queue_url == (SOURCE,)
    assert load_settings().dead_letter_queue_url == DEAD


def test_what_is_wrong_is_told_by_the_name_that_it_was_given_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESYS_SOURCE_QUEUE_URL", SOURCE)
    monkeypatch.setenv("GENESYS_DLQ_URL", SOURCE)
    assert problems() == ("GENESYS_DLQ_URL: is also a source queue: letters would be routed again for ever",)
    (problem,) = problems(dead_letter_queue_url="dead")
    assert problem.startswith("TURNOUT_DEAD_LETTER_QUEUE_URL: 'dead' is not a queue URL")
    monkeypatch.setenv("TURNOUT_DEAD_LETTER_QUEUE_URL", "dead")
    (problem,) = problems()
    assert problem.startswith("TURNOUT_DEAD_LETTER_QUEUE_URL: 'dead' is not a queue URL")
    monkeypatch.setenv("TURNOUT_DEAD_LETTER_QUEUE_URL", "")
    (problem,) = problems()
    assert problem == "GENESYS_DLQ_URL: is also a source queue: letters would be routed again for ever"


def test_the_tutorials_names_work_also_where_ours_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_URL", "")
    monkeypatch.setenv("GENESYS_SOURCE_QUEUE_URL", SOURCE)
    monkeypatch.setenv("TURNOUT_DEAD_LETTER_QUEUE_URL", " ")
    monkeypatch.setenv("GENESYS_DLQ_URL", DEAD)
    assert load_settings().source_queue_url == (SOURCE,)
    assert load_settings().dead_letter_queue_url == DEAD


@pytest.mark.usefixtures("queues")
def test_events_are_remembered_no_shorter_than_sqs_keeps_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().idempotency_days >= 14
    monkeypatch.setenv("TURNOUT_IDEMPOTENCY_DAYS", "13.9")
    (problem,) = problems()
    assert "TURNOUT_IDEMPOTENCY_DAYS" in problem


@pytest.mark.usefixtures("queues")
def test_our_own_name_wins_over_the_tutorials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESYS_SOURCE_QUEUE_URL", SOURCE + "-other")
    assert load_settings().source_queue_url == (SOURCE,)


@pytest.mark.usefixtures("queues")
def test_flags_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_POLLERS", "3")
    assert load_settings().pollers == 3
    assert load_settings({"pollers": "5"}).pollers == 5
    assert load_settings({"source_queue_url": SOURCE + "2"}).source_queue_url == (SOURCE + "2",)


def test_several_sources_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_URL", f"{SOURCE}, {SOURCE}2.fifo,")
    monkeypatch.setenv("TURNOUT_DEAD_LETTER_QUEUE_URL", DEAD)
    assert load_settings().source_queue_url == (SOURCE, SOURCE + "2.fifo")


@pytest.mark.usefixtures("queues")
def test_an_empty_requirement_accepts_any_object_and_other_empty_variables_count_as_unset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TURNOUT_REQUIRE", "")
    monkeypatch.setenv("TURNOUT_POLLERS", "")
    settings = load_settings()
    assert settings.require == ()
    assert settings.pollers == Settings.model_fields["pollers"].default


def test_every_problem_is_told_at_once_by_the_variables_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_URL", "events")
    monkeypatch.setenv("TURNOUT_POLLERS", "many")
    monkeypatch.setenv("TURNOUT_WAIT_SECONDS", "21")
    monkeypatch.setenv("TURNOUT_LOG_LEVEL", "loud")
    told = {problem.partition(":")[0]: problem for problem in problems(drain_seconds="-1")}
    assert set(told) == {
        "TURNOUT_SOURCE_QUEUE_URL",
        "TURNOUT_DEAD_LETTER_QUEUE_URL",
        "TURNOUT_POLLERS",
        "TURNOUT_WAIT_SECONDS",
        "TURNOUT_LOG_LEVEL",
        "TURNOUT_DRAIN_SECONDS",
    }
    assert told["TURNOUT_DEAD_LETTER_QUEUE_URL"].endswith("is not set (or GENESYS_DLQ_URL)")
    assert told["TURNOUT_POLLERS"].endswith("must be a whole number, but is 'many'")
    assert told["TURNOUT_WAIT_SECONDS"].endswith("must be 20 or less, but is 21")


def test_letters_may_not_be_routed_again_for_ever() -> None:
    (problem,) = problems(source_queue_url=SOURCE, dead_letter_queue_url=SOURCE)
    assert "also a source queue" in problem


def test_settings_that_do_not_fit_together_are_all_told_at_once() -> None:
    told = problems(
        source_queue_url=SOURCE,
        dead_letter_queue_url=SOURCE,
        idempotency="dynamodb",
        http_port="8080",
        http_host="0.0.0.0",
    )
    assert [problem.partition(":")[0] for problem in told] == [
        "TURNOUT_DEAD_LETTER_QUEUE_URL",
        "TURNOUT_IDEMPOTENCY_TABLE",
        "TURNOUT_HTTP_TOKEN",
    ]


def test_settings_that_do_not_fit_together_are_told_beside_one_that_is_wrong_by_itself() -> None:
    told = problems(
        source_queue_url=SOURCE,
        dead_letter_queue_url=SOURCE,
        pollers="many",
        idempotency="dynamodb",
        http_port="8080",
        http_host="0.0.0.0",
    )
    assert [problem.partition(":")[0] for problem in told] == [
        "TURNOUT_DEAD_LETTER_QUEUE_URL",
        "TURNOUT_POLLERS",
        "TURNOUT_IDEMPOTENCY_TABLE",
        "TURNOUT_HTTP_TOKEN",
    ]


def test_of_several_sources_every_one_that_is_no_url_is_named() -> None:
    (problem,) = problems(source_queue_url=f"{SOURCE},events,https://user:hunter2@h/1/q", dead_letter_queue_url=DEAD)
    assert "'events', 'https://***@h/1/q' are not queue URLs" in problem


@pytest.mark.usefixtures("queues")
def test_required_paths_that_cannot_be_read_are_told_with_the_other_settings() -> None:
    assert problems(pollers="many", require="detail[, detail.x, lower(id)") == (
        "TURNOUT_REQUIRE: 'detail[': this bracket is never closed; 'lower(id)': a path is expected, such as "
        "detail.queueId",
        "TURNOUT_POLLERS: must be a whole number, but is 'many'",
    )


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize(
    "path",
    [
        "detail.x[0,2]",
        "detail['a,b']",
        'detail["a, b"].c',
        "detail['a]b, c']",
        "detail['it\\'s, x']",
        "detail.'a,b'",
        "detail.participants[?(@.purpose == 'agent,customer')].id",
        "detail.participants[?(@.queues[0,1] == 'x')].id",
    ],
)
def test_a_comma_in_brackets_or_quotes_belongs_to_its_path(path: str) -> None:
    settings = load_settings({"require": f" {path} , detail-type,"})
    assert settings.require == (path, "detail-type")
    assert load_settings({"require": settings.environment()["TURNOUT_REQUIRE"]}).require == settings.require


@pytest.mark.usefixtures("queues")
def test_a_switch_says_what_it_can_be_and_what_it_is() -> None:
    assert problems(http_bodies="maybe") == ("TURNOUT_HTTP_BODIES: must be true or false, but is 'maybe'",)


@pytest.mark.usefixtures("queues")
def test_bytes_that_are_no_text_are_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_POLLERS", os.fsdecode(b"\xff"))
    assert problems() == ("TURNOUT_POLLERS: has bytes that are no text in UTF-8",)


@pytest.mark.usefixtures("queues")
def test_words_may_be_written_in_capitals() -> None:
    settings = load_settings({"sqs_client": "AIOBOTO3", "log_level": "INFO", "idempotency": "Memory"})
    assert (settings.sqs_client, settings.log_level, settings.idempotency) == ("aioboto3", "info", "memory")


@pytest.mark.parametrize("password", ["hunter2", "hunt/er2", "hunt@er2", "hunt/e@r2"])
def test_a_password_in_a_queue_url_is_refused_and_not_repeated(password: str) -> None:
    (problem,) = problems(source_queue_url=f"https://user:{password}@sqs.test/1/q", dead_letter_queue_url=DEAD)
    assert "'https://***@sqs.test/1/q' is not a queue URL" in problem


def test_a_queue_url_without_the_name_of_the_queue_is_refused() -> None:
    url = SOURCE.rpartition("/")[0]
    (problem,) = problems(source_queue_url=url, dead_letter_queue_url=DEAD)
    assert f"'{url}' is not a queue URL; it looks like https://sqs." in problem


@pytest.mark.parametrize("server", ["[::1", "[zz]", "sqs.test:99999", "sqs.test:port"])
def test_a_queue_url_with_a_server_that_cannot_be_one_is_named(server: str) -> None:
    (problem,) = problems(source_queue_url=f"{SOURCE},https://{server}/1/q", dead_letter_queue_url=DEAD)
    assert f"'https://{server}/1/q' is not a queue URL" in problem


def test_every_setting_is_described_and_those_with_a_unit_name_it() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        if name.endswith("_seconds"):
            assert "in seconds" in (field.description or ""), name


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_read_by_some_part_of_the_program(name: str) -> None:
    read = rf"settings\.{name}\b"
    others = (path for path in SOURCES.rglob("*.py") if path.name != "settings.py")
    assert any(re.search(read, path.read_text()) for path in others)


@pytest.mark.usefixtures("queues")
def test_a_token_out_of_a_file_that_ends_with_a_line_break_is_what_one_can_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TURNOUT_HTTP_TOKEN", "correct horse\n")
    token = load_settings().http_token
    assert token is not None
    assert token.get_secret_value() == "correct horse"


@pytest.mark.usefixtures("queues")
def test_a_token_of_nothing_but_space_is_none() -> None:
    (problem,) = problems(http_port="8080", http_host="0.0.0.0", http_token=" \n")
    assert "TURNOUT_HTTP_TOKEN: is not set" in problem
