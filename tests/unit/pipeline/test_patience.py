"""For how long a delivery is tried, by the time that it is told."""

from __future__ import annotations

import pytest

from turnout.account import Account, Call, Delivery
from turnout.errors import Fault
from turnout.message import Message
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.breaker import Breaker, BreakerConfig
from turnout.pipeline.patience import Patience
from turnout.sqs.api import EntryFailure

BUSY = EntryFailure(0, "InternalError", "busy", Fault.SYSTEM, True)


DENIED = EntryFailure(0, "AccessDenied", "denied", Fault.CONFIG, False)


def delivery() -> Delivery:
    return Delivery(Account(Message("m", "h", "{}", "https://sqs/1/events"), Call("receive", "q", 1), 1), "crm", 1)


@pytest.mark.parametrize(("now", "over"), [(109.9, False), (110.0, True)])
def test_what_fails_is_tried_for_so_many_seconds_from_when_it_counts_as_held(now: float, over: bool) -> None:
    patience = Patience(Breaker(BreakerConfig()), Backoff(1.0, 1.0, 50), 900.0, 10.0, lambda _: 100.0)
    assert patience.exhausted(delivery(), BUSY, now) is over


@pytest.mark.parametrize(("allowed", "made"), [(1, 1), (2, 2), (12, 3)])
def test_what_is_denied_is_tried_three_times_and_no_oftener_than_anything_else(allowed: int, made: int) -> None:
    patience = Patience(Breaker(BreakerConfig()), Backoff(1.0, 1.0, allowed), 900.0, 900.0, lambda _: 0.0)
    denied = delivery()
    for attempts in range(1, made + 1):
        denied.attempts = attempts
        assert patience.exhausted(denied, DENIED, 1.0) is (attempts == made)
