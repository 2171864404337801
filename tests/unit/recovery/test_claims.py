"""Claims: which letters are ours, also where clocks or answers fail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import pytest
from tests.unit.pipeline.virtual_time import run

from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.claims import Claims
from turnout.recovery.ledger.records import Record

LEASE = 120.0


class Claimed:
    """A ledger that grants all letters but those of others."""

    def __init__(self) -> None:
        self.others: set[str] = set()
        self.asked: list[list[str]] = []
        self.asked_anew: list[list[str]] = []
        self.known: dict[str, Record] = {}
        self.released: list[str] = []
        self.answers = True
        self.hangs = 0
        self.defect: Exception | None = None

    async def claim(
        self, letters: Collection[str], *, by: str, lease_seconds: float, resolved: bool = False
    ) -> Mapping[str, Record]:
        (self.asked_anew if resolved else self.asked).append(list(letters))
        if self.defect is not None:
            defect, self.defect = self.defect, None
            raise defect
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        if not self.answers:
            raise LedgerUnavailable("no answer")
        return {letter: self.known.get(letter, Record(letter)) for letter in letters if letter not in self.others}

    async def release(self, letters: Collection[str], *, by: str) -> None:
        self.released += letters


def claims_of(ledger: Any) -> Claims:
    return Claims(ledger, by="me", lease_seconds=LEASE, clock=asyncio.get_running_loop().time)


@contextlib.asynccontextmanager
async def kept(claims: Claims) -> AsyncIterator[None]:
    keeping = asyncio.create_task(claims.keep(lambda: None))
    yield
    keeping.cancel()
    await asyncio.wait({keeping})


def test_a_letter_whose_claim_is_not_renewed_because_another_has_it_is_ours_no_more() -> None:
    async def story() -> None:
        ledger = Claimed()
        claims = claims_of(ledger)
        await claims.take(["m-1", "m-2"])
        ledger.others.add("m-1")  # by whose clock our claim had ended
        async with kept(claims):
            await asyncio.sleep(LEASE / 3 + 1)
        assert not await claims.stand("m-1", 0, ())
        assert await claims.stand("m-2", 0, ())

    run(story())


def test_claims_are_renewed_until_their_letters_are_done_with() -> None:
    async def story() -> None:
        ledger = Claimed()
        claims = claims_of(ledger)
        await claims.take(["m-1", "m-2"])
        ledger.others.add("m-1")  # as of a letter that is resolved
        async with kept(claims):
            await asyncio.sleep(LEASE + 1)
        assert ledger.asked[1:] == [["m-1", "m-2"], ["m-2"], ["m-2"]]

    run(story())


@pytest.mark.parametrize(("attempts", "reached", "ours"), [(1, ("crm",), True), (0, ("crm",), False), (1, (), False)])
def test_a_letter_that_others_have_worked_on_since_our_claim_ended_is_ours_no_more(
    attempts: int, reached: tuple[str, ...], ours: bool
) -> None:
    async def story() -> None:
        ledger = Claimed()
        claims = claims_of(ledger)
        await claims.take(["m-1"])
        ledger.known["m-1"] = Record("m-1", attempts=1, reached=("crm",))
        await asyncio.sleep(LEASE + 1)  # the process was frozen
        assert await claims.stand("m-1", attempts, reached) is ours

    run(story())


def test_letters_that_are_dealt_with_once_more_are_claimed_as_that_and_so_are_their_renewals() -> None:
    async def story() -> None:
        ledger = Claimed()
        claims = claims_of(ledger)
        assert set(await claims.take(["m-1", "m-2"], once_more=["m-2"])) == {"m-1", "m-2"}
        await claims.take(["m-3"])
        async with kept(claims):
            await asyncio.sleep(LEASE / 3 + 1)
        assert ledger.asked == [["m-1"], ["m-3"], ["m-1", "m-3"]]
        assert ledger.asked_anew == [["m-2"], ["m-2"]]

    run(story())


def test_letters_that_are_resolved_are_neither_claimed_anew_nor_released() -> None:
    async def story() -> None:
        ledger = Claimed()
        claims = claims_of(ledger)
        await claims.take(["m-1", "m-2"])
        claims.forget(["m-1"])
        async with kept(claims):
            await asyncio.sleep(LEASE / 3 + 1)
        await claims.release()
        assert ledger.asked[1:] == [["m-2"]]
        assert ledger.released == ["m-2"]

    run(story())


def test_claims_of_which_the_answer_did_not_come_are_released_with_the_others() -> None:
    async def story() -> None:
        ledger = Claimed()
        claims = claims_of(ledger)
        await claims.take(["m-1"])
        ledger.answers = False
        with pytest.raises(LedgerUnavailable):
            await claims.take(["m-2"])
        await claims.release()
        assert ledger.released == ["m-1", "m-2"]

    run(story())


def test_a_renewal_that_gets_no_answer_is_followed_by_another_while_the_claims_last() -> None:
    async def story() -> None:
        ledger = Claimed()
        claims = claims_of(ledger)
        await claims.take(["m-1"])
        ledger.hangs = 1
        async with kept(claims):
            await asyncio.sleep(LEASE + 1)
            asked = len(ledger.asked)
            assert await claims.stand("m-1", 0, ())
        assert len(ledger.asked) == asked, "it lasts, so nobody has to be asked"

    run(story())


def test_a_defect_while_claims_are_renewed_is_told_and_does_not_end_that(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        ledger = Claimed()
        claims = claims_of(ledger)
        await claims.take(["m-1"])
        ledger.defect = RuntimeError("a bug")
        async with kept(claims):
            await asyncio.sleep(LEASE + 1)
        assert ledger.asked == [["m-1"]] * 4
        assert "please report this" in caplog.text

    run(story())


def test_a_claim_that_has_ended_is_not_renewed_since_the_letter_may_have_been_anothers_meanwhile() -> None:
    async def story() -> None:
        ledger: Any = Claimed()
        now = 0.0
        claims = Claims(ledger, by="me", lease_seconds=LEASE, clock=lambda: now)
        await claims.take(["m-1"])
        now = LEASE + 1  # the process was frozen, and with it the event loop's timer
        async with kept(claims):
            await asyncio.sleep(LEASE / 3 + 1)
        ledger.known["m-1"] = Record("m-1", attempts=1, reached=("crm",))
        assert not await claims.stand("m-1", 0, ())
        assert ledger.asked == [["m-1"], ["m-1"]]

    run(story())
