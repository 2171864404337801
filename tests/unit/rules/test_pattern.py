"""What event patterns mean: one operator after the other, then arrays, absence, `$or` and dotted keys."""

from __future__ import annotations

import pytest
from tests.unit.rules.patterns import condition, verdict

EXISTS = {"exists": True}
ABSENT = {"exists": False}
MISSING = object()


def fits(leaf: list[object], value: object) -> bool:
    return verdict({"a": leaf}, {"other": 1} if value is MISSING else {"a": value, "other": 1})


@pytest.mark.parametrize(
    ("leaf", "value", "expected"),
    [
        (["voice"], "voice", True),
        (["voice"], "Voice", False),
        (["voice", "chat"], "chat", True),
        ([""], "", True),
        ([""], None, False),
        ([1], 1, True),
        ([1], "1", False),
        (["1"], 1, False),
        ([1], True, False),
        ([True], 1, False),
        ([True], True, True),
        ([True], "true", False),
        ([False], 0, False),
        ([None], None, True),
        ([None], MISSING, False),
        ([None], [], False),
        ([None], "null", False),
        ([300], 300.0, True),
        ([300.0], 300, True),
        ([0], -0.0, True),
        ([9007199254740992], 9007199254740993, False),
        ([9007199254740993], 9007199254740993, True),
        ([12345678901234567890], 12345678901234567890, True),
        ([12345678901234567890], 12345678901234567891, False),
        (["x"], {"x": 1}, False),
        (["x"], {}, False),
    ],
)
def test_a_literal_is_equal_in_type_and_value(leaf: list[object], value: object, expected: bool) -> None:
    assert fits(leaf, value) is expected


@pytest.mark.parametrize(("text", "expected"), [("300", True), ("3.0e2", True), ("300.00", True), ("30e1", True)])
def test_a_number_is_a_number_however_it_is_spelled(text: str, expected: bool) -> None:
    assert verdict(f'{{"a": [{text}]}}', {"a": 300}) is expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ({"prefix": "sip:"}, "sip:bob", True),
        ({"prefix": "sip:"}, "SIP:bob", False),
        ({"prefix": ""}, "", True),
        ({"prefix": ""}, "anything", True),
        ({"prefix": ""}, 1, False),
        ({"prefix": "1"}, 12, False),
        ({"prefix": "n"}, None, False),
        ({"suffix": "?"}, "who?", True),
        ({"suffix": "?"}, "who", False),
        ({"suffix": "日"}, "今日", True),
        ({"suffix": ""}, "x", True),
        ({"prefix": {"equals-ignore-case": "SIP:"}}, "sip:bob", True),
        ({"prefix": {"equals-ignore-case": "SIP:"}}, "tel:bob", False),
        ({"suffix": {"equals-ignore-case": ".Example"}}, "pbx.EXAMPLE", True),
        ({"suffix": {"equals-ignore-case": ".Example"}}, "example", False),
        ({"equals-ignore-case": "Gold"}, "gOLD", True),
        ({"equals-ignore-case": "Gold"}, "golden", False),
        ({"equals-ignore-case": "straße"}, "STRASSE", False),
        ({"equals-ignore-case": "STRASSE"}, "straße", False),
        ({"equals-ignore-case": "k"}, "\u212a", False),
        ({"equals-ignore-case": "\u0130"}, "i\u0307", False),
        ({"equals-ignore-case": "ÄÖ"}, "äö", True),
        ({"equals-ignore-case": "\u2c65"}, "\u023a", True),
        ({"equals-ignore-case": "1"}, 1, False),
        ({"exactly": "x"}, "x", True),
        ({"exactly": "x"}, "y", False),
    ],
)
def test_texts_are_compared_as_texts_only(operator: object, value: object, expected: bool) -> None:
    assert fits([operator], value) is expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("a*b", "ab", True),
        ("a*b", "axxb", True),
        ("a*b", "a\n\nb", True),
        ("a*b", "abc", False),
        ("*", "", True),
        ("*", 5, False),
        ("*error*", "an error here", True),
        ("*a*b*", "ba", False),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        (r"\\*", "\\path", True),
        ("sip:*@*.host", "sip:1@pbx.host", True),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_a_star_is_any_run_of_characters_and_can_be_escaped(pattern: str, value: object, expected: bool) -> None:
    assert fits([{"wildcard": pattern}], value) is expected


