"""TR514: files beside the rules that look as if they were to be read, and are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.rules.language import HEAD, write

from turnout.cli.check import check
from turnout.rules.files.unread import unread_files
from turnout.rules.problems import Code, Severity

RULES = HEAD + "rules:\n  - {id: r, when: detail.x == 1, send: [standard, high]}\n"
TABLE = '{"tests": [{"event": {}, "rules": []}]}'


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("name", "text", "file", "says"),
    [
        ("team-a/20.yaml", RULES, "team-a", "20.yaml in this folder is not read: rule files stand in"),
        ("team-a/deep/er/20.YML", RULES, "team-a", "deep/er/20.YML in this folder is not read"),
        ("20.json", '{"rules": []}', "20.json", "looks like a rule file and is not read; name it 20.yaml"),
        ("20.json", '{"targets": {}, "unmatched": "drop"}', "20.json", "name it 20.yaml"),
        ("tests/team-a/t.yaml", TABLE, "tests/team-a", "t.yaml in this folder is not read: tables of tests stand in"),
        ("tests/team-a/t.jsonl", "{}", "tests/team-a", "t.jsonl in this folder is not read"),
        ("tests/t.json", TABLE, "tests/t.json", "looks like a table of tests and is not read; name it t.yaml"),
        ("tests/t.csv", "event,rules", "tests/t.csv", "this is not read; tables of tests are YAML or JSON lines"),
        ("20.yaml.txt", RULES, "20.yaml.txt", "this is not read; name it 20.yaml"),
        ("tests/t.jsonl.txt", "{}", "tests/t.jsonl.txt", "this is not read; name it t.jsonl"),
        ("tests/t.json", '[{"event": {}, "targets": []}]', "tests/t.json", "one test in each line of t.jsonl"),
    ],
)
def test_what_looks_like_rules_or_tests_and_is_not_read_is_pointed_out(
    tmp_path: Path, name: str, text: str, file: str, says: str
) -> None:
    write(tmp_path, RULES)
    put(tmp_path, name, text)
    (found,) = unread_files(tmp_path)
    assert found.file == str(tmp_path / file)
    assert found.code is Code.NOT_READ
    assert found.severity is Severity.WARNING
    assert says in found.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("20.yaml", RULES),
        ("turnout.schema.json", '{"type": "object", "properties": {"rules": {}}}'),
        ("samples/e.json", '{"detail": {}}'),
        ("event.json", '{"detail": {"rules": []}}'),
        ("odd.json", "{"),
        ("tests/t.jsonl", "{}"),
        ("calls.csv", "id"),
        ("tests/event.json", '{"detail": {}}'),
        ("tests/events.json", '[{"event": 1, "detail": {}}]'),
        ("tests/samples/e.json", TABLE),
        (".git/config.yaml", RULES),
        ("..2026_01_01/10.yaml", RULES),
        ("README.md", "rules"),
        ("notes.txt", "rules"),
        ("20.yaml.bak", RULES),
    ],
)
def test_what_is_read_or_no_rules_at_all_is_left_alone(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, RULES)
    put(tmp_path, name, text)
    assert unread_files(tmp_path) == ()
    assert unread_files(tmp_path / "rules.yaml") == ()
    assert unread_files(tmp_path / "none") == ()


def test_folders_that_lead_back_to_themselves_are_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert unread_files(tmp_path) == ()


def test_check_says_so_and_passes_unless_it_is_strict(tmp_path: Path) -> None:
    write(tmp_path, RULES)
    put(tmp_path, "team-a/20.yaml", RULES)
    result = CliRunner().invoke(check, ["--rules", str(tmp_path)])
    assert f"{tmp_path}/team-a: TR514 " in result.stdout
    assert result.exit_code == 0
    assert CliRunner().invoke(check, ["--rules", str(tmp_path), "--strict"]).exit_code == 3
