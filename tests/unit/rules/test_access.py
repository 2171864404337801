"""How the engine finds rules, in words, and why it cannot find some of them."""

from __future__ import annotations

import json

import pytest
from tests.unit.rules.language import read
from tests.unit.rules.pattern_text import parse_pattern_text

from turnout.rules.engine.access import Access, access_of
from turnout.rules.pattern.pattern import compile_pattern


def of(text: str) -> Access:
    (access,) = access_of([read(text)])
    return access


@pytest.mark.parametrize(
    ("text", "filed"),
    [
        ("detail.channel == 'voice'", "equality of detail.channel"),
        ("detail.channel in ['voice', 'chat'] and exists(x)", "equality of detail.channel (2 values)"),
        ("5 < detail.ms <= 9", "range of detail.ms"),
        ("starts_with(source, 'aws.')", "prefix of source"),
        ("wildcard(source, '*.end')", "suffix of source"),
        ("lower(channel) == 'voice'", "equality of lower(channel)"),
        ("@attributes.tenant == 'acme'", "equality of @attributes.tenant"),
        ("x == 1 or starts_with(y, 'a')", "equality of x; prefix of y"),
        ("not (x == 1) and y == 2", "equality of y"),
        ("any(x, @.a == 1 or starts_with(@.b, 'a'))", "equality of x.a; prefix of x.b"),
        ("any(x, @.a != 1 and any(@.y, @.b == 'a'))", "equality of x.y.b"),
    ],
)
def test_a_rule_is_filed_under_one_of_its_terms(text: str, filed: str) -> None:
    assert of(text) == Access(filed=filed)


def test_the_term_that_tells_rules_apart_best_is_chosen() -> None:
    conditions = [read(f"kind == 'a' and number == {number}") for number in range(20)]
    assert {access.filed for access in access_of(conditions)} == {"equality of number"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x != 1", "nearly every value of x is another one than those named"),
        ("starts_with(x, '')", "every text fits what x is to begin or end with"),
        ("exists(x) and matches(y, 'a')", "that x exists says nothing of its value"),
    ],
)
def test_a_rule_that_is_tried_for_every_event_says_why(text: str, reason: str) -> None:
    assert of(text) == Access(scanned=reason)


def test_what_is_always_true_or_never_needs_no_finding() -> None:
    assert of("1 == 1") == of("1 == 2") == Access()


def test_a_pattern_is_filed_like_an_expression() -> None:
    pattern = {"detail": {"channel": ["voice"], "ms": [{"numeric": [">", 5]}]}}
    compiled = compile_pattern(parse_pattern_text(json.dumps(pattern)))
    assert access_of([compiled.condition])[0].filed in ("equality of detail.channel", "range of detail.ms")