@pytest.mark.parametrize(
    ("excluded", "value", "expected"),
    [
        ("x", "y", True),
        ("x", "x", False),
        ("x", 1, True),
        ("x", None, True),
        ("x", True, True),
        ("x", "", True),
        ("x", MISSING, False),
        ("x", [], False),
        ("x", {}, False),
        ("x", {"b": "y"}, False),
        ("", "", False),
        (["x", "y"], "y", False),
        (["x", "y"], "z", True),
        (5, 5.0, False),
        (5, "5", True),
        (5, True, True),
        ([5, 0], -0.0, False),
        ({"prefix": "x"}, "xy", False),
        ({"prefix": "x"}, "yx", True),
        ({"prefix": "x"}, 5, True),
        ({"prefix": ["x", "y"]}, "yes", False),
        ({"prefix": ["x", "y"]}, "no", True),
        ({"suffix": ["x", "y"]}, "day", False),
        ({"suffix": "x"}, "day", True),
        ({"equals-ignore-case": "Gold"}, "gold", False),
        ({"equals-ignore-case": ["Gold", "Silver"]}, "SILVER", False),
        ({"equals-ignore-case": ["Gold", "Silver"]}, "tin", True),
        ({"wildcard": "*.txt"}, "a.txt", False),
        ({"wildcard": ["*.txt", "tmp*"]}, "tmp1", False),
        ({"wildcard": ["*.txt", "tmp*"]}, "kept", True),
    ],
)
def test_anything_but_is_true_for_every_other_leaf(excluded: object, value: object, expected: bool) -> None:
    assert fits([{"anything-but": excluded}], value) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [(["x"], False), (["x", "y"], True), (["x", ["x", "z"]], True), ([["x"], []], False)]
)
def test_anything_but_is_true_if_one_element_of_an_array_differs(value: object, expected: bool) -> None:
    assert fits([{"anything-but": "x"}], value) is expected
    assert fits([{"anything-but": {"prefix": ["x", "w"]}}], value) is expected


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        (["=", 5], 5.0, True),
        (["=", 5], "5", False),
        (["<", 5], 4.999, True),
        (["<", 5], 5, False),
        (["<=", 5], 5, True),
        ([">", 5], 5, False),
        ([">=", 5], 5, True),
        ([">=", 5], True, False),
        ([">=", 0], False, False),
        ([">=", 0], None, False),
        ([">=", 0], -0.0, True),
        ([">", 0, "<=", 5], 5, True),
        ([">", 0, "<=", 5], 0, False),
        ([">", -1, "<", 1], 0.1, True),
        ([">", 9007199254740992], 9007199254740993, True),
        (["<", 5], MISSING, False),
        (["<", 5], [9, [4]], True),
    ],
)
def test_numeric_compares_numbers_only(expression: list[object], value: object, expected: bool) -> None:
    assert fits([{"numeric": expression}], value) is expected


@pytest.mark.parametrize(
    ("network", "value", "expected"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.1.2.3/24", "10.1.2.200", True),
        ("10.0.0.0/8", "10.0.0.01", True),
        ("0.0.0.0/0", "1.2.3.4", True),
        ("0.0.0.0/0", "::1", False),
        ("10.0.0.0/8", "::ffff:10.0.0.1", False),
        ("10.0.0.0/8", "10.0.0", False),
        ("10.0.0.0/8", "10.0.0.256", False),
        ("10.0.0.0/8", 167772161, False),
        ("2001:db8::/32", "2001:DB8::1", True),
        ("2001:db8::1/32", "2001:db9::1", False),
        ("fe80::/10", "fe80::1%eth0", False),
        ("::/0", "10.0.0.1", False),
    ],
)
def test_cidr_is_true_for_addresses_inside_the_network(network: str, value: object, expected: bool) -> None:
    assert fits([{"cidr": network}], value) is expected


