"""The steps of a state machine that recovers letters, one method a state: what each takes and answers.

A step takes `{"record": ...}`: the letter as SQS's record, as Lambda and EventBridge Pipes pass it, or a bare event, as
the router starts a state machine with. What a state machine works on was deleted from its queue before: so a letter
that is neither delivered nor archived must be parked, in another queue.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from typing import Any

import msgspec

from turnout.errors import TurnoutError
from turnout.genesys.conversation import Conversation, Participant
from turnout.genesys.writeback import RetryStatus
from turnout.message import Message
from turnout.recovery.deliver.api import Work
from turnout.recovery.deliver.composing import compose_as_found
from turnout.recovery.ledger.api import LedgerError
from turnout.recovery.ledger.records import Record, Status
from turnout.recovery.letter import Letter
from turnout.recovery.messages import as_message
from turnout.serverless.choosing import Choice, Course
from turnout.serverless.recovering import Recovery
from turnout.serverless.telling import foremost
from turnout.sqs.api import Sqs

__all__ = [
    "InvalidStep",
    "LetterHeld",
    "LetterSteps",
    "NotArchived",
    "NotDelivered",
    "NotParked",
    "NotThere",
    "Refused",
    "Step",
]

log = logging.getLogger(__name__)

Step = dict[str, Any]
"""What a step takes and what it answers: a JSON object."""

# An execution whose state grows over 262,144 bytes fails at once, and nothing can catch that. The state is the letter's
# record, and what the steps answer or fail with.
_LARGEST_RECORD = 224 * 1024
_LONGEST_TEXT = 256
_FAILED = frozenset({Status.FAILED_RETRY, Status.FAILED_REPLAY, Status.FAILED_ARCHIVE})
_CUT_OFF = "the last attempt was cut off before it could say what came of it: it may have arrived"
_MOST = 20


class InvalidStep(TurnoutError):
    """A step was called without what it needs: the state machine is not the one that comes with Turnout."""


class NotDelivered(TurnoutError):
    """An attempt at a delivery failed. The state machine retries it, with backoff."""


class NotThere(TurnoutError):
    """A target is missing or denies us, maybe for a deployment only. The state machine asks again, a minute apart."""


class NotArchived(TurnoutError):
    """The archive did not take the letter. The state machine retries it, with backoff."""


class LetterHeld(TurnoutError):
    """Another execution is at the letter. The state machine waits until that one must have ended, and asks again."""


class Refused(TurnoutError):
    """It was refused for good: the same attempt will fail again. The state machine parks the letter."""


class NotParked(TurnoutError):
    """The letter could not be put into the queue for operators. The execution fails, and still has it."""


class LetterSteps:
    """The steps, on what stays open between calls. `parked` is the URL of the queue for operators; may be empty."""

    def __init__(self, recovery: Recovery, sqs: Sqs, parked: str) -> None:
        self._recovery = recovery
        self._sqs = sqs
        self._parked = parked

    async def classify(self, step: Step, seconds: float) -> Step:
        """What is known of the letter, and its course: `deliver`, `archive`, `park` or `nothing`."""
        letter = self._letter(step)
        record = await self._recovery.see(letter)
        choice = self._recovery.choose(Work.of(letter, record))
        if record.resolved_ms:
            choice = Choice(Course.NOTHING, "it was resolved before")
        elif self._lies_in_parked(record):
            choice = Choice(Course.NOTHING, "it was parked before")
        elif choice.course in (Course.DELIVER, Course.ARCHIVE) and _bytes(step["record"]) > _LARGEST_RECORD:
            choice = Choice(
                Course.PARK, f"it is larger than the {_LARGEST_RECORD // 1024} KiB a state machine can hold"
            )
        return {
            "id": letter.id,
            "course": str(choice.course),
            "why": choice.why,
            "aims": list(choice.aims),
            "cause": str(letter.cause),
            "disposition": str(letter.disposition),
            "event_id": letter.event_id[:_LONGEST_TEXT],
            "event_type": letter.event_type[:_LONGEST_TEXT],
            "conversation_id": letter.conversation_id[:_LONGEST_TEXT],
            "attempts": record.attempts,
        }

    async def correlate(self, step: Step, seconds: float) -> Step:
        """The conversation that the letter is about, as far as Genesys knows it, and no more of it than needed."""
        found = await self._recovery.teller.correlate(self._letter(step), seconds)
        if found is None:
            return {"presence": "unknown"}
        conversation = found.conversation
        if conversation is not None:
            conversation = msgspec.structs.replace(
                conversation,
                participants=tuple(foremost(conversation.participants)[:_MOST]),
                queue_ids=conversation.queue_ids[:_MOST],
                division_ids=conversation.division_ids[:_MOST],
            )
        return {"presence": str(found.presence), "conversation": msgspec.to_builtins(conversation)}

    async def deliver(self, step: Step, seconds: float) -> Step:
        """One attempt. Raises `NotDelivered`, `NotThere`, `LetterHeld`, `Refused`."""
        return await self._once(self._letter(step), Course.DELIVER, NotDelivered, seconds)

    async def archive(self, step: Step, seconds: float) -> Step:
        """Write the letter to the archive. Raises `NotArchived`, `LetterHeld`, `Refused`."""
        return await self._once(self._letter(step), Course.ARCHIVE, NotArchived, seconds)

    async def notify(self, step: Step, seconds: float) -> Step:
        """Tell the conversation `status`, one of the tutorials' four. Raises `InvalidStep` for any other."""
        letter = self._letter(step)
        try:
            status = RetryStatus(step.get("status", ""))
        except ValueError:
            raise InvalidStep(f"status must be one of {', '.join(RetryStatus)}") from None
        record = await self._recovery.see(letter)
        outcome = await self._recovery.teller.tell(letter, status, record.attempts, _conversation(step), seconds)
        return {"status": str(status), "outcome": str(outcome)}

    async def park(self, step: Step, seconds: float) -> Step:
        """Put the letter, as it was found, into the queue for operators. Raises `NotParked`, `LetterHeld`.

        Once: not when an answer was lost or another execution was as far, and not what was done with meanwhile, by an
        attempt that could not say so any more.
        """
        letter = self._letter(step)
        if not self._parked:
            raise NotParked("TURNOUT_PARKED_QUEUE_URL is not set: it names the queue for letters that need a person")
        why = str(step.get("why", ""))
        try:
            record = await self._recovery.see(letter)
            why = _with_last_attempt(why, record)
            if record.settled:
                log.info("letter %s is not parked, it was done with meanwhile", letter.id)
                return {"queue": ""}
            async with self._recovery.hold(letter, seconds) as held:
                if held is None:
                    raise LetterHeld("another call is at this letter")
                if not self._lies_in_parked(held):
                    await self._park(letter, held.reached, why)
        except LedgerError as error:  # that keeps no letter from being parked
            log.warning("letter %s is parked without asking the ledger: %s", letter.id, error)
            await self._park(letter, (), why)
        return {"queue": self._parked}

    async def _park(self, letter: Letter, reached: tuple[str, ...], why: str) -> None:
        outgoing = compose_as_found(letter, self._parked, reached, why)
        try:
            sent = await self._sqs.send(self._parked, [outgoing])
        except TurnoutError as error:
            raise NotParked(str(error)) from error
        if sent.failures:
            raise NotParked(f"{sent.failures[0].code}: {sent.failures[0].message}")
        try:
            await self._recovery.park(letter, why, self._parked)
        except LedgerError as error:  # it is parked: to fail would park it again
            log.warning("letter %s is parked, but the ledger does not know: %s", letter.id, error)

    def _lies_in_parked(self, record: Record) -> bool:
        """Whether the letter is in the queue for operators: what becomes of it is theirs to say, one copy enough."""
        return self._parked in record.reached

    async def _once(self, letter: Letter, course: Course, failed: type[TurnoutError], seconds: float) -> Step:
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        record = await self._recovery.see(letter)
        if record.resolved_ms:
            return {"reached": list(record.reached), "attempts": record.attempts}
        async with self._recovery.hold(letter, max(0.0, end - clock())) as held:
            if held is None:
                raise LetterHeld("another call is at this letter")
            if self._lies_in_parked(held):
                raise Refused("another execution has parked it")
            choice = self._recovery.choose(Work.of(letter, held))
            if held.settled or choice.course is Course.NOTHING:  # all that was left to do is to say so
                await self._recovery.resolve(letter)
                return {"reached": list(held.reached), "attempts": held.attempts}
            if choice.course is not course:
                raise InvalidStep(f"the course of this letter is {choice.course}, not {course}: {choice.why}")
            outcome, record = await self._recovery.attempt(choice, letter, held, end - clock())
            if not outcome.done:
                raise (failed if outcome.again else NotThere if outcome.config else Refused)(outcome.sentence)
            await self._recovery.resolve(letter)
        return {"reached": list(outcome.reached), "attempts": record.attempts}

    def _letter(self, step: Step) -> Letter:
        record = step.get("record")
        if not isinstance(record, dict):
            raise InvalidStep("the step has no record: it takes the letter as SQS's record, or a bare event")
        if isinstance(record.get("messageId"), str) and "body" in record:
            message = as_message(record)
        else:
            body = json.dumps(record, ensure_ascii=False)
            identity = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:32]
            message = Message(f"event-{identity}", "", body, "")
        return self._recovery.read(msgspec.structs.replace(message, body_md5=None))


def _with_last_attempt(why: str, record: Record) -> str:
    """Why a letter is parked, and what is known of the last attempt at it, which may have taken effect."""
    if record.status is Status.IN_PROGRESS:
        return "; ".join(filter(None, (why, _CUT_OFF)))
    return "; ".join(filter(None, (why, record.note))) if record.status in _FAILED else why


def _bytes(record: object) -> int:
    """How much of a state a record takes."""
    return len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _conversation(step: Step) -> Conversation | None:
    """The conversation that an earlier step found."""
    found = step.get("conversation")
    told = found.get("conversation") if isinstance(found, dict) else None
    if not isinstance(told, dict):
        return None
    listed = told.get("participants")
    participants = tuple(
        Participant(str(each.get("id", "")), str(each.get("purpose", "")))
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict)
    )
    return Conversation(id=str(told.get("id", "")), participants=participants)
