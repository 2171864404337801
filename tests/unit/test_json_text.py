"""The parts of a JSON text as they were written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.json_text import items, members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
INDENT = st.sampled_from([None, 1])


@given(st.dictionaries(st.text(), VALUES, max_size=5), INDENT, st.booleans())
def test_the_members_of_an_object_put_together_are_the_object(
    value: dict[str, object], indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    parts = members(f" \n{text} ")
    assert list(parts) == list(value)
    assert {name: json.loads(part) for name, part in parts.items()} == value
    assert all(part in text for part in parts.values())


def test_what_no_decoder_would_write_the_same_way_stays_as_it_is() -> None:
    text = '{"a" : {"n":1.50e0 ,"s":"\\u0041\\/\\ud800"}, "b":12345678901234567890123}'
    assert members(text) == {"a": '{"n":1.50e0 ,"s":"\\u0041\\/\\ud800"}', "b": "12345678901234567890123"}


def test_of_equal_names_the_last_counts_as_it_does_for_decoders() -> None:
    assert members('{"a": 1, "a": 2}') == {"a": "2"}


@given(st.lists(VALUES, max_size=5), INDENT)
def test_the_items_of_an_array_put_together_are_the_array(value: list[object], indent: int | None) -> None:
    assert [json.loads(item) for item in items(json.dumps(value, indent=indent))] == value


@given(st.text(alphabet='{}[],:"\\ \n0x1a', max_size=30))
def test_any_text_is_parts_or_a_value_error(text: str) -> None:
    for read in (members, items):
        try:
            read(text)
        except ValueError:
            continue
        json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        '{"a":1} x',
        '{"a":NaN}',
        "null",
        "nil",
        "{1:2}",
        '{"a":1',
        '{"a":1 "b":2}',
        '{"a":' + "[" * 100_000,
    ],
)
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        members(text)


def test_numbers_of_any_size_and_half_surrogate_pairs_stay_as_they_are() -> None:
    huge = "9" * 10_000
    assert items(f'[{huge}, 1e999, "\\ud800"]') == [huge, "1e999", '"\\ud800"']
