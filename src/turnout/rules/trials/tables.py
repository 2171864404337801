"""Tables of tests beside the rules: events, and what the rules as a whole make of each. Read here, run in trial.py.

A table is a file in the folder `tests` of the directory of rules: YAML with a list `tests`, or JSON lines with one test
in each line. What a test consists of is in cases.py. Every problem is reported, none is raised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

from turnout.rules.decode import decode
from turnout.rules.files import schema
from turnout.rules.files.document import YamlError, read_document
from turnout.rules.files.finding import files_in, read_text
from turnout.rules.files.nodes import ListNode, MapNode, to_json
from turnout.rules.files.places import Source
from turnout.rules.files.reporting import Reporter
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import Json, Place, Rejection
from turnout.rules.problems import Code, Problem
from turnout.rules.spelling import Guesses
from turnout.rules.trials.cases import Case, CaseReader, Known, Report

__all__ = ["Tables", "read_tables"]

_JSON_LINES = ".jsonl"
_SUFFIXES = (".yaml", ".yml", _JSON_LINES)


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
    folder = root / schema.TABLES_FOLDER
    for file in files_in(folder, _SUFFIXES, tables.problems) if folder.is_dir() else ():
        tables.files += 1
        text, name = read_text(file, limits, tables.problems), str(file.shown)
        if text is None:
            continue
        reporter = Reporter(Source(name, text))
        reader = CaseReader(name, root, known_rules, known_targets, limits)
        is_json = file.shown.suffix.lower() == _JSON_LINES
        drafts = _json_lines(text, reporter) if is_json else _yaml(text, reporter, limits)
        for number, (value, line, column, report) in enumerate(drafts, start=1):
            case = reader.case(value, number, Place(name, line + 1, column + 1), report)
            if case is not None:
                tables.cases.append(case)
        tables.problems += sorted(reporter.problems, key=lambda problem: (problem.line, problem.column))
    return tables


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
        hint = "; write 'tests:' above the list" if isinstance(root, ListNode) else ""
        reporter.at(Code.WRONG_TYPE, f"a table of tests is a mapping with a list 'tests'{hint}", 0, 0)
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
        value = decode(line)
        if isinstance(value, Rejection):
            said = value.message.replace("the body", "it").replace(" at line 1 column ", " at column ")
            told = _COLUMN.search(said)
            column = int(told[1]) - 1 if told else 0
            reporter.at(Code.WRONG_TYPE, f"a test must be a JSON object in one line: {said}", number, column)
            continue
        fields, twice = _keys(line)
        for key, column, width in twice:
            reporter.at(Code.DUPLICATE_KEY, f"'{key}' stands twice in one object", number, column, width)
        if twice:  # nobody knows which of the two is meant
            continue

        def report(code: Code, message: str, field: str, number: int = number, fields: dict[str, int] = fields) -> None:
            reporter.at(code, message, number, fields.get(field, 0))

        yield value, number, 0, report


_COLUMN = re.compile(r" at column ([0-9]+)\Z")
_TEXT_OR_BRACE = re.compile(r'("(?:[^"\\]|\\.)*")(?P<colon>\s*:)?|[{}]')


def _keys(line: str) -> tuple[dict[str, int], list[tuple[str, int, int]]]:
    """Where the keys of a JSON object stand, and those which stand twice in it or in an object below, with their
    place and width.
    """
    outermost: dict[str, int] = {}
    twice = []
    opened: list[dict[str, int]] = []
    for found in _TEXT_OR_BRACE.finditer(line):
        if found[0] == "{":
            opened.append({} if opened else outermost)
        elif found[0] == "}":
            opened.pop()
        elif found["colon"]:
            key = json.loads(found[1])
            if key in opened[-1]:
                twice.append((key, found.start(), len(found[1])))
            opened[-1].setdefault(key, found.start())
    return outermost, twice
