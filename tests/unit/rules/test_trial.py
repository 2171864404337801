"""Trying rules: examples, tables of tests beside the rules, and what they cover."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from tests.unit.rules.language import HEAD, write

from turnout.rules.files.load import read_rules
from turnout.rules.trials.trial import Trial, try_rules

RULES = """rules:
  - id: vip
    when: detail.tags.priority == 'vip' and detail.ms > 5
    send: [high, standard]
    group: detail.conversation
    deduplicate: id
    delay: 7
    attributes: {tenant: "@attributes.tenant", ms: detail.ms, kind: {value: call}}
  - {id: counted, when: detail.ms > 5, send: [high], mode: shadow}
  - {id: "off", when: detail.ms > 5, send: [high], enabled: false}
  - {id: chat, pattern: {detail: {channel: [chat], ms: [{numeric: [">", 5]}]}}, send: [standard], stop: true}
  - {id: chat-again, when: detail.channel == 'chat', send: [standard]}
"""
EVENT = {"id": "e", "detail": {"tags": {"priority": "vip"}, "ms": 6, "conversation": "c-1"}}


def attempt(directory: Path, tests: object, *, rules: str = RULES, name: str = "table.yaml") -> Trial:
    """Runs a table with these tests (or of this text) beside the rules."""
    path = write(directory, HEAD + rules)
    (directory / "tests").mkdir(exist_ok=True)
    text = tests if isinstance(tests, str) else json.dumps({"tests": tests}, indent=1)
    (directory / "tests" / name).write_text(text, encoding="utf-8")
    reading = read_rules(path, environ={}, require=["detail"])
    assert reading.problems == []
    return try_rules(reading, directory)


def messages(trial: Trial) -> list[str]:
    return [f"{problem.code} {problem.message}" for problem in trial.problems]


def test_a_test_that_is_as_expected_says_nothing(tmp_path: Path) -> None:
    trial = attempt(
        tmp_path,
        [
            {
                "event": EVENT,
                "metadata": {"attributes": {"tenant": "acme"}},
                "rules": ["vip"],
                "shadow": ["counted"],
                "targets": {
                    "standard": None,
                    "high": {
                        "group": "c-1",
                        "deduplicate": "e",
                        "delay": 7,
                        "attributes": {"tenant": "acme", "ms": 6, "kind": "call", "other": None},
                    },
                },
            },
            {"event": {"detail": {}}, "rules": [], "targets": [], "shadow": []},
        ],
    )
    assert messages(trial) == []
    assert (trial.passed, trial.tests, trial.tables) == (True, 2, 1)


def test_other_rules_and_targets_than_expected_are_told_with_what_keeps_a_rule_from_matching(tmp_path: Path) -> None:
    trial = attempt(
        tmp_path,
        [
            {
                "name": "a vip in a hurry",
                "event": {"detail": {"tags": {"priority": "vip"}, "ms": 5, "channel": "chat"}},
                "rules": ["vip"],
                "targets": ["high"],
            }
        ],
    )
    assert messages(trial) == [
        "TR402 a vip in a hurry: rules: vip missing; chat-again not wanted "
        "(vip: detail.ms > 5 is false; detail.ms = 5)",
        "TR402 a vip in a hurry: targets: high missing; standard not wanted",
    ]
    assert trial.problems[0].line == 3


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("off", "off is disabled"),
        ("chat-again", "chat-again was not tried"),
        ("counted", "counted matches, in shadow mode: a test expects it in 'shadow'"),
    ],
)
def test_a_rule_that_would_match_but_is_not_tried_is_told_apart(tmp_path: Path, rule: str, reason: str) -> None:
    event = {"detail": {"ms": 6, "channel": "chat"}}
    (message,) = messages(attempt(tmp_path, [{"event": event, "rules": [rule, "chat"]}]))
    assert reason in message


def test_what_a_target_gets_is_held_against_what_it_should_get(tmp_path: Path) -> None:
    wanted = {"group": None, "deduplicate": "x", "delay": None, "attributes": {"ms": "6", "kind": None, "tenant": "a"}}
    assert messages(attempt(tmp_path, [{"event": EVENT, "targets": {"high": wanted, "standard": {}}}])) == [
        "TR402 test 1: target high: group is 'c-1', wanted nothing",
        "TR402 test 1: target high: deduplicate is 'e', wanted 'x'",
        "TR402 test 1: target high: delay is 7, wanted nothing",
        "TR402 test 1: target high: attribute ms is Number '6', wanted String '6'",
        "TR402 test 1: target high: attribute kind is String 'call', wanted nothing",
        "TR402 test 1: target high: attribute tenant is nothing, wanted String 'a'",
    ]


def test_a_body_that_is_no_event_can_be_expected_to_be_rejected(tmp_path: Path) -> None:
    trial = attempt(
        tmp_path,
        [
            {"body": "[1]", "rejected": "NOT_AN_OBJECT"},
            {"body": "{", "rejected": "MISSING_FIELD"},
            {"event": {}, "rules": []},
            {"event": {"detail": {}}, "rejected": "TOO_DEEP"},
        ],
    )
    assert messages(trial) == [
        "TR402 test 2: wants the event to be rejected as MISSING_FIELD, but it is as INVALID_JSON",
        "TR402 test 3: the event is rejected as MISSING_FIELD: the event has no 'detail'",
        "TR402 test 4: wants the event to be rejected as TOO_DEEP, but it is routed",
    ]


def test_a_pipe_among_the_tables_is_a_problem_and_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    os.mkfifo(tmp_path / "tests" / "pipe.yaml")
    trial = attempt(tmp_path, [{"event": EVENT, "rules": ["vip"]}])
    assert messages(trial) == ["TR102 cannot be read: it is no ordinary file"]
    assert trial.tests == 1


def test_a_test_may_have_its_event_in_a_file_below_the_rules(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "vip.json").write_text(json.dumps(EVENT, indent=2))
    tests = [
        {"file": "../samples/vip.json", "rules": ["vip"]},
        {"file": "../../vip.json", "rules": []},
        {"file": "none.json", "rules": []},
    ]
    trial = attempt(tmp_path, tests)
    assert messages(trial) == [
        "TR403 the file '../../vip.json': it must be a relative path to a file below the directory of rules",
        "TR403 the file 'none.json': cannot be read: No such file or directory",
    ]
    assert trial.tests == 1


def test_json_lines_hold_one_test_in_each_line(tmp_path: Path) -> None:
    lines = [
        json.dumps({"event": EVENT, "rules": ["vip"]}),
        "",
        json.dumps({"event": {"detail": {"x": "\ud83d\ude00"}}, "rules": ["vip"]}),
        "not json",
        '{"event": {}, "rules": [], "rulez": []}',
    ]
    trial = attempt(tmp_path, "\r\n".join(lines), name="table.jsonl")
    assert sorted((problem.line, str(problem.code)) for problem in trial.problems) == [
        (3, "TR402"),
        (4, "TR112"),
        (5, "TR110"),
    ]


@pytest.mark.parametrize(("name", "text"), [("table.YAML", "tests: [%s]"), ("table.JSONL", "%s")])
def test_a_table_whose_ending_is_in_capital_letters_is_read(tmp_path: Path, name: str, text: str) -> None:
    trial = attempt(tmp_path, text % json.dumps({"event": EVENT, "rules": ["vip"]}), name=name)
    assert trial.tests == 1


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ({"event": {}}, "TR111 a test says what is expected: rules, targets, shadow or rejected"),
        ({"rules": []}, "TR113 a test has one of 'event', 'file' and 'body'"),
        ({"event": {}, "body": "", "rules": []}, "TR113 a test has one of 'event', 'file' and 'body'"),
        ({"event": {}, "rule": []}, "TR110 a test has no field 'rule'; did you mean 'rules'?"),
        ({"event": [], "rules": []}, "TR112 event must be a mapping"),
        ({"body": 5, "rules": []}, "TR112 body must be text"),
        ({"event": {}, "metadata": 1, "rules": []}, "TR112 metadata must be a mapping"),
        ({"event": {}, "rules": "vip"}, "TR112 rules must be a list of names; [] for none"),
        ({"event": {}, "rules": {"vip": False}}, "TR112 rules must be a list of names; [] for none"),
        ({"event": {}, "rules": [1]}, "TR112 rules must be a list of names; [] for none"),
        ({"event": {}, "rules": ["vipp"]}, "TR117 there is no rule 'vipp'; did you mean 'vip'?"),
        ({"event": {}, "targets": ["hihg"]}, "TR115 there is no target 'hihg'; did you mean 'high'?"),
        (
            {"event": {}, "targets": {"high": 1}},
            "TR112 what target 'high' gets must be a mapping, such as {group: g-1}",
        ),
        (
            {"event": {}, "targets": {"high": {"grop": ""}}},
            "TR110 what target 'high' gets has no field 'grop'; did you mean 'group'?",
        ),
        ({"event": {}, "targets": {"high": {"delay": "5"}}}, "TR112 delay must be a whole number, or null for none"),
        ({"event": {}, "targets": {"high": {"group": 5}}}, "TR112 group must be text, or null for none"),
        (
            {"event": {}, "targets": {"high": {"attributes": {"a": []}}}},
            "TR112 attributes must be a mapping of names to values",
        ),
        (
            {"event": {}, "rejected": "BROKEN"},
            "TR113 rejected must be one of INVALID_JSON, NOT_AN_OBJECT, TOO_DEEP, MISSING_FIELD",
        ),
        (
            {"event": {}, "rejected": "too_deep"},
            "TR113 rejected must be one of INVALID_JSON, NOT_AN_OBJECT, TOO_DEEP, MISSING_FIELD; "
            "did you mean 'TOO_DEEP'?",
        ),
        (
            {"event": {}, "metadata": {"atributes": {"tenant": "acme"}}, "rules": []},
            "TR110 metadata has no field 'atributes'; did you mean 'attributes'?",
        ),
    ],
)
def test_a_test_that_is_not_right_is_a_problem_at_its_place(tmp_path: Path, test: object, problem: str) -> None:
    trial = attempt(tmp_path, [test])
    assert messages(trial) == [problem]
    assert trial.problems[0].file.endswith("table.yaml")
    assert trial.problems[0].line >= 3
    assert not trial.passed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- {event: {}}", "TR112 a table of tests is a mapping with a list 'tests'; write 'tests:' above the list"),
        ("", "TR112 a table of tests is a mapping with a list 'tests'"),
        ("tests: [", "TR103"),
        ("tests: [5]", "TR112 a test must be a mapping with an event and what is expected"),
        ("tests: []\nrules: []", "TR110 a table of tests has no field 'rules'"),
        ("tests: [{event: {detail: {a: 1, a: 2}}, rules: []}]", "TR104"),
        ("tests: [{event: {a: 1e999}, rules: []}]", "TR113 this event cannot be written as JSON"),
    ],
)
def test_a_table_that_is_not_right_is_a_problem(tmp_path: Path, text: str, problem: str) -> None:
    (message,) = messages(attempt(tmp_path, text))
    assert message.startswith(problem)


def test_a_table_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "latin.yaml").write_bytes(b"tests: [\xe9]")
    (tmp_path / "tests" / "gone.yaml").symlink_to(tmp_path / "nowhere")
    assert messages(attempt(tmp_path, [])) == [
        "TR102 cannot be read: No such file or directory",
        "TR102 this is not UTF-8; save the file as UTF-8",
    ]


def test_failing_examples_fail_the_trial_too(tmp_path: Path) -> None:
    rules = "rules: [{id: r, when: x == 1, send: [high], examples: [{event: {x: 1}, match: false}]}]\n"
    trial = attempt(tmp_path, [], rules=rules)
    assert [str(problem.code) for problem in trial.problems] == ["TR401"]
    assert trial.examples == 1


# ------------------------------------------------------------------------------------------------------------ coverage


def gaps(trial: Trial) -> dict[str, list[tuple[str, str]]]:
    return {rule.rule: [(term.text, term.gap) for term in rule.gaps] for rule in trial.coverage}


def covered(directory: Path, when: str, *events: object) -> list[tuple[str, str]]:
    rules = "rules: [{id: r, send: [high], when: " + json.dumps(when) + "}]\n"
    tests = [{"event": {"detail": event}, "targets": {}} for event in events]
    return gaps(attempt(directory, tests, rules=rules))["r"]


def test_a_term_is_covered_when_it_was_seen_true_and_false(tmp_path: Path) -> None:
    assert covered(tmp_path, "detail.a == 1", {"a": 1}, {"a": 2}) == []
    assert covered(tmp_path, "detail.a == 1", {"a": 1}) == [("detail.a == 1", "never seen false")]
    assert covered(tmp_path, "detail.a == 1", {}) == [("detail.a == 1", "never seen true")]
    assert covered(tmp_path, "detail.a == 1") == [("detail.a == 1", "never asked")]


def test_a_term_that_could_not_change_the_verdict_was_not_asked(tmp_path: Path) -> None:
    both = "detail.a == 1 and detail.b == 1"
    assert covered(tmp_path, both, {"a": 1, "b": 1}, {"a": 2, "b": 2}) == [("detail.b == 1", "never seen false")]
    assert covered(tmp_path, both, {"a": 1, "b": 1}, {"a": 2}, {"a": 1, "b": 2}) == []
    either = "detail.a == 1 or detail.b == 1"
    assert covered(tmp_path, either, {"a": 1, "b": 1}, {}) == [("detail.b == 1", "never seen true")]


def test_terms_inside_not_any_and_all_are_covered_element_by_element(tmp_path: Path) -> None:
    assert covered(tmp_path, "not (detail.a == 1)", {"a": 1}, {"a": 2}) == []
    assert covered(tmp_path, "any(detail.l, @ == 1)", {"l": [2, 1]}) == []
    assert covered(tmp_path, "all(detail.l, @ == 1)", {"l": [1, 1]}) == [("@ == 1", "never seen false")]
    assert covered(tmp_path, "any(detail.l, @ == 1)", {"l": []}) == [("@ == 1", "never asked")]


def test_a_term_of_several_nodes_is_one_term(tmp_path: Path) -> None:
    assert covered(tmp_path, "1 < detail.a < 3", {"a": 2}) == [("1 < detail.a < 3", "never seen false")]


def test_the_terms_of_a_pattern_are_its_fields(tmp_path: Path) -> None:
    trial = attempt(tmp_path, [{"event": {"detail": {"channel": "chat", "ms": 6}}, "rules": ["chat"]}])
    assert gaps(trial)["chat"] == [
        ('detail.channel: ["chat"]', "never seen false"),
        ('detail.ms: {"numeric": [">", 5]}', "never seen false"),
    ]


def test_the_examples_of_a_rule_cover_that_rule_only(tmp_path: Path) -> None:
    rules = """rules:
  - {id: r, when: x == 1, send: [high], examples: [{event: {x: 1}, match: true}, {event: {}, match: false}]}
  - {id: s, when: x == 1, send: [high]}
