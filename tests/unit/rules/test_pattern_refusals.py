"""Which event patterns are refused: in AWS's words, with a code, at the right place, and all problems at once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from msgspec.structs import astuple
from tests.unit.rules.patterns import compiled, problems

from turnout.rules.limits import DEFAULT_LIMITS
from turnout.rules.problems import Code

OR_NEEDS_TWO = "There must have at least 2 Objects in $or relationship."
NO_NUMBERS = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
MIXED = "Inside anything but list, either all values are number or string, mixed type is not supported"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("5", "Filter is not an object"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"a": {}}', "Empty objects are not allowed"),
        ('{"a": []}', "Empty arrays are not allowed"),
        ('{"a": "x"}', '"a" must be an object or an array'),
        ('{"a": {"b": null}}', '"b" must be an object or an array'),
        ('{"a": [["x"]]}', "Match value must be String, number, true, false, or null"),
        ('{"a": [{}]}', "Match expression name not found"),
    ],
)
def test_a_pattern_is_objects_that_end_in_arrays(pattern: str, message: str) -> None:
    assert [(found.code, found.message) for found in problems(pattern)] == [(Code.PATTERN_SHAPE, message)]


@pytest.mark.parametrize(
    ("operator", "code", "message"),
    [
        ('{"prefx": "a"}', "TR303", "Unrecognized match type prefx; did you mean 'prefix'?"),
        ('{"Prefix": "a"}', "TR303", "Unrecognized match type Prefix; did you mean 'prefix'?"),
        ('{"$or": []}', "TR303", "Unrecognized match type $or"),
        ('{"prefix": "a", "suffix": "b"}', "TR303", "Only one key allowed in match expression"),
        ('{"prefix": ["a"]}', "TR304", "prefix match pattern must be a string"),
        ('{"suffix": 5}', "TR304", "suffix match pattern must be a string"),
        ('{"prefix": {}}', "TR302", "Match expression name not found"),
        ('{"prefix": {"wildcard": "a"}}', "TR303", "Unsupported prefix pattern: wildcard"),
        ('{"suffix": {"equals-ignore-case": 1}}', "TR304", "equals-ignore-case match pattern must be a string"),
        ('{"suffix": {"equals-ignore-case": "a", "b": 1}}', "TR303", "Only one key allowed in match expression"),
        ('{"equals-ignore-case": ["a"]}', "TR304", "equals-ignore-case match pattern must be a string"),
        ('{"exactly": 5}', "TR304", "exact match pattern must be a string"),
        ('{"exists": "true"}', "TR304", "exists match pattern must be either true or false."),
        ('{"exists": 1}', "TR304", "exists match pattern must be either true or false."),
        ('{"wildcard": 5}', "TR304", "wildcard match pattern must be a string"),
        ('{"wildcard": "a**"}', "TR307", "Consecutive wildcard characters at pos 2"),
        ('{"wildcard": "a*b\\\\c"}', "TR307", "Invalid escape character at pos 4"),
        ('{"wildcard": "\\\\"}', "TR307", "Invalid escape character at pos 1"),
        ('{"cidr": 5}', "TR304", "cidr match pattern must be a string"),
        ('{"cidr": "10.0.0.0"}', "TR306", "Malformed CIDR, one '/' required"),
        ('{"cidr": "10.0.0.0/8/8"}', "TR306", "Malformed CIDR, one '/' required"),
        ('{"cidr": "10.0.0.0/x"}', "TR306", "Malformed CIDR, mask bits must be an integer"),
        ('{"cidr": "10.0.0.0/-1"}', "TR306", "Malformed CIDR, mask bits must not be negative"),
        ('{"cidr": "10.0.0.1/32"}', "TR306", "IPv4 mask bits must be < 32"),
        ('{"cidr": "::1/128"}', "TR306", "IPv6 mask bits must be < 128"),
        ('{"cidr": "10.0.0.256/8"}', "TR306", "Nonstandard IP address: 10.0.0.256"),
        ('{"cidr": "::ffff:10.0.0.1/96"}', "TR306", "Nonstandard IP address: ::ffff:10.0.0.1"),
        ('{"cidr": "/8"}', "TR306", "Nonstandard IP address: "),
    ],
)
def test_operators_are_refused_as_aws_refuses_them(operator: str, code: str, message: str) -> None:
    assert [(found.code, found.message) for found in problems(f'{{"a": [{operator}]}}')] == [(code, message)]


@pytest.mark.parametrize(
    ("excluded", "message"),
    [
        ("true", "Value of anything-but must be an array or single string/number value."),
        ("null", "Value of anything-but must be an array or single string/number value."),
        ("[]", MIXED),
        ('["a", 1]', MIXED),
        ('["a", null]', "Inside anything but list, start|null|boolean is not supported."),
        ("[[1]]", "Inside anything but list, start|null|boolean is not supported."),
        ("{}", "Anything-But expression name not found"),
        ('{"numeric": [">", 1]}', "Unsupported anything-but pattern: numeric"),
        ('{"exists": true}', "Unsupported anything-but pattern: exists"),
        ('{"cidr": "10.0.0.0/8"}', "Unsupported anything-but pattern: cidr"),
        ('{"prefix": {"equals-ignore-case": "a"}}', "prefix/suffix match pattern must be a string"),
        ('{"prefix": [1]}', "prefix/suffix match pattern must be a string"),
        ('{"suffix": ""}', "Null prefix/suffix not allowed"),
        ('{"prefix": ["a", ""]}', "Null prefix/suffix not allowed"),
        ('{"prefix": []}', "Empty arrays are not allowed"),
        ('{"prefix": "a", "suffix": "b"}', "Only one key allowed in match expression"),
        ('{"equals-ignore-case": 5}', NO_NUMBERS),
        ('{"equals-ignore-case": ["a", 5]}', NO_NUMBERS),
        ('{"wildcard": "**"}', "Consecutive wildcard characters at pos 1"),
        ('{"wildcard": [5]}', "wildcard match pattern must be a string"),
        ("9007199254740993", "Cannot compare number : 9007199254740993"),
        ("[1e400]", "Cannot compare number : 1e400"),
    ],
)
def test_anything_but_is_refused_as_aws_refuses_it(excluded: str, message: str) -> None:
    assert [found.message for found in problems(f'{{"a": [{{"anything-but": {excluded}}}]}}')] == [message]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("5", "Value of numeric must be an array."),
        ("[]", "Invalid member in numeric match: ]"),
        ("[5]", "Invalid member in numeric match: 5"),
        ("[[]]", "Invalid member in numeric match: ["),
        ('["!=", 5]', "Unrecognized numeric range operator: !="),
        ('["="]', "Value of equals must be numeric"),
        ('["=", "5"]', "Value of equals must be numeric"),
        ('[">", true]', "Value of > must be numeric"),
        ('["=", 5, 6]', "Too many elements in numeric expression"),
        ('["<", 1, ">", 0]', "Too many elements in numeric expression"),
        ('[">", 1, 2]', "Bad value in numeric range: 2"),
        ('[">", 1, ">=", 2]', "Bad numeric range operator: >="),
        ('[">", 1, "<"]', "Value of < must be numeric"),
        ('[">", 1, "<", "2"]', "Value of < must be numeric"),
        ('[">", 1, "<", 2, "<", 3]', "Too many terms in numeric range expression"),
        ('[">=", 5, "<=", 5]', "Bottom must be less than top"),
        ('[">", 5, "<", 4]', "Bottom must be less than top"),
        ('["=", 12345678901234567890]', "Cannot compare number : 12345678901234567890"),
        ('["=", 1E309]', "Cannot compare number : 1E309"),
        ('["=", 1e-400]', "Cannot compare number : 1e-400"),
        ('["=", 0.1234567890123456789]', "Cannot compare number : 0.1234567890123456789"),
    ],
)
def test_numeric_is_refused_as_aws_refuses_it(expression: str, message: str) -> None:
    assert [found.message for found in problems(f'{{"a": [{{"numeric": {expression}}}]}}')] == [message]


@pytest.mark.parametrize("number", ["0", "-0", "-0.0", "1e0", "0.1", "5e-324", "1.7976931348623157e308", "123456.789"])
def test_numbers_that_a_double_holds_are_compared(number: str) -> None:
    assert problems(f'{{"a": [{{"numeric": ["=", {number}]}}, {{"anything-but": {number}}}]}}') == ()


@pytest.mark.parametrize(
    ("pattern", "messages"),
    [
        ('{"$or": {"a": [1]}}', ["It must be an Array followed with $or."]),
        ('{"$or": [{"a": [1]}]}', [OR_NEEDS_TWO]),
        ('{"$or": []}', [OR_NEEDS_TWO]),
        ('{"$or": [{"a": [1]}, [1]]}', ["Only JSON object is allowed in array of $or relationship."]),
        ('{"$or": [{"a": [1]}, {}]}', ["Empty objects are not allowed"]),
        (
            '{"$or": [{"a": [1]}, {"b": {"cidr": [1]}}]}',
            ["cidr is Ruler reserved fieldName which cannot be used inside $or."],
        ),
        (
            '{"$or": [{"prefix": ["a"]}, {"regex": ["b"]}]}',
            [
                "prefix is Ruler reserved fieldName which cannot be used inside $or.",
                "regex is Ruler reserved fieldName which cannot be used inside $or.",
            ],
        ),
    ],
)
def test_or_is_refused_as_aws_refuses_it(pattern: str, messages: list[str]) -> None:
    assert [found.message for found in problems(pattern)] == messages


def test_words_of_operators_are_fields_like_any_other_outside_of_or() -> None:
    assert problems({"prefix": ["a"], "detail": {"numeric": [1]}}) == ()


def test_all_problems_are_told_at_once_in_the_order_of_the_text() -> None:
    text = (
        '{\n  "a": [{"prefix": 5}, "ok", {"exists": "no"}],\n  "b": "x",\n'
        '  "c": {"d": [{"numeric": ["=", 1, 2]}]},\n  "$or": [1]\n}'
    )
    assert [(found.code, astuple(found.mark)) for found in problems(text)] == [
        (Code.PATTERN_OPERAND, (2, 20, 1)),
        (Code.PATTERN_OPERAND, (2, 41, 4)),
        (Code.PATTERN_SHAPE, (3, 8, 3)),
        (Code.PATTERN_OPERAND, (4, 36, 1)),
        (Code.PATTERN_OR, (5, 10, 1)),
        (Code.PATTERN_OR, (5, 11, 1)),
    ]


# --------------------------------------------------------------------------------------------------------------- limits


def test_a_pattern_may_not_nest_too_deep() -> None:
    pattern: object = [1]
    for _ in range(DEFAULT_LIMITS.depth):
        pattern = {"a": pattern}
    assert problems(pattern) == ()
    (found,) = problems({"a": pattern})
    assert (found.code, found.message) == (Code.PATTERN_LIMIT, "nested more than 40 levels deep")
    (found,) = problems({"a" + ".a" * DEFAULT_LIMITS.depth: [1]})
    assert found.message == "nested more than 40 levels deep"


def test_lists_of_values_are_bounded() -> None:
    limits = replace(DEFAULT_LIMITS, list_items=3)
    assert problems({"a": [1, 2, 3], "b": [{"anything-but": [1, 2, 3]}]}, limits) == ()
    for leaf in ([1, 2, 3, 4], [{"anything-but": [1, 2, 3, 4]}], [{"anything-but": {"prefix": ["a", "b", "c", "d"]}}]):
        assert [found.message for found in problems({"a": leaf}, limits)] == ["more than 3 values in one array"]


def test_fields_and_conditions_are_bounded() -> None:
    limits = replace(DEFAULT_LIMITS, nodes=10)
    (found,) = problems({f"f{number}": [1] for number in range(30)}, limits)
    assert found.message == "more than 10 fields in one pattern"
    (found,) = problems({f"f{number}": [{"prefix": "a"}, {"suffix": "b"}] for number in range(9)}, limits)
    assert found.message.startswith("this pattern makes more than 10 conditions")


def test_what_or_multiplies_out_to_is_bounded() -> None:
    alternatives = [{f"a{number}": [1]} for number in range(32)]
    pattern = {"x": {"$or": alternatives}, "y": {"$or": alternatives}}
    (found,) = problems(pattern)
    assert found.message == "$or makes more than 1000 combinations of this pattern"


@pytest.mark.parametrize(
    "pattern",
    [
        {"a": {f"x{number}": {"y": [1, {"exists": False}]} for number in range(30)}},
        {f"a.x{number}": [1, {"exists": False}] for number in range(20)},
        {"a": {f"x{number}": [1, {"exists": False}] for number in range(1_000)}},
    ],
    ids=["objects", "dots", "one object"],
)
def test_patterns_that_would_explode_are_refused(pattern: object) -> None:
    (found,) = problems(pattern)
    assert found.code is Code.PATTERN_LIMIT
    assert "exists: false multiply" in found.message


def test_a_wildcard_has_a_bounded_number_of_stars() -> None:
    assert problems({"a": [{"wildcard": "*x" * 16}]}) == ()
    (found,) = problems({"a": [{"wildcard": "*x" * 17}]})
    assert (found.code, found.message) == (
        Code.PATTERN_LIMIT,
        "Rule is too complex: more than 16 '*' in one wildcard",
    )


def test_a_number_may_be_absurdly_long() -> None:
    assert problems(f'{{"a": [{"1" * 10_000}]}}') == ()
    (found,) = problems(f'{{"a": [{{"numeric": ["=", {"1" * 10_000}]}}]}}')
    assert found.message == f"Cannot compare number : {'1' * 60}"


# ------------------------------------------------------------------------------------------------------------- warnings


@pytest.mark.parametrize(
    ("pattern", "code", "place", "words"),
    [
        ('{"a": [1], "$or": [{"a": [2]}, {"b": [1]}]}', "TR321", (1, 21), '"a" inside $or and outside it'),
        ('{"$or": [{"a": [2]}, {"b": [1]}], "a": [1]}', "TR321", (1, 35), '"a" inside $or and outside it'),
        ('{"d": {"a": [1]}, "$or": [{"d": {"a": [2]}}, {"b": [1]}]}', "TR321", (1, 34), '"d.a" inside $or'),
        ('{"a": [1], "a": [2]}', "TR322", (1, 12), '"a" stands twice'),
        ('{"a": {"b": [1]}, "a": {"c": [2]}}', "TR322", (1, 19), '"a" stands twice'),
        ('{"a.b": [1]}', "TR323", (1, 2), '"a.b" also means the nested fields'),
        ('{"a": [{"anything-but": "x"}, {"anything-but": "y"}]}', "TR324", (1, 31), "several anything-but"),
        ('{"a": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}', "TR325", (1, 7), "EventBridge itself may refuse"),
        ('{"a": [{"wildcard": "*a*"}, {"wildcard": "*b*"}, {"wildcard": "*c*c*"}]}', "TR325", (1, 7), "EventBridge"),
    ],
)
def test_what_aws_accepts_and_misleads_is_a_warning(
    pattern: str, code: str, place: tuple[int, int], words: str
) -> None:
    (found,) = compiled(pattern).warnings
    assert (found.code, (found.mark.line, found.mark.column)) == (code, place)
    assert words in found.message


@pytest.mark.parametrize(
    "pattern",
    [
        {"a": [1], "$or": [{"b": [2]}, {"c": [1]}]},
        {"$or": [{"a": [2]}, {"a": [1]}]},
        {"a": [{"anything-but": ["x", "y"]}, "z"]},
        {"a": [{"wildcard": "*:*:*:x*"}], "b": [{"wildcard": "*a*b*"}]},
        {"a": {"b": [1]}, "c": {"b": [1]}},
    ],
)
def test_a_plain_pattern_has_no_warnings(pattern: object) -> None:
    assert compiled(json.dumps(pattern)).warnings == ()
