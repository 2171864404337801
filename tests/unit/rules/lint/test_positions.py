"""TR513: numbers between dots, which are names of members and no positions in arrays."""

from __future__ import annotations

import pytest
from tests.unit.rules.lint.linting import Written, marked, warned

from turnout.rules.problems import Code


@pytest.mark.parametrize(
    "expression", ["detail.list.0.purpose == 'agent'", "exists(detail.list.0)", "any(detail.list, @.tags.0 == 'x')"]
)
def test_a_number_after_a_dot_is_pointed_out_once(expression: str) -> None:
    (found,) = warned(f"{expression} or {expression} or detail.x == 1", Code.POSITION)
    assert "an element of an array is written [0]" in found.message
    assert "list.0" in marked(found) or "tags.0" in marked(found)


def test_a_number_as_a_key_of_a_pattern_is_pointed_out() -> None:
    (found,) = warned({"detail": {"list": {"0": {"purpose": ["agent"]}}}}, Code.POSITION)
    assert "without a position" in found.message


@pytest.mark.parametrize(
    "condition",
    [
        "detail.list[0].x == 1",
        "detail.list['0'].x == 1",
        "detail['0'] == 1",
        "detail.x0 == 1",
        {"detail": {"x": ["0"]}},
    ],
)
def test_positions_and_names_in_quotes_are_left_alone(condition: Written) -> None:
    assert warned(condition, Code.POSITION) == []


def test_an_example_with_such_a_member_shows_that_it_is_meant() -> None:
    example = {"event": {"detail": {"counts": {"0": 5}}}, "match": True}
    assert warned("detail.counts.0 == 5", Code.POSITION, examples=[example]) == []
    in_array = {"event": {"detail": {"counts": [5]}}, "match": False}
    assert warned("detail.counts.0 == 5", Code.POSITION, examples=[in_array]) != []
