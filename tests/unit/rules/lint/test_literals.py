"""TR512: texts that are taken as they stand, and look like a wildcard, a path or a reference to the environment."""

from __future__ import annotations

import pytest
from tests.unit.rules.lint.linting import Written, marked, warned

from turnout.rules.problems import Code, Severity


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("detail.x == 'abc*'", "write wildcard(detail.x, 'abc*')"),
        ('detail.x in ["b", "a*c"]', "write wildcard(detail.x, 'a*c')"),
        ("lower(detail.x) == '*c'", "write wildcard(lower(detail.x), '*c')"),
        ("detail.x != 'abc*'", "write not wildcard(detail.x, 'abc*')"),
        ("'abc*' in detail.x", "write wildcard(detail.x[*], 'abc*')"),
        ("starts_with(detail.x, 'abc*')", "leave it out, or write wildcard(detail.x, 'abc*')"),
        ("contains(detail.x, '*abc*')", "leave it out, or write wildcard(detail.x, '*abc*')"),
    ],
)
def test_a_star_that_stands_for_itself_is_pointed_out(expression: str, meant: str) -> None:
    (found,) = warned(f"detail.y == 1 or {expression}", Code.TAKEN_LITERALLY)
    assert "'*' stands for itself" in found.message
    assert found.message.endswith(meant)
    assert marked(found) == expression.replace('"', '\\"')


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("detail.x == '^foo.*$'", "a regular expression, write matches(detail.x, '^foo.*$')"),
        ("detail.x != '^foo'", "a regular expression, write not matches(detail.x, '^foo')"),
        (r"detail.x == '[0-9]+$'", "a regular expression, write matches(detail.x, '[0-9]+$')"),
        ("detail.ip == '10.0.0.0/8'", "the addresses of a network, write cidr(detail.ip, '10.0.0.0/8')"),
        ("detail.ip in ['fe80::/10']", "the addresses of a network, write cidr(detail.ip, 'fe80::/10')"),
    ],
)
def test_an_expression_and_a_network_that_are_plain_texts_are_pointed_out(expression: str, says: str) -> None:
    (found,) = warned(f"detail.y == 1 or {expression}", Code.TAKEN_LITERALLY)
    assert found.message == f"this is compared as it stands; where it means {says}"


@pytest.mark.parametrize("text", ["^", "100$", "US$", "24/7", "10.0.0.1", "a/8", "2026/11"])
def test_a_text_that_is_neither_an_expression_nor_a_network_is_left_alone(text: str) -> None:
    assert warned(f"detail.x == '{text}'", Code.TAKEN_LITERALLY) == []


@pytest.mark.parametrize(
    ("alternative", "meant"),
    [
        ("abc*", "write {wildcard: 'abc*'}"),
        ({"anything-but": "abc*"}, "write {anything-but: {wildcard: 'abc*'}}"),
        ({"prefix": "abc*"}, "leave it out, or write {wildcard: 'abc*'}"),
    ],
)
def test_a_star_in_a_pattern_is_pointed_out_in_the_words_of_patterns(alternative: object, meant: str) -> None:
    (found,) = warned({"detail": {"x": [alternative]}}, Code.TAKEN_LITERALLY)
    assert found.message.endswith(meant)


@pytest.mark.parametrize(
    "condition", ["wildcard(a, 'x*')", "matches(a, 'x*')", "a == '****'", {"a": [{"wildcard": "x*"}]}]
)
def test_a_star_that_means_something_or_cannot_is_left_alone(condition: Written) -> None:
    assert warned(condition, Code.TAKEN_LITERALLY) == []


@pytest.mark.parametrize("text", ["detail.x", "$.detail.x", "@attributes.tenant", "detail.list[0].id"])
def test_a_path_in_quotes_is_pointed_out(text: str) -> None:
    (found,) = warned(f"detail.y == '{text}'", Code.TAKEN_LITERALLY)
    assert f"write {text} without" in found.message


@pytest.mark.parametrize("text", ["voice", "details are here", "detail.", "$5.00", "a@example.com", "@home", "$"])
def test_a_text_that_is_no_path_is_left_alone(text: str) -> None:
    assert warned(f"detail.y == '{text}'", Code.TAKEN_LITERALLY) == []


