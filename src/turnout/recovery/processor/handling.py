"""Takes one letter through its turn: decide, say in the ledger what is begun, do it, say what came of it, delete.

In this order a crash between any two steps loses nothing; what it may repeat is the one action that was under way,
and the ledger knows which.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from turnout.errors import CallError
from turnout.recovery.deliver.api import Act, Outcome, Work
from turnout.recovery.deliver.sending import LATE
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.insisting import note_outcomes
from turnout.recovery.ledger.records import Action, Entry, Phase, Record, Status
from turnout.recovery.letter import Letter
from turnout.recovery.naming import about_letter
from turnout.recovery.processor.counts import Counts, Result
from turnout.recovery.processor.effects import Conversations, Deliver, NotDeliverable, Told
from turnout.recovery.processor.policy import ONCE_MORE, Next, Policy, decide, used_up
from turnout.recovery.processor.resting import Resting
from turnout.recovery.report.correlation import FAILED
from turnout.recovery.sources.api import Source

__all__ = ["Handler", "Tools"]

log = logging.getLogger(__name__)

_LET_GO_SECONDS = 1.0
"""For so long an attempt that is cut short may take to tell what has the letter, and then to end."""
_FRESH_SECONDS = 6 * 3_600
"""For so long nothing is written of what is done with and still listed; a DynamoDB ledger forgets after some days."""
_ALONE = "left alone for now, as it fails for everybody"
_CUT_OFF = "an attempt that was cut off may have delivered it"
_ABSENT = "absent"
_NOT_YET = "not_yet"


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler works with. `archive` and `conversations` may be missing."""

    ledger: Ledger
    deliver: Deliver
    archive: Act | None = None
    """One attempt a call, as with `deliver`."""
    conversations: Conversations | None = None
    by: str
    """Who acts, for the ledger; no two processes are called the same."""


