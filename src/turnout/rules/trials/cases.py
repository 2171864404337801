"""One test of a table: an event, and what the rules as a whole have to make of it.

The fields of a test are in files/schema.py; tables.py reads the files that tests are in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from turnout.rules.condition.ast import Scalar
from turnout.rules.files import schema
from turnout.rules.files.event_files import EventFileError, read_event_file
from turnout.rules.files.schema import Field, Type
from turnout.rules.limits import Limits
from turnout.rules.model import Json, Place, Unmatched
from turnout.rules.problems import Code
from turnout.rules.spelling import Guesses, nearest

__all__ = ["Case", "CaseReader", "Known", "Report", "Wanted"]

_NOWHERE = "; of an event that goes to no target write targets: []"
_INSTEAD = {
    "match": "; write the rules that match: rules: [id], or [] for none",
    "send": "; write targets: [name]",
    "unmatched": "; of an event that no rule matches write rules: []",
}
"""For fields that rules and examples have, and tests have not."""

Report: TypeAlias = Callable[[Code, str, str], None]
"""(code, message, field): a problem with a field of a test, or with the whole test when the field is empty."""

_Tell: TypeAlias = Callable[..., None]
"""As `Report`, but the field may be left out, and what was told counts."""


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


class Known(NamedTuple):
    """The names of all rules, or of all targets."""

    what: str
    names: Collection[str]
    guesses: Guesses


class CaseReader:
    """Reads the tests of one file."""

    def __init__(self, file: str, root: Path, rules: Known, targets: Known, limits: Limits) -> None:
        self._file = file
        self._root = root
        self._rules = rules
        self._targets = targets
        self._limits = limits

    def case(self, value: dict[str, Json], number: int, place: Place, report: Report) -> Case | None:
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
            metadata=_metadata(value, tell),
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

    def _names(self, value: dict[str, Json], field: str, known: Known, tell: _Tell) -> frozenset[str] | None:
        if field not in value:
            return None
        names = value[field]
        kinds = list | dict if known.what == "target" else list
        if not isinstance(names, kinds) or not all(isinstance(name, str) for name in names):
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


def _mapping(value: dict[str, Json], field: str, tell: _Tell) -> dict[str, Json] | None:
    found = value.get(field)
    if found is None and field not in value:
        return None
    if isinstance(found, dict):
        return found
    hint = "; what is text is written as 'body'" if field == "event" and isinstance(found, str) else ""
    tell(Code.WRONG_TYPE, f"{field} must be a mapping{hint}", field)
    return {}


def _metadata(value: dict[str, Json], tell: _Tell) -> dict[str, Json] | None:
    metadata = _mapping(value, "metadata", tell)
    for name in metadata or ():
        if name not in schema.METADATA:
            tell(Code.UNKNOWN_FIELD, f"metadata has no field '{name}'{nearest(name, schema.METADATA)}", "metadata")
    return metadata


def _rejected(value: dict[str, Json], tell: _Tell) -> str | None:
    reason, choices = value.get("rejected"), schema.CASE["rejected"].choices
    if reason is None or reason in choices:
        return None if reason is None else str(reason)
    hint = nearest(str(reason), choices)
    tell(Code.WRONG_VALUE, f"rejected must be one of {', '.join(choices)}{hint}", "rejected")
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
