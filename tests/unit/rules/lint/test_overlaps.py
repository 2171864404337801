"""TR501, TR502 and TR505: rules that another one makes needless."""

from __future__ import annotations

import json
import time

import pytest
from tests.unit.rules.language import read
from tests.unit.rules.lint.linting import Written, file_of, marked, rule_text, warnings_of

from turnout.rules.condition.ast import Condition
from turnout.rules.lint import overlaps as lint_overlaps
from turnout.rules.lint.overlaps import canonical
from turnout.rules.lint.reasoning import Patience, implies
from turnout.rules.problems import Code, Problem

OVERLAPS = (Code.DUPLICATE_CONDITION, Code.SUBSUMED, Code.UNREACHABLE)
TARGETS = "{high: {queue: high}, low: {queue: low}}"


def overlaps(*rules: tuple[Written, dict[str, object]] | Written) -> list[tuple[str, str]]:
    """(rule, code) of each warning; rules are called a, b, c, ..."""
    return [(found.rule, found.code) for found in found_in(*rules)]


def found_in(*rules: tuple[Written, dict[str, object]] | Written) -> list[Problem]:
    texts = []
    for name, rule in zip("abcdef", rules, strict=False):
        condition, fields = rule if isinstance(rule, tuple) else (rule, {})
        texts.append(rule_text(name, condition, **fields))
    return [found for found in warnings_of(file_of(*texts, targets=TARGETS)) if found.code in OVERLAPS]


def test_the_same_condition_in_another_order_is_the_same() -> None:
    (found,) = found_in("x == 1 and y in ['a', 'b']", "y in ['b', 'a'] and x == 1")
    assert (found.rule, found.code) == ("b", Code.DUPLICATE_CONDITION)
    assert marked(found) == "y in ['b', 'a'] and x == 1"
    assert "as that of 'a' at " in found.message
    assert found.message.partition(";")[0].endswith("rules.yaml:4:12")


def test_a_pattern_and_its_twin_are_the_same() -> None:
    pattern: dict[str, object] = {"source": ["a"], "detail": {"x": [1, 2], "y": [{"prefix": "p"}]}}
    assert overlaps(pattern, json.loads(json.dumps(pattern))) == [("b", Code.DUPLICATE_CONDITION)]


@pytest.mark.parametrize(
    "fields",
    [{"enabled": False}, {"mode": "shadow"}, {"delay": 5}, {"group": "detail.id"}],
)
def test_a_twin_that_differs_in_what_one_rule_cannot_say_is_none(fields: dict[str, object]) -> None:
    assert overlaps(("x == 1", {"send": ["low"]}), ("x == 1", {"send": ["high"], **fields})) == []


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("x > 9", "x > 5"),
        ("5 < x < 7", "x > 3 and x < 9"),
        ("x == 6", "x > 5"),
        ("x == 'a' and y == 'b'", "x == 'a'"),
        ("x in ['a', 'b']", "x in ['c', 'b', 'a']"),
        ("x == 'abc'", "starts_with(x, 'ab')"),
        ("starts_with(x, 'abc')", "starts_with(x, 'ab')"),
        ("wildcard(x, 'ab*z')", "ends_with(x, 'z')"),
        ("x == 1", "exists(x)"),
        ("x.y == 1", "exists(x)"),
        ("x == 1", "x == 1 or y == 2"),
        ("x == 1 or x == 2", "x in [1, 2, 3]"),
        ("x == 1 and y == 2", "y == 2 and (x == 1 or z == 3)"),
        ("any(t, @.a == 1 and @.b == 2)", "any(t, @.a == 1)"),
        ("all(t, @ == 1)", "any(t, @ < 5)"),
        ("x == 1", "1 == 1"),
        ("cidr(x, '10.1.0.0/16')", "cidr(x, '10.0.0.0/8')"),
        ("x != 'a' and x != 'b'", "x != 'a'"),
        ({"d": {"x": ["a"], "y": [1]}}, {"d": {"x": ["a", "b"]}}),
        ({"d": {"x": ["a"], "y": [1]}}, {"d": {"x": [{"exists": True}]}}),
        ({"d": {"x": ["a"], "y": [{"numeric": [">", 5, "<", 7]}]}}, {"d": {"x": ["a"], "y": [{"numeric": [">", 3]}]}}),
        ({"d": {"x": ["abc"]}}, {"d": {"x": [{"prefix": "ab"}]}}),
        ({"d": {"x": ["ABC"]}}, {"d": {"x": [{"prefix": {"equals-ignore-case": "ab"}}]}}),
        ({"d": {"x": ["a"]}}, {"$or": [{"d": {"x": ["a"]}}, {"d": {"y": ["a"]}}]}),
        ({"x": ["a"]}, {"x": [{"anything-but": ["b", "c"]}]}),
    ],
)
def test_a_rule_whose_events_another_one_sends_to_the_same_targets_adds_nothing(narrow: Written, wide: Written) -> None:
    assert overlaps(wide, narrow) == [("b", Code.SUBSUMED)]
    assert overlaps(narrow, wide) == [("a", Code.SUBSUMED)]
    assert overlaps((wide, {"send": ["low"], "stop": True}), narrow) == [("b", Code.UNREACHABLE)]
    assert overlaps((wide, {"send": ["low"]}), narrow) == []
    assert overlaps((narrow, {"send": ["low"], "stop": True}), wide) == []


