"""Generated code: nothing an operator wrote is in it, and it does not grow with the number of rules."""

from __future__ import annotations

import io
import itertools
import keyword
import re
import tokenize
from unittest.mock import patch

from tests.unit.rules.engine.asking import engine, fast, rule, slow

from turnout.rules.engine import Engine
from turnout.rules.engine.support import NAMES

HOSTILE = "__import__('os').system('x')"
NAME = "e.__class__;import os#"
RULES: tuple[str | dict[str, object], ...] = (
    f'''detail["{NAME}"] == "{HOSTILE}"''',
    f'''detail.a != "{HOSTILE}" and detail["{NAME}"] > 987654321''',
    f'''starts_with(detail.a, "{HOSTILE}") or ends_with(detail.b, "{HOSTILE}")''',
    f"""wildcard(detail.a, "*{HOSTILE}*") and matches(detail.a, "import.os") and cidr(detail.a, "10.99.0.0/16")""",
    f'''"{HOSTILE}" in detail["{NAME}"] and len(detail.x) == 987654321 and not exists(detail["{NAME}"]["{NAME}"])''',
    f'''any(detail["{NAME}"], @.import == "{HOSTILE}") or detail.items[?(@.os == "{HOSTILE}")].os == "{HOSTILE}"''',
    f'''detail.import.os in ["{HOSTILE}", "os", 987654321, 1.987654321] and detail["os"][987] == detail["{NAME}"]''',
    f'''@attributes["{NAME}"] == "{HOSTILE}" and lower(detail.os) == "os"''',
    f'''$..os == "{HOSTILE}"''',
    {
        NAME: {
            "import": [
                HOSTILE,
                {"prefix": HOSTILE},
                {"suffix": "os"},
                {"wildcard": "import*os"},
                {"anything-but": "os"},
            ]
        }
    },
    {"detail": {NAME: [{"equals-ignore-case": HOSTILE}], "os": [{"numeric": [">", 987654321]}, {"exists": False}]}},
)

OURS = {"make", "function", "e", "b", "m", "x", "out", "done", "n", "w", "v", "f", "y", "i", "k"}
FIXED = {*NAMES, *keyword.kwlist, *OURS}
ATTRIBUTES = {"__class__", "append", "startswith", "endswith"}
NUMBERED = re.compile(r"[kvocf][0-9]+")


def test_no_text_of_an_operator_is_in_generated_code() -> None:
    texts = engine(*RULES, *(f"starts_with(detail.a, '{'os' * length}')" for length in range(30))).texts
    assert len(texts) > 5
    for text in texts:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        assert not [token for token in tokens if token.type in (tokenize.STRING, tokenize.COMMENT)]
        for before, token in itertools.pairwise(tokens):
            if token.type == tokenize.NAME and not NUMBERED.fullmatch(token.string):
                assert token.string in (ATTRIBUTES if before.string == "." else FIXED), token.line
            if token.type == tokenize.NUMBER:
                # Lengths of affixes, and the shift of a tree.
                assert int(token.string) <= 64, token.line


def test_generated_code_reaches_no_builtin_that_is_not_listed() -> None:
    assert NAMES["__builtins__"] == {}
    assert not {"open", "eval", "exec", "getattr", "type", "object", "__import__"} & set(NAMES)


def test_rules_of_one_shape_share_their_code_however_many_they_are() -> None:
    def shape(number: int) -> str:
        return (
            f"detail.queue == 'q{number}' and detail.media == 'm{number % 7}' and detail.duration > {number}"
            f" and not starts_with(detail.dnis, '+{number}')"
        )

    few = engine(*map(shape, range(100)))
    many = engine(*map(shape, range(3_000)))
    assert len(many.texts) == len(few.texts) <= 3
    assert sum(map(len, many.texts)) < 2_000


def test_there_is_a_bound_on_the_shapes_that_are_compiled() -> None:
    written = [
        f"detail.a == 'x' and {' and '.join(f'detail.b{bit} != 1' for bit in range(8) if number >> bit & 1)}"
        for number in range(1, 200)
    ]
    rules = [rule(each) for each in written]
    with patch("turnout.rules.engine.checks._MOST_SHAPES", 10), patch("turnout.rules.engine.probe._CROWD", 1_000):
        bounded = Engine(rules)
    assert len(bounded.texts) <= 30
    for event in (
        {"detail": {"a": "x", **{f"b{bit}": 2 for bit in range(8)}}},
        {"detail": {"a": "x", "b0": 2, "b5": 1, "b6": 3}},
        {"detail": {"a": "y"}},
    ):
        assert fast(bounded, event) == slow(bounded, rules, event)
    assert fast(bounded, {"detail": {"a": "x", "b0": 2}}) == [0]


def test_thousands_of_different_fields_are_spread_over_several_functions() -> None:
    asked = engine(*(f"detail.m{number} == {number}" for number in range(1_000)))
    assert max(text.count("\n") for text in asked.texts) < 1_500
    assert fast(asked, {"detail": {"m7": 7, "m8": 7, "m999": 999}}) == [7, 999]
