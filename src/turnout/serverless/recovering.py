"""Recovers the letters of one batch: looked up, claimed in the ledger, delivered or archived, and told to Genesys.

The order of work makes a crash harmless: the ledger knows that an attempt was started before it is made, and what came
of it before Lambda deletes the message. A letter that comes again after all is only deleted.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum

from turnout.genesys.writeback import RetryStatus
from turnout.message import Message
from turnout.recovery.causes import CauseTable
from turnout.recovery.deliver.api import Act, Outcome, Work
from turnout.recovery.deliver.sending import LATE
from turnout.recovery.ledger.api import Ledger, LedgerError
from turnout.recovery.ledger.insisting import note_outcomes
from turnout.recovery.ledger.records import Action, Entry, Phase, Record, Sighting, Status
from turnout.recovery.letter import Letter
from turnout.recovery.reading import read_letter
from turnout.serverless.choosing import Choice, Course, choose
from turnout.serverless.log import about
from turnout.serverless.telling import Teller

__all__ = ["Became", "Recovery"]

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Attempts in one call. How many calls there are, the queue's own redrive policy says."""
_BASE_SECONDS = 1.0
_CAP_SECONDS = 20.0
_AT_ONCE = 5
_RESERVE_SECONDS = 2.0
_CUT_SECONDS = 0.5
_TELLING_PART = 0.3
"""Of the time that is left, what looking a conversation up, or telling it something, may take."""


class Became(StrEnum):
    """What became of a letter in one call."""

    DELIVERED = "delivered"
    ARCHIVED = "archived"
    PARKED = "parked"
    """Left for an operator."""
    FAILED = "failed"
    KNOWN = "known"
    """An earlier call had done with it already."""
    HELD = "held"
    """Another call was at it."""
    BEHIND = "behind"
    """Another of its message group stays, and it stays behind that."""


