"""The engine beside the plain interpreter: every way to a verdict, asked about the same rules and bodies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import msgspec

from turnout.rules.condition.ast import Condition
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.decode import decode
from turnout.rules.engine import Engine
from turnout.rules.engine.support import Unfit
from turnout.rules.model import Rejection

UNFIT = (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError, AttributeError, Unfit)
"""How the fast way refuses an event. Anything else would be a mistake in generated code."""

METADATA: dict[str, object] = {"attributes": {"a": "a", "b": "5"}, "receive_count": 2, "queue": "orders"}


@contextmanager
def few_of_everything() -> Iterator[None]:
    """Small bounds, so that a few rules reach what otherwise takes thousands."""
    engine = "turnout.rules.engine"
    with (
        patch(f"{engine}.probe._CROWD", 2),
        patch(f"{engine}.probe._TABLES_A_FUNCTION", 2),
        patch(f"{engine}.index._FLAT_ITEMS", -1_000_000),
        patch(f"{engine}.filing._MOST_LENGTHS", 2),
        patch(f"{engine}.projection._MOST_FIELDS", 3),
        patch(f"{engine}.checks._MOST_SHAPES", 3),
    ):
        yield


def by_interpreter(rules: Sequence[Condition], body: str, metadata: object) -> list[int] | None:
    """The rules that match; None for a body that is no event."""
    event = decode(body)
    if isinstance(event, Rejection):
        return None
    return [number for number, rule in enumerate(rules) if holds(rule, Scope(event, metadata))]


def by_generated_code(engine: Engine, body: str, metadata: object) -> list[int] | None:
    """The same by the fast way; None for an event that is not for it."""
    found: list[int] = []
    try:
        engine.look(engine.decode(body), body, metadata, None, found)
    except UNFIT:
        return None
    return engine.numbers(found)


def by_index(engine: Engine, rules: Sequence[Condition], body: str, metadata: object) -> list[int] | None:
    """The same by the slow way."""
    event = decode(body)
    if isinstance(event, Rejection):
        return None
    candidates = engine.candidates(event, metadata)
    return [number for number in candidates if holds(rules[number], Scope(event, metadata))]


def check(rules: Sequence[Condition], bodies: Sequence[str], metadata: object = None) -> None:
    engines = [Engine(rules)]
    with few_of_everything():
        engines.append(Engine(rules))
    for body in bodies:
        wanted = by_interpreter(rules, body, metadata)
        for engine in engines:
            assert by_index(engine, rules, body, metadata) == wanted
            found = by_generated_code(engine, body, metadata)
            assert found is None or found == wanted
