"""Goes through the letters of a place in rounds until told to stop, many letters at a time.

A round reads what is there, holds it, and gives back at its end what stays; between rounds nothing is held, so that
whoever looks into the queue sees all of it. Every wait ends when the processor is told to stop; what is under way then
may finish. Shortly before the drain is over the rest is cut short, and the ledger learns what has arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec

from turnout.errors import CallError, TurnoutError
from turnout.recovery.groups import group_of
from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.claims import Claims
from turnout.recovery.ledger.records import Record, Sighting
from turnout.recovery.letter import Letter
from turnout.recovery.naming import about_letter
from turnout.recovery.processor.counts import UNFINISHED, Counts, Ended, Result
from turnout.recovery.processor.handling import Handler, Tools
from turnout.recovery.processor.policy import Policy, is_begun_anew
from turnout.recovery.processor.resting import Resting
from turnout.recovery.processor.spans import trace_turn
from turnout.recovery.processor.turns import Turns
from turnout.recovery.selection import Selection
from turnout.recovery.sources.api import Source
from turnout.telemetry.finished import FinishedSpans
from turnout.words import count

__all__ = ["Processor", "RoundsConfig"]

log = logging.getLogger(__name__)

_BATCH = 10
"""Letters that are noted and claimed together: one receive brings no more."""
_LONGEST_BACKOFF = 300.0
_MOST_FAILURES = 5
"""Rounds that may fail in a row, of a processor that is to end by itself."""
_MOST_LEFT = 5
"""Letters of a round that are left for the next one because the ledger fails; then it is taken to fail for all."""
_MOST_IDLE = 5
"""Rounds without progress before such a processor takes it that there will be none."""
_SOON_SECONDS = 2.0
_SETTLE_SECONDS = 5.0
"""Of the drain, at most, for noting and deleting what has arrived when deliveries are cut short."""
_CLOSE_SECONDS = 3.0
"""For giving back claims and letters at the end of all, which come back by themselves otherwise."""
_BEAT_SECONDS = 5.0
_PROGRESS = frozenset({Result.DELIVERED, Result.ARCHIVED, Result.PARKED, Result.EXHAUSTED, Result.REMOVED})
_GONE = frozenset({Result.DELIVERED, Result.ARCHIVED, Result.REMOVED})


class RoundsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of the rounds. Times in seconds."""

    interval_seconds: float = 60.0
    """From the end of a round to the begin of the next."""
    concurrency: int = 16
    """Letters worked on at a time."""
    most: int = 10_000
    """Letters held in one round."""
    lease_seconds: float = 120.0
    """For so long a letter stays claimed when this process dies."""
    rate: float = 20.0
    """Actions begun per second, at most."""
    drain_seconds: float = 25.0


