"""Every command that reads a directory of rules says what it does not read there, as `turnout check` does."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.rules.language import HEAD, write

from turnout.cli.rules import rules

RULES = HEAD + "rules:\n  - {id: r, when: detail.x == 1, send: [standard, high]}\n"


@pytest.mark.parametrize(
    "command",
    [
        ("test",),
        ("match", "--events", "-"),
        ("explain", "--event", "-"),
        ("list",),
        ("diff", "--events", "-"),
    ],
    ids=lambda command: command[0],
)
def test_a_file_that_is_not_read_is_noted_once_by_each_command(tmp_path: Path, command: tuple[str, ...]) -> None:
    write(tmp_path, RULES)
    (tmp_path / "tests" / "calls").mkdir(parents=True)
    write(tmp_path / "tests" / "calls", 'tests: [{event: {}, rules: ["r"]}]\n')
    name, *options = command
    given = [str(tmp_path), str(tmp_path)] if name == "diff" else ["--rules", str(tmp_path)]
    result = CliRunner().invoke(rules, [name, *given, *options], input="{}\n")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(f"note: {tmp_path}/tests/calls: TR514 ")
    assert result.output.count("TR514") == 1


def test_it_is_noted_before_rules_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('{"rules": [], "targets": {}}')
    result = CliRunner().invoke(rules, ["test", "--rules", str(tmp_path)])
    assert result.stderr.startswith(f"note: {tmp_path}/rules.json: TR514 ")


def test_json_stays_what_it_is_on_standard_output(tmp_path: Path) -> None:
    write(tmp_path, RULES)
    (tmp_path / "20.json").write_text('{"rules": []}')
    result = CliRunner().invoke(rules, ["test", "--rules", str(tmp_path), "--json"])
    assert result.stdout.startswith('{"passed":true')
    assert "TR514" not in result.stdout
