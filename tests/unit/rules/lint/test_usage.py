"""TR507, TR508, TR510, TR511: unused targets, rules without examples of both kinds, misspelt members, lost quotes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.rules.lint.linting import Written, file_of, marked, rule_text, warned, warnings_of

from turnout.rules.files.load import read_rules
from turnout.rules.lint import lint
from turnout.rules.problems import Code, Severity

MATCH = {"event": {"a": 1}, "match": True}
NO_MATCH = {"event": {"a": 2}, "match": False}


def test_a_target_that_no_rule_sends_to_is_pointed_out() -> None:
    text = file_of(rule_text("r", "a == 1"), targets="{high: {queue: high}, low: {queue: low}}")
    (found,) = (found for found in warnings_of(text) if found.code == Code.UNUSED_TARGET)
    assert marked(found) == "low"
    assert found.severity is Severity.WARNING


def test_a_target_of_unmatched_events_or_of_a_disabled_rule_is_used() -> None:
    text = file_of(rule_text("r", "a == 1", enabled=False), targets="{high: {queue: high}, low: {queue: low}}")
    found = warnings_of(text.replace("unmatched: drop", "unmatched: low"))
    assert Code.UNUSED_TARGET not in {each.code for each in found}


@pytest.mark.parametrize(
    ("examples", "says"),
    [
        ([], "matches (match: true) and none that does not (match: false)"),
        ([MATCH], "no example that does not (match: false)"),
        ([NO_MATCH], "no example that matches (match: true)"),
    ],
)
def test_a_rule_wants_examples_of_both_kinds(examples: list[object], says: str) -> None:
    (found,) = warned("a == 1", Code.FEW_EXAMPLES, examples=examples)
    assert says in found.message


def test_a_rule_with_both_kinds_of_examples_gets_no_warning() -> None:
    assert warned("a == 1", Code.FEW_EXAMPLES, examples=[MATCH, NO_MATCH]) == []


def test_targets_are_left_alone_while_rules_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(file_of(rule_text("r", "a = 1"), rule_text("s", "a != 1")), encoding="utf-8")
    reading = read_rules(path, environ={})
    assert reading.problems
    assert {found.code for found in lint(reading)} == {Code.FEW_EXAMPLES, Code.SCAN, Code.MISSING_IS_FALSE}


def test_the_shipped_rules_are_clean() -> None:
    reading = read_rules(Path(__file__).parents[4] / "rules", environ={})
    assert lint(reading) == ()


@pytest.mark.parametrize(
    ("expression", "name", "meant"),
    [
        ("detial.x == 1", "detial", "detail"),
        ("x == 1 or any(details.list, @.y == 1)", "details", "detail"),
        ("detailType == 'a'", "detailType", "detail-type"),
        ("exists(sources)", "sources", "source"),
    ],
)
def test_a_member_nearly_called_like_one_of_eventbridge_is_pointed_out_once(
    expression: str, name: str, meant: str
) -> None:
    (found,) = warned(f"{expression} or {expression}", Code.MISSPELT)
    assert f"'{name}'" in found.message
    assert f"did you mean '{meant}'?" in found.message
    assert name in marked(found)


@pytest.mark.parametrize(
    "expression", ["detail.detial == 1", "order.id == 1", "timestamp > 1", "@attributes.detial == 1"]
)
def test_other_members_are_left_alone(expression: str) -> None:
    assert warned(expression, Code.MISSPELT) == []


def test_an_example_that_matches_settles_what_the_member_is_called() -> None:
    example = {"event": {"details": {"x": 1}}, "match": True}
    assert warned("details.x == 1", Code.MISSPELT, examples=[example]) == []
    assert warned("details.x == 1", Code.MISSPELT, examples=[{**example, "match": False}]) != []


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("detail.channel == voice", "for the text write 'voice'"),
        ("voice != detail.channel", "for the text write 'voice'"),
        ("detail.x == True", "for the constant write true"),
        ("detail.x == None", "for the constant write null"),
        ("detail.x == FALSE", "for the constant write false"),
        ("detail.x == NULL", "for the constant write null"),
        ("any(detail.list, @.y == voice)", "for the text write 'voice'"),
    ],
)
def test_a_text_without_quotes_is_pointed_out(expression: str, says: str) -> None:
    (found,) = warned(expression, Code.UNQUOTED)
    assert says in found.message


@pytest.mark.parametrize(
    "expression",
    [
        "any(detail.p, purpose == 'agent')",
        "all(detail.p, exists(purpose))",
        "any(detail.p, @.muted == true and any(@.tags, lower(purpose) == 'x'))",
    ],
)
def test_a_member_of_an_element_without_its_at_sign_is_pointed_out(expression: str) -> None:
    (found,) = warned(expression, Code.UNQUOTED)
    assert "for one of the element write @.purpose" in found.message
    shown = {"event": {"purpose": "agent", "detail": {"p": [1]}}, "match": True}
    assert warned(expression, Code.UNQUOTED, examples=[shown]) == []


def test_a_member_of_what_other_languages_call_the_element_is_written_without_that_name() -> None:
    (found,) = warned("any(detail.p, item.purpose == 'agent')", Code.UNQUOTED)
    assert found.message.endswith("for one of the element write @.purpose")
    (found,) = warned("any(detail.p, order.item == 'agent')", Code.UNQUOTED)
    assert found.message.endswith("for one of the element write @.order.item")


@pytest.mark.parametrize(
    "expression", ["any(detail.p, @.purpose == 'agent')", "any(detail.p, $.purpose == @)", "purpose == 'agent'"]
)
def test_what_begins_at_the_element_or_says_that_it_does_not_is_meant(expression: str) -> None:
    assert [each for each in warned(expression, Code.UNQUOTED) if "element" in each.message] == []


@pytest.mark.parametrize(
    "expression", ["detail.a == detail.b", "urgent == true", "detail.account == account", "exists(voice)"]
)
def test_members_that_are_meant_are_not_taken_for_texts(expression: str) -> None:
    assert warned(expression, Code.UNQUOTED) == []


def test_an_example_that_matches_shows_that_a_member_is_meant() -> None:
    example = {"event": {"voice": "x", "detail": {"channel": "x"}}, "match": True}
    assert warned("detail.channel == voice", Code.UNQUOTED, examples=[example]) == []


@pytest.mark.parametrize("path", ["event.detail.channel", "$.body.detail.channel"])
def test_a_path_that_begins_before_the_event_is_pointed_out(path: str) -> None:
    (found,) = warned(f"{path} == 'voice'", Code.MISSPELT)
    assert found.message.endswith("; write detail.channel")
    example = {"event": {"event": {"detail": {}}, "body": {}}, "match": True}
    assert warned(f"{path} == 'voice'", Code.MISSPELT, examples=[example]) == []


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("attributes.tenant == 'a'", "@attributes.tenant"),
        ("messageAttributes.tenant == 'a'", "@attributes.tenant"),
        ("attributes['odd name'] == 'a'", "@attributes['odd name']"),
        ("receive_count > 2", "@receive_count"),
        ("detail.tenant == attributes.tenant", "@attributes.tenant"),
        ("detail.group == group_id", "@group_id"),
    ],
)
def test_metadata_without_its_at_sign_is_pointed_out(expression: str, meant: str) -> None:
    (found,) = warned(expression, Code.MISSPELT)
    assert found.message.endswith(f"; what SQS tells of the message is written {meant}")
    shown = {"event": {"attributes": {}, "messageAttributes": {}, "receive_count": 3, "group_id": 1}, "match": True}
    assert warned(expression, Code.MISSPELT, examples=[shown]) == []


@pytest.mark.parametrize(
    "condition",
    [
        "@attributes.tenant == 'a'",
        "$.attributes.tenant == 'a'",
        "attributes.tenant.id == 'a'",
        "queue == 'a'",
        "detail.attributes.tenant == 'a'",
        "any(detail.p, @.attributes.tenant == 'a')",
        {"attributes": {"tenant": ["a"]}},
    ],
)
def test_what_is_no_metadata_or_said_to_be_none_is_left_alone(condition: Written) -> None:
    assert warned(condition, Code.MISSPELT) == []


def test_a_name_with_a_dot_in_a_pattern_is_looked_at_as_the_members_that_it_means() -> None:
    assert warned({"detail.channel": ["voice"]}, Code.MISSPELT) == []
    (found,) = warned({"detial.channel": ["voice"]}, Code.MISSPELT)
    assert "no 'detial'" in found.message


def test_a_pattern_that_begins_before_the_event_is_pointed_out() -> None:
    (found,) = warned({"event": {"detail": {"channel": ["voice"]}}}, Code.MISSPELT)
    assert found.message.endswith("; write detail.channel")
    assert warned({"order": {"x": {"detail": ["voice"]}}}, Code.MISSPELT) == []
    assert warned("order.x.detail == 'voice'", Code.MISSPELT) == []


@pytest.mark.parametrize(
    ("one", "other", "doubled"),
    [
        ("queue: crm", "queue: crm", True),
        (
            "queue: 'https://sqs.eu-west-1.amazonaws.com/1/crm'",
            "queue: 'https://eu-west-1.queue.amazonaws.com/1/crm'",
            True,
        ),
        ("url: 'https://hooks.test/in'", "url: 'https://hooks.test/in'", True),
        ("queue: crm", "queue: crm-audit", False),
        ("queue: crm", "bus: crm", False),
        ('queue: "${NOT_SET}"', 'queue: "${NOT_SET}"', False),
    ],
)
def test_two_targets_that_are_one_place_are_pointed_out(tmp_path: Path, one: str, other: str, doubled: bool) -> None:
    (tmp_path / "rules.yaml").write_text(
        f"targets: {{a: {{{one}}}, b: {{{other}}}}}\nunmatched: a\nrules:\n"
        "  - id: r\n    when: detail.x == 1\n    send: [b]\n"
        "    examples: [{event: {detail: {x: 1}}, match: true}, {event: {detail: {x: 2}}, match: false}]\n"
    )
    found = lint(read_rules(tmp_path, environ={}))
    assert [(warning.code, warning.message.partition(" are one")[0]) for warning in found] == (
        [(Code.SAME_PLACE, "the targets 'a' and 'b'")] if doubled else []
    )
