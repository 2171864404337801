"""Acts on letters that keep what they were given, and fail as often as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from turnout.recovery.deliver.api import Outcome, Unfit, Work
from turnout.recovery.ledger.records import Action


class FakeAct:
    """Implements `turnout.recovery.deliver.api.Act`."""

    batch = 1
    ordered = False

    def __init__(self, action: Action = Action.RETRY, *, failures: int = 0, unfit: str = "", aim: str = "crm") -> None:
        self.action = action
        self.failures = failures
        self.unfit = unfit
        self.aim = aim
        self.hangs = False
        self.again = True
        self.config = False
        self.done: list[Work] = []
        self.tried = 0

    def aims(self, work: Work) -> tuple[str, ...]:
        if self.unfit:
            raise Unfit(self.unfit)
        return () if self.aim in work.reached else (self.aim,)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        self.tried += 1
        if self.hangs:
            await asyncio.sleep(60)
        if self.tried <= self.failures:
            said = {self.aim: "ServiceUnavailable: not now"}
            return [Outcome(failures=said, again=self.again, config=self.config) for _ in works]
        self.done += works
        return [Outcome((self.aim,)) for _ in works]
