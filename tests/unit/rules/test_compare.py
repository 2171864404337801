"""Two sets of rules, the same events: which would go elsewhere, and how that is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.rules.language import HEAD, write

from turnout import load_rules
from turnout.rules import Ruleset
from turnout.rules.trials.compare import Comparison, Sample, compare


def ruleset(directory: Path, *rules: str, head: str = HEAD, require: tuple[str, ...] = ()) -> Ruleset:
    listed = "".join(f"  - {{{rule}}}\n" for rule in rules)
    return load_rules(write(directory, f"{head}rules:\n{listed}"), environ={}, require=require)


def compared(old: Ruleset, new: Ruleset, *events: object) -> Comparison:
    return compare(old, new, [Sample(f"line {n}", json.dumps(event)) for n, event in enumerate(events, start=1)])


A = "id: a, when: x > 5, send: [high]"
B = "id: b, when: y == 1, send: [standard]"


def test_the_same_rules_change_nothing(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, A, B)
    comparison = compared(rules, rules, {"x": 9}, {"y": 1}, {}, [1])
    assert comparison == Comparison(events=4, rejected=1, elsewhere=0, otherwise=0, other_rules=0, changes=())


def test_events_that_change_alike_are_counted_together_with_the_first_one_as_an_example(tmp_path: Path) -> None:
    old, new = ruleset(tmp_path, A, B), ruleset(tmp_path, A.replace("5", "3"), B)
    comparison = compared(
        old,
        new,
        {"x": 9},
        {"x": 4, "id": "e-2", "detail-type": "T"},
        {"x": 5, "id": "e-3"},
        {"x": 4, "y": 1, "id": "e-4"},
        {"x": 2},
    )
    assert (comparison.events, comparison.elsewhere) == (5, 3)
    first, second = comparison.changes
    assert (first.before, first.after, first.rules_new, first.count) == (("(dropped)",), ("high",), ("a",), 2)
    assert (first.place, first.event_id, first.event_type) == ("line 2", "e-2", "T")
    assert (second.before, second.after, second.count) == (("standard",), ("high", "standard"), 1)
    assert first.is_elsewhere


def test_another_policy_for_unmatched_events_is_a_change(tmp_path: Path) -> None:
    old = ruleset(tmp_path, A)
    dead = ruleset(tmp_path, A, head=HEAD.replace("drop", "dead-letter"))
    fallback = ruleset(tmp_path, A, head=HEAD.replace("drop", "standard"))
    (change,) = compared(old, dead, {}).changes
    assert (change.before, change.after) == (("(dropped)",), ("(dead-lettered as UNMATCHED)",))
    (change,) = compared(dead, fallback, {}).changes
    assert change.after == ("standard",)


def test_rejected_events_go_to_the_dead_letters(tmp_path: Path) -> None:
    old, new = ruleset(tmp_path, A), ruleset(tmp_path, A, require=("detail",))
    (change,) = compared(old, new, {"x": 9, "id": "e"}).changes
    assert (change.before, change.after) == (("high",), ("(dead-lettered as MISSING_FIELD)",))
    assert change.event_id == "e"
    assert compared(old, new, [1]).changes == ()


def test_a_target_with_another_queue_is_elsewhere_and_one_with_another_name_is_not(tmp_path: Path) -> None:
    old = ruleset(tmp_path, A)
    moved = ruleset(tmp_path, A, head=HEAD.replace("queue: high", "queue: higher"))
    renamed = ruleset(tmp_path, A.replace("[high]", "[top]"), head=HEAD.replace("high: {", "top: {"))
    (change,) = compared(old, moved, {"x": 9}).changes
    assert (change.is_elsewhere, change.before, change.after) == (True, ("high",), ("high",))
    assert change.moved == ("high",)
    (change,) = compared(moved, ruleset(tmp_path, A.replace("high", "standard")), {"x": 9}).changes
    assert change.moved == (), "what goes to another target has not moved with it"
    assert compared(old, renamed, {"x": 9}).changes == ()


def test_what_is_sent_along_is_a_change_of_its_own(tmp_path: Path) -> None:
    old = ruleset(tmp_path, A)
    new = ruleset(tmp_path, A + ", group: id, delay: 5, attributes: {a: x}, deduplicate: id")
    (change,) = compared(old, new, {"x": 9, "id": "e"}).changes
    assert change.differs == ("group of high", "delay of high", "attributes of high")
    assert not change.is_elsewhere
    assert compared(old, new, {"x": 9, "id": "e"}).otherwise == 1


@pytest.mark.parametrize(
    ("address", "differs"),
    [
        ("queue: q", ["group", "delay", "attributes"]),
        ("queue: q.fifo", ["group", "deduplicate", "attributes"]),
        ("queue: '${NOT_SET}'", ["group", "deduplicate", "delay", "attributes"]),
        ("topic: 'arn:aws:sns:eu-west-1:123456789012:t.fifo'", ["group", "deduplicate", "attributes"]),
        ("topic: 'arn:aws:sns:eu-west-1:123456789012:t'", ["attributes"]),
        ("url: 'https://example.com/a.fifo'", ["deduplicate", "attributes"]),
        ("bus: default", []),
        ("state_machine: 'arn:aws:states:eu-west-1:123456789012:stateMachine:s'", ["deduplicate"]),
    ],
)
def test_what_a_target_does_not_take_is_no_change_of_what_it_gets(
    tmp_path: Path, address: str, differs: list[str]
) -> None:
    head = f"targets: {{high: {{{address}}}}}\nunmatched: drop\n"
    old = ruleset(tmp_path, A, head=head)
    new = ruleset(tmp_path, A + ", group: id, delay: 5, attributes: {a: x}, deduplicate: id", head=head)
    changes = compared(old, new, {"x": 9, "id": "e"}).changes
    assert [part for change in changes for part in change.differs] == [f"{part} of high" for part in differs]


def test_a_delay_of_no_seconds_is_none(tmp_path: Path) -> None:
    assert compared(ruleset(tmp_path, A), ruleset(tmp_path, A + ", delay: 0"), {"x": 9}).changes == ()


def test_other_rules_for_the_same_targets_are_counted_but_are_no_change(tmp_path: Path) -> None:
    old, new = ruleset(tmp_path, A), ruleset(tmp_path, A.replace("id: a", "id: c"), A + ", mode: shadow")
    comparison = compared(old, new, {"x": 9}, {"x": 1})
    assert (comparison.other_rules, comparison.changes) == (1, ())


def test_metadata_is_seen_by_both(tmp_path: Path) -> None:
    old, new = ruleset(tmp_path, A), ruleset(tmp_path, A, 'id: m, when: "@receive_count > 2", send: [standard]')
    comparison = compare(old, new, [Sample("message m", b"{}", {"receive_count": 3})])
    assert comparison.elsewhere == 1