class Recovery:
    """What stays open between calls, and how one letter is recovered with it."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        deliveries: Sequence[Act],
        archive: Act | None,
        teller: Teller,
        by: str,
        causes: CauseTable | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """Letters by what became of them, since `take_counts`."""
        self.teller = teller
        self._ledger = ledger
        self._deliveries = deliveries
        self._archive = archive
        self._causes = causes
        self._by = by

    async def recover(self, messages: Sequence[Message], seconds: float) -> list[str]:
        """Recover the letters of one call, which ends in `seconds`. Returns the ids of those that must stay.

        Letters of a FIFO queue go one after the other, and none of a group after one that must stay.
        """
        end = asyncio.get_running_loop().time() + max(0.0, seconds - min(_RESERVE_SECONDS, seconds * 0.2))
        lanes: dict[str, list[Message]] = {}
        for message in messages:
            lanes.setdefault(message.lane or message.id, []).append(message)
        slots = asyncio.Semaphore(_AT_ONCE)
        failed: set[str] = set()
        late = 0

        async def one_after_the_other(ordered: Sequence[Message]) -> None:
            nonlocal late
            async with slots:
                for index, message in enumerate(ordered):
                    if not _left(end):
                        late += len(ordered) - index
                    elif await self._safely(message, end):
                        continue
                    elif behind := len(ordered) - index - 1:
                        self.counts[Became.BEHIND] += behind
                    failed.update(each.id for each in ordered[index:])
                    return

        async with asyncio.TaskGroup() as tasks:
            for ordered in lanes.values():
                tasks.create_task(one_after_the_other(ordered), name="recover")
        if late:
            self.counts[Became.FAILED] += late
            log.warning("no time left to begin with %d of %d letters, they stay", late, len(messages))
        return [message.id for message in messages if message.id in failed]

    def take_counts(self) -> Counter[str]:
        """What was counted since the last time."""
        taken, self.counts = self.counts, Counter()
        return taken

    def read(self, message: Message) -> Letter:
        """The letter that a message is."""
        return read_letter(message, causes=self._causes)

    def choose(self, work: Work) -> Choice:
        """What to do with a letter."""
        return choose(work, self._deliveries, self._archive)

    async def see(self, letter: Letter) -> Record:
        """Note in the ledger that a letter was found. Raises `LedgerError`."""
        return (await self._ledger.see([Sighting.of(letter)], by=self._by))[letter.id]

    @asynccontextmanager
    async def hold(self, letter: Letter, seconds: float) -> AsyncIterator[Record | None]:
        """Keep other calls from a letter that was seen, for the `seconds` that this one has left at most.

        Gives its record; None when another call is at it, or it is resolved. Raises `LedgerError`.
        """
        claimed = await self._ledger.claim([letter.id], by=self._by, lease_seconds=seconds + _RESERVE_SECONDS)
        if letter.id not in claimed:
            yield None
            return
        try:
            yield claimed[letter.id]
        finally:
            await self._let_go(letter)

    async def attempt(self, choice: Choice, letter: Letter, record: Record, seconds: float) -> tuple[Outcome, Record]:
        """Take a letter's course once, within `seconds`; the ledger knows of it before and after.

        Raises `LedgerError`.
        """
        act = choice.act
        if act is None:
            raise ValueError(f"{choice.course} is nothing to attempt")
        number = record.attempts + 1 if choice.course is Course.DELIVER else 1
        if choice.detour:
            log.warning("it goes to %s, %s", ", ".join(choice.aims), choice.detour, extra=about(letter))
        end = asyncio.get_running_loop().time() + max(0.0, seconds)
        record = await self._note(letter, act.action, Phase.STARTED, number)
        seconds = _left(end)
        # The act ends a moment before, by itself: it can tell which targets have the letter already.
        cut = asyncio.Event()
        cutting = asyncio.get_running_loop().call_later(seconds - min(_CUT_SECONDS, seconds * 0.1), cut.set)
        try:
            async with asyncio.timeout(seconds):
                (outcome,) = await act([Work.of(letter, record, cut)])
        except TimeoutError:
            outcome = Outcome(failures=dict.fromkeys(choice.aims, LATE), again=True)
        finally:
            cutting.cancel()
        phase = Phase.DONE if outcome.done else Phase.FAILED
        note = outcome.sentence or choice.detour
        entry = Entry(letter.id, act.action, phase, self._by, number, targets=outcome.reached, note=note)
        noted = await note_outcomes(self._ledger, [entry], seconds=_left(end))
        return outcome, noted[letter.id]

    async def park(self, letter: Letter, why: str, queue: str = "") -> None:
        """Note that a letter is left for an operator, in `queue` where it was put into one. Raises `LedgerError`."""
        await self._note(letter, Action.PARK, Phase.DONE, 1, why, (queue,) if queue else ())

    async def resolve(self, letter: Letter) -> None:
        """Note that nothing more is to be done. Raises `LedgerError`."""
        await self._note(letter, Action.RESOLVE, Phase.DONE, 1)

    async def _safely(self, message: Message, end: float) -> bool:
        """Whether the letter is accounted for. A failure of one letter is no other's."""
        try:
            return await self._recover(self.read(message), end)
        except LedgerError as error:
            log.error("it stays, because the ledger cannot be used: %s", error, extra={"message_id": message.id})
        except Exception:
            log.exception("recovering failed, please report this", extra={"message_id": message.id})
        self.counts[Became.FAILED] += 1
        return False

    async def _recover(self, letter: Letter, end: float) -> bool:
        left = _left(end)
        record = await self.see(letter)
        if record.resolved_ms:
            self.counts[Became.KNOWN] += 1
            return True
        async with self.hold(letter, left) as held:
            if held is not None:
                return await self._take_course(letter, held, end)
        self.counts[Became.HELD] += 1
        log.info("another call is at this letter", extra=about(letter))
        return False

    async def _take_course(self, letter: Letter, record: Record, end: float) -> bool:
        if record.settled:  # a call before this one could not say that nothing is left to do
            return await self._end(letter, Outcome(), Became.KNOWN)
        choice = self.choose(Work.of(letter, record))
        match choice.course:
            case Course.DELIVER:
                if record.status is Status.IN_PROGRESS:
                    log.warning(
                        "a call that was cut off may have delivered it: it may arrive twice", extra=about(letter)
                    )
                return await self._deliver(choice, letter, record, end)
            case Course.ARCHIVE:
                outcome, _ = await self.attempt(choice, letter, record, _left(end))
                return await self._end(letter, outcome, Became.ARCHIVED)
            case Course.NOTHING:
                return await self._end(letter, Outcome(), Became.KNOWN)
            case Course.PARK:
                await self.park(letter, choice.why)
                self.counts[Became.PARKED] += 1
                log.warning("left for an operator: %s", choice.why, extra=about(letter))
                return False

    async def _deliver(self, choice: Choice, letter: Letter, record: Record, end: float) -> bool:
        found = await self.teller.correlate(letter, _left(end) * _TELLING_PART)
        conversation = found.conversation if found is not None else None

        async def tell(status: RetryStatus, number: int) -> None:
            await self.teller.tell(letter, status, number, conversation, _left(end) * _TELLING_PART)

        status = RetryStatus.REPLAY_FAILED
        for attempt in range(1, ATTEMPTS + 1):
            await tell(RetryStatus.RETRYING, record.attempts + 1)
            outcome, record = await self.attempt(choice, letter, record, _left(end))
            if outcome.done:
                status = RetryStatus.REPLAY_SUCCESSFUL
                break
            if attempt == ATTEMPTS:
                status = RetryStatus.EXHAUSTED_RETRIES
                break
            jitter = random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            wait = max(outcome.retry_after or 0.0, jitter * min(_CAP_SECONDS, _BASE_SECONDS * 2.0 ** (attempt - 1)))
            if not outcome.again or wait > _left(end):
                break
            await asyncio.sleep(wait)
        await tell(status, record.attempts)
        return await self._end(letter, outcome, Became.DELIVERED)

    async def _end(self, letter: Letter, outcome: Outcome, done: Became) -> bool:
        self.counts[done if outcome.done else Became.FAILED] += 1
        if not outcome.done:
            log.warning("not recovered, it stays: %s", outcome.sentence, extra=about(letter))
            return False
        try:
            await self.resolve(letter)
        except LedgerError as error:  # what came of it is noted: the next call only takes it out
            log.error("%s, but it stays, because the ledger cannot be used: %s", done, error, extra=about(letter))
            return False
        return True

    async def _let_go(self, letter: Letter) -> None:
        """Release a letter. What came of it stands: a lease that cannot be given back ends by itself."""
        try:
            await self._ledger.release([letter.id], by=self._by)
        except LedgerError as error:
            log.warning("the letter is not given free before its lease ends: %s", error, extra=about(letter))

    async def _note(
        self,
        letter: Letter,
        action: Action,
        phase: Phase,
        attempt: int,
        note: str = "",
        targets: tuple[str, ...] = (),
    ) -> Record:
        entry = Entry(letter.id, action, phase, self._by, attempt=attempt, targets=targets, note=note)
        return (await self._ledger.record([entry]))[letter.id]


def _left(end: float) -> float:
    return max(0.0, end - asyncio.get_running_loop().time())
