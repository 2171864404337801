from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.recovery import letters as shapes
from tests.unit.recovery.processor.bench import needs_fix, permanent, transient, unknown

from turnout.letter import LETTER
from turnout.recovery import read_letter
from turnout.recovery.ledger.records import Record, Status
from turnout.recovery.letter import Letter
from turnout.recovery.processor.policy import Next, Policy, decide
from turnout.recovery.processor.resting import Resting

POLICY = Policy(attempts=4, archives=True)


@given(st.integers(1, 10_000), st.none() | st.floats(0, 1e6), st.floats(0, 1))
def test_waits_double_up_to_the_cap_and_never_fall_short_of_what_was_asked(
    attempt: int, asked: float | None, chance: float
) -> None:
    waited = Policy(base_seconds=2.0, cap_seconds=60.0).wait(attempt, asked, lambda: chance)
    assert waited >= (asked or 0.0)
    assert waited <= max(min(60.0, 2.0 * 2 ** (min(attempt, 9) - 1)), asked or 0.0)
    assert waited >= min(60.0, 2.0 * 2 ** (min(attempt, 9) - 1)) / 2


@pytest.mark.parametrize(
    ("letter", "record", "expected"),
    [
        (transient(1), Record("m-1"), Next.DELIVER),
        (transient(1), Record("m-1", status=Status.IN_PROGRESS, attempts=1), Next.DELIVER),
        (transient(1), Record("m-1", status=Status.FAILED_RETRY, attempts=3), Next.DELIVER),
        (transient(1), Record("m-1", status=Status.FAILED_RETRY, attempts=4), Next.PARK),
        (transient(1), Record("m-1", status=Status.PARKED, attempts=4), Next.LEAVE),
        (transient(1), Record("m-1", status=Status.RETRIED), Next.REMOVE),
        (transient(1), Record("m-1", status=Status.REPLAYED), Next.REMOVE),
        (transient(1), Record("m-1", resolved_ms=1), Next.REMOVE),
        # The table of causes has learnt what it is.
        (transient(1), Record("m-1", status=Status.UNKNOWN_CATEGORY), Next.DELIVER),
        (permanent(1), Record("m-1"), Next.ARCHIVE),
        (permanent(1), Record("m-1", status=Status.FAILED_ARCHIVE), Next.ARCHIVE),
        (permanent(1), Record("m-1", status=Status.PARKED), Next.ARCHIVE),
        (permanent(1), Record("m-1", status=Status.ARCHIVED), Next.REMOVE),
        (needs_fix(1), Record("m-1"), Next.PARK),
        (needs_fix(1), Record("m-1", status=Status.PARKED), Next.LEAVE),
        (unknown(1), Record("m-1"), Next.PARK),
        (unknown(1), Record("m-1", status=Status.UNKNOWN_CATEGORY), Next.LEAVE),
    ],
)
def test_what_is_next_follows_from_the_letter_and_its_record(letter: Letter, record: Record, expected: Next) -> None:
    assert decide(letter, record, POLICY).next is expected


def test_a_letter_without_attempts_left_is_parked_with_the_reason_of_its_last_failure() -> None:
    failed = Record("m-1", status=Status.FAILED_RETRY, attempts=4)
    said = [decide(transient(1), replace(failed, note=note), POLICY) for note in ("crm: busy", "")]
    assert [one.note for one in said] == ["4 attempts have failed: crm: busy", "4 attempts have failed"]
    assert all(one.exhausted for one in said)


def test_a_letter_of_another_version_is_parked_with_advice_until_a_version_works_that_reads_it() -> None:
    newer = read_letter(shapes.message(shapes.BODY, shapes.strings(**{LETTER: '{"version": 2}'})))
    decision = decide(newer, Record("m-1"), POLICY)
    assert decision.next is Next.PARK
    assert "use that version or a newer one" in decision.note
    parked = Record("m-1", status=Status.UNKNOWN_CATEGORY)
    assert decide(newer, parked, POLICY).next is Next.LEAVE
    assert decide(transient(1), parked, POLICY).next is Next.DELIVER


def test_of_several_targets_those_are_left_alone_that_asked_for_it() -> None:
    now = [0.0]
    resting = Resting(Policy(), lambda: now[0])
    resting.failed("crm", 10.0)
    resting.failed("mail", 300.0)
    assert resting.among(["mail", "crm", "other"]) == ("mail", "crm")
    now[0] += 10
    assert resting.among(["mail", "crm", "other"]) == ("mail",)


def test_a_target_rests_after_five_failures_and_then_one_letter_tries() -> None:
    now = [0.0]
    resting = Resting(Policy(base_seconds=2.0, cap_seconds=60.0), lambda: now[0])
    for _ in range(4):
        resting.failed("crm", None)
        assert not resting.among(["crm"])
    resting.failed("crm", None)
    assert resting.among(["crm", "other"]) == ("crm",)
    assert list(resting.resting) == ["crm"]
    assert not resting.among(["other"])
    now[0] += 60
    assert not resting.among(["crm"]), "one tries"
    assert resting.among(["crm"]), "the others wait for what comes of it"
    resting.worked("crm")
    assert not resting.among(["crm"])
    assert not resting.resting


def test_a_target_is_left_alone_for_as_long_as_it_asks() -> None:
    now = [0.0]
    resting = Resting(Policy(), lambda: now[0])
    resting.failed("crm", 300.0)
    now[0] += 299
    assert resting.among(["crm"]) == ("crm",)
    now[0] += 1
    assert not resting.among(["crm"])
