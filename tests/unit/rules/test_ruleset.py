"""Matching: order, targets once, shadow, stop, unmatched, required paths, and what goes with a message."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.rules.language import write

from turnout import Ruleset, load_rules
from turnout.failures import Reason
from turnout.message import Attribute
from turnout.rules import Send
from turnout.sqs.limits import attribute_problem

TARGETS = "targets: {a: {queue: a}, b: {queue: b}, c: {queue: c}}\n"


def ruleset(directory: Path, rules: str, *, unmatched: str = "drop", require: Sequence[str] = ()) -> Ruleset:
    path = write(directory, f"{TARGETS}unmatched: {unmatched}\nrules:\n{rules}")
    return load_rules(path, require=require)


def event(**detail: object) -> str:
    return json.dumps({"id": "e1", "detail-type": "T", "detail": detail})


def test_every_match_adds_its_targets_and_each_is_sent_to_once(tmp_path: Path) -> None:
    rules = ruleset(
        tmp_path,
        "  - {id: one, when: detail.x == 1, send: [b, a]}\n"
        "  - {id: two, when: detail.x > 0, send: [a, c]}\n"
        "  - {id: three, when: detail.x == 2, send: [c]}\n",
    )
    match = rules.match(event(x=1))
    assert match.rules == ("one", "two")
    assert match.targets == ("b", "a", "c")
    assert match.rejected is None
    assert rules.match(event(x=1).encode()).rules == ("one", "two")


def test_bytes_that_are_no_utf8_are_rejected_also_where_no_rule_looks(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: detail.x == 1, send: [a]}\n")
    match = rules.match(event(x=1, note="?").encode().replace(b"?", b"\xff"))
    assert match.rejected is not None
    assert match.rejected.reason is Reason.INVALID_JSON


def test_an_unmatched_event_goes_where_the_policy_says(tmp_path: Path) -> None:
    rule = "  - {id: one, when: detail.x == 1, send: [a]}\n"
    for policy in ("drop", "dead-letter"):
        match = ruleset(tmp_path, rule, unmatched=policy).match(event(x=2))
        assert (match.rules, match.targets) == ((), ())
    match = ruleset(tmp_path, rule, unmatched="c").match(event(x=2))
    assert (match.rules, match.targets) == ((), ("c",))
    assert match.send("c") == Send()


def test_a_disabled_rule_is_not_tried(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: detail.x == 1, send: [a], enabled: false}\n")
    assert rules.match(event(x=1)).rules == ()
    assert [rule.id for rule in rules.rules] == ["one"]


def test_a_shadow_rule_is_counted_and_sends_nothing(tmp_path: Path) -> None:
    rules = ruleset(
        tmp_path,
        "  - {id: one, when: detail.x == 1, send: [a], mode: shadow, stop: true}\n"
        "  - {id: two, when: detail.x == 1, send: [b]}\n",
    )
    match = rules.match(event(x=1))
    assert match.shadow == ("one",)
    assert match.rules == ("two",)
    assert match.targets == ("b",)


def test_a_shadow_rule_alone_leaves_the_event_unmatched(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: detail.x == 1, send: [a], mode: shadow}\n", unmatched="c")
    assert rules.match(event(x=1)).targets == ("c",)


def test_stop_keeps_later_rules_from_being_tried_but_only_when_it_matches(tmp_path: Path) -> None:
    rules = ruleset(
        tmp_path,
        "  - {id: one, when: detail.x == 1, send: [a], stop: true}\n  - {id: two, when: exists(detail.x), send: [b]}\n",
    )
    assert rules.match(event(x=1)).rules == ("one",)
    assert rules.match(event(x=2)).rules == ("two",)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", Reason.INVALID_JSON),
        ("[1]", Reason.NOT_AN_OBJECT),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, Reason.TOO_DEEP),
        ('{"x": 1}', Reason.MISSING_FIELD),
        ('{"detail": null}', Reason.MISSING_FIELD),
    ],
)
def test_what_cannot_be_routed_is_rejected_with_a_reason(tmp_path: Path, body: str, reason: Reason) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: 1 == 1, send: [a]}\n", unmatched="c", require=["detail"])
    match = rules.match(body)
    assert match.rejected is not None
    assert match.rejected.reason is reason
    assert (match.rules, match.targets, match.shadow) == ((), (), ())
    assert match.conversation_id is None
    assert match.send("a") == Send()


def test_a_required_path_is_named_when_it_is_missing(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: 1 == 1, send: [a]}\n", require=["detail", "detail.items[*].id"])
    match = rules.match('{"id": "e1", "detail": {"items": [{"id": null}]}}')
    assert match.rejected is not None
    assert match.rejected.message == "the event has no 'detail.items[*].id'"
    assert match.event_id == "e1"
    assert rules.match('{"detail": {"items": [{"id": null}, {"id": 0}]}}').rejected is None


def test_without_required_paths_any_object_will_do(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: 1 == 1, send: [a]}\n")
    assert rules.match("{}").rules == ("one",)


def test_an_event_says_what_it_is(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: 1 == 1, send: [a]}\n")
    match = rules.match(event(eventBody={"conversationId": "c1"}))
    assert (match.event_id, match.event_type, match.conversation_id) == ("e1", "T", "c1")
    assert rules.match('{"id": 5, "detail-type": ""}').event_id is None
    assert rules.match('{"id": 5, "detail-type": ""}').event_type is None


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        ("{id: one, when: detail.x == 1, send: [a]}", False),
        ("{id: one, when: '@receive_count > 1', send: [a]}", True),
        ("{id: one, when: '@receive_count > 1', send: [a], enabled: false}", False),
        ("{id: one, when: 'not (detail.x == 1 or exists(@attributes.x))', send: [a]}", True),
        ("{id: one, when: detail.x == 1, send: [a], group: '@group_id'}", True),
        ("{id: one, when: detail.x == 1, send: [a], attributes: {a: '@queue'}}", True),
    ],
)
def test_metadata_is_asked_for_only_when_a_rule_looks_at_it(tmp_path: Path, rule: str, needed: bool) -> None:
    assert ruleset(tmp_path, f"  - {rule}\n").needs_metadata is needed


def test_metadata_is_matched(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: \"@attributes.tenant == 'emea'\", send: [a]}\n")
    assert rules.match("{}", {"attributes": {"tenant": "emea"}}).rules == ("one",)
    assert rules.match("{}").rules == ()


def test_the_first_rule_that_sends_to_a_target_shapes_the_message(tmp_path: Path) -> None:
    rules = ruleset(
        tmp_path,
        "  - {id: one, when: detail.x == 1, send: [a], group: detail.queue, deduplicate: id, delay: 5,\n"
        "     attributes: {tenant: detail.tenant, level: 5, ratio: {value: 1.5}, urgent: true, also: '@queue',\n"
        "                  none: detail.none, object: detail, empty: detail.empty}}\n"
        "  - {id: two, when: detail.x == 1, send: [a, b], group: detail.other}\n"
        "  - {id: three, when: detail.x == 1, send: [c]}\n",
    )
    match = rules.match(event(x=1, queue="q", other=7, tenant="t", empty="", none=None), {"queue": "source"})
    assert match.send("a") == Send(
        group="q",
        deduplicate="e1",
        delay=5,
        attributes={
            "tenant": Attribute("String", "t"),
            "level": Attribute("Number", "5"),
            "ratio": Attribute("Number", "1.5"),
            "urgent": Attribute("String", "true"),
            "also": Attribute("String", "source"),
        },
    )
    assert match.send("b") == Send(group="7")
    assert match.send("c") == Send()


def test_numbers_that_sqs_does_not_take_become_strings(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: 1 == 1, send: [a], group: detail.n, attributes: {n: detail.n}}\n")
    for number in (10**60, 1e300, float("inf")):
        body = event(n=number).replace("Infinity", "1e999")
        assert rules.match(body).send("a").attributes["n"].data_type == "String"
    huge = '{"detail": {"n": ' + "1" * 4_300 + "}}"
    assert rules.match(huge).send("a").group == "1" * 4_300


@pytest.mark.parametrize("escape", ["\\u0000", "\\u0007", "\\u001f", "\\uffff", "\\ud800", "\\udc00"])
def test_characters_of_an_attribute_that_sqs_refuses_are_replaced_and_the_event_is_sent(
    tmp_path: Path, escape: str
) -> None:
    rules = ruleset(
        tmp_path, "  - {id: one, when: detail.x == 1, send: [a], group: detail.n, attributes: {n: detail.n}}\n"
    )
    send = rules.match(f'{{"detail": {{"x": 1, "n": "a{escape}\\t\\r\\nb\u20ac"}}}}').send("a")
    assert send.attributes == {"n": Attribute("String", "a\ufffd\t\r\nb\u20ac")}
    assert attribute_problem("n", send.attributes["n"]) is None
    assert send.group != send.attributes["n"].text  # what tells groups apart is left as it is


def test_a_ruleset_cannot_be_changed(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, "  - {id: one, when: 1 == 1, send: [a]}\n")
    with pytest.raises(TypeError):
        rules.targets["x"] = rules.targets["a"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        rules.fingerprint = "x"  # type: ignore[misc]
