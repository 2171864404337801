"""Tables of tests beside the rules: events, and what the rules as a whole make of each. Read here, run in trial.py.

A table is a file in the folder `tests` of the directory of rules: YAML with a list `tests`, or JSON lines with one test
in each line. What a test consists of is in cases.py. Every problem is reported, none is raised.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from turnout.rules.decode import decode
from turnout.rules.files import schema
from turnout.rules.files.document import YamlError, read_document
from turnout.rules.files.nodes import ListNode, MapNode, to_json
from turnout.rules.files.places import Source
from turnout.rules.files.reporting import Reporter
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import Json, Place, Rejection
from turnout.rules.problems import Code, Problem
from turnout.rules.spelling import Guesses
from turnout.rules.trials.cases import Case, CaseReader, Known, Report

__all__ = ["Tables", "read_tables"]

_YAML = (".yaml", ".yml")
_JSON_LINES = ".jsonl"


class Tables(msgspec.Struct):
    """The tests of all tables, how many tables there are, and what is wrong with them."""

    cases: list[Case]
    files: int
    problems: list[Problem]


def read_tables(
    root: Path, rules: Collection[str], targets: Collection[str], limits: Limits = DEFAULT_LIMITS
) -> Tables:
    """The tables of a directory of rules; none when it has no folder `tests`. `rules` and `targets` are known names."""
    tables = Tables([], 0, [])
    known_rules, known_targets = Known("rule", rules, Guesses(rules)), Known("target", targets, Guesses(targets))
    for path in _files(root / schema.TABLES_FOLDER, tables.problems):
        tables.files += 1
        text = _text(path, tables.problems, limits)
        if text is None:
            continue
        reporter = Reporter(Source(str(path), text))
        reader = CaseReader(str(path), root, known_rules, known_targets, limits)
        drafts = _json_lines(text, reporter) if path.suffix.lower() == _JSON_LINES else _yaml(text, reporter, limits)
        for number, (value, line, column, report) in enumerate(drafts, start=1):
            case = reader.case(value, number, Place(str(path), line + 1, column + 1), report)
            if case is not None:
                tables.cases.append(case)
        tables.problems += reporter.problems
    return tables


def _files(folder: Path, problems: list[Problem]) -> Sequence[Path]:
    if not folder.is_dir():
        return ()
    try:
        kinds = (*_YAML, _JSON_LINES)
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in kinds and path.name[0] != ".")
    except OSError as error:
        problems.append(_file_problem(folder, f"cannot be read: {error.strerror or error}"))
        return ()


def _text(path: Path, problems: list[Problem], limits: Limits) -> str | None:
    try:
        if path.exists() and not path.is_file():  # to open a pipe would wait for ever
            problems.append(_file_problem(path, "cannot be read: it is no ordinary file"))
            return None
        with path.open("rb") as stream:
            raw = stream.read(limits.file_bytes + 1)
        if len(raw) <= limits.file_bytes:
            return raw.decode("utf-8-sig")
        problems.append(_file_problem(path, f"larger than {limits.file_bytes} bytes"))
    except OSError as error:
        problems.append(_file_problem(path, f"cannot be read: {error.strerror or error}"))
    except UnicodeDecodeError:
        problems.append(_file_problem(path, "not UTF-8"))
    return None


def _file_problem(path: Path, message: str) -> Problem:
    return Problem(str(path), 0, 0, "", Code.UNREADABLE, message)


# --------------------------------------------------------------------------------------------------- the two formats

_Draft: TypeAlias = tuple[dict[str, Json], int, int, Report]
"""A test as it is written, its line and column from 0, and who hears of its problems."""


def _yaml(text: str, reporter: Reporter, limits: Limits) -> Iterator[_Draft]:
    try:
        root = read_document(text, reporter.node, limits)
    except YamlError as error:
        reporter.at(error.code, str(error), error.line, error.column)
        return
    tests = root.get("tests") if isinstance(root, MapNode) else None
    if not isinstance(root, MapNode) or not isinstance(tests, ListNode):
        reporter.at(Code.WRONG_TYPE, "a table of tests is a mapping with a list 'tests'", 0, 0)
        return
    for key, (node, _) in root.items.items():
        if key not in schema.TABLE:
            reporter.node(Code.UNKNOWN_FIELD, f"a table of tests has no field '{key}'", node)
    for item in tests.items:
        value = to_json(item)
        if not isinstance(item, MapNode) or not isinstance(value, dict):
            reporter.node(Code.WRONG_TYPE, "a test must be a mapping with an event and what is expected", item)
            continue

        def report(code: Code, message: str, field: str, item: MapNode = item) -> None:
            reporter.node(code, message, item.items[field][0] if field in item.items else item)

        yield value, item.line, item.column, report


def _json_lines(text: str, reporter: Reporter) -> Iterator[_Draft]:
    for number, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        value = decode(line.strip())
        if isinstance(value, Rejection):
            said = value.message.replace("the body", "it").replace(" at line 1 column ", " at column ")
            reporter.at(Code.WRONG_TYPE, f"a test must be a JSON object in one line: {said}", number, 0)
            continue

        def report(code: Code, message: str, _: str, number: int = number) -> None:
            reporter.at(code, message, number, 0)

        yield value, number, 0, report
