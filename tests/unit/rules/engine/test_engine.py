"""Which events go the fast way, and that a crowd of rules is told apart without trying each."""

from __future__ import annotations

import itertools
import json
import time

import pytest
from tests.unit.rules.engine.asking import engine, fast, pattern, rule, slow
from tests.unit.rules.language import READER

from turnout.rules.engine import Engine
from turnout.rules.engine.found import Groups
from turnout.rules.engine.source import Code

EVENT = {
    "id": "e1",
    "detail": {
        "media": "VOICE",
        "duration": 120,
        "flag": True,
        "none": None,
        "tags": ["vip", "emea"],
        "ip": "10.1.2.3",
        "inner": {"a": 1, "b": "x"},
        "items": [{"id": 1, "kind": "a"}, {"id": 2, "kind": "b"}],
    },
}

HOLDING: tuple[str | dict[str, object], ...] = (
    "detail.media == 'VOICE'",
    "detail.media in ['CHAT', 'VOICE', 5]",
    "detail.media != 'CHAT'",
    "detail.duration > 119 and detail.duration <= 120.0",
    "detail.flag == true and detail.none == null and detail.missing == null",
    "detail.flag != 1 and not detail.flag == 1",
    "starts_with(detail.media, 'VO') and ends_with(detail.media, 'CE') and contains(detail.media, 'OI')",
    "wildcard(detail.media, 'V*C*') and matches(detail.media, '^V') and lower(detail.media) == 'voice'",
    "cidr(detail.ip, '10.0.0.0/8')",
    "'vip' in detail.tags and len(detail.tags) == 2 and contains(detail.tags, 'emea')",
    "detail.inner.a == 1 and exists(detail.inner) and not exists(detail.inner.c)",
    "detail.items[*].kind == 'b' and detail.items[1].id == 2 and detail.items[-1].kind == 'b'",
    "any(detail.items, @.id == 2 and @.kind == 'b') and not any(detail.items, @.id == 1 and @.kind == 'b')",
    "any(detail.items, @.kind == 'b') and any(detail.tags, @ == 'vip') and any(detail.items, @.id > 1 and @.id < 3)",
    "all(detail.items, @.id > 0) and detail.items[?(@.id == 2)].kind == 'b'",
    "detail.inner.a < detail.duration and $..b == 'x'",
    "len(detail.media) == 5 and len(detail) == 8",
    {"detail": {"media": ["VOICE"], "duration": [{"numeric": [">", 100]}]}},
    {"detail": {"tags": ["vip"], "flag": [True], "none": [None]}},
    {"detail": {"inner": {"a": [1], "b": [{"anything-but": "y"}]}, "media": [{"exists": True}]}},
    {"detail": {"inner": {"c": [{"exists": False}]}, "media": [{"anything-but": {"prefix": ["C", "D"]}}]}},
    {"$or": [{"id": ["e2"]}, {"detail": {"media": [{"equals-ignore-case": "voice"}]}}]},
    {"detail": {"ip": [{"cidr": "10.1.0.0/16"}]}},
)


@pytest.mark.parametrize("written", HOLDING, ids=str)
def test_an_event_of_the_expected_shape_goes_the_fast_way(written: str | dict[str, object]) -> None:
    asked = engine(written)
    assert fast(asked, EVENT) == [0]
    assert fast(asked, {"detail": {}}) == slow(asked, [rule(written)], {"detail": {}})
    assert fast(asked, {}) == slow(asked, [rule(written)], {})


def test_all_rules_together_go_the_fast_way_too() -> None:
    asked = engine(*HOLDING)
    assert fast(asked, EVENT) == list(range(len(HOLDING)))
    assert slow(asked, [rule(written) for written in HOLDING], EVENT) == list(range(len(HOLDING)))


def test_an_array_of_scalars_at_the_end_of_a_pattern_goes_the_fast_way() -> None:
    asked = engine(
        {"detail": {"tags": ["vip"], "media": [{"prefix": "V"}]}}, {"detail": {"media": [{"anything-but": "x"}]}}
    )
    assert fast(asked, {"detail": {"tags": ["a", ["b", "vip"]], "media": ["x", "V1"]}}) == [0, 1]
    assert fast(asked, {"detail": {"tags": [], "media": ["x"]}}) == []


