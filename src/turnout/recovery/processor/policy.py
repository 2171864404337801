"""What is next for a letter: from what it is and what the ledger remembers of it, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum

import msgspec

from turnout.recovery.causes import Disposition
from turnout.recovery.ledger.records import Record, Status
from turnout.recovery.letter import Letter, Payload

__all__ = ["ONCE_MORE", "Decision", "Next", "Policy", "decide", "is_begun_anew", "used_up"]

ONCE_MORE = (
    "it was dealt with before, and dealing with it once more (--again) has begun and not ended well: "
    "go on with that plan (--resume), or begin anew with --again"
)

_PARKED = frozenset({Status.PARKED, Status.UNKNOWN_CATEGORY})
_BEGUN = frozenset({Status.IN_PROGRESS, Status.FAILED_RETRY, Status.FAILED_REPLAY, Status.FAILED_ARCHIVE})


class Next(StrEnum):
    """What to do with a letter now."""

    DELIVER = "deliver"
    ARCHIVE = "archive"
    PARK = "park"
    """Say in the ledger that it waits for somebody."""
    REMOVE = "remove"
    """Its outcome is durable; take it out of its queue."""
    LEAVE = "leave"
    """It waits for somebody already."""


class Decision(msgspec.Struct, frozen=True):
    """What to do, and why, where the ledger should say so. `exhausted`: all attempts are used up."""

    next: Next
    note: str = ""
    exhausted: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how patiently, and whether there is an archive. Times in seconds."""

    attempts: int = 4
    """At a delivery, the first included, whoever made them: restarts and other workers count; not what a drain cut."""
    config_attempts: int = 3
    """... where a target is missing or denies us: during a deployment it may be so for a moment. One a round."""
    base_seconds: float = 2.0
    cap_seconds: float = 60.0
    archives: bool = False

    def rests(self, attempts: int) -> bool:
        """Whether a letter whose target is missing or denies us, after so many attempts, waits for another round."""
        return attempts < min(self.attempts, self.config_attempts)

    def wait(self, attempt: int, asked: float | None = None, uniform: Callable[[], float] = random.random) -> float:
        """Seconds to wait after this attempt (counted from 1): between half of and all of base * 2**(attempt - 1).

        Not more than the cap; but what the service asked for (`Retry-After`) is waited for in any case.
        """
        longest = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt - 1, 60))
        return max(asked or 0.0, longest * (0.5 + uniform() / 2))


def decide(letter: Letter, record: Record, policy: Policy) -> Decision:
    """What is next for this letter, which the ledger knows as `record`."""
    if is_begun_anew(record):
        # To take it out would be the end of what its operator wants done, and is not.
        return Decision(Next.LEAVE) if record.status in _PARKED else Decision(Next.PARK, ONCE_MORE)
    if record.settled:
        return Decision(Next.REMOVE)
    if _waits(letter, record, policy):
        return Decision(Next.LEAVE)
    match letter.disposition:
        case Disposition.TRANSIENT:
            if letter.payload is not Payload.WHOLE:
                return Decision(Next.PARK, "the letter does not carry its event, so that it cannot be delivered")
            if (tried := record.attempts - record.cut) >= policy.attempts:
                return Decision(Next.PARK, used_up(tried, record.note), exhausted=True)
            return Decision(Next.DELIVER)
        case Disposition.PERMANENT:
            if policy.archives:
                return Decision(Next.ARCHIVE)
            return Decision(Next.PARK, "nothing would deliver it, and there is no archive to put it into")
        case Disposition.NEEDS_FIX:
            return Decision(Next.PARK, f"waits for a repair: {letter.verdict.because}")
        case Disposition.UNKNOWN:
            return Decision(Next.PARK, "; ".join(filter(None, (letter.verdict.because, letter.done_unknown))))


def used_up(tried: int, why: str) -> str:
    """That all attempts have failed, and why the last one did, for the ledger."""
    said = "1 attempt has failed" if tried == 1 else f"{tried} attempts have failed"
    return f"{said}: {why}" if why else said


def is_begun_anew(record: Record) -> bool:
    """Whether a letter was dealt with, and somebody has begun since to do that once more."""
    return bool(record.resolved_ms) and record.status in _BEGUN | _PARKED


def _waits(letter: Letter, record: Record, policy: Policy) -> bool:
    """Whether it is parked, and nothing has changed that would make another decision."""
    if record.status is Status.UNKNOWN_CATEGORY:
        return letter.disposition is Disposition.UNKNOWN
    return record.status is Status.PARKED and not (letter.disposition is Disposition.PERMANENT and policy.archives)
