"""TR503 and TR504: conditions, and parts of them, that never hold or always do."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.rules.lint.linting import marked, warned, warnings_of

from turnout.rules.condition.ast import Prefix, Test, walk
from turnout.rules.files.load import read_rules
from turnout.rules.lint.placing import Findings
from turnout.rules.problems import Code


@pytest.mark.parametrize(
    ("expression", "part", "says"),
    [
        ("x > 5 and x < 3", "x < 3", "this rule never matches: x > 5 and x < 3 exclude each other"),
        ("a == 'x' and b == 1 and a == 'y'", "a == 'y'", "a == 'x' and a == 'y' exclude each other"),
        ("a == 'x' and a in ['y', 'z']", "a in ['y', 'z']", "exclude each other"),
        ("a == '5' and a > 3", "a > 3", "exclude each other"),
        ("a == null and starts_with(a, 'x')", "starts_with(a, 'x')", "exclude each other"),
        ("starts_with(a, 'x') and starts_with(a, 'yz')", "starts_with(a, 'yz')", "exclude each other"),
        ("cidr(a, '10.0.0.0/8') and cidr(a, '192.168.0.0/16')", "cidr(a, '192.168.0.0/16')", "exclude each other"),
        ("exists(detail.a) and detail == 'x'", "detail == 'x'", "exclude each other"),
        ("lower(a) == 'ERROR'", "lower(a) == 'ERROR'", "lower() leaves no capital letters"),
        ("lower(a) == 5", "lower(a) == 5", "lower(a) == 5 is false for every value"),
        ("ends_with(lower(a), 'Transfer')", "ends_with(lower(a), 'Transfer')", "lower() leaves no capital letters"),
        ("5 < x < 3", "5 < x < 3", "5 < x < 3 is false for every value"),
        ("len(a) < 0", "len(a) < 0", "never matches"),
        ("2 < len(a) < 3", "2 < len(a) < 3", "never matches"),
        ("any(tags, @ == 1 and @ == 2)", "any(tags, @ == 1 and @ == 2)", "never matches"),
        ("1 == 2", "1 == 2", "this rule never matches"),
        ("b == 1 or (x > 5 and x < 3)", "x < 3", "this is never true: x > 5 and x < 3 exclude each other"),
    ],
)
def test_what_never_holds_is_pointed_out(expression: str, part: str, says: str) -> None:
    (found,) = warned(expression, Code.NEVER_TRUE)
    assert marked(found) == part
    assert says in found.message


@pytest.mark.parametrize(
    ("expression", "part", "says"),
    [
        ("1 == 1", "1 == 1", "this rule matches every event"),
        ("exists(a) or not exists(a)", "exists(a) or not exists(a)", "this rule matches every event"),
        ("not (x > 5 and x < 3)", "not (x > 5 and x < 3)", "this rule matches every event"),
        ("b == 1 and (a == null or exists(a))", "a == null or exists(a)", "always true: a == null or exists(a)"),
    ],
)
def test_what_always_holds_is_pointed_out(expression: str, part: str, says: str) -> None:
    (found,) = warned(expression, Code.ALWAYS_TRUE)
    assert marked(found) == part
    assert says in found.message


@pytest.mark.parametrize(
    "expression",
    [
        "x > 3 and x < 5",
        "x >= 5 and x <= 5",
        "tags[*] == 1 and tags[*] == 2",
        "any(tags, @ == 1) and any(tags, @ == 2)",
        "a == 'x' and lower(a) == 'x'",
        "lower(a) == 'error'",
        "contains(a, 'x') and contains(a, 1)",
        "x > 5 or x <= 5",
        "a == 1 or a != 1",
        "a != 'x' and a != 'y'",
        "starts_with(a, 'x') and starts_with(a, 'xy') and ends_with(a, 'y')",
        "wildcard(a, 'ab*') and wildcard(a, '*ba')",
        "a == 1.0 and a == 1",
        "'1' < a < '1!'",
        "a == b and a > 1 and b < 0 or c == 1",
    ],
)
def test_what_may_hold_or_not_gets_no_warning(expression: str) -> None:
    assert warned(expression, Code.NEVER_TRUE) == []
    assert warned(expression, Code.ALWAYS_TRUE) == []


def test_patterns_are_judged_by_the_same_measure() -> None:
    (found,) = warned({"a": [{"exists": True}, {"exists": False}]}, Code.ALWAYS_TRUE)
    assert "matches every event" in found.message
    assert warned({"a": [{"exists": False}], "b": ["x"]}, Code.NEVER_TRUE) == []


def test_a_part_of_an_expression_over_several_lines_has_its_place() -> None:
    text = (
        "targets: {high: {queue: high}}\nunmatched: drop\nrules:\n"
        "  - id: r\n    send: [high]\n    when: >-\n      b == 1 or (\n      x > 5\n      and x < 3)\n"
    )
    (found,) = (found for found in warnings_of(text) if found.code == Code.NEVER_TRUE)
    assert (found.line, found.column, marked(found)) == (9, 11, "x < 3")


PATTERN = """\
targets: {high: {queue: high}}
unmatched: drop
rules:
  - id: r
    send: [high]
    pattern:
      $or:
        - source: ["${SOURCE:-a longer name}"]
          detail: {a: [{exists: false}], b: [{prefix: x}]}
        - detail:
            c: [{exists: true}, {exists: false}]
            d: [y]
        - detail.a:
            - {numeric: [">", 1]}
"""


def test_a_finding_about_a_part_of_a_pattern_points_at_it(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(PATTERN, encoding="utf-8")
    for keep, line in ((True, 9), (False, 4)):
        reading = read_rules(path, environ={}, keep_patterns=keep)
        assert not reading.problems
        findings = Findings(reading)
        (rule,) = reading.rules
        part = next(node for node in walk(rule.condition) if isinstance(node, Test) and node.predicate == Prefix("x"))
        findings.condition(Code.NEVER_TRUE, "never", rule, part)
        (found,) = findings.warnings
        assert found.line == line
        assert marked(found).startswith("{" if keep else "r")