@pytest.mark.parametrize(
    ("literal", "value", "expected"),
    [
        ("10.0.0.1", "10.0.0.01", True),
        ("10.0.0.01", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8:0:0:0:0:0:1", True),
        ("2001:db8::1", "2001:0DB8::0001", True),
        ("08:23", "08:23", True),
        ("08:23", "8:23", False),
        ("10.0.0.300", "10.0.0.300", True),
        ("1.2.3", "1.2.3", True),
    ],
)
def test_a_literal_that_is_an_address_is_compared_as_one(literal: str, value: str, expected: bool) -> None:
    assert fits([literal], value) is expected
    assert fits([{"anything-but": "10.0.0.1"}], "10.0.0.01") is True


@pytest.mark.parametrize(
    ("value", "present"),
    [
        ("x", True),
        ("", True),
        (None, True),
        (False, True),
        (0, True),
        ([None], True),
        ([[], ["x"]], True),
        (MISSING, False),
        ([], False),
        ([[]], False),
        ({}, False),
        ({"b": 1}, False),
        ([{"b": 1}], False),
        ([{"b": 1}, 2], True),
    ],
)
def test_exists_is_about_leaves(value: object, present: bool) -> None:
    assert fits([EXISTS], value) is present
    assert fits([ABSENT], value) is not present
    assert fits([EXISTS, ABSENT], value) is True


def test_exists_may_stand_beside_values() -> None:
    assert fits([ABSENT, "x"], "x")
    assert fits([ABSENT, "x"], MISSING)
    assert not fits([ABSENT, "x"], "y")
    assert fits([EXISTS, "x"], "y")


# --------------------------------------------------------------------------------------------------------------- arrays


def test_all_fields_of_a_pattern_must_match() -> None:
    pattern = {"source": ["genesys"], "detail": {"channel": ["voice"], "tags": {"vip": [True]}}}
    assert verdict(pattern, {"source": "genesys", "detail": {"channel": "voice", "tags": {"vip": True}}})
    assert not verdict(pattern, {"source": "genesys", "detail": {"channel": "voice", "tags": {"vip": False}}})
    assert not verdict(pattern, {"source": "genesys", "detail": {"channel": "voice"}})
    assert not verdict(pattern, {"source": "genesys", "detail": "voice"})


def test_an_array_matches_by_any_of_its_elements() -> None:
    assert verdict({"tags": ["a", "b"]}, {"tags": ["x", "b"]})
    assert verdict({"tags": ["b"]}, {"tags": [["x", ["b"]]]})
    assert not verdict({"tags": ["c"]}, {"tags": ["a", "b"]})


def test_different_fields_may_match_different_elements_of_different_arrays() -> None:
    assert verdict({"a": [1], "b": [2]}, {"a": [0, 1], "b": [2, 3]})


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([{"role": "agent", "id": 1}], True),
        ([{"role": "agent", "id": 2}, {"role": "customer", "id": 1}], False),
        ([{"role": "agent", "id": 2}, {"role": "agent", "id": 1}], True),
        ([[{"role": "agent"}], [{"id": 1}]], False),
        ([[{"role": "agent", "id": 1}], "x"], True),
        ({"role": "agent", "id": 1}, True),
        ([{"role": ["customer", "agent"], "id": [2, 1]}], True),
        ([], False),
    ],
)
def test_fields_of_one_object_must_come_from_one_element(people: object, expected: bool) -> None:
    assert verdict({"people": {"role": ["agent"], "id": [1]}}, {"people": people}) is expected


