"""What the demonstration prints: tables that an operator can read, or one object that a program can."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from turnout.account import Account, Call, Delivery, Outcome, Retry, State
from turnout.demo.audit import Findings
from turnout.demo.report import show, story, summary
from turnout.demo.run import Result
from turnout.message import Message
from turnout.pipeline.books import Books
from turnout.rules import Ruleset, load_rules

MS = 1_000_000

RULES = """\
targets:
  standard: {queue: standard, priority: 5}
  critical: {queue: critical, priority: 0}
unmatched: drop
rules:
  - {id: urgent, when: detail.priority == 'critical', send: [critical, standard]}
  - {id: asleep, when: detail.priority == 'low', send: [standard], enabled: false}
  - {id: tried, when: detail.priority == 'low', send: [standard], mode: shadow}
"""


@pytest.fixture
def ruleset(tmp_path: Path) -> Ruleset:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return load_rules(file)


def call(operation: str, count: int, start_ms: int, end_ms: int) -> Call:
    made = Call(operation, "http://localhost/1/queue", start_ms * MS)
    made.count, made.end_ns = count, end_ms * MS
    return made


def delivered_account(ruleset: Ruleset) -> Account:
    message = Message("4711", "handle", '{"detail":{"priority":"critical"}}', "http://localhost/1/source")
    account = Account(message, call("receive", 10, 96, 100), 100 * MS)
    account.routed_ns, account.evaluated_ns = 101 * MS, 101 * MS + 12_000
    account.match = ruleset.match(message.body)
    for target, sent in (("critical", 102), ("standard", 103)):
        delivery = Delivery(account, target, 101 * MS)
        delivery.calls = (call("send", 7, sent, sent + 4),)
        delivery.state, delivery.settled_ns = State.DONE, (sent + 4) * MS
        account.deliveries = (*account.deliveries, delivery)
    account.delete = call("delete", 9, 108, 110)
    account.outcome, account.settled_ns = Outcome.DELIVERED, 110 * MS
    return account


def result(ruleset: Ruleset, findings: Findings) -> Result:
    books = Books()
    books.received, books.unmatched = 100, 39
    books.matches.update(urgent=60, tried=7)
    return Result(100, 0.5, books, findings, delivered_account(ruleset))


FINDINGS = Findings(
    {"critical": 60, "standard": 60}, {"INVALID_JSON": 1}, {"INVALID_JSON": "[red]no braces"}, 0, lost=0, duplicates=0
)


def shown(result: Result, ruleset: Ruleset, width: int = 110) -> str:
    output = io.StringIO()
    show(result, ruleset, Console(file=output, width=width))
    return output.getvalue()


def test_the_summary_has_exactly_the_keys_that_programs_rely_on(ruleset: Ruleset) -> None:
    printed = json.loads(msgspec.json.encode(summary(result(ruleset, FINDINGS), ruleset)))
    assert printed == {
        "received": 100,
        "delivered": {"critical": 60, "standard": 60},
        "dead_lettered": {"INVALID_JSON": 1},
        "unmatched": 39,
        "duplicates": 0,
        "lost": 0,
        "seconds": 0.5,
    }


def test_a_target_that_got_nothing_is_in_the_summary_too(ruleset: Ruleset) -> None:
    nothing = result(ruleset, Findings({}, {}, {}, 0, lost=120, duplicates=0))
    assert summary(nothing, ruleset)["delivered"] == {"critical": 0, "standard": 0}
    assert summary(nothing, ruleset)["lost"] == 120


def test_the_tables_say_what_went_where_and_what_was_dead_lettered_and_why(ruleset: Ruleset) -> None:
    lines = [line.split() for line in shown(result(ruleset, FINDINGS), ruleset).splitlines()]
    assert ["urgent", "60", "critical,", "standard"] in lines
    assert ["tried", "7", "nothing,", "on", "trial", "(shadow)"] in lines
    assert ["no", "rule", "39", "drop"] in lines
    assert lines.index(["critical", "0", "60"]) < lines.index(["standard", "5", "60"]), "most urgent first"
    assert ["INVALID_JSON", "1", "[red]no", "braces"] in lines, "text from events is not markup"
    assert not any("asleep" in line for line in lines)


def test_names_are_whole_in_a_terminal_that_is_narrow_for_them(tmp_path: Path) -> None:
    names = ("customer-care-escalations-by-day", "customer-care-escalations-by-night")
    file = tmp_path / "long.yaml"
    targets = ", ".join(f"{name}: {{queue: {name}}}" for name in names)
    rules = ", ".join(f"{{id: {name}, when: detail.priority == 'critical', send: [{name}]}}" for name in names)
    file.write_text(f"{{targets: {{{targets}}}, unmatched: drop, rules: [{rules}]}}")
    long = load_rules(file)
    assert "\u2026" not in shown(result(long, FINDINGS), long, width=40)


def test_the_last_lines_tell_the_rate_and_the_verdict(ruleset: Ruleset) -> None:
    *_, rate, verdict = shown(result(ruleset, FINDINGS), ruleset).splitlines()
    assert "100 messages in 0.5 s: 200 messages per second" in rate
    assert verdict == "100 published, lost: 0, duplicates: 0"


def test_one_message_is_no_messages(ruleset: Ruleset) -> None:
    one = msgspec.structs.replace(result(ruleset, FINDINGS), seconds=1.0)
    one.books.received = 1
    assert "1 message in 1.0 s: 1 message per second" in shown(one, ruleset)


def test_the_story_goes_from_receive_to_delete(ruleset: Ruleset) -> None:
    steps = [text for _, text in sorted(story(delivered_account(ruleset)))]
    assert steps == [
        "received, in a batch of 10 that took 4.0 ms",
        "rules evaluated in 12 us: urgent -> critical, standard",
        "send to critical called, in a batch of 7",
        "send to standard called, in a batch of 7",
        "critical: done",
        "standard: done",
        "delete called, in a batch of 9",
        "deleted from the source, delivered",
    ]


def test_the_story_tells_of_attempts_that_failed(ruleset: Ruleset) -> None:
    account = delivered_account(ruleset)
    account.deliveries[0].retries = (Retry(104 * MS, "ThrottlingException", 0.2),)
    assert "critical: ThrottlingException, tried again after 0.2 s" in [text for _, text in story(account)]
