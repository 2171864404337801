"""`turnout check`: warnings, formats, exit codes, and what it says to misspelt words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.rules.language import write

from turnout.cli.check import check

CLEAN = """\
targets: {high: {queue: high}}
unmatched: drop
rules:
  - id: r
    when: detail.x == 1
    send: [high]
    examples: [{event: {detail: {x: 1}}, match: true}, {event: {}, match: false}]
"""
WARNED = CLEAN.replace("{high: {queue: high}}", "{high: {queue: high}, low: {queue: low}}")
WRONG = CLEAN.replace("send: [high]", "send: [hihg]")


def run(tmp_path: Path, text: str, *arguments: str) -> Result:
    path = write(tmp_path, text)
    return CliRunner().invoke(check, ["--rules", str(path), *arguments])


def test_rules_whose_name_is_longer_than_a_file_can_have_cannot_be_read() -> None:
    result = CliRunner().invoke(check, ["--rules", "x" * 5000])
    assert result.exit_code == 1
    assert "TR102 cannot be read: File name too long" in result.stdout


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        (CLEAN, [], 0),
        (CLEAN, ["--strict"], 0),
        (WARNED, [], 0),
        (WARNED, ["--strict"], 3),
        (WRONG, [], 1),
        (WRONG, ["--strict"], 1),
        (WARNED + "nonsense: 1\n", ["--strict"], 1),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_the_exit_code_tells_errors_from_warnings(
    tmp_path: Path, text: str, arguments: list[str], code: int, form: str
) -> None:
    assert run(tmp_path, text, *arguments, "--format", form).exit_code == code


def test_the_last_line_says_when_warnings_fail_the_check(tmp_path: Path) -> None:
    last = run(tmp_path, WARNED, "--strict").stdout.splitlines()[-1]
    assert last.endswith(": 1 warning, which --strict does not let pass (1 rule, 2 targets, 2 examples read)")
    assert ": ok, " in run(tmp_path, CLEAN, "--strict").stdout.splitlines()[-1]


def test_warnings_are_printed_with_their_caret_and_counted(tmp_path: Path) -> None:
    output = run(tmp_path, WARNED).stdout
    assert f"{tmp_path}/rules.yaml:1:32: TR507 no rule sends to the target 'low', nor does unmatched\n" in output
    assert f"     1 | {WARNED.splitlines()[0]}\n       | {' ' * 31}^^^\n" in output
    assert output.splitlines()[-1].endswith("; 1 warning")


def test_json_is_one_object_with_every_problem(tmp_path: Path) -> None:
    result = run(tmp_path, WARNED.replace("send: [high]", "send: [hihg]") + "nonsense: 1\n", "--format", "json")
    report = json.loads(result.stdout)
    assert [(found["code"], found["severity"]) for found in report["problems"]] == [
        ("TR115", "error"),
        ("TR110", "error"),
    ]
    assert report["problems"][0] == {
        "file": f"{tmp_path}/rules.yaml",
        "line": 6,
        "column": 12,
        "rule": "r",
        "code": "TR115",
        "severity": "error",
        "message": "there is no target 'hihg'; did you mean 'high'?",
        "excerpt": "    send: [hihg]",
    }
    assert {name: report["summary"][name] for name in ("rules", "targets", "examples", "errors", "warnings")} == {
        "rules": 0,
        "targets": 2,
        "examples": 0,
        "errors": 2,
        "warnings": 0,
    }


@pytest.mark.parametrize("form", ["text", "github"])
def test_of_very_many_problems_the_first_are_printed_and_the_others_counted(tmp_path: Path, form: str) -> None:
    text = WRONG.replace("examples:", "".join(f"f{number}: 1\n    " for number in range(1_500)) + "examples:")
    output = run(tmp_path, text, "--format", form).stdout
    assert output.count("has no field 'f") == 999  # the thousandth is the wrong target above them
    assert output.splitlines()[-2] == "... and 501 more; repair these first, or see all with --json"
    assert ": 1501 problems" in output.splitlines()[-1].replace(",", "")
    assert len(json.loads(run(tmp_path, text, "--json").stdout)["problems"]) == 1_501


def test_of_a_very_long_name_the_two_ends_are_printed(tmp_path: Path) -> None:
    output = run(tmp_path, f"{CLEAN}? begin{'x' * 100_000}end\n: []\n").stdout
    assert "TR110 a rule file has no field 'beginxxx" in output
    assert "xxxend'" in output
    assert len(output) < 5_000


def test_json_is_to_be_had_as_from_other_commands(tmp_path: Path) -> None:
    assert run(tmp_path, WARNED, "--json").stdout == run(tmp_path, WARNED, "--format", "json").stdout
    assert not run(tmp_path, WARNED).stdout.startswith("{")


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_a_name_that_is_not_utf_8_can_be_shown_in_every_format(tmp_path: Path, form: str) -> None:
    write(tmp_path, WRONG, name=os.fsdecode(b"b\xfcro.yaml"))
    result = CliRunner().invoke(check, ["--rules", str(tmp_path), "--format", form])
    assert result.exit_code == 1
    assert "udcfcro.yaml" in result.stdout.encode().decode()


def test_json_holds_notes_and_settings_that_are_wrong(tmp_path: Path) -> None:
    path = str(write(tmp_path, CLEAN.replace("{queue: high}", '{queue: "${NO_SUCH_QUEUE}"}')))
    result = CliRunner().invoke(check, ["--rules", path, "--format", "json"], env={"TURNOUT_POLLERS": "many"})
    report = json.loads(result.stdout)
    assert any("NO_SUCH_QUEUE" in note for note in report["notes"])
    (found,) = report["problems"]
    assert (found["code"], found["file"], found["line"]) == ("TR100", "", 0)
    assert "TURNOUT_POLLERS" in found["message"]


def test_a_required_path_that_cannot_be_read_is_told_once_as_a_setting(tmp_path: Path) -> None:
    path = str(write(tmp_path, CLEAN))
    result = CliRunner().invoke(check, ["--rules", path, "--format", "json"], env={"TURNOUT_REQUIRE": "detail["})
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)["problems"]
    assert (found["code"], found["message"]) == (
        "TR100",
        "TURNOUT_REQUIRE: 'detail[': this bracket is never closed",
    )


def test_github_gets_annotations(tmp_path: Path) -> None:
    folder = tmp_path / "50% done, really: yes"
    folder.mkdir()
    lines = run(folder, WARNED, "--format", "github").stdout.splitlines()
    shown = f"{tmp_path}/50%25 done%2C really%3A yes/rules.yaml"
    warning = "::no rule sends to the target 'low', nor does unmatched"
    assert f"::warning file={shown},line=1,col=32,title=TR507{warning}" in lines
    lines = run(tmp_path, WRONG, "--format", "github").stdout.splitlines()
    message = "::r: there is no target 'hihg'; did you mean 'high'?"
    assert f"::error file={tmp_path}/rules.yaml,line=6,col=12,title=TR115{message}" in lines


def test_github_gets_messages_in_one_line_each(tmp_path: Path) -> None:
    path = str(write(tmp_path, CLEAN.replace("{queue: high}", '{queue: "${NO_SUCH_QUEUE}"}')))
    lines = CliRunner().invoke(check, ["--rules", path, "--format", "github"]).stdout.splitlines()
    (notice,) = (line for line in lines if "NO_SUCH_QUEUE" in line)
    assert notice.startswith("::notice::")
    assert "%0A" in notice


@pytest.mark.parametrize(
    ("right", "wrong", "meant"),
    [
        ("unmatched:", "unmatchd:", "unmatched"),
        ("    when:", "    wehn:", "when"),
        ("{queue: high}", "{queu: high}", "queue"),
        ("match: true", "matsh: true", "match"),
        ("detail.x == 1", "exist(detail.x)", "exists"),
        ("detail.x == 1", "len(detail.x) == 1 and startswith(detail.y, 'a')", "starts_with"),
        ("send: [high]", "send: [hgih]", "high"),
        ("unmatched: drop", "unmatched: hihg", "high"),
        ("detail.x == 1", "'@recieve_count == 1'", "receive_count"),
    ],
)
def test_misspelt_words_get_the_nearest_one(tmp_path: Path, right: str, wrong: str, meant: str) -> None:
    result = run(tmp_path, CLEAN.replace(right, wrong))
    assert result.exit_code == 1
    assert f"did you mean '{meant}'?" in result.stdout or f"did you mean '@{meant}'?" in result.stdout


def test_a_warning_about_a_part_of_a_pattern_points_at_that_part(tmp_path: Path) -> None:
    output = run(tmp_path, CLEAN.replace("when: detail.x == 1", "pattern: {detail: {x: [1, 'a*']}}")).stdout
    assert f"{tmp_path}/rules.yaml:5:27: r: TR512 " in output


def test_what_keeps_a_worker_from_aws_is_a_problem_unless_only_rules_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, CLEAN)
    for name, value in {
        "TURNOUT_RULES": str(path),
        "TURNOUT_SOURCE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
        "TURNOUT_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }.items():
        monkeypatch.setenv(name, value)
    assert CliRunner().invoke(check).exit_code == 0
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "foo")
    wrong = CliRunner().invoke(check)
    assert wrong.exit_code == 1
    assert wrong.stdout.startswith("AWS_ENDPOINT_URL_SQS: 'foo' is no endpoint;")
    assert "AWS_ENDPOINT_URL_SQS" not in wrong.stderr  # said once
    assert CliRunner().invoke(check, ["--rules", str(path)]).exit_code == 0
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS")
    monkeypatch.setenv("AWS_PROFILE", "nope")
    assert "AWS_PROFILE: there is no profile 'nope' in" in CliRunner().invoke(check).stdout
