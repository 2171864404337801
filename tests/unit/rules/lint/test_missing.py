"""TR506: `not` and `!=` over paths that may be missing."""

from __future__ import annotations

import pytest
from tests.unit.rules.lint.linting import marked, warned

from turnout.rules.problems import Code


@pytest.mark.parametrize(
    ("expression", "part", "says"),
    [
        ("detail.a != 'x'", "detail.a != 'x'", "write 'not (detail.a == 'x')'"),
        ("b == 1 and detail.a != 'x'", "detail.a != 'x'", "false when detail.a is missing"),
        ("detail.a not in ['x', 'y']", "detail.a not in ['x', 'y']", "not (detail.a in ['x', 'y'])"),
        ("not (detail.a == 'x')", "not (detail.a == 'x')", "true when detail.a is missing"),
        ("b == 1 and not starts_with(detail.a, 'x')", "not starts_with(detail.a, 'x')", "and exists(detail.a)"),
        ("not (a == 1 or b == 2) and exists(a)", "not (a == 1 or b == 2)", "true when b is missing"),
        ("a != b and exists(a)", "a != b", "false when b is missing"),
        ("any(tags, @.name != 'x')", "@.name != 'x'", "@.name is missing"),
        ("@attributes.tenant != 'x'", "@attributes.tenant != 'x'", "@attributes.tenant is missing"),
    ],
)
def test_silence_about_a_missing_path_is_pointed_out(expression: str, part: str, says: str) -> None:
    (found,) = warned(expression, Code.MISSING_IS_FALSE)
    assert marked(found) == part
    assert says in found.message


@pytest.mark.parametrize(
    "expression",
    [
        "detail.a == 'x'",
        "exists(a) and a != 1",
        "a == null or a != 1",
        "a != null",
        "a != 1 and a != null",
        "not exists(a)",
        "a > 5 and not (a == 7)",
        "a > 5 and a != 7",
        "any(tags, @ != 'x')",
        "all(tags, not (@ == 'x'))",
        "'x' not in tags",
        "@receive_count != 1",
        "not (not (a == 1))",
    ],
)
def test_a_rule_that_has_made_up_its_mind_gets_no_warning(expression: str) -> None:
    assert warned(expression, Code.MISSING_IS_FALSE) == []


def test_a_path_is_pointed_out_once() -> None:
    assert len(warned("a != 1 and a != 2", Code.MISSING_IS_FALSE)) == 1


def test_patterns_are_left_to_the_words_of_aws() -> None:
    assert warned({"a": [{"anything-but": "x"}], "b": [{"exists": False}]}, Code.MISSING_IS_FALSE) == []


@pytest.mark.parametrize(
    ("expression", "one", "each"),
    [
        ("detail.p[*].x == null", "any(detail.p, @.x == null)", "not exists(detail.p[*].x)"),
        ("detail.p[1:3].x.y == null", "any(detail.p[1:3], @.x.y == null)", "not exists(detail.p[1:3].x.y)"),
        ("detail.p[?(@.a == 1)].x == null", "any(detail.p[?(@.a == 1)], @.x == null)", "not exists(detail.p[?("),
        ("any(detail.p, @.q[*].x == null)", "any(@.q, @.x == null)", "not exists(@.q[*].x)"),
    ],
)
def test_null_of_a_member_of_several_elements_is_pointed_out(expression: str, one: str, each: str) -> None:
    (found,) = warned(expression, Code.NULL_OF_SEVERAL)
    assert f"write {one} if one is to be without, {each}" in found.message
    assert warned(f"{one if '@.q' not in one else f'any(detail.p, {one})'}", Code.NULL_OF_SEVERAL) == []


@pytest.mark.parametrize(
    "expression",
    ["detail.x == null", "detail.p[0].x == null", "detail.p[*].x != null", "detail.p[*] == null", "$..x == null"],
)
def test_null_of_one_value_or_of_elements_themselves_is_left_alone(expression: str) -> None:
    assert warned(expression, Code.NULL_OF_SEVERAL) == []