@pytest.mark.parametrize("text", ["${A", "x ${A-b} y", "${}", "${2A}"])
@pytest.mark.parametrize("form", ["expression", "pattern", "attribute"])
def test_what_begins_like_a_reference_and_is_none_is_pointed_out(text: str, form: str) -> None:
    condition: Written = (
        {"detail": {"x": [text]}} if form == "pattern" else f"detail.x == '{text if form[0] == 'e' else 'a'}'"
    )
    fields = {"attributes": {"a": {"value": text}}} if form == "attribute" else {}
    (found,) = warned(condition, Code.TAKEN_LITERALLY, **fields)
    assert found.severity is Severity.WARNING
    assert "write ${NAME} or ${NAME:-default}" in found.message
    assert text in marked(found)


@pytest.mark.parametrize("text", ["\u201cvoice\u201d", "\u2018voice\u2019", "\u201evoice\u201c", "\u00abvoice\u00bb"])
def test_typographic_quotes_around_a_text_of_a_pattern_or_an_attribute_are_pointed_out(text: str) -> None:
    in_pattern = warned({"detail": {"x": [{"prefix": text}]}}, Code.TAKEN_LITERALLY)
    in_attribute = warned("detail.x == 1", Code.TAKEN_LITERALLY, attributes={"a": {"value": text}})
    for (found,) in (in_pattern, in_attribute):
        assert 'write straight ones, "voice", or none' in found.message
        assert found.source[found.column - 1 :].startswith('"\\u')
    assert warned({"detail": {"x": ["it\u2019s", "\u201c", "\u201ca\u201d b"]}}, Code.TAKEN_LITERALLY) == []


def test_a_reference_and_a_text_that_is_written_like_one_are_left_alone() -> None:
    for text in ("${A:-b}", "$${A}", "$A", "{A}"):
        assert warned(f"detail.x == '{text}'", Code.TAKEN_LITERALLY, attributes={"a": {"value": text}}) == []


@pytest.mark.parametrize("text", ["$.detail.x", "detail.tags.priority", "@receive_count", "$['odd'].x"])
def test_a_constant_attribute_that_is_written_like_a_path_is_pointed_out(text: str) -> None:
    found = warned("detail.x == 1", Code.TAKEN_LITERALLY, attributes={"a": {"value": text}})
    assert [marked(each) for each in found] == [f'"{text}"']
    assert "write {path: " in found[0].message


def test_a_path_and_a_plain_constant_of_an_attribute_are_left_alone() -> None:
    attributes = {"a": "$.detail.x", "b": {"path": "detail.x"}, "c": {"value": "high"}, "d": {"value": "detail"}}
    assert warned("detail.x == 1", Code.TAKEN_LITERALLY, attributes=attributes) == []


@pytest.mark.parametrize("match", [True, False])
def test_an_example_that_holds_the_text_shows_that_it_is_meant(match: bool) -> None:
    example = {"event": {"detail": {"x": ["abc*"]}}, "match": match}
    assert warned("detail.x[*] == 'abc*'", Code.TAKEN_LITERALLY, examples=[example]) == []
    other = {"event": {"detail": {"x": ["abcd"]}}, "match": match}
    assert warned("detail.x[*] == 'abc*'", Code.TAKEN_LITERALLY, examples=[other]) != []


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("wildcard(detail.x, 'a%')", "'%' stands for itself in a wildcard, only '*' is any text"),
        ("wildcard(detail.x, 'a?c')", "as detail.x == 'a?c'"),
        (r"wildcard(detail.x, 'a\*')", "it is this text only, as detail.x == 'a*'"),
        ({"detail": {"x": [{"wildcard": "abc"}]}}, "it is this text only, as ['abc']"),
        ("matches(detail.x, '/refund/i')", "write the expression without slashes, and (?i) before it"),
        ("detail.x > '120000'", "texts are ordered by their characters; write 120000 without them"),
        ("'1' <= detail.x < '10'", "write 1 without them"),
        ("detail.x == '$TENANT'", "write ${TENANT}"),
    ],
)
def test_other_texts_that_are_more_elsewhere_are_pointed_out(condition: Written, says: str) -> None:
    assert any(says in found.message for found in warned(condition, Code.TAKEN_LITERALLY))


@pytest.mark.parametrize(
    "condition",
    [
        "matches(detail.path, '/orders/')",
        "detail.time > '2026-01-01T00:00:00Z'",
        "detail.hour >= '0900'",
        "detail.x > 120000",
        "detail.currency == '$'",
        "detail.x == '$5'",
    ],
)
def test_texts_that_are_meant_as_they_stand_are_left_alone(condition: Written) -> None:
    assert warned(condition, Code.TAKEN_LITERALLY) == []
