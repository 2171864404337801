"""Decoding just what rules look at: what comes out, and that skipping refuses what decoding refuses."""

from __future__ import annotations

import json

import msgspec
import pytest
from msgspec import UNSET
from tests.unit.rules.language import read

from turnout.rules.condition.ast import Key, OneOf, Path, Root, Test, literal
from turnout.rules.decode import decode
from turnout.rules.engine.preparing import Preparer
from turnout.rules.engine.projection import Projection
from turnout.rules.model import Rejection


def project(*expressions: str) -> Projection:
    preparer, projection = Preparer(), Projection()
    for expression in expressions:
        projection.add(preparer.prepare(read(expression)))
    return projection


def value(projection: Projection, body: str | bytes, *names: str) -> object:
    """The member as generated code would see it."""
    found = projection.build()(body)
    access = projection.access(names)
    for field in access.fields:
        found = getattr(found, field)
    for name in access.names:
        found = found[name]
    return found


def test_members_are_decoded_and_everything_else_is_skipped() -> None:
    projection = project("detail.tags.priority == 'high'", "detail.duration > 5")
    body = json.dumps({"other": [1, {"a": 2}], "detail": {"x": 1, "duration": 7, "tags": {"priority": "low", "y": []}}})
    assert value(projection, body, "detail", "tags", "priority") == "low"
    assert value(projection, body, "detail", "duration") == 7


def test_what_is_missing_is_unset_however_much_of_the_way_is_missing() -> None:
    projection = project("detail.tags.priority == 'high'")
    for body in ("{}", '{"detail":{}}', '{"detail":{"tags":{}}}'):
        assert value(projection, body, "detail", "tags", "priority") is UNSET


@pytest.mark.parametrize("other", ["null", "5", '"text"', "[]", "true"])
def test_a_body_does_not_fit_when_an_object_that_rules_look_into_is_something_else(other: str) -> None:
    decoder = project("detail.tags.priority == 'high'").build()
    with pytest.raises(msgspec.ValidationError):
        decoder(f'{{"detail":{{"tags":{other}}}}}')
    with pytest.raises(msgspec.ValidationError):
        decoder(other)


def test_an_object_or_an_array_may_stand_where_a_scalar_is_expected() -> None:
    projection = project("detail.x == 1")
    assert value(projection, '{"detail":{"x":[1,{"y":2}]}}', "detail", "x") == [1, {"y": 2}]
    found = value(projection, '{"detail":{"x":{"y":2}}}', "detail", "x")
    assert isinstance(found, msgspec.Struct)


def test_of_members_that_stand_twice_the_last_one_counts() -> None:
    projection = project("detail.x == 1")
    assert value(projection, '{"detail":{"x":1,"x":2}}', "detail", "x") == 2
    assert value(projection, '{"detail":{"x":1},"detail":{"y":2}}', "detail", "x") is UNSET
    with pytest.raises(msgspec.ValidationError):
        value(projection, '{"detail":[],"detail":{"x":2}}', "detail", "x")


def test_a_member_is_known_by_its_name_however_it_is_escaped() -> None:
    assert value(project("detail.x == 1"), '{"det\\u0061il":{"\\u0078":1}}', "detail", "x") == 1


@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "a\nb", "", "é", "😀", "\ud800", "\x7f", "__class__", "class", "a.b", "f0", "f1"]
)
def test_any_name_can_be_looked_at(name: str) -> None:
    preparer, projection = Preparer(), Projection()
    for names in (("detail", name), ("detail", "other"), (name,)):
        path = Path(Root.EVENT, tuple(map(Key, names)))
        projection.add(preparer.prepare(Test(path, OneOf((literal(1),)))))
    body = json.dumps({"detail": {name: 5, "other": 6}, name: 7}, ensure_ascii=False)
    if name == "\ud800":
        # No text of msgspec's has half of a surrogate pair in it.
        assert value(projection, body.replace("\ud800", "x"), "detail") == {"x": 5, "other": 6}
        return
    assert value(projection, body, "detail", name) == 5
    assert value(projection, body, "detail", "other") == 6
    assert value(projection, body, name) == 7


def test_an_object_of_which_rules_look_at_very_many_members_is_decoded_in_full() -> None:
    projection = project(*(f"detail.m{number} == 1" for number in range(200)))
    assert value(projection, '{"detail":{"m7":8,"other":9}}', "detail") == {"m7": 8, "other": 9}
    wide = project(*(f"m{number} == 1" for number in range(200)))
    assert value(wide, '{"m7":8}', "m7") == 8
    with pytest.raises(msgspec.ValidationError):
        wide.build()("[]")