def test_an_array_where_a_scalar_is_compared_goes_the_fast_way() -> None:
    written = [
        "detail.media == 'VOICE'",
        "detail.media in [1, true]",
        "detail.media != 'VOICE'",
        "detail.kinds[*] == 1",
    ]
    asked, event = engine(*written), {"detail": {"media": ["VOICE"], "kinds": [[1], {}]}}
    assert fast(asked, event) == slow(asked, [rule(said) for said in written], event) == [2]


def test_to_look_texts_up_for_each_element_raises_no_error_for_those_that_are_objects() -> None:
    asked = engine("any(detail.tags, @ == 'a')", "'b' in detail.tags", "detail.tags[*] == 'b'")
    assert fast(asked, {"detail": {"tags": [{}, [], None, True, "a"]}}) == [0]
    assert fast(asked, {"detail": {"tags": [{"b": "b"}, "b"]}}) == [1, 2]
    assert not any("TypeError" in text for text in asked.texts)  # ten thousand of them would take milliseconds


@pytest.mark.parametrize("detail", [[{"media": "VOICE"}], "text", None, 5])
def test_an_event_of_another_shape_is_left_to_the_slow_way(detail: object) -> None:
    rules = [rule("detail.media == 'VOICE'"), pattern({"detail": {"media": ["VOICE"]}})]
    asked = Engine(rules)
    with pytest.raises(Exception):  # noqa: B017, PT011 - the contract: whatever it is, the slow way answers
        fast(asked, {"detail": detail})
    assert slow(asked, rules, {"detail": detail}) == ([1] if isinstance(detail, list) else [])


ARRAY_PATTERNS: tuple[dict[str, object], ...] = (
    {"detail": {"items": {"id": [1]}}},
    {"detail": {"items": {"id": [1], "kind": ["agent"]}}},
    {"detail": {"items": {"id": [{"numeric": [">", 1]}], "kind": [{"anything-but": ["x"]}]}}},
    {"detail": {"items": {"id": [2], "kind": [{"exists": False}]}}},
    {"detail": {"items": {"id": [1], "inner": {"name": ["a"], "kind": ["b"]}}}},
    {"detail": {"items": {"inner": {"name": ["a"]}}}},
)


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        ([{"id": 1, "kind": "agent"}], [0, 1]),
        ([{"id": 1}, {"id": 2, "kind": "agent"}], [0, 2]),
        ([{"id": 2}, {"id": 3, "kind": "x"}], [3]),
        ([{"id": 1, "inner": {"name": "a"}}, {"id": 1, "inner": [{"name": "a", "kind": "b"}]}], [0, 4, 5]),
        ([{"id": 1, "inner": [{"name": "a"}, {"kind": "b"}]}], [0, 5]),
        ([None, 5, "agent", {"id": 1}, {}], [0]),
        ([], []),
        ({"id": 1, "kind": "agent"}, [0, 1]),
    ],
)
def test_an_array_of_objects_where_a_pattern_names_their_members_goes_the_fast_way(
    items: object, wanted: list[int]
) -> None:
    rules = [rule(written) for written in ARRAY_PATTERNS]
    asked = engine(*ARRAY_PATTERNS)
    event = {"detail": {"items": items}}
    assert fast(asked, event) == slow(asked, rules, event) == wanted


def test_fields_of_one_array_element_are_held_together_on_the_slow_way() -> None:
    written = pattern({"items": {"id": [1], "kind": ["b"]}})
    asked = Engine([written])
    assert slow(asked, [written], {"items": [{"id": 1, "kind": "a"}, {"id": 2, "kind": "b"}]}) == []
    assert slow(asked, [written], {"items": [{"id": 1, "kind": "b"}]}) == [0]


@pytest.mark.parametrize(
    ("more", "event"),
    [
        ("detail.count == 2", {"detail": {"items": [{"kind": ["b"]}, {"kind": "b"}], "count": 2}}),
        ("detail.items['a\"b'] == 1", {"detail": {"items": {"kind": "b", 'a"b': 1}}}),
        ("detail.items[*]['a\"b'] == 1", {"detail": {"items": [{"kind": "b"}, {'a"b': 1}]}}),
    ],
)
def test_members_of_elements_are_looked_up_the_fast_way_also_where_one_object_stands_for_the_array(
    more: str, event: dict[str, object]
) -> None:
    asked = engine("any(detail.items, @.kind == 'a')", "any(detail.items, @.kind == 'b')", more)
    assert fast(asked, {"detail": {"items": [{"kind": "a"}, {}, {"kind": ["b"]}]}}) == [0]
    assert fast(asked, {"detail": {"items": {"kind": "b"}}}) == [1]
    assert fast(asked, {"detail": {"items": None}}) == []
    assert fast(asked, {"detail": {}}) == []
    assert fast(asked, event) == [1, 2]


