"""What a letter's history adds up to: every status there is, and nothing that a late or repeated entry could undo."""

import pytest
from tests.unit.recovery import letters

from turnout.recovery import read_letter
from turnout.recovery.ledger.records import (
    Action,
    Entry,
    ItemState,
    Phase,
    Record,
    Sighting,
    Status,
    changed,
    item_state,
    seen,
)


def after(*steps: str, disposition: str = "transient") -> Record:
    record, _ = seen(None, Sighting("a", disposition=disposition), "jo", 1)
    for at, step in enumerate(steps):
        action, _, phase = step.partition(" ")
        record = changed(record, Entry("a", Action(action), Phase(phase or "done"), "jo", at_ms=10 + at))
    return record


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ((), "pending"),
        (("retry started",), "in_progress"),
        (("retry started", "retry done"), "retried"),
        (("retry started", "retry failed"), "failed_retry"),
        (("archive started",), "in_progress"),
        (("archive started", "archive done"), "archived"),
        (("archive failed",), "failed_archive"),
        (("replay started", "replay done"), "replayed"),
        (("replay failed",), "failed_replay"),
        (("retry failed", "park"), "parked"),
        (("retry done", "resolve started"), "retried"),
        (("retry done", "resolve failed"), "retried"),
        (("retry done", "resolve"), "retried"),
        (("archive done", "resolve"), "archived"),
        (("replay done", "resolve"), "replayed"),
        (("park", "resolve"), "processed"),
        (("resolve",), "processed"),
        (("retry done", "resolve", "replay done"), "replayed"),
    ],
)
def test_the_status_is_that_of_the_last_outcome(steps: tuple[str, ...], status: str) -> None:
    assert after(*steps).status == status


def test_a_letter_that_nobody_understands_is_parked_as_of_unknown_category() -> None:
    assert after("park", disposition="unknown").status is Status.UNKNOWN_CATEGORY


def test_only_a_resolve_that_is_done_resolves() -> None:
    assert after("retry done", "resolve started").resolved_ms == 0
    assert after("retry done", "resolve failed").resolved_ms == 0
    assert after("retry done", "resolve").resolved_ms == 11


def test_attempts_are_counted_when_they_start() -> None:
    record = after("retry started", "retry failed", "archive started")
    assert record.attempts == 1
    assert after("archive started", "archive failed").attempts == 0, "to archive it uses up no attempt to deliver it"
    late = Entry("a", Action.RETRY, Phase.FAILED, "jo", attempt=3)
    assert changed(record, late).attempts == 1
    assert changed(record, Entry("a", Action.REPLAY, Phase.STARTED, "jo", attempt=4)).attempts == 4


def test_a_letter_has_changed_when_it_is_first_seen_and_by_whom() -> None:
    record = after()
    assert (record.first_seen_ms, record.changed_ms, record.by) == (1, 1, "jo")
    again, _ = seen(record, Sighting("a"), "ann", 5)
    assert (again.first_seen_ms, again.last_seen_ms, again.changed_ms, again.by) == (1, 5, 1, "jo")


def test_a_letter_that_is_seen_again_counts_and_keeps_what_happened_to_it() -> None:
    found = Sighting("a", queue="dlq", cause="THROTTLED", disposition="transient")
    first, entry = seen(None, found, "jo", 10)
    assert entry == Entry("a", Action.SEEN, Phase.DONE, "jo", at_ms=10, note="THROTTLED transient")
    parked = changed(first, Entry("a", Action.PARK, Phase.DONE, "worker", at_ms=20, note="waits for a repair"))
    again, entry = seen(parked, found, "ann", 30)
    assert entry is None
    assert (again.sightings, again.first_seen_ms, again.last_seen_ms, again.changed_ms) == (2, 10, 30, 20)
    assert (again.status, again.by, again.note) == (Status.PARKED, "worker", "waits for a repair")


def test_a_letter_that_something_was_told_of_before_it_was_seen_is_seen_for_the_first_time() -> None:
    told = changed(None, Entry("a", Action.RETRY, Phase.DONE, "jo", at_ms=10, targets=("crm",)))
    record, entry = seen(told, Sighting("a", queue="dlq"), "ann", 30)
    assert entry is not None
    assert (record.sightings, record.first_seen_ms, record.changed_ms, record.by) == (1, 30, 10, "jo")
    assert (record.status, record.reached, record.queue) == (Status.RETRIED, ("crm",), "dlq")


def test_a_line_that_comes_late_or_says_nothing_takes_nothing_back() -> None:
    record = changed(None, Entry("a", Action.RETRY, Phase.FAILED, "jo", at_ms=20, targets=("crm",), note="mail: busy"))
    late = changed(record, Entry("a", Action.RETRY, Phase.STARTED, "jo", attempt=2, at_ms=15, targets=("audit", "crm")))
    assert (late.changed_ms, late.note, late.reached) == (20, "mail: busy", ("crm", "audit"))
    assert changed(late, Entry("a", Action.RETRY, Phase.FAILED, "jo", at_ms=30, note="no")).note == "no"


def test_an_item_follows_the_entries_that_name_its_plan() -> None:
    assert item_state(Entry("a", Action.RETRY, Phase.STARTED, "jo")) is ItemState.STARTED
    assert item_state(Entry("a", Action.ARCHIVE, Phase.DONE, "jo")) is ItemState.DONE
    assert item_state(Entry("a", Action.REPLAY, Phase.FAILED, "jo")) is ItemState.FAILED
    assert item_state(Entry("a", Action.RESOLVE, Phase.DONE, "jo")) is ItemState.RESOLVED
    assert item_state(Entry("a", Action.RESOLVE, Phase.FAILED, "jo")) is None


@pytest.mark.parametrize("queue", ["https://sqs.eu-west-1.amazonaws.com/1/dlq", "arn:aws:sqs:eu-west-1:1:dlq", "dlq"])
def test_a_sighting_tells_what_the_letter_is_and_no_more(queue: str) -> None:
    letter = read_letter(letters.rule("THROTTLING"), queue=queue)
    assert Sighting.of(letter) == Sighting(
        letter.id,
        "dlq",
        letters.EVENT_ID,
        letters.EVENT_TYPE,
        "RATE_LIMIT_EXCEEDED",
        "transient",
        letter.message.sent_ms,
        letters.CONVERSATION,
    )
