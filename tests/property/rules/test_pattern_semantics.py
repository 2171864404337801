"""Compiled patterns against the independent model of event_model.py, over generated patterns and events."""

from __future__ import annotations

import json
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.rules.event_model import Json, matches
from tests.unit.rules.pattern_text import parse_pattern_text

from turnout.rules.condition.ast import Condition
from turnout.rules.condition.compile import compile_condition
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.pattern.pattern import compile_pattern

SCALARS: list[Json] = [1, 2, 1.0, 0, "x", "xy", "", None, True, False]
LEAF_ARRAYS: list[Json] = [[], [1, 2], ["x", ["y", None]], {}, [[]], {"b": 1}, [1, {"b": 2}]]
scalars = st.sampled_from(SCALARS)
operators: st.SearchStrategy[Json] = st.sampled_from(
    [
        {"exists": True},
        {"exists": False},
        {"exists": False},
        {"prefix": "x"},
        {"anything-but": "x"},
        {"anything-but": [1, 2]},
        {"anything-but": {"prefix": ["x", "y"]}},
        {"numeric": [">=", 1]},
    ]
)
leaves: st.SearchStrategy[list[Json]] = st.one_of(
    st.tuples(scalars | operators).map(list), st.tuples(scalars | operators, scalars | operators).map(list)
)
# Fields with values and fields with fields have different names: EventBridge lets one be both, see test_pattern.py.
leaf_names = st.sampled_from(["b", "d", "f"])
inner_names = st.sampled_from(["a", "c", "e"])
few = st.sampled_from([0, 1, 1, 2])


@st.composite
def pattern_objects(draw: st.DrawFn, depth: int = 2, dots: bool = False) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for _ in range(draw(few) if depth else 0):
        name = draw(inner_names)
        below = draw(pattern_objects(depth - 1, dots))
        if dots and "$or" not in below and draw(st.booleans()):
            found.update({f"{name}.{key}": value for key, value in below.items()})
        else:
            found[name] = below
    if depth and draw(st.integers(0, 3)) == 0:
        found["$or"] = [draw(pattern_objects(depth - 1, dots)), draw(pattern_objects(depth - 1, dots))]
    for _ in range(draw(few) if found else draw(few) + 1):
        found[draw(leaf_names)] = draw(leaves)
    return found


@st.composite
def event_objects(draw: st.DrawFn, depth: int = 3) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for _ in range(draw(st.integers(0, 3))):
        found[draw(leaf_names)] = draw(st.one_of(scalars, scalars, st.sampled_from(LEAF_ARRAYS)))
    for _ in range(draw(st.integers(0, 2)) if depth else 0):
        found[draw(inner_names)] = draw(values(depth))
    return found


@st.composite
def values(draw: st.DrawFn, depth: int) -> Json:
    match draw(st.integers(0, 7)):
        case 0:
            return draw(scalars)
        case 1 | 2:
            return draw(event_objects(depth - 1))
        case 3:
            return [[draw(values(depth - 1)) if depth > 1 else 1], draw(event_objects(depth - 1))]
        case _:
            return [draw(event_objects(depth - 1)) for _ in range(draw(st.integers(0, 3)))]


def compiled(pattern: Mapping[str, object]) -> Condition:
    return compile_pattern(parse_pattern_text(json.dumps(pattern))).condition


@settings(max_examples=400, deadline=None)
@given(pattern_objects(), event_objects())
def test_patterns_match_what_the_model_says(pattern: dict[str, Json], event: dict[str, Json]) -> None:
    condition = compiled(pattern)
    expected = matches(pattern, event)
    assert holds(condition, Scope(event)) is expected
    assert compile_condition(condition)(event, None, None) is expected


@settings(max_examples=200, deadline=None)
@given(pattern_objects(dots=True), event_objects())
def test_patterns_with_dotted_keys_match_nested_events_as_the_model_says(
    pattern: dict[str, Json], event: dict[str, Json]
) -> None:
    assert holds(compiled(pattern), Scope(event)) is matches(pattern, event)
