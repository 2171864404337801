"""How a worker ends: what can still be finished in time is finished, the rest goes back to its queue.

The parts of the worker go on meanwhile; here lives only in which order they are told to stop, and what is waited for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from turnout.account import Account
from turnout.pipeline.claims import Claims
from turnout.pipeline.inflight import InFlight
from turnout.pipeline.poller import Poller
from turnout.pipeline.router import Router
from turnout.pipeline.sender import Sender
from turnout.pipeline.settler import Settler

__all__ = ["Drain"]

# What the deadline leaves for handing back and for the last deletes (at most half of it).
_HAND_BACK_SECONDS = 3.0
# How often we look for what has become hopeless meanwhile.
_LOOK_SECONDS = 0.25


class Drain:
    """One drain, whose time runs from when it is made: first `finish`, then `hand_back`, then `last_deletes`.

    `senders` tells all of them, since a reload may add some until the end.
    `last_poll_seconds` is for how long a poll under way may still bring messages.
    """

    def __init__(
        self,
        *,
        senders: Callable[[], Sequence[Sender]],
        router: Router,
        claims: Claims | None,
        settler: Settler,
        in_flight: InFlight,
        seconds: float,
        last_poll_seconds: float,
    ) -> None:
        self._senders = senders
        self._router = router
        self._claims = claims
        self._settler = settler
        self._in_flight = in_flight
        self._reserve = min(_HAND_BACK_SECONDS, seconds / 2)
        self._deadline = asyncio.get_running_loop().time() + seconds - self._reserve
        self._end = self._deadline + self._reserve
        """When nothing is waited for any more; counted anew from when handing back begins."""
        self._last_poll_seconds = last_poll_seconds
        self._withdrawn: Counter[Account] = Counter()
        """Deliveries that would only be tried again after the deadline, by message."""

    async def finish(self, pollers: Sequence[Poller], polling: Sequence[asyncio.Task[None]]) -> None:
        """Take nothing new in, and finish until the deadline; `polling` has the task of each poller."""
        for poller, task in zip(pollers, polling, strict=True):
            poller.stop()
            if poller.waiting:
                task.cancel()
        await asyncio.wait(polling, timeout=min(self._last_poll_seconds, self._reserve))
        await self._wait()
        if any(account.outcome is None for account in self._in_flight):
            # A poll that we cut may live on at SQS and swallow what we hand back: first let the polls end.
            await asyncio.wait(polling, timeout=max(0.0, self._deadline - asyncio.get_running_loop().time()))
            await self._wait()
        for task in polling:
            task.cancel()

    async def hand_back(self) -> bool:
        """Give the rest back to its queue; whether there was time for all of it."""
        # From here on others may have what is handed back: who sent it still would send it twice.
        for sender in self._senders():
            sender.stop()
        self._router.stop()
        self._settler.hasten()
        now = asyncio.get_running_loop().time()
        self._end, recorded_by = now + self._reserve, now + self._reserve / 2
        if self._claims is not None:
            await self._claims.answered(self._reserve / 4)
        held = [account for account in self._in_flight if account.outcome is None]
        try:
            async with asyncio.timeout_at(self._end):
                left = recorded_by - asyncio.get_running_loop().time()
                await self._settler.hand_back(held, record_seconds=left)
        except TimeoutError:
            return False
        return True

    async def last_deletes(self) -> None:
        """Wait, for what is left of the time, until nothing is held any more."""
        await self._in_flight.wait_until(0, self._end - asyncio.get_running_loop().time())

    async def _wait(self) -> None:
        """Wait until nothing is left to do before the deadline.

        What would only be tried again after it is not waited for, but withdrawn and then handed back. Deletes that
        would be are not waited for either, but tried a last time thereafter.
        """
        loop = asyncio.get_running_loop()
        while True:
            for sender in self._senders():
                self._withdrawn.update(delivery.account for delivery in sender.withdraw(self._deadline))
            # Of a message that only owes its letter no delivery is pending.
            hopeless = sum(
                account.outcome is None and count >= account.owed for account, count in self._withdrawn.items()
            )
            hopeless += self._settler.deletes_after(self._deadline)
            left = self._deadline - loop.time()
            if await self._in_flight.wait_until(hopeless, min(left, _LOOK_SECONDS)) or left <= 0:
                return
