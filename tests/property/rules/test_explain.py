"""Explanations say what evaluation says, for every condition and every event."""

from __future__ import annotations

import json
import pathlib

import msgspec
import pytest
from hypothesis import given, settings
from tests.property.rules.strategies import conditions, events, paths, values
from tests.unit.rules.pattern_text import parse_pattern_text

from turnout.rules.condition.ast import Condition, Path, Root
from turnout.rules.condition.interpret import Scope, find, holds
from turnout.rules.decode import decode
from turnout.rules.explain.explain import explain
from turnout.rules.explain.finding import Finding
from turnout.rules.explain.locating import Located, locate, why_nothing
from turnout.rules.model import Rejection
from turnout.rules.pattern.nodes import PatternError
from turnout.rules.pattern.pattern import compile_pattern


@given(conditions(), events, values)
@settings(max_examples=300, deadline=None)
def test_the_explanation_has_the_interpreters_verdict_and_marks_one_failure_at_most(
    condition: Condition, event: object, metadata: object
) -> None:
    finding = explain(condition, event, metadata)
    assert finding.verdict is holds(condition, Scope(event, metadata))
    assert _marks(finding) == (0 if finding.verdict else 1)
    assert 0 <= finding.held <= finding.asked
    msgspec.json.encode(finding)


def _marks(finding: Finding) -> int:
    return finding.first_failure + sum(map(_marks, finding.parts))


@given(paths(), events)
@settings(max_examples=300, deadline=None)
def test_values_are_located_where_they_stand(path: Path, event: object) -> None:
    def keep(condition: Condition, element: Located) -> bool:
        return holds(condition, Scope(event, None, element.value))

    start = Located(event, Root.EVENT)
    found = locate(path.segments, start, keep)
    expected = find(path, Scope(event))
    assert len(found) == len(expected)
    for place, value in zip(found, expected, strict=True):
        assert place.value is value
        assert _at(event, place.steps) is value
    assert bool(why_nothing(path.segments, start, keep)) is not bool(found)


def _at(event: object, steps: tuple[str | int, ...]) -> object:
    for step in steps:
        assert isinstance(event, dict | list)
        event = event[step]  # type: ignore[index]
    return event


def _corpus() -> list[tuple[str, str]]:
    path = pathlib.Path(__file__).parents[3].parent / "shared" / "corpus" / "event_patterns.jsonl"
    if not path.exists():
        pytest.skip("the corpus of event patterns is not beside this checkout")
    cases = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        (case.get("pattern_text") or json.dumps(case["pattern"]), case.get("event_text") or json.dumps(case["event"]))
        for case in cases
    ]


def test_patterns_are_explained_with_the_interpreters_verdict() -> None:
    explained = 0
    for pattern, body in _corpus():
        event = decode(body)
        try:
            compiled = compile_pattern(parse_pattern_text(pattern))
        except PatternError:
            continue
        if isinstance(event, Rejection):
            continue
        finding = explain(compiled.condition, event, source=compiled.source)
        assert finding.verdict is holds(compiled.condition, Scope(event)), pattern
        assert _marks(finding) == (0 if finding.verdict else 1), pattern
        explained += 1
    assert explained > 1_000