class Processor:
    """Processes the letters of one place. `run` it once.

    `open_source` opens the place anew for each round. `clock` tells monotonic seconds.
    """

    def __init__(
        self,
        open_source: Callable[[], AbstractAsyncContextManager[Source]],
        tools: Tools,
        policy: Policy,
        config: RoundsConfig,
        *,
        selection: Selection | None = None,
        spans: FinishedSpans | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_source = open_source
        self._tools = tools
        self._config = config
        self._selection = selection or Selection()
        self._spans = spans or FinishedSpans()
        self._clock = clock
        self._stop = asyncio.Event()
        self._cut = asyncio.Event()
        self._next_turn = 0.0
        self._claims = Claims(tools.ledger, by=tools.by, lease_seconds=config.lease_seconds, clock=clock)
        self._resting = Resting(policy, clock)
        self.counts = Counts(time.time())
        self.ended = Ended()
        """With `once`: what became of each letter."""
        self._handler = Handler(
            tools,
            policy,
            self._resting,
            self.counts,
            turn=self._turn,
            holds=self._claims.stand,
            pause=self._pause,
            cut=self._cut,
        )

    @property
    def resting(self) -> tuple[str, ...]:
        """Targets that are left alone now, because they fail."""
        return self._resting.resting

    async def run(self, stop: asyncio.Event, *, once: bool = False) -> None:
        """Process until `stop` is set, and then finish what is under way; with `once` until nothing is left to do.

        With `once`, raises the `TurnoutError` that made the last round fail.
        """
        self.counts.running = True
        rounds = asyncio.create_task(self._rounds(once=once), name="rounds")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({rounds, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not rounds.done():
                self.counts.draining = True
                self._stop.set()
                log.info("draining: %s under way", count(self.counts.held, "letter"))
                await self._drain(rounds)
            if rounds.done() and not rounds.cancelled():
                rounds.result()
        finally:
            rounds.cancel()
            stopping.cancel()
            _, late = await asyncio.wait({rounds, stopping}, timeout=_CLOSE_SECONDS)
            if late:
                log.warning("not everything could be given back; it comes back by itself")
            self.counts.running = False

    async def _drain(self, rounds: asyncio.Task[None]) -> None:
        """Wait for what is under way, and for what came of it; let go of the rest."""
        drain = self._config.drain_seconds
        settle = min(_SETTLE_SECONDS, drain * 0.2)
        await asyncio.wait({rounds}, timeout=drain - settle)
        if not rounds.done():
            self._cut.set()
            await asyncio.wait({rounds}, timeout=settle)
        if not rounds.done():
            log.warning("the drain is over; let go of as they are: %s", count(self.counts.held, "letter"))
            rounds.cancel()
            await asyncio.wait({rounds}, timeout=_CLOSE_SECONDS)

    async def _rounds(self, *, once: bool) -> None:
        failures = idle = 0
        while True:
            began = self._clock()
            wait = self._config.interval_seconds
            turns = Turns(asyncio.Semaphore(self._config.concurrency))
            try:
                await self._round(turns)
            except TurnoutError as error:
                failures = 1 if once and turns.progress else failures + 1
                wait = self._failed(error, failures)
                if once and (failures == _MOST_FAILURES or not self._may_pass(error)):
                    raise
                if once:
                    self.ended.add(turns.results, None)
            else:
                failures = 0
                self.counts.error = ""
                self.counts.rounds += 1
                self.counts.round_at = time.time()
                self.counts.round_seconds = self._clock() - began
                if once:
                    self.ended.add(turns.results, turns.unseen)
                    idle = 0 if turns.progress else idle + 1
                    if not (turns.behind or self.ended.left) or idle == _MOST_IDLE:
                        return
                    wait = wait if idle else min(wait, _SOON_SECONDS)
            if not await self._pause(wait):
                return

    def _may_pass(self, error: TurnoutError) -> bool:
        """Whether another round may go better, of a processor that is to end by itself."""
        if isinstance(error, LedgerUnavailable):
            return bool(self.counts.results)  # one that has never answered is not there
        return isinstance(error, CallError) and error.retryable

    def _failed(self, error: TurnoutError, failures: int) -> float:
        """Note that a round failed; seconds until the next."""
        self.counts.rounds_failed += 1
        self.counts.error = str(error)
        asked = (error.retry_after if isinstance(error, CallError) else None) or 0.0
        wait = max(asked, min(_LONGEST_BACKOFF, 2.0 ** min(failures, 10)))
        log.warning("a round failed, the next begins in %.0f s: %s", wait, error)
        return wait

    async def _round(self, turns: Turns) -> None:
        """One round; what comes of it is in `turns`. Raises `TurnoutError` when not all of it could be done."""
        async with contextlib.AsyncExitStack() as stack:
            source = await stack.enter_async_context(self._open_source())
            turns.unseen = source.unseen
            keeping = asyncio.create_task(self._claims.keep(self._beat), name="keep-claims")
            stack.push_async_callback(self._let_go, keeping)
            async with asyncio.TaskGroup() as tasks:
                try:
                    async for letters in self._batches(source, turns):
                        await self._begin(letters, source, tasks, turns)
                        if turns.over:
                            break  # what is under way may end well
                except TurnoutError as error:  # out of the group it would cancel what is under way
                    turns.problem = turns.problem or error
        if not source.keeps and turns.read >= self._config.most:
            turns.behind |= not _GONE.isdisjoint(turns.results.values())
        if turns.problem is not None:
            raise turns.problem

    async def _batches(self, source: Source, turns: Turns) -> AsyncIterator[Sequence[Letter]]:
        """Letters in batches as they come: none waits for another that has not been read yet for long."""
        batch: list[Letter] = []
        # What keeps its letters begins with the same ones each time, and holds none.
        async for letter in source.letters(None if source.keeps else self._config.most):
            turns.read += 1
            self._beat()
            if self._stop.is_set():
                return
            if self._selection(letter):
                batch.append(letter)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch and not self._stop.is_set():
            yield batch

    async def _begin(
        self,
        letters: Sequence[Letter],
        source: Source,
        tasks: asyncio.TaskGroup,
        turns: Turns,
    ) -> None:
        """Note, claim and begin with these letters; waits for room for each."""
        by = self._tools.by
        # Of letters that need no turn nothing is written: thousands may lie for days, and a write costs money.
        before = await self._tools.ledger.records([letter.id for letter in letters])
        idle = {letter.id: self._handler.without_turn(letter, before.get(letter.id), source) for letter in letters}
        for letter_id, result in idle.items():
            if result is not None:
                self._count(letter_id, result, turns)
        letters = [letter for letter in letters if idle[letter.id] is None]
        if not letters:
            return
        known = await self._tools.ledger.see([Sighting.of(letter) for letter in letters], by=by)
        anew = [letter.id for letter in letters if is_begun_anew(known[letter.id])]
        open_ = [letter.id for letter in letters if letter.id in anew or not known[letter.id].resolved_ms]
        granted = await self._claims.take(open_, once_more=anew) if open_ else {}
        await self._handler.look_ahead((letter, granted[letter.id]) for letter in letters if letter.id in granted)
        for letter in letters:
            record = granted.get(letter.id) or known[letter.id]
            if letter.id not in granted and letter.id in open_:
                turns.groups.of(letter).waits = True
                self._count(letter.id, Result.ELSEWHERE, turns)
                continue
            await turns.room.acquire()
            tasks.create_task(self._turn_of(letter, record, source, turns), name=f"letter-{letter.id}")

    async def _turn_of(self, letter: Letter, record: Record, source: Source, turns: Turns) -> None:
        self.counts.held += 1
        result, began_ns = Result.FAILED, time.time_ns()
        group = turns.groups.of(letter)
        try:
            async with group.lock:
                try:
                    if group.waits or self._stop.is_set():
                        result = Result.PUT_OFF
                    else:
                        result = await self._handler.handle(letter, record, source)
                finally:  # also behind one of which nothing is known, because the ledger fails
                    group.waits |= result in UNFINISHED
                if result in _GONE:
                    self._claims.forget([letter.id])
                    turns.behind |= bool(group_of(letter))
                turns.progress |= result in _PROGRESS
        except LedgerUnavailable as error:  # for this letter, as when it is throttled: the next may fare better
            log.warning("a letter is left for the next round: %s", error, extra=about_letter(letter))
            turns.problem = error
            turns.left += 1
            turns.over |= turns.left >= _MOST_LEFT
        except TurnoutError as error:
            turns.problem, turns.over = error, True
        except Exception:  # a defect of ours costs this letter its turn, and nobody else's
            log.exception("a letter could not be handled, please report this", extra=about_letter(letter))
        finally:
            self._count(letter.id, result, turns)
            trace_turn(self._spans, letter, result, began_ns, time.time_ns())
            self.counts.held -= 1
            self._beat()
            turns.room.release()

    def _count(self, letter_id: str, result: Result, turns: Turns) -> None:
        self.counts.results[result.value] += 1
        turns.results[letter_id] = result

    async def _let_go(self, keeping: asyncio.Task[None]) -> None:
        keeping.cancel()
        await asyncio.wait({keeping})
        await self._claims.release()

    async def _turn(self) -> bool:
        """Wait until the rate allows another action; False at once when the processor is to stop."""
        now = self._clock()
        at = max(now, self._next_turn)
        self._next_turn = at + 1 / self._config.rate
        return await self._pause(at - now)

    async def _pause(self, seconds: float) -> bool:
        """Wait for so long; False at once when the processor is to stop."""
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            self._beat()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _BEAT_SECONDS)):
                    await self._stop.wait()
                    return False
        return not self._stop.is_set()

    def _beat(self) -> None:
        self.counts.beat_at = time.monotonic()
