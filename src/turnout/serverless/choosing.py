"""What to do with a dead letter without asking anybody. Pure.

Only what time may repair, or nobody knows the reason of, is delivered again: what needs a repair would fail again, and
what is permanent always will.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from turnout.recovery.causes import Disposition
from turnout.recovery.deliver.api import Act, Unfit, Work
from turnout.recovery.letter import Payload

__all__ = ["Choice", "Course", "choose"]


class Course(StrEnum):
    """What is done with a letter."""

    DELIVER = "deliver"
    ARCHIVE = "archive"
    PARK = "park"
    """Left for an operator."""
    NOTHING = "nothing"
    """Everything it was owed has it already."""


class Choice(msgspec.Struct, frozen=True):
    """The course, the act that takes it (None: none does), where the letter would go, and why.

    `detour` is why a letter that is owed to somebody does not go there, but where the next act takes it.
    """

    course: Course
    why: str
    act: Act | None = None
    aims: tuple[str, ...] = ()
    detour: str = ""


def choose(work: Work, deliveries: Sequence[Act], archive: Act | None) -> Choice:
    """What to do with a letter. `deliveries` are tried in order: the first that is fit for it delivers it."""
    letter = work.letter
    if letter.disposition is Disposition.PERMANENT or letter.payload is not Payload.WHOLE:
        why = "it cannot be delivered as it is" if letter.payload is Payload.WHOLE else "it does not carry its event"
        return _archived(work, archive, f"{why} ({letter.cause})")
    if letter.disposition is Disposition.NEEDS_FIX:
        return Choice(Course.PARK, f"something has to be repaired first ({letter.cause})")
    reasons = []
    for act in deliveries:
        try:
            aims = act.aims(work)
        except Unfit as unfit:
            reasons.append(str(unfit))
            continue
        if not aims:
            return Choice(Course.NOTHING, "everything it was owed has it already")
        # Of a letter that is owed to nobody it is no news that it goes back to its source queue.
        detour = f"not to what it is owed: {_listed(reasons)}" if reasons and letter.delivery is not None else ""
        why = f"{letter.disposition} ({letter.cause})"
        return Choice(Course.DELIVER, f"{why}; {detour}" if detour else why, act, aims, detour)
    return Choice(Course.PARK, _listed(reasons) or "nothing delivers it")


def _listed(reasons: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(reasons))


def _archived(work: Work, archive: Act | None, why: str) -> Choice:
    if archive is None:
        return Choice(Course.PARK, f"{why}, and no archive is set (TURNOUT_DLQ_ARCHIVE_BUCKET)")
    return Choice(Course.ARCHIVE, why, archive, archive.aims(work))
