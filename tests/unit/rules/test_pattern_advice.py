"""What is said of patterns that EventBridge refuses: its own words, and then what an operator is to write."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.rules.language import HEAD, write
from tests.unit.rules.patterns import compiled

from turnout.rules.files.load import read_rules
from turnout.rules.pattern.advice import OPERATORS, advised


def message(directory: Path, pattern: str) -> str:
    rules = f"{HEAD}rules:\n  - id: r\n    send: [high]\n    pattern: {pattern}\n"
    return read_rules(write(directory, rules)).problems[0].message


@pytest.mark.parametrize(
    ("pattern", "words", "instead"),
    [
        ("{channel: voice}", "must be an object or an array", "write its values as a list: channel: [value]"),
        ("{channel: {prefix: v}}", "must be an object or an array", "in the list of its field: [{prefix: ...}]"),
        ("{channel: []}", "Empty arrays are not allowed", "any value is [{exists: true}]"),
        ("{detail: {}}", "Empty objects are not allowed", "or leave it out"),
        ("{channel: [{starts-with: v}]}", "Unrecognized match type starts-with", "write {prefix: text}"),
        ("{channel: [{equals: v}]}", "Unrecognized match type equals", "write the value itself: [value]"),
        ("{channel: [{contains: v}]}", "Unrecognized match type contains", "write {wildcard: '*part*'}"),
        ("{channel: [{regex: v}]}", "Unrecognized match type regex", "when: matches(path, 'expression')"),
        ('{n: [{">": 5}]}', "Unrecognized match type >", 'write {numeric: [">", 5]}'),
        ("{or: [{source: [a]}]}", "Unrecognized match type source", "alternatives in $or"),
        ("{channel: [{prefix: a, suffix: b}]}", "Only one key allowed", "[{prefix: a}, {suffix: b}]"),
        ("{channel: [{prefix: [a, b]}]}", "prefix match pattern must be a string", "[{prefix: a}, {prefix: b}]"),
        ('{channel: [{exists: "true"}]}', "must be either true or false", "write it without quotes: {exists: true}"),
        ("{channel: [{anything-but: true}]}", "Value of anything-but must be", "when: path != null"),
        ("{channel: [{anything-but: [{prefix: a}]}]}", "Inside anything but list", "{anything-but: {prefix: [a, b]}}"),
        ('{n: [{anything-but: {numeric: [">", 5]}}]}', "Unsupported anything-but pattern", '{numeric: ["<=", 5]}'),
        ("{n: [{numeric: 5}]}", "Value of numeric must be an array", 'a range {numeric: [">=", 1, "<", 9]}'),
        ('{n: [{numeric: ["> 5"]}]}', "Unrecognized numeric range operator: > 5", 'from its number: [">", 5]'),
        ('{n: [{numeric: ["==", 5]}]}', "Unrecognized numeric range operator: ==", "write '='"),
        ('{n: [{numeric: [">", "5"]}]}', "Value of > must be numeric", "without quotes"),
        ('{n: [{numeric: ["<", 9, ">", 5]}]}', "Too many elements", "begins with its lower end"),
        ("{ip: [{cidr: 10.0.0.1}]}", "Malformed CIDR", "or an address itself as a value"),
        ("{x: [{wildcard: a**b}]}", "Consecutive wildcard characters", "one * is any text already"),
        ("{$or: [a, b]}", "Only JSON object is allowed", "$or: [{source: [a]}, {source: [b]}]"),
        ("{$or: [{prefix: [a]}, {source: [b]}]}", "reserved fieldName", "in the list of its field"),
        ('|\n      {"source": ["a"]}', "must be a mapping", "write its JSON without quotes or '|'"),
    ],
)
def test_a_refusal_begins_in_the_words_of_aws_and_ends_with_what_to_write(
    tmp_path: Path, pattern: str, words: str, instead: str
) -> None:
    said = message(tmp_path, pattern)
    assert words in said
    assert instead in said.partition(words)[2]
    assert ".;" not in said


@pytest.mark.parametrize(
    "alternative",
    [
        '{"numeric": [">", 5]}',
        '{"numeric": [">=", 1, "<", 9]}',
        '{"numeric": ["<=", 5]}',
        '{"anything-but": ["a", "b"]}',
        '{"anything-but": {"prefix": ["a", "b"]}}',
        '{"wildcard": "*part*"}',
        '{"prefix": {"equals-ignore-case": "text"}}',
    ],
)
def test_what_is_advised_is_a_pattern(alternative: str) -> None:
    compiled(f'{{"detail": {{"x": [{alternative}]}}}}')


def test_a_message_that_names_the_nearest_operator_or_is_not_known_stays_as_it_is() -> None:
    for said in ("Unrecognized match type prefx; did you mean 'prefix'?", "nested more than 40 levels deep"):
        assert advised(said) == said
    assert "prefix" in OPERATORS
