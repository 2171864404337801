"""TR518: values of another type than the events have, which are never equal to what is there."""

from __future__ import annotations

import pytest
from tests.unit.rules.lint.linting import Written, file_of, marked, rule_text, warned, warnings_of

from turnout.rules.problems import Code


@pytest.mark.parametrize("constant", ["true", "false", "null"])
@pytest.mark.parametrize(
    "written", ["detail.x == '{}'", "detail.x != '{}'", "detail.x in ['{}']", "any(detail.list, @.x == '{}')"]
)
def test_a_constant_in_quotes_is_pointed_out(written: str, constant: str) -> None:
    expression = written.format(constant)
    (found,) = warned(f"detail.y == 1 or {expression}", Code.OTHER_TYPE)
    assert found.message == (
        f"'{constant}' in quotes is a text, and no text equals the constant; write {constant} without them"
    )
    assert marked(found) in expression


def test_a_constant_in_quotes_in_a_pattern_is_pointed_out() -> None:
    (found,) = warned({"detail": {"x": ["true"]}}, Code.OTHER_TYPE)
    assert "write true without" in found.message


@pytest.mark.parametrize(
    "condition",
    [
        "detail.x == true",
        "detail.x == 'true' or detail.x == true",
        "detail.x in ['true', 'maybe']",
        "@attributes.recorded == 'true'",
        "lower(detail.x) == 'true'",
        "detail.x == 'True story'",
        {"detail": {"x": ["true", True]}},
    ],
)
def test_who_names_both_or_knows_of_a_text_is_left_alone(condition: Written) -> None:
    assert warned(condition, Code.OTHER_TYPE) == []


@pytest.mark.parametrize("match", [True, False])
def test_an_example_with_the_text_shows_that_it_is_meant(match: bool) -> None:
    example = {"event": {"detail": {"x": "true"}}, "match": match}
    assert warned("detail.x == 'true'", Code.OTHER_TYPE, examples=[example]) == []
    assert warned("detail.x == 'true'", Code.OTHER_TYPE, examples=[{"file": "e.json", "match": True}]) == []


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("detail.n > 5 and detail.n != '7'", "'7' is a text; by the examples and ranges of the rules, detail.n is a"),
        ("detail.n > 5 or detail.n == '7.5'", "number; write 7.5"),
        ("any(detail.list, @.n > 5 and @.n != '7')", "@.n is a number; write 7"),
        ({"$or": [{"detail": {"n": ["7"]}}, {"detail": {"n": [{"numeric": [">", 5]}]}}]}, "write 7"),
    ],
)
def test_a_number_in_quotes_beside_a_range_of_numbers_is_pointed_out(condition: Written, says: str) -> None:
    (found,) = warned(condition, Code.OTHER_TYPE)
    assert says in found.message


def test_of_several_values_for_one_path_the_first_is_pointed_out() -> None:
    (found,) = warned("detail.n > 5 and detail.n != '7' and detail.n != '8'", Code.OTHER_TYPE)
    assert marked(found) == "detail.n != '7'"
    first, second = warned("detail.n > 5 and detail.n != '7' and detail.m > 5 and detail.m != '8'", Code.OTHER_TYPE)
    assert (marked(first), marked(second)) == ("detail.n != '7'", "detail.m != '8'")


@pytest.mark.parametrize(
    ("value", "condition", "says"),
    [
        (7, "detail.n == '7'", "'7' is a text; by the examples and ranges of the rules, detail.n is a number; write 7"),
        ("8", "detail.n == 7", "7 is a number; by the examples and ranges of the rules, detail.n is a text; write '7'"),
        (True, "detail.n == 1", "1 is a number; by the examples and ranges of the rules, detail.n is true or false;"),
        ("yes", "detail.n == true", "true is true or false; by the examples"),
    ],
)
def test_what_examples_of_another_rule_show_decides(value: object, condition: str, says: str) -> None:
    other = rule_text("other", "exists(detail.n)", examples=[{"event": {"detail": {"n": value}}, "match": True}])
    (found,) = (each for each in warnings_of(file_of(other, rule_text("r", condition))) if each.code == "TR518")
    assert found.rule == "r"
    assert says in found.message


@pytest.mark.parametrize(
    "condition",
    ["detail.extension == '1001'", "account == '123456789012'", "version == '0'", "detail.n == 7", "detail.n > 7"],
)
def test_a_number_of_which_nobody_knows_the_type_is_left_alone(condition: str) -> None:
    assert warned(condition, Code.OTHER_TYPE) == []


def test_examples_with_both_types_leave_it_open() -> None:
    examples = [{"event": {"detail": {"n": value}}, "match": True} for value in (7, "8")]
    other = rule_text("other", "exists(detail.n)", examples=examples)
    both = file_of(other, rule_text("r", "detail.n == '7'"), rule_text("s", "detail.n == 7"))
    assert [found for found in warnings_of(both) if found.code == "TR518"] == []


def test_an_example_that_does_not_match_says_nothing_of_the_type() -> None:
    example = {"event": {"detail": {"ms": "130000"}}, "match": False, "description": "text is not a number"}
    assert warned("detail.ms == 130000 or detail.x == 1", Code.OTHER_TYPE, examples=[example]) == []
