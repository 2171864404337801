"""The audit: what it counts as lost, as a duplicate, and as neither."""

from __future__ import annotations

from turnout.demo.audit import DEAD_LETTERS, MOVED_BY_SQS, Audit, Findings
from turnout.demo.events import DemoMessage
from turnout.letter import LETTER, LetterAttribute, sealed_attributes
from turnout.message import Attribute, Message

BOTH = ("critical", "standard")


def message(body: str, attributes: dict[str, Attribute] | None = None) -> Message:
    return Message("id", "handle", body, "http://localhost/1/queue", attributes or {})


def letter(body: str, reason: str, owed: tuple[str, ...] = ()) -> Message:
    attributes = sealed_attributes(LetterAttribute(reason=reason, message=f"{reason}!", owed=owed), {}, len(body))
    assert LETTER in attributes
    return message(body, attributes)


def event(body: str) -> DemoMessage:
    return DemoMessage(body)


def audit_of(*published: tuple[str, tuple[str, ...]]) -> Audit:
    audit = Audit()
    for body, places in published:
        audit.published(event(body), places)
    return audit


def test_an_event_that_arrived_everywhere_leaves_nothing_lost() -> None:
    audit = audit_of(("a", BOTH))
    audit.found_in_target("critical", message("a"))
    audit.found_in_target("standard", message("a"))
    assert audit.findings() == Findings({"critical": 1, "standard": 1}, {}, {}, unfinished=0, lost=0, duplicates=0)


def test_what_has_to_be_found_counts_every_place() -> None:
    assert audit_of(("a", BOTH), ("b", ()), ("{", (DEAD_LETTERS,))).expected == 3


def test_each_delivery_that_is_absent_is_lost() -> None:
    audit = audit_of(("a", BOTH), ("b", BOTH))
    audit.found_in_target("critical", message("a"))
    assert audit.findings().lost == 3


def test_an_event_published_twice_has_to_arrive_twice() -> None:
    audit = audit_of(("a", ("critical",)), ("a", ("critical",)))
    audit.found_in_target("critical", message("a"))
    assert (audit.findings().lost, audit.findings().duplicates) == (1, 0)
    audit.found_in_target("critical", message("a"))
    assert (audit.findings().lost, audit.findings().duplicates) == (0, 0)


def test_on_a_fifo_target_an_event_published_twice_has_to_arrive_once() -> None:
    audit = Audit(fifo={"in-order"})
    for _ in range(2):
        audit.published(event("a"), ("in-order", "standard"))
    for target in ("in-order", "standard", "standard"):
        audit.found_in_target(target, message("a"))
    assert (audit.findings().lost, audit.findings().duplicates) == (0, 0)


def test_a_copy_too_many_is_a_duplicate_and_makes_up_for_nothing() -> None:
    audit = audit_of(("a", BOTH))
    audit.found_in_target("critical", message("a"))
    audit.found_in_target("critical", message("a"))
    assert (audit.findings().lost, audit.findings().duplicates) == (1, 1)


def test_an_event_in_the_wrong_target_is_lost_and_a_surplus() -> None:
    audit = audit_of(("a", ("critical",)))
    audit.found_in_target("standard", message("a"))
    assert (audit.findings().lost, audit.findings().duplicates) == (1, 1)


def test_a_changed_body_is_lost() -> None:
    audit = audit_of(('{"a":1}', ("critical",)))
    audit.found_in_target("critical", message('{"a": 1}'))
    assert audit.findings().lost == 1


def test_a_dropped_event_is_expected_nowhere() -> None:
    audit = audit_of(("a", ()))
    assert audit.findings().lost == 0
    audit.found_in_target("standard", message("a"))
    assert audit.findings().duplicates == 1


def test_poison_has_to_be_a_dead_letter_and_is_counted_by_its_reason() -> None:
    audit = audit_of(("{", (DEAD_LETTERS,)), ("[]", (DEAD_LETTERS,)))
    audit.found_dead(letter("{", "INVALID_JSON"))
    assert audit.findings().lost == 1
    audit.found_dead(letter("[]", "NOT_AN_OBJECT"))
    findings = audit.findings()
    assert findings.lost == 0
    assert findings.dead_lettered == {"INVALID_JSON": 1, "NOT_AN_OBJECT": 1}
    assert findings.why == {"INVALID_JSON": "INVALID_JSON!", "NOT_AN_OBJECT": "NOT_AN_OBJECT!"}


def test_what_a_letter_still_owes_is_not_lost() -> None:
    audit = audit_of(("a", BOTH))
    audit.found_in_target("critical", message("a"))
    audit.found_dead(letter("a", "RETRIES_EXHAUSTED", owed=("standard",)))
    assert (audit.findings().lost, audit.findings().duplicates) == (0, 0)


def test_what_is_still_in_the_source_queue_is_not_lost() -> None:
    audit = audit_of(("a", BOTH), ("b", BOTH))
    audit.found_in_source(message("a"))
    assert (audit.findings().unfinished, audit.findings().lost) == (1, 2)


def test_what_sqs_moved_by_itself_is_not_lost() -> None:
    audit = audit_of(("a", BOTH))
    audit.found_dead(message("a"))
    findings = audit.findings()
    assert findings.lost == 0
    assert findings.dead_lettered == {MOVED_BY_SQS: 1}


def test_a_message_that_nobody_published_is_a_surplus() -> None:
    audit = audit_of()
    audit.found_in_target("critical", message("a"))
    audit.found_in_source(message("b"))
    assert (audit.findings().lost, audit.findings().duplicates) == (0, 1)
