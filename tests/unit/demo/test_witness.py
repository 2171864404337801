"""The witness: counts messages that are accounted for, once each, and passes tracing on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from turnout.account import Account, Call, Delivery, Outcome
from turnout.demo.witness import Witness
from turnout.message import Message
from turnout.telemetry.tracing import NoTracing


class HeardTracing(NoTracing):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def received(self, accounts: Sequence[Account]) -> None:
        self.heard.append("received")

    def settled(self, accounts: Sequence[Account]) -> None:
        self.heard.append("settled")

    async def aclose(self, timeout_seconds: float) -> None:
        self.heard.append(f"closed within {timeout_seconds}")


def account(message_id: str, outcome: Outcome, targets: Sequence[str] = ()) -> Account:
    message = Message(message_id, "handle", "{}", "http://localhost/1/source")
    account = Account(message, Call("receive", message.queue, 1), 2)
    account.deliveries = [Delivery(account, target, 3) for target in targets]
    account.outcome = outcome
    return account


def ignore(count: int) -> None: ...


def test_everything_that_tracing_hears_is_passed_on() -> None:
    tracing = HeardTracing()
    witness = Witness(tracing, ignore)
    one = account("1", Outcome.DELIVERED, ["critical"])
    witness.received([one])
    assert witness.inject(one.deliveries[0], {}) == ({}, None)
    witness.settled([one])
    asyncio.run(witness.aclose(2.0))
    assert tracing.heard == ["received", "settled", "closed within 2.0"]


def test_a_message_counts_once_however_often_it_settles() -> None:
    counts: list[int] = []
    witness = Witness(NoTracing(), counts.append)
    witness.settled([account("1", Outcome.DELIVERED)])
    witness.settled([account("1", Outcome.DELIVERED)])
    witness.settled([account("2", Outcome.DEAD_LETTERED)])
    witness.settled([account("3", Outcome.DROPPED)])
    assert witness.accounted == 3
    assert counts == [1, 1, 2, 3]


def test_a_message_that_was_handed_back_does_not_count() -> None:
    witness = Witness(NoTracing(), ignore)
    witness.settled([account("1", Outcome.HANDED_BACK)])
    assert witness.accounted == 0


def test_the_story_is_that_of_the_delivered_message_with_the_most_deliveries() -> None:
    witness = Witness(NoTracing(), ignore)
    witness.settled([account("poison", Outcome.DEAD_LETTERED, ["critical", "high", "standard"])])
    witness.settled([account("one", Outcome.DELIVERED, ["critical"])])
    witness.settled([account("two", Outcome.DELIVERED, ["critical", "high"])])
    witness.settled([account("another two", Outcome.DELIVERED, ["critical", "high"])])
    assert witness.story is not None
    assert witness.story.message.id == "two"


def test_waiting_ends_when_a_message_settles_or_stop_is_set_and_says_when_neither_happened() -> None:
    async def scene() -> tuple[bool, bool, bool]:
        witness = Witness(NoTracing(), ignore)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_soon(witness.settled, [account("1", Outcome.DELIVERED)])
        after_settling = await witness.next(stop, 5.0)
        after_nothing = await witness.next(stop, 0.01)
        stop.set()
        return after_settling, after_nothing, await witness.next(stop, 5.0)

    assert asyncio.run(scene()) == (True, False, True)
