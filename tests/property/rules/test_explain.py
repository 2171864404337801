"""Explanations say what evaluation says, for every condition and every event."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from tests.property.rules.strategies import conditions, events, paths, values

from turnout.rules.ast import Condition, Path, Root
from turnout.rules.explain import Finding, explain
from turnout.rules.interpret import Scope, find, holds
from turnout.rules.locating import Located, locate, why_nothing


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