@pytest.mark.parametrize(
    "rules",
    [
        ("x > 5", ("x > 9", {"send": ["high", "low"]})),
        ("x > 5", ("x > 9", {"mode": "shadow"})),
        (("x > 5", {"mode": "shadow"}), "x > 9"),
        (("x > 5", {"mode": "shadow", "stop": True}), ("x > 9", {"send": ["low"]})),
        (("x > 5", {"enabled": False}), "x > 9"),
        ("x > 5", ("x > 9", {"stop": True})),
        (("x > 9", {"group": "detail.id"}), "x > 5"),
        ("x > 9", ("x > 5", {"delay": 5})),
        ("x > 9", ("y == 1", {"send": ["low"], "stop": True}), "x > 5"),
        ("x > 5", "x < 9"),
        ({"d": {"x": ["a"]}}, {"d": {"x": ["a"], "y": [{"exists": False}]}, "e": ["z"]})[:1],
    ],
)
def test_a_rule_that_makes_a_difference_gets_no_warning(
    rules: tuple[tuple[Written, dict[str, object]] | Written, ...],
) -> None:
    assert overlaps(*rules) == []


def test_of_rules_that_cover_each_other_one_is_left() -> None:
    assert overlaps("x == 1 and exists(x)", "x == 1", "x in [1] and exists(x)") == [
        ("a", Code.SUBSUMED),
        ("b", Code.SUBSUMED),
    ]


def test_a_rule_that_never_matches_is_covered_by_nobody() -> None:
    assert overlaps("x == 1", "x == 1 and x == 2") == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a == 1 or b == 1", "b == 1 or a == 1", True),
        ("not (not (a == 1))", "a == 1", True),
        ("a == 1 and a == 1", "a == 1", True),
        ("a == 1", "a == true", False),
        ("a != 1", "a == 1", False),
        ("a not in [1, 2]", "a not in [2, 1]", True),
        ("any(t, @ == 1 and @.b == 2)", "any(t, @.b == 2 and @ == 1)", True),
        ("any(t, @ == 1)", "all(t, @ == 1)", False),
    ],
)
def test_conditions_have_one_canonical_form(one: str, other: str, same: bool) -> None:
    assert (canonical(read(one)) == canonical(read(other))) is same


def counted(monkeypatch: pytest.MonkeyPatch, rules: list[str]) -> tuple[int, int]:
    """How many warnings these rules get, and how often two conditions are compared for it."""
    questions = 0

    def count(condition: Condition, other: Condition, patience: Patience) -> bool:
        nonlocal questions
        questions += 1
        return implies(condition, other, patience)

    monkeypatch.setattr(lint_overlaps, "implies", count)
    texts = [rule_text(f"r{number}", rule) for number, rule in enumerate(rules)]
    return sum(found.code in OVERLAPS for found in warnings_of(file_of(*texts))), questions


