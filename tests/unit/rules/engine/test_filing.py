"""Under which of its terms a rule is filed."""

from __future__ import annotations

import pytest
from tests.unit.rules.engine.asking import engine, fast, rule

from turnout.rules.engine.filing import Choice, Filing
from turnout.rules.engine.preparing import Preparer
from turnout.rules.model import Json


def choices(*written: str | dict[str, object]) -> list[Choice | None]:
    preparer = Preparer()
    prepared = [preparer.prepare(rule(each)) for each in written]
    filing = Filing(prepared)
    return [filing.choose(condition) for condition in prepared]


def keys(choice: Choice | None) -> list[tuple[str, str, object]]:
    """What a rule is filed under: method, path, value."""
    assert choice is not None
    return [
        (key.method.value, ".".join(key.reading.names), getattr(key.value, "value", key.value))
        for key, _ in choice.keys
    ]


def remaining(choice: Choice | None) -> list[bool]:
    """Of each key, whether something remains to be verified."""
    assert choice is not None
    return [rest is not None for _, rest in choice.keys]


def test_of_two_equalities_the_one_with_more_values_among_the_rules_is_chosen() -> None:
    many = [f"detail.direction == 'in' and detail.queue == 'q{number}'" for number in range(10)]
    for number, choice in enumerate(choices(*many)):
        assert keys(choice) == [("equality", "detail.queue", f"q{number}")]
        assert remaining(choice) == [True]


def test_a_narrow_range_is_preferred_to_an_equality_that_many_rules_share() -> None:
    many = [f"detail.media == 'voice' and {number} < detail.duration < {number + 1}" for number in range(50)]
    assert [keys(choice)[0][:2] for choice in choices(*many)] == [("range", "detail.duration")] * 50


def test_an_equality_is_preferred_to_a_threshold_that_half_of_all_numbers_pass() -> None:
    many = [f"detail.media == 'm{number}' and detail.duration > {number}" for number in range(50)]
    assert keys(choices(*many)[10]) == [("equality", "detail.media", "m10")]


def test_alternatives_are_filed_one_by_one() -> None:
    (choice,) = choices("detail.a == 1 or detail.b in ['x', 'y'] or starts_with(detail.c, 'z')")
    assert keys(choice) == [
        ("equality", "detail.a", 1),
        ("equality", "detail.b", "x"),
        ("equality", "detail.b", "y"),
        ("prefix", "detail.c", "z"),
    ]
    assert remaining(choice) == [False] * 4


def test_what_stands_beside_alternatives_is_verified_for_each_of_them() -> None:
    (choice,) = choices("exists(detail.x) and (detail.a == 1 or detail.b == 2)")
    assert keys(choice) == [("equality", "detail.a", 1), ("equality", "detail.b", 2)]
    assert remaining(choice) == [True, True]


def test_a_wildcard_is_filed_under_its_literal_beginning_or_end() -> None:
    found = choices("wildcard(detail.a, 'sip:x@*.host')", "wildcard(detail.b, '*.host')", "wildcard(detail.c, 'x*')")
    assert [keys(choice) for choice in found] == [
        [("prefix", "detail.a", "sip:x@")],
        [("suffix", "detail.b", ".host")],
        [("prefix", "detail.c", "x")],
    ]
    assert [remaining(choice) for choice in found] == [[True], [False], [False]]


@pytest.mark.parametrize(
    "scanned",
    [
        "detail.a != 'x'",
        "not detail.a == 'x'",
        "exists(detail.a)",
        "detail.a == null",
        "detail.a == detail.b",
        "wildcard(detail.a, '*x*')",
        "contains(detail.a, 'x')",
        "matches(detail.a, 'x')",
        "cidr(detail.a, '10.0.0.0/8')",
        "starts_with(detail.a, '')",
        "detail.a > 'text'",
        "detail.a == 'x' or detail.b != 'y'",
        "all(detail.a, @ != 'x')",
        "any(detail.a, @ != 'x' and contains(@, 'y'))",
        "any(detail.a, @.b == 'x' or @.c != 'y')",
        "any(detail.a, not any(@.b, @ == 'x'))",
    ],
)
def test_what_nothing_leads_to_is_not_filed(scanned: str) -> None:
    assert choices(scanned) == [None]


@pytest.mark.parametrize("quantifier", ["any", "all"])
@pytest.mark.parametrize(
    ("inner", "key"),
    [
        ("@.kind == 'agent' and @.id == 'u'", ("equality", "detail.items", "u")),
        ("@.id == 'u' and @.kind == 'agent'", ("equality", "detail.items", "u")),
        ("@.kind == 'agent' and starts_with(@.id, 'u')", ("prefix", "detail.items", "u")),
    ],
)
def test_what_an_element_must_hold_is_filed_under_what_the_fewest_hold_wherever_it_stands(
    quantifier: str, inner: str, key: tuple[str, str, str]
) -> None:
    others = (f"any(detail.items, @.kind == 'agent' and @.id == 'u{number}')" for number in range(20))
    prefixes = (f"any(detail.items, starts_with(@.id, 'v{number}'))" for number in range(20))
    found = choices(f"{quantifier}(detail.items, {inner})", *others, *prefixes)[0]
    assert [(method, value) for method, _, value in keys(found)] == [(key[0], key[2])]
    assert remaining(found) == [True]


