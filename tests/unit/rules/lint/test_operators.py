"""TR515: operators of patterns that stand outside of a list, and so are names of fields."""

from __future__ import annotations

import pytest
from tests.unit.rules.lint.linting import Written, marked, warned

from turnout.rules.problems import Code


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ({"detail": {"channel": {"prefix": ["v"]}}}, "prefix"),
        ({"detail": {"channel": {"anything-but": ["a", "b"]}, "x": [1]}}, "anything-but"),
        ({"detail": {"n": {"numeric": [">", 5]}}}, "numeric"),
        ({"detail": {"n": {"exists": [False]}}}, "exists"),
    ],
)
def test_an_operator_outside_of_a_list_is_pointed_out(pattern: Written, name: str) -> None:
    (found,) = warned(pattern, Code.OPERATOR_AS_FIELD)
    assert f"'{name}' is taken for the name of a field" in found.message
    assert found.message.endswith(f"[{{{name}: ...}}]")
    assert marked(found) == "["


@pytest.mark.parametrize(
    "condition",
    [{"detail": {"channel": [{"prefix": "v"}]}}, {"detail": {"prefix": {"code": ["v"]}}}, "detail.prefix == 'v'"],
)
def test_operators_in_lists_and_other_names_are_left_alone(condition: Written) -> None:
    assert warned(condition, Code.OPERATOR_AS_FIELD) == []


def test_an_example_with_such_a_member_shows_that_it_is_meant() -> None:
    pattern: Written = {"detail": {"prefix": ["+49"]}}
    example = {"event": {"detail": {"prefix": "+49"}}, "match": True}
    assert warned(pattern, Code.OPERATOR_AS_FIELD, examples=[example]) == []
    assert warned(pattern, Code.OPERATOR_AS_FIELD) != []
