"""docs/rules.md is right: each code has its section, each example is what it says, each command prints what it shows.

`UPDATE_DOCS=1 pytest tests/unit/docs` writes what the commands print now into the page.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.docs.page import Block, Page, anchor
from tests.unit.rules.language import HEAD, read, verdict, write

from turnout.rules.expression.functions import FUNCTIONS
from turnout.rules.expression.parser import parse_path
from turnout.rules.expression.paths import METADATA_FIELDS, PathReader
from turnout.rules.files import schema
from turnout.rules.files.load import read_rules
from turnout.rules.lint import lint
from turnout.rules.problems import Code
from turnout.rules.trials.trial import try_rules

ROOT = Path(__file__).parents[3]
PATH = ROOT / "docs" / "rules.md"
PAGE = Page(PATH)
CODE = re.compile(r"TR[0-9]{3}")

WRONG = [block for block in PAGE.blocks if block.language == "yaml" and CODE.fullmatch(block.section)]
RIGHT = [block for block in PAGE.blocks if block.language == "yaml" and not CODE.fullmatch(block.section)]
TESTS = "tests:"


def spans(cell: str) -> list[str]:
    """The code spans of a table's cell."""
    return re.findall(r"`([^`]+)`", cell)


def code_of(block: Block) -> str:
    return block.section


# ------------------------------------------------------------------------------------------------------------ sections


@pytest.mark.parametrize("code", Code, ids=str)
def test_every_code_has_a_section_that_says_what_to_do(code: Code) -> None:
    assert PAGE.sections.count(code) == 1
    text = PAGE.text.partition(f"### {code}\n")[2].partition("\n### ")[0]
    assert re.match(r"\s+\*\*.+\.\*\* .{20,}", text)


def test_there_is_no_section_of_a_code_that_does_not_exist() -> None:
    assert [title for title in PAGE.sections if CODE.fullmatch(title)] == [str(code) for code in Code]


def test_every_link_within_the_page_leads_to_a_section() -> None:
    anchors = {anchor(title) for title in PAGE.sections}
    linked = re.findall(r"\]\(#([^)]+)\)", PAGE.text)
    assert len(linked) > 10
    assert set(linked) <= anchors


def test_every_field_function_and_metadata_is_described() -> None:
    for fields in (schema.RULE, schema.TARGET, schema.CASE, schema.EXAMPLE, schema.SENT):
        for name in fields:
            assert re.search(rf"\b{name}\b", PAGE.text), f"the page does not mention the field {name}"
    of_targets = PAGE.text[PAGE.text.index("\n## Fields of a target\n") : PAGE.text.index("\n## Fields of a rule\n")]
    assert set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", of_targets, re.MULTILINE)))) == set(
        schema.TARGET
    )
    for function in FUNCTIONS:
        assert f"`{function}(" in PAGE.text, f"the page does not describe {function}()"
    for name in METADATA_FIELDS:
        assert f"@{name}" in PAGE.text


# ------------------------------------------------------------------------------------------------------------ examples


VERDICTS = [row for row in PAGE.rows if len(row) == 3 and row[2] in ("true", "false")]


@pytest.mark.parametrize("row", VERDICTS, ids=lambda row: f"{row[0]} {row[1]}")
def test_a_verdict_in_a_table_is_the_verdict(row: list[str]) -> None:
    (expression,), (event,) = spans(row[0]), spans(row[1])
    assert verdict(expression, json.loads(event)) is (row[2] == "true")


FUNCTION_ROWS = [row for row in PAGE.rows if len(row) == 2 and re.match(r"`[a-z_]+\(", row[0])]


@pytest.mark.parametrize("row", FUNCTION_ROWS, ids=lambda row: row[0])
def test_a_function_in_a_table_is_called_as_the_language_wants_it(row: list[str]) -> None:
    for expression in spans(row[0]):
        read(expression)


def test_every_path_in_the_table_of_paths_is_one() -> None:
    text = PAGE.text.partition("### Paths")[2].partition("### ")[0]
    rows = [row for row in re.findall(r"^\|(.+)\|(.+)\|$", text, re.MULTILINE) if "`" in row[0]]
    assert len(rows) == 7
    for first, _ in rows:
        for path in spans(first):
            parse_path(path, PathReader())


