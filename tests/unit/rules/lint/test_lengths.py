"""TR519: `list.length`, which is the name of a member and no length."""

from __future__ import annotations

import pytest
from tests.unit.rules.lint.linting import Written, marked, warned

from turnout.rules.problems import Code


@pytest.mark.parametrize(
    ("expression", "instead"),
    [
        ("detail.list.length > 2", "write len(detail.list)"),
        ("detail.list.length == 0", "write len(detail.list)"),
        ("detail.list.length != 0", "write len(detail.list)"),
        ("len(detail.a) > detail.b.length", "write len(detail.b)"),
        ("any(detail.list, @.tags.length > 2)", "write len(@.tags)"),
        ("any(detail.list, @.length > 2)", "write len(@)"),
    ],
)
def test_a_length_that_is_the_name_of_a_member_is_pointed_out_once(expression: str, instead: str) -> None:
    (found,) = warned(f"detail.x == 1 or {expression} or {expression}", Code.LENGTH)
    assert found.message.endswith(instead)
    assert "length" in marked(found)


def test_a_pattern_that_counts_is_told_where_counting_is_done() -> None:
    (found,) = warned({"detail": {"list": {"length": [{"numeric": [">", 2]}]}}}, Code.LENGTH)
    assert found.message.endswith("a pattern counts nothing, 'when' does by len(detail.list)")


@pytest.mark.parametrize(
    "condition",
    [
        "len(detail.list) > 2",
        "detail.cable.length == 'long'",
        "exists(detail.cable.length)",
        "length > 2",
        "detail.length.unit == 1",
        {"detail": {"cable": {"length": ["long"]}}},
    ],
)
def test_other_members_of_this_name_are_left_alone(condition: Written) -> None:
    assert warned(condition, Code.LENGTH) == []


def test_an_example_with_such_a_member_shows_that_a_length_is_meant() -> None:
    example = {"event": {"detail": {"cable": {"length": 3}}}, "match": True}
    assert warned("detail.cable.length > 2", Code.LENGTH, examples=[example]) == []
    in_array = {"event": {"detail": {"cable": [1, 2, 3]}}, "match": False}
    assert warned("detail.cable.length > 2", Code.LENGTH, examples=[in_array]) != []
