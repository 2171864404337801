"""What the tests of the engine share: asking it the fast way and the slow way, and saying what rules are."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.unit.rules.language import read
from tests.unit.rules.pattern_text import parse_pattern_text

from turnout.rules.condition.ast import Condition
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.decode import decode
from turnout.rules.engine import Engine
from turnout.rules.model import Rejection
from turnout.rules.pattern.pattern import compile_pattern

__all__ = ["engine", "fast", "pattern", "rule", "slow"]


def rule(written: str | dict[str, object]) -> Condition:
    """The condition of an expression, or of an event pattern."""
    return read(written) if isinstance(written, str) else pattern(written)


def pattern(written: dict[str, object]) -> Condition:
    return compile_pattern(parse_pattern_text(json.dumps(written))).condition


def engine(*rules: str | dict[str, object]) -> Engine:
    return Engine([rule(written) for written in rules])


def fast(asked: Engine, event: object, metadata: object = None) -> list[int]:
    """What matches, by generated code alone: raises for an event that is not for it."""
    body = event if isinstance(event, str | bytes) else json.dumps(event)
    found: list[int] = []
    asked.look(asked.decode(body), body, metadata, None, found)
    return asked.numbers(found)


def slow(asked: Engine, rules: Sequence[Condition], event: object, metadata: object = None) -> list[int]:
    """What matches, by the index and the interpreter."""
    decoded = decode(event if isinstance(event, str | bytes) else json.dumps(event))
    assert not isinstance(decoded, Rejection)
    return [number for number in asked.candidates(decoded, metadata) if holds(rules[number], Scope(decoded, metadata))]
