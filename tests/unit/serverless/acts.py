"""Acts on letters that keep what they were given, and fail as often as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Unfit, Work
from turnout.recovery.ledger.records import Action


class StoppedClock:
    """The time of the running event loop: it stands still, and passes when it is told to. Threads go on meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self.now = self._began = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self.now)

    def pass_until(self, seconds: float) -> None:
        """Let it be so many seconds after the clock was stopped."""
        self.now = self._began + seconds


class FakeAct:
    """Implements `turnout.recovery.deliver.api.Act`."""

    batch = 1
    ordered = False
    missing = NONE_MISSING

    def __init__(self, action: Action = Action.RETRY, *, failures: int = 0, unfit: str = "", aim: str = "crm") -> None:
        self.action = action
        self.failures = failures
        self.unfit = unfit
        self.aim = aim
        self.hangs = False
        self.clock: StoppedClock | None = None
        self.cut_at = 0.0
        """Until when it hangs on this clock; whoever has not been cut by then will not be."""
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
        if self.clock is not None:
            self.clock.pass_until(self.cut_at)
            for _ in range(100):  # turns of the loop, in which all that is due by then is done
                await asyncio.sleep(0)
            raise AssertionError("it is not cut in time")
        if self.hangs:
            await asyncio.sleep(60)
        if self.tried <= self.failures:
            said = {self.aim: "ServiceUnavailable: not now"}
            return [Outcome(failures=said, again=self.again, config=self.config) for _ in works]
        self.done += works
        return [Outcome((self.aim,)) for _ in works]
