"""`turnout rules test`, as an operator and a pipeline see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.rules.language import HEAD, write

from turnout.cli.rules import rules
from turnout.errors import RulesError
from turnout.rules.trials.coverage import Coverage

RULES = """rules:
  - id: long
    when: detail.ms > 5
    send: [high]
    examples: [{event: {detail: {ms: 6}}, match: true}]
"""


def run(directory: Path, table: str = "tests: []", *arguments: str) -> Result:
    write(directory, HEAD + RULES)
    (directory / "tests").mkdir(exist_ok=True)
    write(directory / "tests", table, "table.yaml")
    return CliRunner().invoke(rules, ["test", "--rules", str(directory), *arguments])


def test_all_as_expected_exits_0(tmp_path: Path) -> None:
    result = run(tmp_path, "tests: [{event: {detail: {ms: 1}}, rules: []}]")
    assert result.exit_code == 0, result.output
    assert result.stdout == "1 example, 1 test of 1 table: all as expected\n"


def test_what_is_not_as_expected_is_printed_with_its_place_and_exits_1(tmp_path: Path) -> None:
    result = run(tmp_path, "tests:\n  - {name: t, event: {detail: {ms: 6}}, rules: []}\n")
    assert result.exit_code == 1
    assert f"{tmp_path}/tests/table.yaml:2:5: TR402 t: rules: long not wanted" in result.stdout
    assert ": 1 problem\n" in result.stdout


def test_coverage_names_terms_that_were_never_seen_one_way(tmp_path: Path) -> None:
    result = run(tmp_path, "tests: []", "--coverage")
    assert result.exit_code == 0
    assert "    never seen false: detail.ms > 5" in result.stdout
    assert "coverage: 0 of 1 terms were seen both true and false" in result.stdout


def test_only_who_asks_for_coverage_waits_for_every_test_to_be_held_against_every_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(Coverage, "see_all", lambda _coverage, event, _metadata: asked.append(event))
    table = "tests: [{event: {detail: {ms: 6}}, rules: [long]}]"
    assert run(tmp_path, table).exit_code == 0
    assert asked == []
    run(tmp_path, table, "--coverage")
    assert asked == [{"detail": {"ms": 6}}]


def test_json_has_problems_and_coverage(tmp_path: Path) -> None:
    result = run(tmp_path, "tests: [{event: {}, rules: [long]}]", "--coverage", "--json")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    assert (record["passed"], record["examples"], record["tests"]) == (False, 1, 1)
    assert record["problems"][0]["code"] == "TR402"
    assert [*record["problems"][0]] == ["file", "line", "column", "rule", "code", "severity", "message", "excerpt"]
    assert record["coverage"][0]["terms"] == [{"text": "detail.ms > 5", "seen_true": True, "seen_false": True}]
    assert "coverage" not in json.loads(run(tmp_path, "tests: []", "--json").stdout)


def test_rules_that_are_not_sound_are_not_tried(tmp_path: Path) -> None:
    write(tmp_path, HEAD + RULES.replace("detail.ms > 5", "detail.ms >"))
    result = CliRunner().invoke(rules, ["test", "--rules", str(tmp_path)])
    assert isinstance(result.exception, RulesError)
    assert result.exit_code == 1
