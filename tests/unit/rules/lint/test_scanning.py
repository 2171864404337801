"""TR509: rules that the index cannot find."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from tests.property.rules.strategies import conditions
from tests.unit.rules.language import read
from tests.unit.rules.lint.linting import marked, warned

from turnout.rules.condition.ast import Condition, Constant
from turnout.rules.engine.access import why_scanned
from turnout.rules.engine.filing import Filing
from turnout.rules.engine.preparing import Preparer
from turnout.rules.problems import Code


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("exists(detail.a)", "that detail.a exists says nothing of its value"),
        ("contains(detail.a, 'x')", "contains() looks at every character of detail.a"),
        ("matches(a, 'x+')", "the regular expression has to be tried on a"),
        ("wildcard(a, '*x*')", "begins and ends with '*'"),
        ("a == 1 or not (b == 2)", "of its alternatives one cannot be looked up: 'not' asks"),
        ("a > 'x'", "only numbers are"),
        ("a == b", "a and b are both known from the event only"),
        ("a == null", "null or missing cannot be looked up"),
        ("cidr(a, '10.0.0.0/8')", "networks that a may be in are not indexed"),
        ("any(a[*], @.x != 1 and @.y != 2)", "any(...) looks at many values at once"),
        ("all(a, contains(@, 'x'))", "all(...) looks at many values at once"),
        ("a != 1", "nearly every value of a"),
    ],
)
def test_the_reason_is_told(expression: str, reason: str) -> None:
    (found,) = warned(expression, Code.SCAN)
    assert reason in found.message
    assert marked(found) == '"r"'


@pytest.mark.parametrize(
    "expression", ["a == 1", "a == 1 and matches(b, 'x')", "a in [1, 2] or starts_with(b, 'x')", "a > 5", "1 == 1"]
)
def test_rules_that_the_index_finds_get_no_warning(expression: str) -> None:
    assert warned(expression, Code.SCAN) == []


def test_a_disabled_rule_costs_nothing() -> None:
    assert warned("exists(a)", Code.SCAN, enabled=False) == []


@given(conditions())
@settings(max_examples=200, deadline=None)
def test_what_is_said_to_scan_is_what_the_engine_cannot_file(condition: Condition) -> None:
    prepared = Preparer().prepare(condition)
    filed = Filing([prepared]).choose(prepared) is not None
    assert bool(why_scanned(prepared)) is not (filed or isinstance(prepared, Constant))


def test_a_constant_is_not_said_to_scan() -> None:
    assert not why_scanned(Preparer().prepare(read("1 == 1")))
