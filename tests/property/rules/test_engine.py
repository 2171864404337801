"""The engine against the plain interpreter: whatever the rules and whatever the event, the verdicts are the same."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.rules.strategies import conditions, events
from tests.property.rules.test_pattern_semantics import compiled, event_objects, pattern_objects

from turnout.rules.ast import Condition
from turnout.rules.decode import decode
from turnout.rules.engine import Engine
from turnout.rules.interpret import Scope, holds
from turnout.rules.model import Rejection

METADATA: dict[str, object] = {"attributes": {"a": "a", "b": "5"}, "receive_count": 2, "queue": "orders"}


def plain(rules: Sequence[Condition], body: str | bytes, metadata: object) -> list[int] | None:
    """What the interpreter says; None for a body that is no event."""
    event = decode(body)
    if isinstance(event, Rejection):
        return None
    return [number for number, rule in enumerate(rules) if holds(rule, Scope(event, metadata))]


def fast(engine: Engine, body: str, metadata: object) -> list[int] | None:
    """What the generated code says; None for an event that is not for it."""
    found: list[int] = []
    try:
        engine.look(engine.decode(body), body, metadata, None, found)
    except Exception:
        return None
    return sorted(set(found))


def slow(engine: Engine, rules: Sequence[Condition], body: str, metadata: object) -> list[int] | None:
    event = decode(body)
    if isinstance(event, Rejection):
        return None
    return [number for number in engine.candidates(event, metadata) if holds(rules[number], Scope(event, metadata))]


def check(rules: Sequence[Condition], bodies: Sequence[str], metadata: object = None) -> None:
    engine = Engine(rules)
    for body in bodies:
        wanted = plain(rules, body, metadata)
        assert slow(engine, rules, body, metadata) == wanted
        found = fast(engine, body, metadata)
        if found is not None:
            assert found == wanted


def text(event: object) -> str:
    return json.dumps(event).replace("Infinity", "1e999")


rulesets = st.lists(conditions(), min_size=1, max_size=6)


@settings(max_examples=400, deadline=None)
@given(rulesets, st.lists(events, min_size=1, max_size=3), st.sampled_from([None, METADATA]))
def test_expressions_get_the_interpreters_verdicts(
    rules: list[Condition], some_events: list[object], metadata: object
) -> None:
    check(rules, [text(event) for event in some_events], metadata)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(pattern_objects(2, dots=True), min_size=1, max_size=5),
    st.lists(event_objects(3), min_size=1, max_size=3),
)
def test_patterns_get_the_interpreters_verdicts(patterns: list[dict[str, object]], some_events: list[object]) -> None:
    check([compiled(pattern) for pattern in patterns], [text(event) for event in some_events])