def test_consistency_holds_over_several_levels_of_arrays() -> None:
    pattern = {"calls": {"id": ["c"], "legs": {"side": ["in"], "state": ["up"]}}}
    same = {"calls": [{"id": "b"}, {"id": "c", "legs": [{"side": "out"}, {"side": "in", "state": "up"}]}]}
    other_leg = {"calls": [{"id": "c", "legs": [{"side": "in"}, {"state": "up"}]}]}
    other_call = {"calls": [{"id": "c"}, {"id": "d", "legs": [{"side": "in", "state": "up"}]}]}
    assert verdict(pattern, same)
    assert not verdict(pattern, other_leg)
    assert not verdict(pattern, other_call)


def test_a_field_may_be_both_a_value_and_an_object() -> None:
    pattern = '{"a": [1], "a": {"b": [2]}}'
    assert verdict(pattern, {"a": [1, {"b": 2}]})
    assert not verdict(pattern, {"a": [1]})
    assert not verdict(pattern, {"a": {"b": 2}})


# -------------------------------------------------------------------------------------------------------------- absence


def test_absence_holds_for_the_element_that_the_fields_before_it_chose() -> None:
    pattern = {"people": {"name": ["anna"], "phone": [ABSENT]}}
    assert verdict(pattern, {"people": [{"name": "anna"}, {"name": "bob", "phone": 1}]})
    assert not verdict(pattern, {"people": [{"name": "anna", "phone": 1}, {"name": "bob"}]})
    assert verdict(pattern, {"people": [{"name": "anna", "phone": []}]})
    assert not verdict(pattern, {"people": []})


def test_absence_holds_for_every_element_when_no_field_before_it_chose_one() -> None:
    # EventBridge takes fields in the order of their names, and "age" comes before "name".
    pattern = {"people": {"age": [ABSENT], "name": ["anna"]}}
    assert verdict(pattern, {"people": [{"name": "anna"}, {"name": "bob"}]})
    assert not verdict(pattern, {"people": [{"name": "anna"}, {"name": "bob", "age": 5}]})


def test_absence_alone_holds_for_missing_objects_and_for_every_element() -> None:
    pattern = {"people": {"phone": [ABSENT]}}
    assert verdict(pattern, {})
    assert verdict(pattern, {"people": "nobody"})
    assert verdict(pattern, {"people": [{"name": "anna"}]})
    assert not verdict(pattern, {"people": [{"name": "anna"}, {"phone": 1}]})


def test_a_value_or_absence_is_decided_together_with_the_other_fields() -> None:
    pattern = {"people": {"age": [ABSENT, 5], "name": ["anna"]}}
    assert verdict(pattern, {"people": [{"name": "anna", "age": 5}, {"name": "bob", "age": 6}]})
    assert verdict(pattern, {"people": [{"name": "anna"}, {"name": "bob"}]})
    assert not verdict(pattern, {"people": [{"name": "anna"}, {"name": "bob", "age": 5}]})
    assert not verdict(pattern, {"people": [{"name": "anna", "age": 6}]})


# ------------------------------------------------------------------------------------------------------------------ $or


def test_or_needs_one_alternative_and_everything_beside_it() -> None:
    pattern = {"source": ["s"], "$or": [{"a": [1]}, {"b": [2], "c": [3]}]}
    assert verdict(pattern, {"source": "s", "a": 1})
    assert verdict(pattern, {"source": "s", "b": 2, "c": 3})
    assert not verdict(pattern, {"source": "s", "b": 2})
    assert not verdict(pattern, {"a": 1, "b": 2, "c": 3})


def test_or_may_stand_at_any_level_and_nest() -> None:
    pattern = {"detail": {"$or": [{"a": [1]}, {"b": {"$or": [{"c": [2]}, {"d": [3]}]}}]}}
    assert verdict(pattern, {"detail": {"a": 1}})
    assert verdict(pattern, {"detail": {"b": {"d": 3}}})
    assert not verdict(pattern, {"detail": {"b": {"c": 3}}})