@pytest.mark.parametrize("odd", [None, 5, "a", True, [], [{"kind": "a", "owner": {"id": 1}}]])
@pytest.mark.parametrize("written", ["detail.items[*].{} == {}", "any(detail.items, @.{} == {})"])
def test_what_is_no_object_among_elements_goes_the_fast_way_and_has_no_members(written: str, odd: object) -> None:
    asked = engine(written.format("kind", "'a'"), written.format("owner.id", "1"))
    assert fast(asked, {"detail": {"items": [odd, {"kind": "a", "owner": odd}, odd]}}) == [0]
    assert fast(asked, {"detail": {"items": [{"owner": odd}, odd, {"owner": {"id": 1}}]}}) == [1]
    assert fast(asked, {"detail": {"items": [odd]}}) == []


def test_a_scalar_in_place_of_an_array_and_an_object_for_its_members_go_the_fast_way() -> None:
    asked = engine("detail.items.*.kind == 'a'", "detail.items[*].owner.id == 1")
    assert fast(asked, {"detail": {"items": {"x": {"kind": "a"}, "y": None, "kind": "a"}}}) == [0]
    assert fast(asked, {"detail": {"items": {"x": {"owner": {"id": 1}}, "y": [{"kind": "a"}]}}}) == [1]
    assert fast(asked, {"detail": {"items": "a"}}) == []


def test_a_condition_about_an_object_alone_is_false_when_the_object_is_missing() -> None:
    asked = engine("any(detail.inner, not exists(@.c))")
    assert fast(asked, {"detail": {"inner": {}}}) == [0]
    assert fast(asked, {"detail": {"inner": {"c": 1}}}) == []
    assert fast(asked, {"detail": {}}) == []


@pytest.mark.parametrize("below", ["detail.inner.a == 1", "detail.inner['a\"b'] == 1"])
@pytest.mark.parametrize(
    ("leaf", "holds"), [({"exists": False}, True), ({"exists": True}, False), ({"anything-but": ["x"]}, False)], ids=str
)
def test_an_object_is_no_value_of_a_pattern_where_another_rule_looks_into_it(
    leaf: object, holds: bool, below: str
) -> None:
    written: dict[str, object] = {"detail": {"inner": [leaf]}}
    asked = engine(written, below)
    for inner in ({"a": 2}, {}):
        event = {"detail": {"inner": inner}}
        assert fast(asked, event) == slow(asked, [rule(written), rule(below)], event) == ([0] if holds else [])


@pytest.mark.parametrize("looking", ["detail.items[*].id == 1", "any(detail.items, @.id == 1)"])
@pytest.mark.parametrize("there", [{}, {"id": 2}])
def test_an_object_is_no_value_of_a_pattern_where_another_rule_takes_it_for_an_array(
    looking: str, there: object
) -> None:
    asked = engine(looking, {"detail": {"items": [{"anything-but": ["a"]}]}})
    assert fast(asked, {"detail": {"items": there}}) == []


def test_metadata_is_looked_up_like_members_of_the_event() -> None:
    asked = engine("@attributes.tenant == 'emea'", "@receive_count > 1", "exists(@group_id)")
    assert fast(asked, {}, {"attributes": {"tenant": "emea"}, "receive_count": 2, "group_id": None}) == [0, 1, 2]
    assert fast(asked, {}, {"attributes": {}}) == []
    assert fast(asked, {}, None) == []


def test_an_event_without_a_required_value_is_left_to_the_slow_way() -> None:
    required = [READER.read(path) for path in ("detail", "id", "detail.items[*].id")]
    asked = Engine([rule("detail.media == 'VOICE'")], required=required)
    assert fast(asked, EVENT) == [0]
    for missing in ("id", "detail"):
        with pytest.raises(Exception):  # noqa: B017, PT011
            fast(asked, {name: value for name, value in EVENT.items() if name != missing})
    with pytest.raises(Exception):  # noqa: B017, PT011
        fast(asked, {**EVENT, "id": None})
    with pytest.raises(Exception):  # noqa: B017, PT011
        fast(asked, {**EVENT, "detail": {"media": "VOICE", "items": [{"id": None}]}})


