"""The table that says what failures mean: causes.yaml as data, an operator's own rows over it, and looking things up.

Which evidence is asked in which order is `classify`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import NamedTuple, Protocol

import msgspec
import re2

from turnout.errors import TurnoutError
from turnout.rules.files.document import YamlError, read_document
from turnout.rules.files.nodes import ScalarNode, to_json
from turnout.rules.problems import Code

__all__ = ["Cause", "CauseTable", "CausesError", "Disposition", "Row", "Verdict", "default_causes", "load_causes"]

_MAX_REGEX_BYTES = 1 << 20
_LONGEST_TEXT = 4_000
"""Characters of an error message that are looked at; what matters stands at its beginning."""


class CausesError(TurnoutError):
    """A table of causes cannot be used. `problems` holds one sentence each."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.problems = tuple(f"{source}: {problem}" for problem in problems)
        super().__init__("\n".join(self.problems))


class Cause(StrEnum):
    """Why a delivery failed. The first four and UNKNOWN are the tutorials' categories."""

    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    AUTHENTICATION_REJECTED = "AUTHENTICATION_REJECTED"
    """Not known, or not permitted."""
    ENDPOINT_UNREACHABLE = "ENDPOINT_UNREACHABLE"
    """No connection, no answer in time, or an answer that it is out of service."""
    PAYLOAD_MALFORMED = "PAYLOAD_MALFORMED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    TARGET_MISSING = "TARGET_MISSING"
    """The queue, function or resource does not exist."""
    TARGET_FAILED = "TARGET_FAILED"
    """It took the event and failed to process it."""
    CONFIGURATION_WRONG = "CONFIGURATION_WRONG"
    CONFLICT = "CONFLICT"
    """Somebody else was changing the same thing."""
    NOT_ROUTED = "NOT_ROUTED"
    """No rule says where it belongs."""
    LETTER_UNREADABLE = "LETTER_UNREADABLE"
    """Another version of Turnout wrote the letter, or it is damaged: nobody here knows which targets have the event."""
    INTERNAL_ERROR = "INTERNAL_ERROR"
    UNKNOWN = "UNKNOWN"


class Disposition(StrEnum):
    """What would help."""

    TRANSIENT = "transient"
    """Time: deliver it again."""
    NEEDS_FIX = "needs-fix"
    """An operator's repair, then a delivery."""
    PERMANENT = "permanent"
    """Nothing, for this event as it is: archive it."""
    UNKNOWN = "unknown"
    """Somebody must look."""


class Verdict(msgspec.Struct, frozen=True):
    """Cause and disposition, and which row of the table said so."""

    cause: Cause
    disposition: Disposition
    because: str = ""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one code means. With `read: message`, the error message is asked first, and this is what else holds."""

    cause: Cause
    disposition: Disposition
    read: str = ""
    """Empty or `message`."""


class TextRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an error message in which `pattern` (RE2) is found means."""

    name: str
    pattern: str
    cause: Cause
    disposition: Disposition


class CauseNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a report says of a cause: the tutorials' category, and what to do next."""

    category: str
    advice: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. Everything is optional in an operator's own."""

    version: int
    codes: dict[str, dict[str, Row]] = {}
    """By who says them."""
    status_patterns: tuple[str, ...] = ()
    statuses: dict[str, Row] = {}
    """By status (`429`) or class of them (`4xx`)."""
    text: tuple[TextRow, ...] = ()
    """In the order in which they are tried."""
    faults: dict[str, Row] = {}
    causes: dict[Cause, CauseNote] = {}


