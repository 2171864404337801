"""Nothing that is written as a pattern, and no event, makes reading, compiling or evaluating raise."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.rules.pattern_text import parse_pattern_text, pattern_or_refusal

from turnout.rules.condition.compile import compile_condition
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.pattern.nodes import PatternError

OPERATORS = (
    "prefix",
    "suffix",
    "equals-ignore-case",
    "anything-but",
    "numeric",
    "exists",
    "cidr",
    "wildcard",
    "exactly",
    "$or",
)
WORDS = ("", "a", "*a*", "\\", "10.0.0.0/8", "10.0.0.1", "::1/64", "=", "<", ">=", "\ud800", "é", "a.b", "..")
names = st.sampled_from((*OPERATORS, "a", "b", "a.b", "", "."))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.sampled_from(WORDS), st.text(max_size=5)
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=25
)
# Mostly well-formed, so that more than the first check is reached.
leaves = st.lists(scalars | st.dictionaries(names, anything, max_size=2) | anything, max_size=3)
patterns = st.recursive(
    st.dictionaries(names, leaves, min_size=1, max_size=4),
    lambda inner: st.one_of(
        st.dictionaries(names, inner, min_size=1, max_size=3),
        st.builds(lambda items: {"$or": items}, st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='{}[]":,0123456789.eE-tfnul \\\n', max_size=60))
@example("{" * 100_000)
@example('{"a":[' + "9" * 100_000 + "]}")
@example('{"a":["' + "\\u0000" * 1_000 + '"]}')
def test_reading_any_text_gives_a_pattern_or_a_problem_with_a_place(text: str) -> None:
    pattern_or_refusal(text)


@settings(max_examples=300, deadline=None)
@given(anything | patterns)
def test_the_reader_takes_exactly_what_json_is(value: object) -> None:
    text = json.dumps(value)
    for cut in (text, text[:-1], text + "]"):
        try:
            json.loads(cut)
        except ValueError:
            expected = False
        else:
            expected = "Infinity" not in cut
        try:
            parse_pattern_text(cut)
        except PatternError:
            assert not expected
        else:
            assert expected


@settings(max_examples=500, deadline=None)
@given(patterns | anything, anything)
def test_whatever_compiles_gives_every_event_the_same_verdict_both_ways(pattern: object, event: object) -> None:
    condition = pattern_or_refusal(json.dumps(pattern).replace("Infinity", "1e999"))
    if condition is None:
        return
    verdict = holds(condition, Scope(event))
    assert verdict in (True, False)
    assert compile_condition(condition)(event, None, None) is verdict