@pytest.mark.parametrize("path", ["a[*].b", "a[*]", "a.*", "a[0]", "a[?(@.b == 1)]", "a.b[*]"])
def test_all_of_a_required_path_is_asked_for_where_rules_look_into_what_it_begins_with(path: str) -> None:
    asked = Engine([rule("a.b.c == 1")], required=[READER.read(path)])
    with pytest.raises(Exception):  # noqa: B017, PT011
        fast(asked, {"a": {}})


def verified(asked: Engine, body: str) -> int:
    """How many candidates an event has."""
    return len(asked.candidates(json.loads(body), None))


def test_thousands_of_rules_on_one_value_are_told_apart_by_what_else_they_say() -> None:
    asked = engine(
        *(
            f"detail.media == 'VOICE' and detail.queue == 'q{number % 100}' and detail.n != {number}"
            for number in range(1_000)
        ),
    )
    body = json.dumps({"detail": {"media": "VOICE", "queue": "q7", "n": 7}})
    assert verified(asked, body) == 10
    assert len(fast(asked, body)) == 9


def test_a_crowd_behind_one_value_is_filed_again() -> None:
    # Each rule is about a queue of its own, yet the estimate prefers the user: twenty thousand rules have few of them.
    written = [
        f"detail.user == 'u{number % 40}' and {number // 40} <= detail.level < {number // 40 + 1}"
        for number in range(2_000)
    ]
    asked = engine(*written)
    body = json.dumps({"detail": {"user": "u7", "level": 20.5}})
    assert fast(asked, body) == [807]
    assert verified(asked, body) <= 50


def test_two_lists_of_thousands_of_values_in_each_of_several_rules_are_filed_in_a_moment() -> None:
    first = [f"x{number}" for number in range(3_000)]
    rules = [
        pattern({"a": first, "b": [f"y{number}" for number in range(rule, rule + 3_000)], "c": [{"exists": True}]})
        for rule in range(10)
    ]
    started = time.process_time()
    asked = Engine(rules)
    assert time.process_time() - started < 5  # comparing one list with the other for each of its values takes longer
    assert fast(asked, {"a": "x7", "b": "y3001", "c": "cc"}) == [2, 3, 4, 5, 6, 7, 8, 9]


def test_a_crowd_behind_each_of_many_values_is_not_filed_again_without_end() -> None:
    rules = [
        pattern({"a": [f"x{number}" for number in values], "b": [f"y{number}" for number in values]})
        for values in (range(rule, rule + 300) for rule in range(100))
    ]
    started = time.process_time()
    asked = Engine(rules)
    assert time.process_time() - started < 10  # each crowd would be filed under 300 values for each of its 100 rules
    for event in ({"a": "x60", "b": "y9"}, {"a": "x300", "b": "y350"}, {"a": "x399", "b": "y398"}, {"a": "x0"}):
        assert fast(asked, event) == slow(asked, rules, event)
    assert fast(asked, {"a": "x300", "b": "y350"}) == list(range(51, 100))


def test_rules_with_the_same_condition_are_one() -> None:
    asked = engine("detail.a == 1", "detail.b == 1", "detail.a == 1.0", "1 == 1", "1 == 2")
    assert fast(asked, {"detail": {"a": 1}}) == [0, 2, 3]
    out: list[int] = []
    asked.look(asked.decode('{"detail":{"a":1}}'), "", None, None, out)
    assert sorted(out) == [-1, 3]


def test_what_is_found_is_put_in_order_and_named_once() -> None:
    groups = Groups()
    assert groups.found([4]) == 4
    first, second = groups.found([5, 1]), groups.found([1, 2])
    assert groups.found([5, 1]) == first
    assert groups.numbers([3, first, 3, second]) == [1, 2, 3, 5]
    assert groups.numbers([3, 0, 3]) == [0, 3]
    assert groups.numbers([]) == []
    assert [groups.members(each) for each in (0, first, second)] == [(0,), (5, 1), (1, 2)]


def test_an_empty_ruleset_finds_nothing() -> None:
    asked = Engine([])
    code: Code = asked.look
    assert code is asked.look
    assert fast(asked, EVENT) == []
    assert asked.candidates(json.loads(json.dumps(EVENT)), None) == []