def complete(text: str) -> str:
    """The text of a block as a whole rule file."""
    if text.startswith("- "):
        return f"{HEAD}rules:\n{text}"
    if "unmatched:" in text:
        return text
    return HEAD.replace("high: {", "critical: {queue: critical}, high: {") + text


@pytest.mark.parametrize("block", RIGHT, ids=lambda block: block.section)
def test_a_rule_file_on_the_page_is_sound(block: Block, tmp_path: Path) -> None:
    if block.file == "typo.yaml":
        assert len(read_rules(write(tmp_path, block.text)).problems) == 3
        return
    if block.text.startswith(TESTS):
        shutil.copytree(ROOT / "rules", tmp_path, dirs_exist_ok=True)
        shutil.rmtree(tmp_path / "tests")
        write(_folder(tmp_path / "tests"), block.text, "table.yaml")
        trial = try_rules(read_rules(tmp_path, environ={}), tmp_path)
        expected = ["TR117"] if block.file == "calls/tests/calls.yaml" else []  # its rules are on the page
        assert [str(problem.code) for problem in trial.problems] == expected
        return
    reading = read_rules(
        write(tmp_path, complete(block.text)), environ={"CRITICAL_QUEUE_URL": "c", "STANDARD_QUEUE_URL": "s"}
    )
    assert [str(problem) for problem in reading.problems] == []
    assert try_rules(reading, tmp_path).problems == ()


@pytest.mark.parametrize("block", WRONG, ids=code_of)
def test_what_the_section_of_a_code_shows_has_that_code(block: Block, tmp_path: Path) -> None:
    if block.text.startswith(TESTS):
        write(_folder(tmp_path / "tests"), block.text, "table.yaml")
        write(tmp_path, HEAD + "rules:\n- {id: standard-priority, when: detail.x == 1, send: [standard]}\n")
    else:
        write(tmp_path, complete(block.text))
    reading = read_rules(tmp_path, environ={})
    trial = () if reading.problems else try_rules(reading, tmp_path).problems
    assert block.section in {str(problem.code) for problem in (*reading.problems, *trial, *lint(reading))}


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


# ------------------------------------------------------------------------------------------------------------ commands


def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    environment = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "LC_ALL")}
    environment |= {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "COLUMNS": "120", "PYTHONUTF8": "1"}
    page = PAGE.text
    for block in PAGE.blocks:
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        if block.language != "console":
            continue
        printed = ""
        for command, _ in block.commands:
            done = subprocess.run(
                ["bash", "-c", command],
                check=False,
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
            output = re.sub(r"fingerprint [0-9a-f]{16}", "fingerprint 0123456789abcdef", done.stdout)
            printed += f"$ {command}\n{output}"
        if os.environ.get("UPDATE_DOCS"):
            page = page.replace(f"```console\n{block.text}```", f"```console\n{printed}```")
        else:
            assert printed == block.text
    if page != PAGE.text:
        PATH.write_text(page)


ROWS = re.findall(r"^\| `turnout (.+) --json` \| one object[^:]*: (.+) \|$", PATH.read_text(), re.MULTILINE)


@pytest.mark.parametrize(("command", "members"), ROWS, ids=[command for command, _ in ROWS])
def test_json_has_the_members_that_the_page_names(command: str, members: str, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"detail": {"tags": {"priority": "high"}}}')
    options: dict[str, list[str | Path]] = {
        "check": ["--rules", "rules"],
        "rules match": ["--events", event],
        "rules explain": ["--event", event],
        "rules diff": ["rules", "rules", "--events", event],
    }
    done = subprocess.run(
        [sys.executable, "-m", "turnout", *command.split(), *options.get(command, []), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    always, _, _ = members.partition(";")
    assert [*json.loads(done.stdout)] == re.findall("`(.+?)`", always)


def test_the_page_names_the_json_of_every_command_that_has_it() -> None:
    assert {command for command, _ in ROWS} == {
        "check",
        *(f"rules {name}" for name in ["test", "match", "explain", "diff", "list"]),
    }
