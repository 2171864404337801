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


@pytest.mark.parametrize(("now", "over"), [(109.9, False), (110.0, True)])
def test_what_fails_is_tried_for_so_many_seconds_from_when_it_counts_as_held(now: float, over: bool) -> None:
    patience = Patience(Breaker(BreakerConfig()), Backoff(1.0, 1.0, 50), 900.0, 10.0, lambda _: 100.0)
    delivery = Delivery(Account(Message("m", "h", "{}", "https://sqs/1/events"), Call("receive", "q", 1), 1), "crm", 1)
    assert patience.exhausted(delivery, BUSY, now) is over
