"""Patterns as JSON: what the reader of the tests keeps of it, and the JSON that is a compiled pattern's source."""

from __future__ import annotations

import math

import pytest
from tests.unit.rules.pattern_text import parse_pattern_text
from tests.unit.rules.patterns import compiled

from turnout.rules.condition.ast import Kind, OneOf, Test, walk
from turnout.rules.pattern.nodes import ArrayNode, Mark, Member, ObjectNode, PatternError, ValueNode, to_json


def test_every_key_and_value_has_its_place() -> None:
    node = parse_pattern_text('{\n "a": [1,\n  "xy"],\r\n\t"b": {"c": [true]}}')
    assert node == ObjectNode(
        (
            Member(
                "a",
                Mark(2, 2, 3),
                ArrayNode((ValueNode(1, Mark(2, 8), "1"), ValueNode("xy", Mark(3, 3, 4))), Mark(2, 7)),
            ),
            Member(
                "b",
                Mark(4, 2, 3),
                ObjectNode(
                    (Member("c", Mark(4, 8, 3), ArrayNode((ValueNode(True, Mark(4, 14, 4)),), Mark(4, 13))),),
                    Mark(4, 7),
                ),
            ),
        ),
        Mark(1, 1),
    )


def test_duplicate_keys_are_kept() -> None:
    node = parse_pattern_text('{"a": [1], "a": [2]}')
    assert isinstance(node, ObjectNode)
    assert [member.name for member in node.members] == ["a", "a"]


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("3.0e2", 300.0),
        ("-0", 0),
        ("12345678901234567890", 12345678901234567890),
        ("1e400", math.inf),
        ("-1E400", -math.inf),
        ("1" * 5_000, math.inf),
    ],
)
def test_numbers_keep_their_spelling(spelling: str, value: float) -> None:
    assert parse_pattern_text(spelling) == ValueNode(value, Mark(1, 1, len(spelling)), spelling)


def test_strings_are_decoded() -> None:
    node = parse_pattern_text(r'"\u00e9\n\"\\\ud83d\ude00\ud800"')
    assert isinstance(node, ValueNode)
    assert node.value == 'é\n"\\\U0001f600\ud800'


@pytest.mark.parametrize("text", ['{"a":' * 5_000, "[" * 5_000], ids=["objects", "arrays"])
def test_deep_text_is_refused(text: str) -> None:
    with pytest.raises(PatternError, match="TR310 nested more than 100 levels deep"):
        parse_pattern_text(text)


def test_the_source_is_the_pattern_as_json_and_conditions_point_into_it() -> None:
    pattern = compiled('{ "a" :["x",3.0e2,{"prefix":"\\ud800"}],\n"é":{"b":[{"anything-but":["y"]}]} }')
    assert pattern.source == ('{"a": ["x", 3.0e2, {"prefix": "\\ud800"}], "é": {"b": [{"anything-but": ["y"]}]}}')
    at = [
        pattern.source[test.at.start : test.at.end]
        for test in walk(pattern.condition)
        if isinstance(test, Test) and test.at
    ]
    assert at == ['["x", 3.0e2, {"prefix": "\\ud800"}]', '{"prefix": "\\ud800"}', '{"anything-but": ["y"]}']


def test_the_source_reads_back_as_the_same_condition() -> None:
    pattern = compiled('{"a": [1e2, 1E400, null, true], "$or": [{"b.c": [{"numeric": [">", -0.5]}]}, {"d": ["x"]}]}')
    assert compiled(pattern.source).condition == pattern.condition


def test_a_number_without_a_json_spelling_is_written_as_json() -> None:
    node = ObjectNode(
        (Member("a", Mark(1, 1), ArrayNode((ValueNode(0.5, Mark(1, 1), ".5"),), Mark(1, 1))),), Mark(1, 1)
    )
    assert to_json(node)[0] == '{"a": [0.5]}'


def test_a_number_beyond_a_double_equals_no_smaller_one() -> None:
    (test,) = [test for test in walk(compiled('{"a": [1e400]}').condition) if isinstance(test, Test)]
    assert isinstance(test.predicate, OneOf)
    assert [(item.kind, item.value) for item in test.predicate.items] == [(Kind.NUMBER, math.inf)]