class CauseTable:
    """A table in use: immutable."""

    def __init__(self, table: _Table, source: str = "") -> None:
        problems: list[str] = []
        self._table = table
        self._statuses = [
            _compiled(pattern, f"status_patterns[{n}]", problems) for n, pattern in enumerate(table.status_patterns)
        ]
        self._text = [(_compiled(row.pattern, f"text[{n}]", problems), row) for n, row in enumerate(table.text)]
        problems += [
            f"status_patterns[{n}]: exactly one group is needed, the status"
            for n, pattern in enumerate(self._statuses)
            if pattern.groups != 1
        ]
        problems += [
            f"codes.{vocabulary}.{code}: read must be 'message' or left out, not {row.read!r}"
            for vocabulary, rows in table.codes.items()
            for code, row in rows.items()
            if row.read not in ("", "message")
        ]
        if table.version != 1:
            problems.append(f"version {table.version} is not known; this Turnout reads version 1")
        if problems:
            raise CausesError(source, problems)

    def code(self, vocabulary: str, code: str) -> Row | None:
        """What a code means in this vocabulary."""
        rows = self._table.codes.get(vocabulary, {})
        return rows.get(code) or rows.get(code.upper())

    def status(self, status: int) -> Row | None:
        """What an HTTP status means; its own row, else that of its class."""
        return self._table.statuses.get(str(status)) or self._table.statuses.get(f"{status // 100}xx")

    def fault(self, fault: str) -> Row | None:
        """What one of Turnout's faults means, where the code says nothing."""
        return self._table.faults.get(fault)

    def text(self, message: str) -> Verdict | None:
        """What an error message means: by the HTTP status it speaks of, else by the first rule for its words."""
        text = message[:_LONGEST_TEXT].encode(errors="replace").decode()
        for pattern in self._statuses:
            found = pattern.search(text)
            status = (found[1] or "") if found is not None else ""
            if status.isascii() and status.isdigit() and (row := self.status(int(status[:3]))):
                return Verdict(row.cause, row.disposition, f"HTTP status {status} in the error message")
        for pattern, words in self._text:
            if pattern.search(text) is not None:
                return Verdict(words.cause, words.disposition, f"text rule {words.name!r} on the error message")
        return None

    def category(self, cause: Cause) -> str:
        """The tutorials' name for it: one of their five."""
        note = self._table.causes.get(cause)
        return note.category if note else Cause.UNKNOWN

    def advice(self, cause: Cause) -> str:
        """What to do next, in a sentence."""
        note = self._table.causes.get(cause)
        return note.advice if note else ""


@cache
def default_causes() -> CauseTable:
    """The table that ships with Turnout."""
    return CauseTable(_read(files("turnout.recovery").joinpath("causes.yaml").read_text("utf-8"), "causes.yaml"))


def load_causes(text: str, source: str = "causes") -> CauseTable:
    """An operator's table in YAML over the shipped one: its rows replace rows, its text rules come first.

    Raises `CausesError` with every problem found.
    """
    base = default_causes()._table
    mine = _read(text, source)
    codes = {name: base.codes.get(name, {}) | mine.codes.get(name, {}) for name in base.codes | mine.codes}
    merged = _Table(
        version=mine.version,
        codes=codes,
        status_patterns=mine.status_patterns + base.status_patterns,
        statuses=base.statuses | mine.statuses,
        text=mine.text + base.text,
        faults=base.faults | mine.faults,
        causes=base.causes | mine.causes,
    )
    return CauseTable(merged, source)


def _read(text: str, source: str) -> _Table:
    problems: list[str] = []

    def report(code: Code, message: str, node: ScalarNode) -> None:
        problems.append(f"{node.line + 1}:{node.column + 1}: {code} {message}")

    try:
        node = read_document(text, report)
    except YamlError as error:
        raise CausesError(source, [f"{error.line + 1}:{error.column + 1}: {error.code} {error}"]) from error
    if problems:
        raise CausesError(source, problems)
    if node is None:
        raise CausesError(source, ["is empty; it needs at least 'version: 1'"])
    try:
        return msgspec.convert(to_json(node), _Table, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise CausesError(source, [str(error)]) from error


class _Found(Protocol):
    def __getitem__(self, group: int) -> str | None: ...


class _Pattern(NamedTuple):
    """A compiled RE2 expression."""

    search: Callable[[str], _Found | None]
    groups: int


def _compiled(pattern: str, place: str, problems: list[str]) -> _Pattern:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_REGEX_BYTES
    try:
        compiled = re2.compile(pattern, options=options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else error
        problems.append(f"{place}: {reason.decode(errors='replace') if isinstance(reason, bytes) else reason}")
        return _Pattern(lambda _: None, 1)
    return _Pattern(compiled.search, compiled.groups)
