"""Which letters this process has claimed, and until when, so that no other one acts on them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from turnout.errors import TurnoutError
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.records import Record

__all__ = ["Claims"]

log = logging.getLogger(__name__)


class Claims:
    """The claims of `by`, each for `lease_seconds`. `clock` tells monotonic seconds."""

    def __init__(self, ledger: Ledger, *, by: str, lease_seconds: float, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._by = by
        self._lease = lease_seconds
        self._clock = clock
        self._until: dict[str, float] = {}
        self._once_more: set[str] = set()

    async def take(self, letters: Sequence[str], *, once_more: Collection[str] = ()) -> Mapping[str, Record]:
        """Claim letters, or renew that; the records of those that were granted. Raises `LedgerError`.

        Of those `once_more` is said of, it does not matter whether they are resolved.
        """
        self._once_more.update(once_more)
        until = self._clock() + self._lease
        for letter in letters:  # before the answer, which may not come: what was granted all the same is released
            self._until.setdefault(letter, 0.0)
        granted: dict[str, Record] = {}
        open_ = [letter for letter in letters if letter not in self._once_more]
        if open_:
            granted |= await self._ledger.claim(open_, by=self._by, lease_seconds=self._lease)
        if anew := [letter for letter in letters if letter in self._once_more]:
            granted |= await self._ledger.claim(anew, by=self._by, lease_seconds=self._lease, resolved=True)
        self._until.update(dict.fromkeys(granted, until))
        for letter in letters:
            if letter not in granted:  # it is done with, or another's, whatever our clock says
                self._until.pop(letter, None)
        return granted

    async def stand(self, letter: str, attempts: int, reached: tuple[str, ...]) -> bool:
        """Whether a letter is ours still. A process that was frozen for a while may find that others had it since.

        Raises `LedgerError`.
        """
        if self._clock() < self._until.get(letter, 0.0):
            return True
        record = (await self.take([letter])).get(letter)
        return record is not None and (record.attempts, record.reached) == (attempts, reached)

    async def keep(self, beat: Callable[[], None]) -> None:
        """Renew the claims of letters that take long, until cancelled. `beat` is called each time."""
        every, clock = self._lease / 3, asyncio.get_running_loop().time
        due = clock() + every
        while True:
            await asyncio.sleep(due - clock())
            due = max(due, clock()) + every
            beat()
            now = self._clock()
            try:
                # An answer that does not come must not cost the claims that another try would renew in time.
                async with asyncio.timeout_at(due):
                    # What has ended may have been another's since: `stand` looks before the letter is delivered.
                    await self.take([letter for letter, until in self._until.items() if now < until])
            except TimeoutError:
                log.warning("claims could not be renewed: the ledger has not answered for %.0f s", every)
            except TurnoutError as error:
                log.warning("claims could not be renewed: %s", error)
            except Exception:  # a defect of ours must not let all claims end, and nobody know
                log.exception("claims could not be renewed, please report this")

    def forget(self, letters: Iterable[str]) -> None:
        """These are resolved, which has ended their claims."""
        for letter in letters:
            self._until.pop(letter, None)

    async def release(self, letters: Collection[str] | None = None) -> None:
        """Let go of these letters, or of all."""
        letters = list(self._until) if letters is None else letters
        if not letters:
            return
        self.forget(letters)
        try:
            await self._ledger.release(letters, by=self._by)
        except TurnoutError as error:
            log.warning("claims could not be released, they end by themselves: %s", error)