def test_members_can_be_read_from_what_was_decoded() -> None:
    asked = Engine([rule("detail.media == 'VOICE'")], members=("id", "time"))
    decoded = asked.decode(json.dumps(EVENT))
    assert asked.member(decoded, "id") == "e1"
    assert not isinstance(asked.member(decoded, "time"), str)
    wide = Engine([rule(f"m{number} == 1") for number in range(100)], members=("id",))
    assert wide.member(wide.decode('{"id":"x"}'), "id") == "x"


_MANY = 4_000
_IDS = [f"{number:x}" for number in range(1_000)]
_NAMED = ", ".join(f"'{name}'" for name in _IDS)
_CROWDED = {
    "any(items, @.id == 'a' and @.n == 1)": {"items": [{"id": "a"}] * _MANY},
    "items[*].id == 'a' and all(items, exists(@.n))": {"items": [{"id": "a", "n": 1}] * _MANY + [{}]},
    "items[*].n > 5 and all(items, @.q == 1)": {"items": [{"n": n, "q": 1} for n in range(_MANY)] + [{}]},
    "starts_with(items[*].id, 'a') and all(items, @.q == 1)": {
        "items": [{"id": f"a{n}", "q": 1} for n in range(_MANY)] + [{}]
    },
    f"any(items, @.id in [{_NAMED}] and @.n == 1)": {"items": [{"id": name} for name in _IDS * 2]},
    f"items[*].id in [{_NAMED}] and all(items, exists(@.n))": {"items": [{"id": x, "n": 1} for x in _IDS * 2] + [{}]},
    "any(items, @.id == 'a' and contains(tags, 'x'))": {"items": [{"id": "a"}] * _MANY, "tags": ["y"] * _MANY},
}


@pytest.mark.parametrize("written", [*_CROWDED, "pattern"])
def test_what_is_left_to_verify_is_verified_once_however_many_elements_lead_to_it(written: str) -> None:
    event = _CROWDED.get(written, {"tags": ["a"] * _MANY, "q": [2] * _MANY})
    said: str | dict[str, object] = written if written in _CROWDED else {"tags": ["a"], "q": [1]}
    rules = [pattern(said) if isinstance(said, dict) else rule(said)]
    asked = engine(said)
    assert slow(asked, rules, event) == []
    started = time.process_time()
    assert fast(asked, event) == []
    asked = engine(said, *(f"items[*].id == 'a' and other == {number}" for number in range(60)))
    assert fast(asked, event) == []
    assert time.process_time() - started < 3  # an array looked through for each of its elements takes longer


def test_what_the_lists_of_several_rules_name_in_all_combinations_is_verified_once_as_well() -> None:
    written = [
        f"any(items, @.id in [{', '.join(repr(x) for n, x in enumerate(_IDS) if n >> bit & 1)}] and @.n == {bit})"
        for bit in range(10)
    ]
    event = {"items": [{"id": name, "n": 5} for name in _IDS]}
    asked, rules = engine(*written), [rule(said) for said in written]
    assert slow(asked, rules, event) == [5]
    started = time.process_time()
    assert fast(asked, event) == [5]
    assert time.process_time() - started < 3


_LISTS = [", ".join(f"'{(first + step) % 20}'" for step in range(10)) for first in range(20)]


@pytest.mark.parametrize(
    "written",
    [
        [f"any(items, @.id in [{some}] and @.kind in [{others}])" for some in _LISTS for others in _LISTS],
        [f"any(items, {low} < @.n < {low + 50} and {most} < @.m)" for low in range(0, 100, 5) for most in range(20)],
    ],
    ids=["lists", "ranges"],
)
def test_rules_that_many_elements_lead_to_are_not_verified_again_for_each_of_their_values(written: list[str]) -> None:
    places = itertools.product(range(0, 150, 10), range(20))
    event = {"items": [{"id": str(m), "kind": str(n % 20), "n": n, "m": m + 20} for n, m in places]}
    asked = engine(*written)
    found: list[int] = []
    body = json.dumps(event)
    asked.look(asked.decode(body), body, None, None, found)
    assert asked.numbers(found) == list(range(len(written)))
    # What is verified and holds is put down each time.
    assert len(found) == len(written)