class Handler:
    """Handles letters that are held in their source and claimed in the ledger, any number of them at a time.

    `turn` waits until the rate allows another action, `pause` for so many seconds; both return True, and False at once
    when the processor is to stop. When `cut` is set, attempts end, and what came of them is settled.
    """

    def __init__(
        self,
        tools: Tools,
        policy: Policy,
        resting: Resting,
        counts: Counts,
        *,
        turn: Callable[[], Awaitable[bool]],
        holds: Callable[[str, int, tuple[str, ...]], Awaitable[bool]],
        pause: Callable[[float], Awaitable[bool]],
        cut: asyncio.Event,
    ) -> None:
        self._tools = tools
        self._policy = policy
        self._resting = resting
        self._counts = counts
        self._turn = turn
        self._holds = holds
        self._pause = pause
        self._cut = cut

    def without_turn(self, letter: Letter, record: Record | None, source: Source) -> Result | None:
        """What is said of a letter for which there is nothing to do, so that it needs no turn; None for others."""
        if record is None:
            return None
        match decide(letter, record, self._policy).next:
            case Next.LEAVE:
                return Result.WAITING
            case Next.REMOVE if record.resolved_ms and source.keeps:  # it is listed in every round
                fresh = time.time() - record.last_seen_ms / 1000 < _FRESH_SECONDS
                return Result.REMOVED if fresh else None
        return None

    async def look_ahead(self, known: Iterable[tuple[Letter, Record]]) -> None:
        """Before the turns of letters that begin together: look their conversations up with few requests."""
        conversations = self._tools.conversations
        if conversations is None or not conversations.correlates:
            return
        wanted = [one for one, record in known if decide(one, record, self._policy).next is Next.DELIVER]
        if wanted:
            await conversations.look_ahead(wanted)

    async def handle(self, letter: Letter, record: Record, source: Source) -> Result:
        """One letter's turn. Raises `LedgerError`: then nothing is known to have been written, nothing was deleted."""
        decision = decide(letter, record, self._policy)
        match decision.next:
            case Next.LEAVE:
                return Result.WAITING
            case Next.REMOVE:
                return await self._remove(letter, source, Result.REMOVED, resolved=bool(record.resolved_ms))
            case Next.PARK:
                await self._park(letter, record, decision.note)
                if decision.exhausted:
                    await self._tell(letter, Told.EXHAUSTED_RETRIES, record.attempts)
                return Result.EXHAUSTED if decision.exhausted else Result.PARKED
            case Next.ARCHIVE:
                return await self._archive(letter, record, source)
            case Next.DELIVER:
                return await self._deliver(letter, record, source)

    async def _deliver(self, letter: Letter, record: Record, source: Source) -> Result:
        deliver, reached, attempt = self._tools.deliver, record.reached, record.attempts
        if (early := await self._without_conversation(letter, record, source)) is not None:
            return early
        while True:
            try:
                aims = deliver.aims(letter, reached)
            except NotDeliverable as error:
                await self._park(letter, record, str(error))
                return Result.PARKED
            if not aims and await self._is_begun_anew(letter):
                await self._park(letter, record, ONCE_MORE)
                return Result.PARKED
            alone = self._resting.among(aims)
            aims = tuple(aim for aim in aims if aim not in alone)
            if alone and not aims:
                return Result.PUT_OFF
            if not await self._turn():
                return Result.PUT_OFF
            if not await self._holds(letter.id, attempt, reached):
                return Result.ELSEWHERE
            attempt += 1
            known = await self._note(letter, deliver.action, Phase.STARTED, attempt)
            if known.by != self._tools.by:
                return Result.ELSEWHERE  # who was quicker has noted this very attempt, and what comes of it
            if set(known.reached) - set(reached):  # somebody whose claim had ended has said only now what had arrived
                reached = known.reached
                aims = tuple(aim for aim in aims if aim not in reached)
            await self._tell(letter, Told.RETRYING, attempt)
            # Once more: either may have taken longer than the claim lasts.
            if not await self._holds(letter.id, attempt, reached):
                return Result.ELSEWHERE
            if aims and record.status is Status.IN_PROGRESS and attempt == record.attempts + 1:
                log.warning("%s: it may arrive twice", _CUT_OFF, extra=about_letter(letter))
            # When every target has it already, an earlier run died before it could say so.
            made = await self._attempt(letter, (*reached, *alone), aims) if aims else Outcome()
            self._learn(made, attempt, letter)
            owed = {aim: _ALONE for aim in alone if aim not in reached}
            made = msgspec.structs.replace(made, failures={**made.failures, **owed})
            phase = Phase.FAILED if made.failures else Phase.DONE
            late = self._cut.is_set() and phase is Phase.FAILED and all(why == LATE for why in made.failures.values())
            cut = late or bool(owed)
            entry = self._entry(letter, deliver.action, phase, attempt, targets=made.reached, note=made.sentence)
            await note_outcomes(self._tools.ledger, [msgspec.structs.replace(entry, cut=cut)])
            if phase is Phase.DONE:
                await self._tell(letter, Told.REPLAY_SUCCESSFUL, attempt)
                return await self._remove(letter, source, Result.DELIVERED)
            reached = tuple(dict.fromkeys((*reached, *made.reached)))
            if cut:
                return Result.PUT_OFF
            if (end := await self._after_failure(letter, record, attempt, made)) is not None:
                return end

    async def _is_begun_anew(self, letter: Letter) -> bool:
        """Whether an attempt was begun after one that was done: nobody makes that but to deal with it once more."""
        lines = await self._tools.ledger.history(letter.id)
        acts = [line for line in lines if line.action in (Action.RETRY, Action.REPLAY)]
        done = next((at for at, line in enumerate(acts) if line.phase is Phase.DONE), len(acts))
        return any(line.phase is Phase.STARTED for line in acts[done:])

    async def _after_failure(self, letter: Letter, record: Record, attempt: int, made: Outcome) -> Result | None:
        """What a failed attempt leaves to do; None, after a pause, when that is another attempt."""
        tried = attempt - record.cut
        if not made.again and made.config and self._policy.rests(tried):
            return Result.PUT_OFF
        if not made.again:
            await self._park(letter, record, made.sentence)
            await self._tell(letter, Told.REPLAY_FAILED, attempt)
            return Result.PARKED
        if tried >= self._policy.attempts:
            await self._park(letter, record, used_up(tried, made.sentence))
            await self._tell(letter, Told.EXHAUSTED_RETRIES, attempt)
            return Result.EXHAUSTED
        if (made.retry_after or 0.0) > self._policy.cap_seconds:
            return Result.PUT_OFF  # its target rests for so long
        if not await self._pause(self._policy.wait(tried, made.retry_after)):
            return Result.PUT_OFF
        return None

    async def _attempt(self, letter: Letter, reached: tuple[str, ...], aims: tuple[str, ...]) -> Outcome:
        attempt = asyncio.create_task(self._tools.deliver(letter, reached, self._cut), name=f"attempt-{letter.id}")
        cut = asyncio.create_task(self._cut.wait(), name=f"cut-{letter.id}")
        try:
            await asyncio.wait({attempt, cut}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({attempt}, timeout=_LET_GO_SECONDS)
            return attempt.result() if attempt.done() else Outcome((), dict.fromkeys(aims, LATE), again=True)
        finally:
            attempt.cancel()
            cut.cancel()
            # What counts as failed must have ended before anybody is told so, and the letter is let go.
            await asyncio.wait({attempt, cut}, timeout=_LET_GO_SECONDS)

    async def _without_conversation(self, letter: Letter, record: Record, source: Source) -> Result | None:
        """The end of the turn of a letter whose conversation is not there, or not yet; None: go on.

        That nobody can be asked keeps no letter from being delivered.
        """
        conversations = self._tools.conversations
        if conversations is None or not conversations.correlates or not letter.conversation_id:
            return None
        found = await conversations.correlate(letter)
        if found.presence == FAILED:
            log.warning(
                "a conversation could not be looked up, and its letter is delivered all the same: %s",
                found.error,
                extra=about_letter(letter),
            )
        if found.presence == _NOT_YET:
            return Result.PUT_OFF
        if found.presence != _ABSENT:
            return None
        note = f"the conversation {letter.conversation_id} is not there, and had the time to appear"
        if self._tools.archive is None:
            await self._park(letter, record, note)
            return Result.PARKED
        return await self._archive(letter, record, source, note)

    async def _archive(self, letter: Letter, record: Record, source: Source, why: str = "") -> Result:
        archive = self._tools.archive
        if archive is None:
            raise AssertionError("the policy archives nothing without an archive")
        if not await self._turn():
            return Result.PUT_OFF
        await self._note(letter, Action.ARCHIVE, Phase.STARTED, 1)
        (made,) = await archive([Work(letter, record.reached)])
        if made.failures:
            await self._note(letter, Action.ARCHIVE, Phase.FAILED, 1, note=made.sentence)
            log.warning("a letter cannot be archived: %s", made.sentence, extra=about_letter(letter))
            return Result.FAILED
        note = f"{made.note}; {why}" if why else made.note
        await self._note(letter, Action.ARCHIVE, Phase.DONE, 1, targets=made.reached, note=note)
        return await self._remove(letter, source, Result.ARCHIVED)

    async def _remove(self, letter: Letter, source: Source, result: Result, *, resolved: bool = False) -> Result:
        refused = await source.delete([letter])
        if why := refused.get(letter.id):
            log.warning("a letter that is done with stays in its queue: %s", why, extra=about_letter(letter))
            return Result.FAILED
        if not resolved:
            await self._note(letter, Action.RESOLVE, Phase.DONE, 1)
        return result

    async def _park(self, letter: Letter, record: Record, note: str) -> None:
        # Numbered by the sighting: a letter may be parked again, for another reason.
        await self._note(letter, Action.PARK, Phase.DONE, record.sightings, note=note)

    async def _note(
        self,
        letter: Letter,
        action: Action,
        phase: Phase,
        attempt: int,
        *,
        targets: tuple[str, ...] = (),
        note: str = "",
    ) -> Record:
        entry = self._entry(letter, action, phase, attempt, targets=targets, note=note)
        return (await self._tools.ledger.record([entry]))[letter.id]

    def _entry(
        self, letter: Letter, action: Action, phase: Phase, attempt: int, *, targets: tuple[str, ...], note: str
    ) -> Entry:
        return Entry(letter.id, action, phase, self._tools.by, attempt, targets=targets, note=note)

    async def _tell(self, letter: Letter, told: Told, attempt: int) -> None:
        conversations = self._tools.conversations
        if conversations is None or not letter.conversation_id:
            return
        try:
            await conversations.tell(letter, told, attempt)
        except CallError as error:
            # What was done is done, whether its conversation hears of it or not.
            self._counts.told_failed += 1
            log.warning(
                "a conversation could not be told what became of its letter: %s",
                error,
                extra=about_letter(letter, status=told.value),
            )
        else:
            self._counts.told += 1

    def _learn(self, made: Outcome, attempt: int, letter: Letter) -> None:
        self._counts.attempts += 1
        for target in made.reached:
            self._resting.worked(target)
        for target in made.failures:
            # A letter that a target refuses says nothing about the target.
            if made.again and target not in made.lasting:
                self._resting.failed(target, made.retry_after)
        if made.failures:
            self._counts.attempts_failed += 1
            log.info(
                "a delivery failed: %s",
                made.sentence,
                extra=about_letter(letter, attempt=attempt, again=made.again),
            )
