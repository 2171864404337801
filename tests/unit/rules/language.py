"""What the tests of the rules package share: reading an expression, asking both evaluators, writing rule files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from turnout.rules.condition.ast import Condition
from turnout.rules.condition.compile import compile_condition
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.environment import Environment
from turnout.rules.expression.parser import parse
from turnout.rules.expression.paths import PathReader
from turnout.rules.limits import DEFAULT_LIMITS, Limits

READER = PathReader()

HEAD = "targets: {standard: {queue: standard}, high: {queue: high}}\nunmatched: drop\n"


def read(text: str, *, limits: Limits = DEFAULT_LIMITS, environ: Mapping[str, str] | None = None) -> Condition:
    reader = READER if limits is DEFAULT_LIMITS else PathReader(limits)
    return parse(text, reader=reader, environment=Environment(environ or {}), limits=limits)


def verdict(text: str, event: object, metadata: object = None) -> bool:
    """What the expression says of the event; the interpreter and the compiled form must agree."""
    condition = read(text)
    plain = holds(condition, Scope(event, metadata))
    assert compile_condition(condition)(event, metadata, None) is plain
    return plain


def write(directory: Path, text: str, name: str = "rules.yaml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path