@pytest.mark.parametrize(
    "rule",
    [
        "x == {0}",
        "starts_with(x, 'queue-{0:03}')",
        "{0} <= x < {0}.5",
        "m == 'a' and n == 'b' and x == {0}",
        "(m == 'a' and x == {0}) or (m == 'b' and x == {0})",
        "wildcard(x, 'a{0:03}*z')",
    ],
)
def test_rules_that_have_nothing_to_do_with_each_other_are_not_compared(
    monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    assert counted(monkeypatch, [rule.format(number) for number in range(300)]) == (0, 0)


def test_rules_that_cover_each_other_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings, questions = counted(monkeypatch, [f"x > {number}" for number in range(300)])
    assert warnings == 299
    assert questions <= 300


def test_what_cannot_be_told_apart_is_compared_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings, questions = counted(monkeypatch, [f"x == 1 and contains(y, '{number:03}')" for number in range(300)])
    assert warnings == 0
    assert questions <= 25 * 300


@pytest.mark.parametrize(
    "condition",
    [
        "not (" * 18 + "a == 1" + ")" * 18,
        "any(a, " + "any(@.a, " * 18 + "@ == 1" + ")" * 19,
        " or ".join(f"(a{number} == 1 and b{number} == 2)" for number in range(150)),
        " and ".join(f"(a{number} == 1 or b{number} == 2)" for number in range(150)),
        f"a in [{', '.join(map(str, range(1000)))}] and a not in [{', '.join(map(str, range(1000)))}]",
    ],
    ids=["not", "any", "or", "and", "lists"],
)
def test_the_largest_conditions_are_looked_at_without_harm(condition: str) -> None:
    warnings_of(file_of(rule_text("a", condition), rule_text("b", condition), rule_text("c", "not " + condition)))


def test_hundreds_of_excluded_beginnings_are_looked_at_without_harm() -> None:
    rules = [{"b": [{"anything-but": {"prefix": [f"y{n}" for n in range(rule, rule + 900)]}}]} for rule in range(4)]
    started = time.process_time()
    warnings_of(file_of(*(rule_text(name, dict(rule)) for name, rule in zip("abcd", rules, strict=True))))
    assert time.process_time() - started < 5  # holding every bound against every demand takes longer


def test_the_deepest_pattern_is_looked_at_without_harm() -> None:
    pattern: dict[str, object] = {"a": [1], "b": [{"exists": False}]}
    for _ in range(38):
        pattern = {"a": pattern, "b": [2]}
    assert overlaps(pattern, pattern) == [("b", Code.DUPLICATE_CONDITION)]


@pytest.mark.parametrize(
    ("rules", "seconds"),
    [
        (
            [
                "kind == 1 and " + " and ".join(f"(a{number} == {rule} or b{number} == 2)" for number in range(100))
                for rule in range(20)
            ],
            10,
        ),  # it took 37
        (
            [
                "kind == 1 and " + " and ".join(f"not ({number}.5 < a < {number}.{rule})" for number in range(90))
                for rule in range(10, 50)
            ],
            3,
        ),  # it took 4.5
    ],
    ids=["alternatives", "warnings in one line"],
)
def test_many_large_conditions_are_looked_at_in_a_moment(rules: list[str], seconds: float) -> None:
    started = time.process_time()
    warnings_of(file_of(*(rule_text(f"r{number}", rule) for number, rule in enumerate(rules))))
    assert time.process_time() - started < seconds


def test_simple_questions_are_answered_when_others_took_all_the_patience() -> None:
    hard = [
        "kind == 1 and " + " and ".join(f"(a{number} == {rule} or b{number} == 2)" for number in range(100))
        for rule in range(20)
    ]
    texts = [
        rule_text(f"r{number}", rule) for number, rule in enumerate([*hard, "x > 5", "x > 9", "y == 1 and y == 2"])
    ]
    found = {(found.rule, found.code) for found in warnings_of(file_of(*texts))}
    assert {("r21", Code.SUBSUMED), ("r22", Code.NEVER_TRUE)} <= found
