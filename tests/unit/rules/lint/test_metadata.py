"""TR503 of metadata: each has one type, and a comparison with another one is never true."""

from __future__ import annotations

import pytest
from tests.unit.rules.lint.linting import marked, warned

from turnout.rules.problems import Code


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("@attributes.priority > 3", "name the texts that fit: in ['3', ...]"),
        ("@attributes.priority == 3", "write '3'"),
        ("@attributes.urgent == true", "is a text, in any case"),
        ("@group_id in [1, 2]", "write '1'"),
        ("@receive_count == '3'", "is a number; write it without quotes"),
        ("@sent_timestamp > '2026'", "is a number; write it without quotes"),
    ],
)
def test_a_comparison_with_a_value_of_another_type_is_pointed_out(expression: str, says: str) -> None:
    example = {"event": {}, "metadata": {"attributes": {"priority": 5}}, "match": False}
    (found,) = warned(f"{expression} or detail.x == 1", Code.NEVER_TRUE, examples=[example])
    assert "this is never true" in found.message
    assert says in found.message
    assert marked(found) == expression


@pytest.mark.parametrize(
    "expression",
    [
        "@attributes.priority == '3'",
        "@attributes.priority in [3, '3']",
        "@attributes.x == null",
        "@receive_count > 3",
        "@attributes == 1",
        "len(@queue) > 3",
        "detail.attributes.x == 3",
        "@queue != 5",
    ],
)
def test_other_comparisons_are_left_alone(expression: str) -> None:
    assert warned(f"{expression} or detail.x == 1", Code.NEVER_TRUE) == []