ELEMENTS = ("detail.items[*].kind == 'a'", "detail.items[*].owner.id in [1, 2]", "any(detail.items, @.kind == 'b')")
ITEMS = '[{"kind":"a","x":1},{"owner":{"id":2,"y":[]}},{}]'


def test_of_the_elements_of_an_array_only_the_members_that_rules_look_at_are_decoded() -> None:
    projection = project(*ELEMENTS)
    found = value(projection, f'{{"detail":{{"items":{ITEMS}}}}}', "detail", "items")
    assert isinstance(found, list)
    assert [len(each.__struct_fields__) for each in found] == [2, 2, 2]
    assert all(isinstance(each, msgspec.Struct) for each in found)


@pytest.mark.parametrize(
    ("items", "fits"), [("null", True), ("[]", True), ("{}", False), ('["a",null,[5]]', True), ("5", True)]
)
def test_where_elements_are_looked_into_all_fits_but_an_object_that_stands_for_itself_and_for_its_members(
    items: str, fits: bool
) -> None:
    decoder = project(*ELEMENTS).build()
    body = f'{{"detail":{{"items":{items}}}}}'
    if fits:
        decoder(body)
        return
    with pytest.raises(msgspec.ValidationError):
        decoder(body)


def test_an_object_fits_where_every_rule_takes_it_for_the_only_element() -> None:
    projection = project("any(detail.items, @.kind == 'a')", "any(detail.items, @.kind == 'b')")
    assert isinstance(value(projection, '{"detail":{"items":{"kind":"b"}}}', "detail", "items"), msgspec.Struct)


def test_an_object_fits_where_every_rule_takes_its_members_for_elements() -> None:
    projection = project("detail.items[*].kind == 'a'", "detail.items.*.kind == 'b'")
    found = value(projection, '{"detail":{"items":{"x":{"kind":"b"},"y":null}}}', "detail", "items")
    assert isinstance(found, dict)
    assert isinstance(found["x"], msgspec.Struct)
    assert found["y"] is None


@pytest.mark.parametrize(
    "other",
    [
        "len(detail.items) > 1",
        "any(detail.items, @.kind == 'a' and @.owner.id == 1)",
        "detail.items[0].kind == 'a'",
        "detail.items[*].owner == 1",
        "detail.items[?(@.kind == 'a')].owner.id == 1",
    ],
)
def test_an_array_that_a_rule_looks_at_in_another_way_as_well_is_decoded_in_full(other: str) -> None:
    projection = project(*ELEMENTS, other)
    found = value(projection, f'{{"detail":{{"items":{ITEMS}}}}}', "detail", "items")
    assert found == json.loads(ITEMS)


MALFORMED = (
    *('"\\x"', '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"\\u12"', '"a\nb"', '"\x00"', '"a'),
    *("NaN", "Infinity", "-Infinity", "01", "-", "1.", ".5", "1e", "+1", "-01", "tru", "nul", "1 x", "\x0b1"),
    *("[1,]", "[1 2]", '{"a":1,}', '{"a" 1}', "{'a':1}", "{1:2}", "[1,2", "]", "}", "[" * 100_000, '{"a":' * 100_000),
)


@pytest.mark.parametrize("malformed", MALFORMED, ids=lambda text: repr(text[:12]))
@pytest.mark.parametrize("shape", ['{{"skipped":{}}}', '{{"skipped":{{"a":[{}]}}}}', '{{"detail":{{"y":{}}}}}'])
def test_what_is_malformed_is_refused_where_it_is_skipped_too(malformed: str, shape: str) -> None:
    decoder = project("detail.x == 1").build()
    with pytest.raises((ValueError, msgspec.MsgspecError, RecursionError)):
        decoder(shape.format(malformed))


@pytest.mark.parametrize(
    "odd", ["1e999", "-1e999", "9" * 5_000, "9" * 5_000 + ".5", "1e-999", "-0", "[" * 99 + "]" * 99]
)
def test_a_number_that_is_odd_but_json_is_no_reason_to_refuse_an_event(odd: str) -> None:
    body = f'{{"skipped":{odd},"detail":{{"x":1}}}}'
    assert value(project("detail.x == 1"), body, "detail", "x") == 1
    assert not isinstance(decode(body), Rejection)
