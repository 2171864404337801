"""Arguments where there are none: the option that was meant is named, whatever the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from turnout.cli.commands import turnout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("check rules", "unexpected argument 'rules'; write --rules rules"),
        ("run rules", "unexpected argument 'rules'; write --rules rules"),
        ("demo rules", "unexpected argument 'rules'; write --rules rules"),
        ("rules test rules", "unexpected argument 'rules'; write --rules rules"),
        ("rules list rules", "unexpected argument 'rules'; write --rules rules"),
        ("dlq report https://sqs.test/1/dead", "write --queue https://sqs.test/1/dead"),
        ("dlq list letters.jsonl", "write --file letters.jsonl"),
        ("dlq retry 5f0c", "write --id 5f0c"),
        ("dlq replay 5f0c", "write --id 5f0c"),
        ("dlq archive 5f0c", "write --id 5f0c"),
        ("dlq work 5f0c", "write --id 5f0c"),
    ],
)
def test_the_option_that_an_argument_was_meant_for_is_named(words: str, told: str) -> None:
    result = CliRunner().invoke(turnout, words.split())
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize(
    "words",
    [
        *(["rules", command, "--rules", ""] for command in ("test", "list")),
        ["rules", "match", "--events", "-", "--rules", ""],
        ["rules", "explain", "--event", "-", "--rules", ""],
        ["rules", "diff", "", "rules", "--events", "-"],
        ["check", "--rules", ""],
        ["queues", "create", "--rules", ""],
        ["demo", "--rules", ""],
    ],
    ids=" ".join,
)
def test_rules_of_an_empty_name_are_not_those_of_the_current_directory(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.yaml").write_text("targets: {crm: {queue: crm}}\nunmatched: crm\nrules: []\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(turnout, words, input='{"detail": {}}\n')
    assert result.exit_code == 2
    assert "it is empty; give a directory of rule files, or one rule file" in result.output


def test_help_tells_the_exit_codes_and_how_to_have_completion() -> None:
    said = CliRunner().invoke(turnout, ["--help"]).output
    for code in ("0 ", "1 ", "2 ", "3 ", "130 "):
        assert f"\n    {code}" in said
    assert '\n    bash  eval "$(_TURNOUT_COMPLETE=bash_source turnout)"\n' in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_that_help_names_gets_its_lines(shell: str) -> None:
    result = CliRunner().invoke(turnout, prog_name="turnout", env={"_TURNOUT_COMPLETE": f"{shell}_source"})
    assert "_TURNOUT_COMPLETE" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("turnout ru", {"run", "rules"}),
        ("turnout dlq re", {"report", "retry", "replay"}),
        ("turnout check --st", {"--strict"}),
    ],
)
def test_a_shell_can_complete_commands_and_options(words: str, completions: set[str]) -> None:
    environ = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_TURNOUT_COMPLETE": "bash_complete"}
    result = CliRunner().invoke(turnout, prog_name="turnout", env=environ)
    assert {line.removeprefix("plain,") for line in result.output.splitlines()} == completions
