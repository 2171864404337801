"""Event patterns in rule files: loading, matching, and problems and warnings at their place in the YAML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.rules.language import HEAD, write

from turnout import load_rules
from turnout.rules.files.load import read_rules
from turnout.rules.problems import RuleFilesError, Severity
from turnout.rules.trials.examples import run_examples

LONG_VOICE = """
rules:
  - id: long-voice
    pattern:
      detail:
        channel: [voice]
        duration_ms: [{numeric: [">", 120000]}]
    send: [high]
    examples:
      - {event: {detail: {channel: voice, duration_ms: 120001}}, match: true}
      - {event: {detail: [{channel: voice}, {duration_ms: 120001}]}, match: false}
      - {event: {detail: {channel: voice, duration_ms: 120000}}, match: false}
"""


def rule_with(pattern: str) -> str:
    return f"{HEAD}rules:\n  - id: r\n    send: [high]\n    pattern: {pattern}\n"


def matches(path: Path, event: object) -> bool:
    return load_rules(path, environ={}).match(json.dumps(event)).rules == ("r",)


def test_a_pattern_rule_matches_and_its_examples_run(tmp_path: Path) -> None:
    ruleset = load_rules(write(tmp_path, HEAD + LONG_VOICE))
    assert not run_examples(ruleset.rules)
    match = ruleset.match('{"detail": {"channel": "voice", "duration_ms": 300000}}')
    assert (match.rules, match.targets) == (("long-voice",), ("high",))
    assert ruleset.match('{"detail": {"channel": "voice"}}').rules == ()


def test_the_source_of_a_pattern_rule_is_json_text(tmp_path: Path) -> None:
    (rule,) = load_rules(write(tmp_path, HEAD + LONG_VOICE)).rules
    assert rule.source == '{"detail": {"channel": ["voice"], "duration_ms": [{"numeric": [">", 120000]}]}}'


def test_a_pattern_pasted_as_json_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path, rule_with('{"source": ["a"], "$or": [{"x": [null, 1e2]}, {"y": [{"exists": false}]}]}'))
    assert matches(path, {"source": "a", "y": 1, "x": 100})
    assert matches(path, {"source": "a"})
    assert not matches(path, {"source": "a", "y": 1, "x": "100"})


def test_yaml_values_have_the_types_that_json_has(tmp_path: Path) -> None:
    path = write(tmp_path, rule_with('{a: [no, "5", 007, ~, .5]}'))
    for value in ("no", "5", 7, None, 0.5):
        assert matches(path, {"a": value})
    for value in (False, 5, "7", "~", "null"):
        assert not matches(path, {"a": value})


def test_environment_references_in_texts_are_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, rule_with("{account: ['${ACCOUNT}', {prefix: '${REGION:-eu}-'}], x: ['$${ACCOUNT}']}"))
    ruleset = load_rules(path, environ={"ACCOUNT": "123456789012"})
    assert ruleset.match('{"account": "123456789012", "x": "${ACCOUNT}"}').rules == ("r",)
    assert ruleset.match('{"account": "eu-1", "x": "${ACCOUNT}"}').rules == ("r",)
    with pytest.raises(RuleFilesError, match="TR120 environment variable ACCOUNT is not set"):
        load_rules(path, environ={})


def test_all_problems_of_a_pattern_are_reported_at_their_places(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD
        + """rules:
  - id: r
    send: [high]
    pattern:
      detail:
        channel: voice
        direction: [{prefx: in}]
        duration: [{numeric: [">", 10, "<", 5]}, {cidr: 10.0.0.1/32}]
  - id: s
    send: [nowhere]
    pattern: {a: []}
""",
    )
    with pytest.raises(RuleFilesError) as caught:
        load_rules(path)
    assert [problem.replace(f"{path}:", "") for problem in caught.value.problems] == [
        '8:18: r: TR302 "channel" must be an object or an array; write its values as a list: channel: [value]',
        "9:22: r: TR303 Unrecognized match type prefx; did you mean 'prefix'?",
        "10:45: r: TR305 Bottom must be less than top; the lower end comes first; for what is outside write "
        '[{numeric: ["<", 1]}, {numeric: [">", 9]}]',
        "10:57: r: TR306 IPv4 mask bits must be < 32; write a single address itself as a value: [10.0.0.1]",
        "12:12: s: TR115 there is no target 'nowhere'",
        "13:18: s: TR302 Empty arrays are not allowed; write the values that fit; any value is [{exists: true}]",
    ]
    assert "channel: voice\n       |                  ^^^^^" in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("voice", "pattern must be a mapping, not 'voice'"),
        ("[a]", "pattern must be a mapping, not a list"),
        ("{}", "TR302 Empty objects are not allowed"),
        ("{a: [1], a: [2]}", "TR104 'a' stands twice"),
        ("{a: [.inf]}", ""),
    ],
)
def test_odd_patterns_get_a_clear_outcome(tmp_path: Path, pattern: str, words: str) -> None:
    problems = [str(problem) for problem in read_rules(write(tmp_path, rule_with(pattern))).problems]
    assert (words in problems[0]) if words else problems == []


def test_warnings_do_not_stop_the_rules_and_have_their_place(tmp_path: Path) -> None:
    path = write(tmp_path, rule_with("{a: [1], $or: [{a: [2]}, {b.c: [3]}]}"))
    reading = read_rules(path)
    assert reading.problems == []
    assert [(str(warning).replace(f"{path}:", "")[:30], warning.severity) for warning in reading.warnings] == [
        ('6:30: r: TR321 "a" inside $or ', Severity.WARNING),
        ('6:40: r: TR323 "b.c" also mean', Severity.WARNING),
    ]
    assert matches(path, {"a": 2})


def test_a_rule_has_a_condition_of_one_kind(tmp_path: Path) -> None:
    both = rule_with("{a: [1]}") + "    when: a == 1\n"
    (problem,) = read_rules(write(tmp_path, both)).problems
    assert str(problem).endswith("TR116 a rule has either 'when' or 'pattern', not both")


def test_an_alias_may_be_used_for_parts_of_patterns(tmp_path: Path) -> None:
    path = write(tmp_path, rule_with("{a: &values [x, y], b: *values}"))
    assert matches(path, {"a": "x", "b": "y"})
    assert not matches(path, {"a": "x", "b": "z"})
