"""When a letter that its queue does not show is gone for sure, and when it may only be held by somebody."""

from __future__ import annotations

import time

import pytest

from turnout.recovery.ledger.records import Record
from turnout.recovery.running.expiry import gone_at_ms
from turnout.recovery.sources.queue import _retention

HOUR = 3_600
DAY = 24 * HOUR


def test_a_standard_queue_counts_from_when_a_letter_was_sent_and_nobody_hides_it_for_longer_than_half_a_day() -> None:
    record = Record("a", "dead", sent_ms=1_000, last_seen_ms=9_000)
    assert gone_at_ms(record, "dead", 4 * DAY, 9_500) == 1_000 + (4 * DAY + 13 * HOUR) * 1000


@pytest.mark.parametrize(
    "record",
    [
        Record("a", "dead.fifo", sent_ms=1_000, last_seen_ms=9_000),
        Record("a", "dead.fifo", last_seen_ms=9_000),
    ],
)
def test_where_the_time_of_sending_may_not_be_that_which_counts_it_is_when_the_letter_was_last_there(
    record: Record,
) -> None:
    assert gone_at_ms(record, "dead.fifo", 4 * DAY, 9_500) == 9_000 + (4 * DAY + 13 * HOUR) * 1000


def test_of_a_letter_that_was_last_seen_in_another_queue_the_time_of_its_plan_counts() -> None:
    record = Record("a", "elsewhere", sent_ms=1_000, last_seen_ms=9_000)
    assert gone_at_ms(record, "dead", HOUR, 9_500) == 9_500 + 14 * HOUR * 1000


def test_of_a_letter_that_no_run_came_to_the_time_of_its_plan_counts() -> None:
    assert gone_at_ms(None, "dead", HOUR, 9_500) == 9_500 + 14 * HOUR * 1000


@pytest.mark.parametrize(("retention", "planned_ms"), [(None, 9_500), (HOUR, None)])
def test_without_a_retention_or_a_time_nothing_is_proven(retention: float | None, planned_ms: int | None) -> None:
    assert gone_at_ms(None, "dead", retention, planned_ms) is None


def test_a_queue_that_was_changed_just_now_does_not_say_for_how_long_it_keeps_what_it_has() -> None:
    attributes = {"MessageRetentionPeriod": "3600", "LastModifiedTimestamp": "1700000000"}
    assert _retention(attributes) == 3_600
    assert _retention(attributes | {"LastModifiedTimestamp": f"{time.time() - 60:.0f}"}) is None
    assert _retention({}) is None
