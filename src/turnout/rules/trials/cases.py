"""Tables of tests beside the rules: events, and what the rules as a whole make of each. Read here, run in trial.py.

A table is a file in the folder `tests` of the directory of rules: YAML with a list `tests`, or JSON lines with one test
in each line. The fields of a test are in schema.py. Every problem is reported, none is raised.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from turnout.message import Reason
from turnout.rules.condition.ast import Scalar
from turnout.rules.decode import decode
from turnout.rules.files import schema
from turnout.rules.files.document import YamlError, read_document
from turnout.rules.files.event_files import EventFileError, read_event_file
from turnout.rules.files.nodes import ListNode, MapNode, to_json
from turnout.rules.files.places import Source
from turnout.rules.files.reporting import Reporter
from turnout.rules.files.schema import Field, Type
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import Json, Place, Rejection, Unmatched
from turnout.rules.problems import Code, Problem
from turnout.rules.spelling import Guesses, nearest

__all__ = ["Case", "Tables", "Wanted", "read_tables"]

_YAML = (".yaml", ".yml")
_JSON_LINES = ".jsonl"
_REJECTIONS = (Reason.INVALID_JSON, Reason.NOT_AN_OBJECT, Reason.TOO_DEEP, Reason.MISSING_FIELD)

_NOWHERE = "; of an event that goes to no target write targets: []"
_INSTEAD = {
    "match": "; write the rules that match: rules: [id], or [] for none",
    "send": "; write targets: [name]",
    "unmatched": "; of an event that no rule matches write rules: []",
}
"""For fields that rules and examples have, and tests have not."""

_Report: TypeAlias = Callable[[Code, str, str], None]
"""(code, message, field): a problem with a field of a test, or with the whole test when the field is empty."""


class Wanted(msgspec.Struct, frozen=True):
    """What a target has to get, as far as the test says: None among the values stands for nothing."""

    fields: Mapping[str, Scalar] = {}
    """`group`, `deduplicate` and `delay`."""
    attributes: Mapping[str, Scalar] = {}


class Case(msgspec.Struct, frozen=True):
    """One test: a body, and what is expected of it. What is None is not looked at."""

    name: str
    place: Place
    body: bytes
    metadata: dict[str, Json] | None
    rules: frozenset[str] | None
    shadow: frozenset[str] | None
    targets: Mapping[str, Wanted] | None
    rejected: str | None


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
    known_rules, known_targets = _Known("rule", rules, Guesses(rules)), _Known("target", targets, Guesses(targets))
    for path in _files(root / schema.TABLES_FOLDER, tables.problems):
        tables.files += 1
        text = _text(path, tables.problems, limits)
        if text is None:
            continue
        reporter = Reporter(Source(str(path), text))
        reader = _CaseReader(str(path), root, known_rules, known_targets, limits)
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

_Draft: TypeAlias = tuple[dict[str, Json], int, int, _Report]
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


# -------------------------------------------------------------------------------------------------------- one test


class _Known(NamedTuple):
    """The names of all rules, or of all targets."""

    what: str
    names: Collection[str]
    guesses: Guesses


class _CaseReader:
    """Reads the tests of one file."""

    def __init__(self, file: str, root: Path, rules: _Known, targets: _Known, limits: Limits) -> None:
        self._file = file
        self._root = root
        self._rules = rules
        self._targets = targets
        self._limits = limits

    def case(self, value: dict[str, Json], number: int, place: Place, report: _Report) -> Case | None:
        """The test; None when something is wrong with it, which `report` has heard of."""
        problems = 0

        def tell(code: Code, message: str, field: str = "") -> None:
            nonlocal problems
            problems += 1
            report(code, message, field)

        for name in value:
            if name not in schema.CASE:
                hint = _INSTEAD.get(name) or nearest(name, schema.CASE)
                tell(Code.UNKNOWN_FIELD, f"a test has no field '{name}'{hint}", name)
        body = self._body(value, tell)
        case = Case(
            name=str(value.get("name") or f"test {number}"),
            place=place,
            body=body,
            metadata=_mapping(value, "metadata", tell),
            rules=self._names(value, "rules", self._rules, tell),
            shadow=self._names(value, "shadow", self._rules, tell),
            targets=self._wanted(value, tell),
            rejected=_rejected(value, tell),
        )
        if not problems and not {"rules", "shadow", "targets", "rejected"} & value.keys():
            tell(Code.MISSING_FIELD, "a test says what is expected: rules, targets, shadow or rejected")
        return None if problems else case

    def _body(self, value: dict[str, Json], tell: _Tell) -> bytes:
        given = [name for name in ("event", "file", "body") if name in value]
        if len(given) != 1:
            tell(Code.WRONG_VALUE, "a test has one of 'event', 'file' and 'body'")
            return b""
        (name,) = given
        if name == "event":
            event = _mapping(value, "event", tell)
            try:
                return json.dumps(event, allow_nan=False).encode()
            except ValueError as error:
                tell(Code.WRONG_VALUE, f"this event cannot be written as JSON: {error}", name)
                return b""
        text = value[name]
        if not isinstance(text, str):
            hint = "; a mapping is written as 'event'" if name == "body" and isinstance(text, dict) else ""
            tell(Code.WRONG_TYPE, f"{name} must be {Type.TEXT.value}{hint}", name)
            return b""
        if name == "body":
            return text.encode("utf-8", "surrogatepass")
        try:
            return read_event_file(text, beside=self._file, root=self._root, limits=self._limits)
        except EventFileError as error:
            tell(Code.EVENT_FILE, f"the file '{text}': {error}", name)
            return b""

    def _names(self, value: dict[str, Json], field: str, known: _Known, tell: _Tell) -> frozenset[str] | None:
        if field not in value:
            return None
        names = value[field]
        if not isinstance(names, list | dict) or not all(isinstance(name, str) for name in names):
            tell(Code.WRONG_TYPE, f"{field} must be a list of names; [] for none", field)
            return None
        for name in names:
            if name not in known.names:
                code = Code.UNKNOWN_RULE if known.what == "rule" else Code.UNKNOWN_TARGET
                nowhere = _NOWHERE if known.what == "target" and name in tuple(Unmatched) else ""
                tell(code, f"there is no {known.what} '{name}'{nowhere or known.guesses.nearest(str(name))}", field)
        return frozenset(str(name) for name in names)

    def _wanted(self, value: dict[str, Json], tell: _Tell) -> Mapping[str, Wanted] | None:
        names = self._names(value, "targets", self._targets, tell)
        given = value.get("targets")
        if names is None or not isinstance(given, dict):
            return None if names is None else dict.fromkeys(sorted(names), Wanted())
        return {name: _sent(name, sent, tell) for name, sent in given.items()}


_Tell: TypeAlias = Callable[..., None]


def _mapping(value: dict[str, Json], field: str, tell: _Tell) -> dict[str, Json] | None:
    found = value.get(field)
    if found is None and field not in value:
        return None
    if isinstance(found, dict):
        return found
    hint = "; what is text is written as 'body'" if field == "event" and isinstance(found, str) else ""
    tell(Code.WRONG_TYPE, f"{field} must be a mapping{hint}", field)
    return {}


def _rejected(value: dict[str, Json], tell: _Tell) -> str | None:
    reason = value.get("rejected")
    if reason is None or reason in _REJECTIONS:
        return None if reason is None else str(reason)
    tell(Code.WRONG_VALUE, f"rejected must be one of {', '.join(_REJECTIONS)}", "rejected")
    return None


def _sent(target: str, sent: Json, tell: _Tell) -> Wanted:
    """What a test says of one target."""
    if sent is None:
        return Wanted()
    if not isinstance(sent, dict):
        tell(Code.WRONG_TYPE, f"what target '{target}' gets must be a mapping, such as {{group: g-1}}", "targets")
        return Wanted()
    fields: dict[str, Scalar] = {}
    attributes: Json = {}
    for name, value in sent.items():
        if name not in schema.SENT:
            message = f"what target '{target}' gets has no field '{name}'{nearest(name, schema.SENT)}"
            tell(Code.UNKNOWN_FIELD, message, "targets")
        elif name == "attributes":
            attributes = value
        elif _fits(schema.SENT[name], value):
            fields[name] = value  # type: ignore[assignment]  # just checked
        else:
            tell(Code.WRONG_TYPE, f"{name} must be {schema.SENT[name].type.value}, or null for none", "targets")
    if not isinstance(attributes, dict) or any(isinstance(value, dict | list) for value in attributes.values()):
        tell(Code.WRONG_TYPE, "attributes must be a mapping of names to values", "targets")
        attributes = {}
    return Wanted(fields, attributes)  # type: ignore[arg-type]  # just checked


def _fits(field: Field, value: Json) -> bool:
    if value is None:
        return True
    if field.type is Type.INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)
