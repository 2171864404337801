"""Acts on letters as a plan says: at a bounded rate, until it is done, too much fails, or somebody stops it.

The order for each letter is what makes a crash harmless: claim, STARTED, act, DONE or FAILED, delete, RESOLVE. Nothing
is deleted before its outcome is durable; what was sent and recorded is not sent again. Within a message group of a FIFO
queue nothing is delivered past a letter that failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from turnout.errors import TurnoutError
from turnout.recovery.deliver.api import Act, Outcome, Work
from turnout.recovery.deliver.telling import Telling
from turnout.recovery.groups import Group, Groups
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.claims import Claims
from turnout.recovery.ledger.insisting import note_outcomes
from turnout.recovery.ledger.records import Action, Entry, Phase, Record, Sighting
from turnout.recovery.letter import Letter
from turnout.recovery.running.planning import Draft, anew
from turnout.recovery.running.tally import Tally
from turnout.recovery.sources.api import Source

__all__ = ["LEASE_SECONDS", "Pace", "RunConfig", "Runner"]

T = TypeVar("T")

LEASE_SECONDS = 120.0
"""For so long a letter stays claimed when its run dies; while it lives, claims are renewed."""
_PAGE = 200
_NOT_NOTED = "arrived, but could not be noted: whoever goes on may send it once more"


class RunConfig(msgspec.Struct, frozen=True):
    """The bounds of a run."""

    rate: float = 20.0
    """Letters a second, at most."""
    max_failures: float = 20.0
    """Percent."""
    calls: int = 8
    """Letters (or batches, where the action takes batches) that are acted on at a time."""
    again: bool = False
    """Whether letters are acted on that were dealt with before the plan was made."""


class Pace:
    """Lets so many letters a second pass, without bursts, in the order in which they came."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1.0 / per_second
        self._next = 0.0
        # Served in turn: whoever comes when a busy loop is late would otherwise pass those whose time is just over.
        self._line = asyncio.Lock()

    async def __call__(self, count: int, stop: asyncio.Event) -> None:
        """Wait until it is the turn of `count` letters; returns early when stopped."""
        async with self._line:
            loop = asyncio.get_running_loop()
            at = max(self._next, loop.time())
            self._next = at + count * self._interval
            wait = at - loop.time()
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await stop.wait()