"""
    assert gaps(attempt(tmp_path, [], rules=rules)) == {"r": [], "s": [("x == 1", "never asked")]}


@pytest.mark.parametrize(
    ("test", "instead"),
    [
        ({"event": {}, "match": True}, "has no field 'match'; write the rules that match: rules: [id], or [] for none"),
        ({"event": {}, "unmatched": True}, "of an event that no rule matches write rules: []"),
        ({"event": {}, "targets": ["drop"]}, "no target 'drop'; of an event that goes to no target write targets: []"),
        ({"event": "{}", "rules": []}, "event must be a mapping; what is text is written as 'body'"),
        ({"body": {"detail": {}}, "rules": []}, "body must be text; a mapping is written as 'event'"),
    ],
)
def test_a_slip_in_a_test_is_answered_with_what_to_write(tmp_path: Path, test: object, instead: str) -> None:
    (message,) = messages(attempt(tmp_path, [test]))
    assert message.endswith(instead)


def test_a_line_that_is_no_json_is_told_its_column_and_not_another_line(tmp_path: Path) -> None:
    trial = attempt(tmp_path, '\n{"event": {},\n', name="table.jsonl")
    (problem,) = trial.problems
    assert (problem.line, problem.column) == (2, 14)
    assert "it is not JSON: Expecting property name" in problem.message
    assert problem.message.endswith(" at column 14")


def test_a_key_that_stands_twice_in_an_object_of_json_lines_is_told_where_it_stands_again(tmp_path: Path) -> None:
    lines = [
        '{"event": {"detail": 1, "b": {"detail": 2}, "c": [{"a": "{"}, {"a": "\\"}: a"}]}, "rules": []}',
        '{"event": {}, "rules": ["vip"], "rules": []}',
        '{"event": {"detail": {"x": 1, "\\u0078" : 2}}, "rules": ["vip"]}',
        '{"rules": [], "body": "{\\"detail\\": 1, \\"detail\\": 2}"}',
    ]
    trial = attempt(tmp_path, "\n".join(lines), name="table.jsonl")
    assert [str(problem).partition("table.jsonl:")[2] for problem in trial.problems] == [
        "2:33: TR104 'rules' stands twice in one object",
        "3:31: TR104 'x' stands twice in one object",
    ]
    assert trial.tests == 2


def test_what_is_wrong_with_the_fields_of_a_json_line_is_told_where_they_stand_and_in_their_order(
    tmp_path: Path,
) -> None:
    trial = attempt(tmp_path, '{"event": {}, "rules": 5, "metadata": 5, "rulez": []}', name="table.jsonl")
    assert [(problem.line, problem.column) for problem in trial.problems] == [(1, 15), (1, 27), (1, 42)]


def test_of_thousands_of_unknown_names_the_first_ones_are_told_what_was_meant(tmp_path: Path) -> None:
    rules = "".join(f"  - {{id: team-rule-{n}, when: x == {n}, send: [high]}}\n" for n in range(1_500))
    tests = [{"event": {}, "rules": [f"teams-rule-{n}"]} for n in range(1_500)]
    started = time.process_time()
    found = messages(attempt(tmp_path, tests, rules=f"rules:\n{rules}"))
    assert time.process_time() - started < 15  # comparing all names with all others takes four times as long
    assert len(found) == 1_500
    assert found[0].endswith("there is no rule 'teams-rule-0'; did you mean 'team-rule-0'?")
    assert found[-1].endswith("there is no rule 'teams-rule-1499'")
