"""The engine against the plain interpreter: whatever the rules and whatever the event, the verdicts are the same."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.rules.agreement import METADATA, check
from tests.property.rules.strategies import conditions, events
from tests.property.rules.test_pattern_semantics import compiled, event_objects, pattern_objects

from turnout.rules.condition.ast import Condition
from turnout.rules.environment import Environment
from turnout.rules.expression.parser import parse
from turnout.rules.expression.paths import PathReader


def text(event: object) -> str:
    return json.dumps(event).replace("Infinity", "1e999")


@settings(max_examples=250, deadline=None, report_multiple_bugs=False)
@given(
    st.lists(conditions(), min_size=1, max_size=6),
    st.lists(events, min_size=1, max_size=3),
    st.sampled_from([None, METADATA]),
)
def test_any_expressions_get_the_interpreters_verdicts(
    rules: list[Condition], some: list[object], metadata: object
) -> None:
    check(rules, [text(event) for event in some], metadata)


@settings(max_examples=250, deadline=None, report_multiple_bugs=False)
@given(
    st.lists(pattern_objects(2, dots=True), min_size=1, max_size=5),
    st.lists(event_objects(3), min_size=1, max_size=3),
)
def test_any_patterns_get_the_interpreters_verdicts(patterns: list[dict[str, object]], some: list[object]) -> None:
    check([compiled(pattern) for pattern in patterns], [text(event) for event in some])


# ------------------------------------------------------------------------------------- rules and events of one shape

_READER = PathReader()


def expression(source: str) -> Condition:
    return parse(source, reader=_READER, environment=Environment({}))


TEXTS = ("", "a", "ab", "abc", "abcd", "abcde", "b", "ba", "K", "\u212a", "ß", "ẞ", "é", "10.1.2.3", "\ud83d\ude00")
NUMBERS = (0, 1, -1, 2, 3, 5, 5.0, 5.5, -0.0, 2**53, 2**53 + 1, 10**30, 1e300)
TESTS = (
    *(f"detail.name == {json.dumps(each, ensure_ascii=False)}" for each in TEXTS),
    *(f"starts_with(detail.name, '{each}')" for each in TEXTS),
    *(f"ends_with(detail.name, '{each}')" for each in TEXTS),
    *(f"wildcard(detail.name, '{each}*{each}')" for each in TEXTS),
    *(f"wildcard(detail.name, '{each}*')" for each in TEXTS),
    *(f"lower(detail.name) == '{each}'" for each in TEXTS),
    *(f"detail.count == {each}" for each in NUMBERS),
    *(f"detail.count > {each}" for each in NUMBERS),
    *(f"detail.count <= {each}" for each in NUMBERS),
    *(f"0 < detail.count <= {each}" for each in NUMBERS),
    *(
        "detail.count == true",
        "detail.count == false",
        "detail.count == null",
        "detail.count != 1",
        "detail.name > 'ab'",
    ),
    *("detail.tags.kind == 'a'", "detail.tags.kind in ['a', 'b', 1, true]", "detail.tags.kind != 'a'"),
    *("exists(detail.tags)", "exists(detail.tags.kind)", "not exists(detail.tags.kind)", "detail.tags == null"),
    *("'a' in detail.list", "'a' not in detail.list", "contains(detail.list, 'a')", "len(detail.list) > 1"),
    *("any(detail.items, @.id == 1 and @.name == 'a')", "all(detail.items, @.id > 0)", "detail.items[0].id == 1"),
    *("detail.items[*].id == 1", "detail.items[*].name == 'a'", "detail.items[?(@.id == 1)].name == 'a'"),
    *("$..id == 1", "$..name == 'ab'", "detail.* == 'a'", "len(detail) == 2", "detail['odd \"name'] == 1"),
    *("detail.name == detail.tags.kind", "detail.count >= detail.other", "cidr(detail.name, '10.0.0.0/8')"),
    *("@attributes.a == 'a'", "@receive_count > 1", "matches(detail.name, '^a')", "contains(detail.name, 'b')"),
    *("id == 'e'", "exists(detail)", "1 == 1", "1 == 2", "detail.name > 'ab'"),
    *("detail.name in ['a', 'ab', 'b']", "detail.name not in ['a', 'b']"),
)
PATTERNS: tuple[dict[str, object], ...] = (
    {"detail": {"name": ["a", "ab"]}},
    {"detail": {"name": [{"prefix": "a"}], "count": [{"numeric": [">", 1]}]}},
    {"detail": {"name": [{"anything-but": ["a"]}], "tags": {"kind": ["a", None]}}},
    {"detail": {"tags": {"kind": [{"exists": False}]}, "name": [{"exists": True}]}},
    {"detail": {"items": {"id": [1], "name": ["a"]}}},
    {"detail": {"items": {"id": [1], "name": [{"exists": False}]}}},
    {"detail": {"name": [{"anything-but": {"prefix": ["a", "b"]}}]}},
    {"detail": {"name": [{"equals-ignore-case": "AB"}, {"suffix": {"equals-ignore-case": "K"}}]}},
    {"detail": {"$or": [{"name": ["a"]}, {"count": [1]}, {"tags": {"kind": ["b"]}}]}},
    {"id": ["e"], "detail": {"list": ["a"]}},
    # Members that are fields here, and have fields below them in other rules.
    {"detail": {"tags": [{"exists": False}]}},
    {"detail": {"tags": [{"exists": True}]}},
    {"detail": {"tags": [{"anything-but": ["a"]}], "items": [{"anything-but": {"prefix": ["a"]}}]}},
    {"detail": [{"exists": False}]},
    {"detail": [{"anything-but": ["a"]}]},
    {"detail": {"name": {"kind": ["a"]}, "count": {"kind": [{"exists": False}]}}},
)

leaf = st.sampled_from([*TEXTS, *NUMBERS, True, False, None, float("inf")])
text_leaf = st.sampled_from(TEXTS) | leaf
number_leaf = st.sampled_from(NUMBERS) | leaf
container = st.sampled_from([[], {}, ["a"], ["a", ["b", 1]], {"kind": "a"}, [{"kind": "a"}, {"kind": "b"}], [None]])
element = st.fixed_dictionaries({}, optional={"id": number_leaf, "name": text_leaf | container})
shaped_events = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("e") | leaf | container,
        "other": leaf | container,
        "detail": st.fixed_dictionaries(
            {},
            optional={
                "name": text_leaf | st.lists(text_leaf, max_size=2) | container,
                "count": number_leaf | container,
                "other": number_leaf,
                "tags": st.fixed_dictionaries({}, optional={"kind": text_leaf | container}) | leaf | container,
                "list": st.lists(text_leaf, max_size=3) | leaf | container,
                "items": st.lists(element | leaf, max_size=3) | element | leaf,
                'odd "name': number_leaf,
            },
        )
        | leaf
        | container,
    },
)

tests_of_one_shape = st.sampled_from(TESTS).map(expression) | st.sampled_from(PATTERNS).map(compiled)
joined = st.builds(
    lambda kind, sources: expression(f" {kind} ".join(f"({source})" for source in sources)),
    st.sampled_from(["and", "or", "and not", "or not"]),
    st.lists(st.sampled_from(TESTS), min_size=2, max_size=4),
)
crowds = st.lists(tests_of_one_shape | joined, min_size=1, max_size=40)


@settings(max_examples=250, deadline=None, report_multiple_bugs=False)
@given(crowds, st.lists(shaped_events, min_size=1, max_size=5), st.sampled_from([None, METADATA]))
def test_crowds_of_rules_about_the_same_fields_get_the_interpreters_verdicts(
    rules: list[Condition], some: list[object], metadata: object
) -> None:
    check(rules, [text(event) for event in some], metadata)


# ------------------------------------------------------------------------------------------------ arrays of objects

_PLACES = ("detail.items[*].{}", "detail.items[*].in.{}", "detail.items[*]['odd \\'name'].{}")
_ASKED = ("{} == 'a'", "{} in ['ab', 2]", "{} != 'a'", "not ({} == 2)", "{} > 1", "starts_with({}, 'a')", "'a' in {}")
ELEMENT_TESTS = (
    *(asked.format(place.format(name)) for asked in _ASKED for place in _PLACES for name in ("name", "kind")),
    *(f"any(detail.items, {asked.format(f'@.{name}')})" for asked in _ASKED for name in ("name", "in.name")),
    "contains(detail.items[*].name, 'a')",
    "exists(detail.items[*].name)",
    "len(detail.items[*].name) > 1",
    "detail.items.name == 'a'",
    "detail.other == 2",
)
inner = st.fixed_dictionaries({}, optional={"name": text_leaf | container, "kind": number_leaf})
objects = st.fixed_dictionaries(
    {}, optional={"name": text_leaf | container, "kind": number_leaf, "in": inner, "odd 'name": inner | leaf}
)
events_with_elements = st.fixed_dictionaries(
    {
        "detail": st.fixed_dictionaries(
            {"other": number_leaf}, optional={"items": st.lists(objects, max_size=4) | objects | st.none() | container}
        )
    }
)


@settings(max_examples=300, deadline=None, report_multiple_bugs=False)
@given(
    st.lists(st.sampled_from(ELEMENT_TESTS).map(expression), min_size=1, max_size=4),
    st.lists(events_with_elements, min_size=1, max_size=4),
)
def test_rules_about_the_elements_of_an_array_get_the_interpreters_verdicts(
    rules: list[Condition], some: list[object]
) -> None:
    check(rules, [text(event) for event in some])


_FITTING = st.sampled_from(
    [["a"], ["ab", 2], [{"exists": False}], [{"exists": True}], [{"anything-but": ["a"]}], [{"numeric": [">", 1]}]]
)
members = st.dictionaries(st.sampled_from(["name", "kind"]), _FITTING, min_size=1)
array_patterns = st.builds(
    lambda own, inner, beside: {"detail": {"items": own | ({"in": inner} if inner else {})} | beside},
    members,
    st.none() | members,
    st.just({}) | st.fixed_dictionaries({"other": _FITTING}),
)


@settings(max_examples=300, deadline=None, report_multiple_bugs=False)
@given(
    st.lists(array_patterns.map(compiled) | st.sampled_from(ELEMENT_TESTS).map(expression), min_size=1, max_size=6),
    st.lists(events_with_elements, min_size=1, max_size=4),
)
def test_patterns_about_arrays_of_objects_get_the_interpreters_verdicts(
    rules: list[Condition], some: list[object]
) -> None:
    check(rules, [text(event) for event in some])


# ------------------------------------------------------------------------- one member, looked at in different ways

_SEEN_AS = ("{}", "{}.b", "{}[*].b", "{}[*]", "{}[0]", "{}.b.c", "{}[*].b.c", "{}.b[*].c", "{}.*", "{}[?(@.b=='x')].c")
_SEEN = ("{} == 'x'", "{} != 'x'", "{} == 1", "{} == null", "exists({})", "len({}) == 1", "lower({}) == 'x'")
_EACH = ("any({}, @.b == 'x')", "any({}, @.b.c == 1)", "all({}, @.b != 'x')")
ways_to_look = st.sampled_from(
    [asked.format(seen.format("detail.a")) for asked in (*_SEEN, *_EACH) for seen in _SEEN_AS]
).map(expression)
values_of_patterns = st.sampled_from(
    [["x"], [None], [1], ["x", 1, None], [{"exists": True}], [{"exists": False}], [{"anything-but": ["x"]}]]
)
patterns_that_look = st.recursive(
    values_of_patterns,
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=2),
    max_leaves=4,
).map(lambda looked: compiled({"detail": {"a": looked}}))
seen_values = st.recursive(
    st.sampled_from(["x", "", 0, 1, None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, report_multiple_bugs=False)
@given(
    st.lists(ways_to_look | patterns_that_look, min_size=2, max_size=5), st.lists(seen_values, min_size=1, max_size=5)
)
def test_a_member_that_rules_look_at_in_different_ways_gets_the_interpreters_verdicts(
    rules: list[Condition], some: list[object]
) -> None:
    check(rules, [text({"detail": {"a": value}}) for value in some])


@settings(max_examples=150, deadline=None, report_multiple_bugs=False)
@given(crowds, st.lists(shaped_events, min_size=2, max_size=2))
def test_of_members_that_stand_twice_the_last_one_counts_on_every_way(
    rules: list[Condition], some: list[object]
) -> None:
    first, second = map(text, some)
    inner = f'{{"detail": {first}, "detail": {second}, "id": 1, "id": "e"}}'
    outer = f"{first[:-1]}{', ' if len(first) > 2 and len(second) > 2 else ''}{second[1:]}"
    check(rules, [inner, outer])


@settings(max_examples=150, deadline=None, report_multiple_bugs=False)
@given(
    crowds,
    shaped_events,
    st.sampled_from(
        [
            *("1e999", "-1e999", "9" * 5_000, "1e-999", "-0", "0.1e1", "123456789012345678901234567890", "1E400"),
            *('"\\ud800"', '"\\udc00x"', '"\\ud83d\\ude00"', '"\\u0061"', '"a\\nb"', '"\\x"', '"\x01"', '"\ud800"'),
            *("NaN", "-Infinity", "01", "tru", "[1,]", "{,}", "[" * 300 + "]" * 300, "[" * 3_000 + "]" * 3_000),
            *('{"a":' * 300 + "1" + "}" * 300, '"' + "x" * 100_000 + '"', "[" + "1," * 10_000 + "1]"),
        ]
    ),
    st.sampled_from(["name", "count", "unseen", "tags", "items"]),
)
def test_odd_values_get_the_same_verdict_wherever_they_stand(
    rules: list[Condition], event: dict[str, object], odd: str, name: str
) -> None:
    body = json.dumps({**event, "unseen": 0}).replace('"unseen": 0', f'"unseen": {odd}')
    other = json.dumps({**event, "detail": {"name": "ab", name: "<here>"}}).replace('"<here>"', odd)
    check(rules, [body, other])


_NAMED = ("detail", "name", "tags", "items", "id", "a")
_ESCAPED = {f'"{name}"': f'"\\u{ord(name[0]):04x}{name[1:]}"' for name in _NAMED}


@settings(max_examples=100, deadline=None, report_multiple_bugs=False)
@given(crowds, st.lists(shaped_events, min_size=1, max_size=3), st.sets(st.sampled_from(sorted(_ESCAPED)), min_size=1))
def test_names_and_texts_written_with_escapes_are_the_same_on_every_way(
    rules: list[Condition], some: list[object], escaped: set[str]
) -> None:
    for event in some:
        plain = body = text(event)
        for name in escaped:
            body = body.replace(name, _ESCAPED[name])
        assert json.loads(body.replace("1e999", "0")) == json.loads(plain.replace("1e999", "0"))
        check(rules, [body])