class Runner:
    """One run of one plan. `by` is who acts, as histories say it: no two runs are called the same, or they would share
    their claims. `told` is called after each step with the tally, `clock` tells monotonic seconds.
    """

    def __init__(
        self,
        *,
        source: Source,
        ledger: Ledger,
        act: Act,
        plan: str,
        by: str,
        config: RunConfig | None = None,
        told: Callable[[Tally], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._act = act
        self._telling = act if isinstance(act, Telling) else None
        self._plan = plan
        self._by = by
        self._claims = Claims(ledger, by=by, lease_seconds=LEASE_SECONDS, clock=clock)
        self._config = config or RunConfig()
        self._told = told
        self._pace = Pace(self._config.rate)
        self._error: TurnoutError | None = None
        self._groups = Groups()
        self._anew: Mapping[str, Record] = {}
        self.tally = Tally()

    @property
    def gave_up(self) -> bool:
        """Whether it stops of itself: too much fails, or the ledger does."""
        return self._error is not None or self.tally.too_many_failures(self._config.max_failures)

    async def run(self, made: Draft, stop: asyncio.Event) -> Tally:
        """Do what the draft says; the plan must be in the ledger. Sets `stop` when too much fails.

        Raises `TurnoutError` when the ledger cannot be written: then nothing further is touched.
        """
        self._anew = made.anew if self._config.again else {}
        self.tally.total = len(made.works) + len(made.finishing)
        await self._record([self._resolved(letter) for letter in made.gone])
        everything = [work.letter for work in made.works] + made.finishing
        for page in _pages(everything, _PAGE):
            await self._ledger.see([Sighting.of(letter) for letter in page], by=self._by)
        for finishing in _pages(made.finishing, 10):
            if not stop.is_set():
                await self._finish(finishing)
        waiting = deque(_pages(made.works, self._act.batch))
        keeping = asyncio.create_task(self._claims.keep(lambda: None), name="keep-claims")
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(1 if self._act.ordered else min(self._config.calls, len(waiting))):
                    tasks.create_task(self._work(waiting, stop), name=f"act-{number}")
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})
            await self._claims.release()
        if self._error is not None:
            raise self._error
        return self.tally

    async def _work(self, waiting: deque[Sequence[Work]], stop: asyncio.Event) -> None:
        while waiting and not stop.is_set():
            works = waiting.popleft()
            await self._pace(len(works), stop)
            if stop.is_set():
                return
            try:
                await self._in_order(works, stop)
            except TurnoutError as error:
                self._error = self._error or error
                stop.set()
            if self.tally.too_many_failures(self._config.max_failures):
                stop.set()
            self._told(self.tally)

    async def _in_order(self, works: Sequence[Work], stop: asyncio.Event) -> None:
        """Act on works when all before them in their group have ended well; else leave them to the plan."""
        # An archive keeps no order, and neither does what takes many letters at a time.
        orders = self._act.batch == 1 and self._act.action is not Action.ARCHIVE
        group = self._groups.of(works[0].letter) if orders else Group()
        async with group.lock:
            if group.waits:
                self.tally.behind += len(works)
            elif not stop.is_set():
                group.waits = not await self._step(works)

    async def _step(self, works: Sequence[Work]) -> bool:
        """Claim works and act on them. Whether all were dealt with, by us or by others."""
        ids = [work.letter.id for work in works]
        granted = await self._claims.take(ids, once_more=[letter for letter in ids if letter in self._anew])
        # A letter that is resolved cannot be claimed, but to deal with it once more.
        refused = [letter for letter in ids if letter not in granted]
        known = await self._ledger.records(refused) if refused else {}
        well = all(each in known and known[each].resolved_ms and each not in self._anew for each in refused)
        ours = [work.letter for work in works if work.letter.id in granted]
        self.tally.skipped += len(works) - len(ours)
        well &= await self._once_more([letter for letter in ours if letter.id in self._anew], granted)
        ours = [letter for letter in ours if letter.id not in self._anew]
        # Another process may have been faster since the plan was made, and may have got further.
        if finishing := [letter for letter in ours if granted[letter.id].settled]:
            await self._finish(finishing)
        return well & await self._act_on(
            [Work.of(letter, granted[letter.id]) for letter in ours if not granted[letter.id].settled]
        )

    async def _once_more(self, letters: Sequence[Letter], granted: Mapping[str, Record]) -> bool:
        """Act on letters that were dealt with before. Whether none failed, and none was left to another."""
        # Another run may have begun or ended with them since this one looked.
        stale = {letter.id for letter in letters if not _agree(granted[letter.id], self._anew[letter.id])}
        self.tally.skipped += len(stale)
        await self._claims.release(stale)
        works = [anew(letter, granted[letter.id]) for letter in letters if letter.id not in stale]
        return await self._act_on(works, once_more=True) and not stale

    async def _act_on(self, works: Sequence[Work], *, once_more: bool = False) -> bool:
        """Act on letters that are claimed. Whether none failed, and none was left to another."""
        if not works:
            return True
        known = await self._ledger.record([self._started(work) for work in works])
        if not once_more:  # who had it before may have said since it was claimed what has arrived
            works = [msgspec.structs.replace(work, reached=known[work.letter.id].reached) for work in works]
        # Who was quicker has noted this very attempt, and what comes of it. Archiving has no attempts: it is done once.
        first = [work for work in works if known[work.letter.id].by == self._by or self._act.action is Action.ARCHIVE]
        if self._telling is not None:
            await self._telling.begin(first)
        ours = [work for work in first if await self._stands(known[work.letter.id])]
        others = {work.letter.id for work in works} - {work.letter.id for work in ours}
        self.tally.skipped += len(others)
        await self._claims.release(others)
        if not ours:
            return False
        outcomes = await self._act(ours)
        pairs = list(zip(ours, outcomes, strict=True))
        try:
            await note_outcomes(self._ledger, [self._ended(work, outcome) for work, outcome in pairs])
        except TurnoutError:
            if arrived := sum(bool(outcome.reached) for outcome in outcomes):
                self.tally.failures[_NOT_NOTED] += arrived
            raise
        if self._telling is not None:
            await self._telling.end(pairs)
        for outcome in outcomes:
            if outcome.repeated:
                self.tally.failures[outcome.repeated] += 1
        failed = [(work, outcome) for work, outcome in pairs if not outcome.done]
        for _, outcome in failed:
            self.tally.failed += 1
            self.tally.foreseen += outcome.failures.keys() <= self._act.missing.keys()
            self.tally.failures[outcome.sentence] += 1
        await self._claims.release([work.letter.id for work, _ in failed])
        done = [work.letter for work, outcome in pairs if outcome.done]
        if done:
            await self._finish(done)
        return not failed and not others

    async def _stands(self, known: Record) -> bool:
        """Whether a letter is still ours to act on, now that the ledger knows that we begin."""
        return await self._claims.stand(known.letter, known.attempts, known.reached)

    async def _finish(self, letters: Sequence[Letter]) -> None:
        """Delete letters whose outcome is durable, and say so."""
        failures = await self._source.delete(letters)
        gone = [letter for letter in letters if letter.id not in failures]
        self.tally.done += len(gone)
        await self._record([self._resolved(letter.id) for letter in gone])
        self._claims.forget([letter.id for letter in gone])
        self.tally.undeleted += len(failures)
        for why in failures.values():
            self.tally.failures[f"not deleted: {why}"] += 1
        await self._claims.release(list(failures))
        self._told(self.tally)

    async def _record(self, entries: Sequence[Entry]) -> None:
        if entries:
            await self._ledger.record(entries)

    def _started(self, work: Work) -> Entry:
        return Entry(work.letter.id, self._act.action, Phase.STARTED, self._by, work.attempt, plan=self._plan)

    def _resolved(self, letter_id: str) -> Entry:
        return Entry(letter_id, Action.RESOLVE, Phase.DONE, self._by, plan=self._plan)

    def _ended(self, work: Work, outcome: Outcome) -> Entry:
        return Entry(
            work.letter.id,
            self._act.action,
            Phase.DONE if outcome.done else Phase.FAILED,
            self._by,
            work.attempt,
            targets=outcome.reached,
            plan=self._plan,
            note=outcome.sentence,
        )


def _agree(one: Record, other: Record) -> bool:
    """Whether nobody has begun or ended an attempt at a letter between these."""
    return (one.attempts, one.status, one.reached) == (other.attempts, other.status, other.reached)


def _pages(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[first : first + size] for first in range(0, len(items), size)]