def test_two_ors_multiply_out() -> None:
    pattern = {"x": {"$or": [{"a": [1]}, {"b": [1]}]}, "$or": [{"c": [1]}, {"d": [1]}]}
    assert verdict(pattern, {"x": {"b": 1}, "c": 1})
    assert not verdict(pattern, {"x": {"b": 1}})
    assert not verdict(pattern, {"c": 1, "d": 1})


def test_a_field_inside_or_replaces_the_one_before_it() -> None:
    pattern = '{"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}'
    assert verdict(pattern, {"a": 2})
    assert not verdict(pattern, {"a": 1})
    assert verdict(pattern, {"a": 1, "b": 3})


def test_a_field_after_or_replaces_the_ones_inside_it() -> None:
    pattern = '{"$or": [{"a": [2]}, {"b": [3]}], "a": [1]}'
    assert verdict(pattern, {"a": 1})
    assert not verdict(pattern, {"a": 2})


def test_fields_inside_and_outside_of_or_share_their_array_element() -> None:
    pattern = {"p": {"a": [1], "$or": [{"b": [2]}, {"c": [3]}]}}
    assert verdict(pattern, {"p": [{"a": 1, "c": 3}]})
    assert not verdict(pattern, {"p": [{"a": 1}, {"b": 2}, {"c": 3}]})
    apart = {"p": {"a": [1]}, "$or": [{"p": {"b": [2]}}, {"c": [3]}]}
    assert not verdict(apart, {"p": [{"a": 1}, {"b": 2}]})
    assert verdict(apart, {"p": [{"a": 1}, {"b": 2}], "c": 3})


def test_of_two_equal_keys_the_last_counts() -> None:
    assert verdict('{"a": [1], "a": [2]}', {"a": 2})
    assert not verdict('{"a": [1], "a": [2]}', {"a": 1})
    assert verdict('{"d": {"a": [1]}, "d": {"b": [2]}}', {"d": {"a": 1, "b": 2}})
    assert not verdict('{"d": {"a": [1]}, "d": {"b": [2]}}', {"d": {"b": 2}})


# ---------------------------------------------------------------------------------------------------------- dotted keys


def test_a_dotted_key_means_nested_fields_and_a_member_of_that_name() -> None:
    for event in ({"a": {"b": 1}}, {"a.b": 1}, {"a": [{"b": 1}]}, {"a.b": [1]}):
        assert verdict({"a.b": [1]}, event)
    assert not verdict({"a.b": [1]}, {"a": {"b": 2}, "a.b": 2})
    assert verdict({"a.b": {"c.d": [1]}}, {"a.b": {"c": {"d": 1}}})
    assert verdict({"d": {"a.b": [1], "a.c": [2]}}, {"d": {"a": {"b": 1, "c": 2}}})


def test_dotted_keys_share_their_array_element() -> None:
    assert not verdict({"a.b": [1], "a.c": [2]}, {"a": [{"b": 1}, {"c": 2}]})
    assert verdict({"a.b": [1], "a": {"c": [2]}}, {"a": [{"b": 1, "c": 2}]})


def test_absence_of_a_dotted_key_is_absence_in_both_readings() -> None:
    assert verdict({"a.b": [ABSENT]}, {"a": {"c": 1}})
    assert not verdict({"a.b": [ABSENT]}, {"a": {"b": 1}})
    assert not verdict({"a.b": [ABSENT]}, {"a.b": 1})
    assert not verdict({"a.b": [1], "a.c": [ABSENT]}, {"a": {"b": 1}, "a.c": 1})
    assert not verdict({"a.b": [5, ABSENT]}, {"a": {"b": 6}})
    assert verdict({"a.b": [5, ABSENT]}, {"a": {"b": 5}})


def test_equal_patterns_are_equal_conditions() -> None:
    assert condition('{"a": [1, 2], "b": {"c": ["x"]}}') == condition('{"a":[ 1.0, 2],\n "b": {"c": ["x"]}}')
