"""The tables: a lookup finds exactly the rules that are filed under what the value fits."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from unittest.mock import patch

import pytest

from turnout.rules.condition.ast import Bound, Range, literal
from turnout.rules.condition.interpret import fits
from turnout.rules.engine.filing import KeyValue
from turnout.rules.engine.found import Groups
from turnout.rules.engine.index import Affixes, Bucket, Equals, Item, Ranges, Table
from turnout.rules.engine.source import Foundry, Function

GROUPS = Groups()


def make(items: Sequence[Item]) -> Bucket:
    return GROUPS.found([number for filed, _ in items for number in filed])


def under(*keys: KeyValue) -> dict[KeyValue, list[Item]]:
    """Rule 0 filed under the first key, and so on."""
    items: dict[KeyValue, list[Item]] = {}
    for number, key in enumerate(keys):
        items.setdefault(key, []).append(((number,), None))
    return items


def lookup(table: Table, value: object) -> list[int]:
    """The rules found by generated code; `find` must say the same."""
    function = Function()
    table.emit(function, 0, "e")
    out: list[int] = []
    Foundry().make(function)(value, "", None, None, out)
    other = [bucket for bucket in table.find(value) if isinstance(bucket, int)]
    assert GROUPS.numbers(out) == GROUPS.numbers(other)
    return GROUPS.numbers(out)


def test_equality_keeps_the_types_of_json_apart() -> None:
    keys = ("1", literal(1), literal(True), literal(False), literal(0), literal(None), "a", "a")
    table = Equals(under(*keys), make, folds=False)
    assert lookup(table, "1") == [0]
    assert lookup(table, 1) == lookup(table, 1.0) == [1]
    assert lookup(table, True) == [2]
    assert lookup(table, False) == [3]
    assert lookup(table, 0) == lookup(table, -0.0) == [4]
    assert lookup(table, None) == [5]
    assert lookup(table, "a") == [6, 7]
    assert lookup(table, "A") == lookup(table, 2) == []


def test_true_is_not_one_when_only_one_of_them_is_asked_for() -> None:
    assert lookup(Equals(under(literal(1)), make, folds=False), True) == []
    assert lookup(Equals(under(literal(0.0)), make, folds=False), False) == []
    assert lookup(Equals(under(literal(True)), make, folds=False), 1) == []


def test_equality_may_ignore_case() -> None:
    table = Equals(under("voice", "straße"), make, folds=True)
    assert lookup(table, "VOICE") == [0]
    assert lookup(table, "Straße") == [1]
    assert lookup(table, "STRASSE") == lookup(table, 5) == lookup(table, None) == []


def test_no_table_finds_anything_for_objects_and_arrays() -> None:
    tables: list[Table] = [
        Equals(under("a"), make, folds=False),
        Affixes(under("a"), make, at_end=False, folds=False),
        Ranges(under(Range(low=Bound(1, True))), make),
    ]
    for table in tables:
        assert list(table.find(["a"])) == list(table.find({"a": 1})) == []


def test_affixes_of_several_lengths_are_found() -> None:
    table = Affixes(under("a", "ab", "abc", "b"), make, at_end=False, folds=False)
    assert lookup(table, "abcd") == [0, 1, 2]
    assert lookup(table, "a") == [0]
    assert lookup(table, "bab") == [3]
    assert lookup(table, "") == lookup(table, 5) == []
    table = Affixes(under("c", "bc", "abc"), make, at_end=True, folds=False)
    assert lookup(table, "abc") == [0, 1, 2]
    assert lookup(table, "c") == [0]
    assert lookup(Affixes(under("ab"), make, at_end=False, folds=True), "ABc") == [0]


def test_a_number_is_found_in_its_ranges_and_bounds_count_as_they_say() -> None:
    table = Ranges(
        under(
            Range(Bound(1, True), Bound(5, True)),
            Range(Bound(1, False), Bound(5, False)),
            Range(low=Bound(5, True)),
            Range(high=Bound(1, False)),
            Range(Bound(5, False), Bound(1, False)),
        ),
        make,
    )
    assert lookup(table, 0.99) == [3]
    assert lookup(table, 1) == [0]
    assert lookup(table, 3) == [0, 1]
    assert lookup(table, 5.0) == [0, 2]
    assert lookup(table, 10**400) == lookup(table, float("inf")) == [2]
    assert lookup(table, True) == lookup(table, "3") == []


def ranges(seed: int) -> list[Range]:
    rng = Random(seed)

    def bound() -> Bound:
        return Bound(rng.choice([rng.randrange(50), rng.randrange(50) / 2]), rng.random() < 0.5)

    def one() -> Range:
        low, high = sorted((bound(), bound()), key=lambda each: float(each.value))
        return Range(*rng.choice([(low, high), (low, None), (None, high), (high, low)]))

    return [one() for _ in range(200)]


@pytest.mark.parametrize("listed", [-1_000_000, 1_000_000], ids=["tree", "flat"])
@pytest.mark.parametrize("count", [1, 2, 3, 10, 200])
@pytest.mark.parametrize("seed", range(5))
def test_ranges_that_overlap_in_every_way_are_all_found(seed: int, count: int, listed: int) -> None:
    keys = ranges(seed)[:count]
    with patch("turnout.rules.engine.index._FLAT_ITEMS", listed):
        table = Ranges(under(*keys), make)
    for value in [*range(-1, 51), *(number / 4 for number in range(200)), 2**53 + 1, float("inf")]:
        assert lookup(table, value) == [number for number, key in enumerate(keys) if fits(key, value)]


def test_ten_thousand_open_ranges_take_room_for_some_tens_of_thousands() -> None:
    table = Ranges(under(*(Range(low=Bound(number, False)) for number in range(10_000))), make)
    assert lookup(table, 3) == [0, 1, 2]
    assert len(lookup(table, 9_999.5)) == 10_000
    kept = {bucket for value in range(-1, 10_001) for bucket in table.find(value) if isinstance(bucket, int)}
    assert sum(len(GROUPS.members(bucket)) for bucket in kept) < 100_000
