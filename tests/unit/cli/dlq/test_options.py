"""Options of `turnout dlq`: times, places, selections, and where to send to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest
from click.testing import CliRunner

from turnout.cli.dlq import dlq
from turnout.cli.dlq.acting_options import acting_options, rules_options, settings_given, to_options
from turnout.cli.dlq.options import Moment, place_options, selection_options
from turnout.recovery.causes import Cause, Disposition


def given(*arguments: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    @click.command()
    @place_options
    @selection_options
    @to_options(replay=True)
    @rules_options
    @acting_options
    def command(**options: Any) -> None:
        seen.update(options)

    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return seen


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5_400), ("6h", 21_600), ("2D", 172_800), ("30s", 30)])
def test_so_long_ago_is_a_time(text: str, seconds: int) -> None:
    found = Moment().convert(text, None, None)
    assert abs((datetime.now(UTC) - found) - timedelta(seconds=seconds)) < timedelta(seconds=5)


def test_iso_times_without_a_zone_are_in_utc() -> None:
    assert Moment().convert("2026-01-05T10:00:00", None, None) == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert Moment().convert("2026-01-05T10:00:00+02:00", None, None) == datetime(2026, 1, 5, 8, tzinfo=UTC)
    for text in ("yesterday", "", "h", "1_0h", "99999999999d", "9999999d"):
        with pytest.raises(click.BadParameter):
            Moment().convert(text, None, None)


def test_options_become_a_place_a_selection_and_settings() -> None:
    seen = given(
        *("--queue", "https://sqs/1/dead", "--cause", "unknown", "--cause", "TARGET_MISSING"),
        *("--disposition", "Transient", "--id", "a", "--rate", "3", "--rules", "there", "--to-source"),
        *("--instead", "arn:x=https://y/?a=b", "--source-queue", "https://sqs/1/events"),
    )
    assert seen["place"].queue == "https://sqs/1/dead"
    assert seen["selection"].causes == {Cause.UNKNOWN, Cause.TARGET_MISSING}
    assert seen["selection"].dispositions == {Disposition.TRANSIENT}
    assert (seen["settings"].rate, seen["settings"].rules) == (3.0, "there")
    assert seen["settings"].source_queue == "https://sqs/1/events"
    assert seen["instead"] == {"arn:x": "https://y/?a=b"}
    assert str(seen["to"]) == "their source queues"


def test_without_options_letters_go_to_what_they_are_owed() -> None:
    seen = given()
    assert (seen["to"].kind, str(seen["selection"])) == ("owed", "all letters")


def test_a_time_in_which_nothing_can_have_failed_is_refused() -> None:
    @click.command()
    @selection_options
    def command(**options: Any) -> None:
        assert not options

    result = CliRunner().invoke(command, ["--since", "2026-01-05T11:00:00", "--until", "2026-01-05T10:00:00"])
    assert result.exit_code == 2
    assert "--since (2026-01-05 11:00:00 UTC) is not before --until (2026-01-05 10:00:00 UTC)" in result.output


def test_who_goes_on_with_a_plan_is_told_the_settings_to_give_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_DLQ_RATE", "3")
    seen = []

    @click.command()
    @rules_options
    @acting_options
    def command(**_: Any) -> None:
        seen.append(settings_given())

    arguments = ["--ledger", "my ledger", "--rules", "there", "--yes"]
    assert CliRunner().invoke(command, arguments).exit_code == 0
    assert seen == [" --rules there --ledger 'my ledger'"]


@pytest.mark.parametrize("url", ["http://[hooks.test/hunter2", "http://hooks.test:99999/hunter2", "hooks.test/hunter2"])
def test_a_url_that_cannot_be_one_is_refused_in_a_sentence_without_its_secrets(url: str) -> None:
    @click.command()
    @to_options(replay=True)
    def command(**_: Any) -> None:
        pytest.fail("never called")

    result = CliRunner().invoke(command, ["--to-url", url])
    assert result.exit_code == 2
    assert "--to-url: this is not a url: " in result.output
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    "words",
    [
        *(["list", option, ""] for option in ("--queue", "--file", "--archived", "--failed-events")),
        *(["retry", option, ""] for option in ("--id", "--rule", "--target", "--where", "--resume")),
        *(["replay", option, " "] for option in ("--to-target", "--to-queue", "--to-url", "--to-file", "--to-api")),
        *([command, "--rules", ""] for command in ("retry", "replay", "work")),
        ["archive", "--restore", ""],
        ["archive", "--restore", "x", "--to-queue", ""],
    ],
    ids=" ".join,
)
def test_an_option_that_a_shell_has_left_empty_is_refused_and_is_not_everything(words: list[str]) -> None:
    result = CliRunner().invoke(dlq, words)
    assert result.exit_code == 2
    assert "it is empty; give it a value, or leave the option out" in result.output


def test_an_id_that_a_shell_has_left_empty_is_refused_and_is_not_every_letter_without_one() -> None:
    result = CliRunner().invoke(dlq, ["show", ""])
    assert result.exit_code == 2
    assert result.output.endswith("Invalid value for 'ID': it is empty; give it a value\n")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["retry", "--resume", "retry-\udcff"], "what follows --resume"),
        (["list", "--id=\udcff"], "what follows --id"),
        (["show", "letter-\ud800"], "an argument"),
        (["replay", "--to-url", "https://example.com/?key=secret\udcff", "--yes"], "what follows --to-url"),
        (["work", "--bucket", "\udfff"], "what follows --bucket"),
    ],
)
def test_what_is_no_text_in_utf_8_is_refused_before_anything_looks_for_it(words: list[str], named: str) -> None:
    result = CliRunner().invoke(dlq, words)
    assert result.exit_code == 2
    assert f"{named} is not text in UTF-8" in result.output
    assert "secret" not in result.output


def test_causes_are_taken_in_any_case_and_listed_as_reports_write_them() -> None:
    assert given("--cause", "target_MISSING")["selection"].causes == {Cause.TARGET_MISSING}
    result = CliRunner().invoke(dlq, ["list", "--cause", "NOPE"])
    assert result.exit_code == 2
    assert "'NOPE' is not one of RATE_LIMIT_EXCEEDED, AUTHENTICATION_REJECTED, " in result.output
    assert "is not one of transient, needs-fix, " in CliRunner().invoke(dlq, ["list", "--disposition", "x"]).output