@pytest.mark.parametrize(
    ("written", "filed"),
    [
        ("any(detail.a, @.b == 'x' or @.c == 'y')", ["x", "y"]),
        ("any(detail.a, @.b != 'z' and (@.b == 'x' or @.c == 'y' and @.d != 'z'))", ["x", "y"]),
        ("any(detail.a, @.b != 'z' and any(@.c, @.d == 'x' and @.e != 'y'))", ["x"]),
        ("all(detail.a, all(@.c, @ == 'x'))", ["x"]),
        ("any(detail.a, any(@.b, @ == 'x') or any(@.c, any(@.d, @ == 'y')))", ["x", "y"]),
    ],
)
def test_alternatives_about_an_element_and_what_elements_of_it_must_hold_are_filed(
    written: str, filed: list[str]
) -> None:
    (choice,) = choices(written)
    assert [(method, path) for method, path, _ in keys(choice)] == [("equality", "detail.a")] * len(filed)
    assert [value for _, _, value in keys(choice)] == filed
    assert remaining(choice) == [True] * len(filed)


def test_what_elements_of_an_element_must_hold_is_asked_of_one_of_them() -> None:
    written = [f"any(d.p, @.kind == 'agent' and any(@.s, @.m == 'v' and @.flow == 'f{i}'))" for i in range(50)]
    asked = engine(*written)
    agent: dict[str, Json] = {"kind": "agent", "s": [{"m": "v", "flow": "f1"}, {"m": "w", "flow": "f2"}, {"m": "v"}]}
    event: dict[str, Json] = {"d": {"p": [agent, {"kind": "x", "s": [{"m": "v", "flow": "f3"}]}]}}
    assert asked.candidates(event, None) == [1, 2, 3]
    assert fast(asked, event) == [1]


def test_what_an_element_must_hold_beside_what_the_event_has_is_filed_as_well() -> None:
    written = "any(detail.items, @.id == 'a' and @.owner == detail.owner)"
    assert [keys(choice) for choice in choices(written)] == [[("equality", "detail.items", "a")]]
    asked = engine(written)
    assert fast(asked, {"detail": {"owner": 1, "items": [{"id": "a", "owner": 2}, {"id": "b", "owner": 1}]}}) == []
    assert fast(asked, {"detail": {"owner": 2, "items": [{"id": "a", "owner": 2}]}}) == [0]


@pytest.mark.parametrize("count", [16, 200])
def test_a_crowd_about_elements_is_filed_again_under_what_it_was_not_yet_filed_under(count: int) -> None:
    asked = engine(*(f"any(detail.items, @.kind == 'agent' and @.hold > {number})" for number in range(count)))
    event: dict[str, Json] = {"detail": {"items": [{"kind": "agent", "hold": 3}, {"kind": "x", "hold": 1}]}}
    assert asked.candidates(event, None) == [0, 1, 2]
    assert fast(asked, event) == [0, 1, 2]


@pytest.mark.parametrize(
    "indexed",
    [
        "detail.items[*].id == 1",
        "'vip' in detail.tags",
        "lower(detail.a) == 'x'",
        "len(detail.a) == 3",
        "detail.items[0].id == 1",
        "@attributes.tenant == 'emea'",
        "any(detail.tags, @ == 'vip')",
        "any(detail.items, @.kind == 'agent' and @.id > 5)",
        "detail.a != 'x' and detail.b == 1",
        {"detail": {"a": ["x"], "b": {"c": [{"numeric": [">", 5]}]}}},
        {"detail": {"$or": [{"a": ["x"]}, {"b": [{"prefix": "y"}]}]}},
    ],
)
def test_what_has_a_value_to_look_up_is_filed(indexed: str | dict[str, object]) -> None:
    assert choices(indexed) != [None]


def test_affixes_of_very_many_lengths_share_a_few_tables() -> None:
    found = choices(*(f"starts_with(detail.a, '{'x' * length}{length}')" for length in range(1, 60)))
    lengths = {len(str(value)) for choice in found for _, _, value in keys(choice)}
    assert len(lengths) <= 8
    # What was cut has to be verified, what was not is found for certain.
    cut = [keys(choice)[0][2] != f"{'x' * length}{length}" for length, choice in enumerate(found, 1)]
    assert [remaining(choice)[0] for choice in found] == cut
