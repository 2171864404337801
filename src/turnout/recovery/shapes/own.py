"""Letters that Turnout itself wrote (turnout.letter)."""

from __future__ import annotations

import msgspec

from turnout.failures import Reason
from turnout.letter import (
    ERROR_CODE,
    ERROR_MESSAGE,
    LETTER,
    LETTER_VERSION,
    LetterAttribute,
    foreign_version,
    original_attributes,
    read_letter_attribute,
)
from turnout.recovery.letter import Evidence, Kind, Layer, Origin
from turnout.recovery.shapes.parcel import Parcel
from turnout.recovery.times import moment

__all__ = ["NEVER_ROUTED", "cut_letter", "letter", "unreadable_letter"]

NEVER_ROUTED = frozenset(
    {Reason.INVALID_JSON, Reason.NOT_AN_OBJECT, Reason.TOO_DEEP, Reason.MISSING_FIELD, Reason.UNMATCHED}
)
"""Why letters of ours are owed to nobody."""
_REASONS = frozenset(Reason)
_NO_ROOM = "it had no room to say which targets have it already and which not: choose a target"
_ANOTHER = (
    "another version of Turnout wrote it, and knows which targets have it already: "
    "use that version or a newer one, or choose a target"
)
_DAMAGED = f"its attribute {LETTER} is damaged, so that nobody knows which targets have it already: choose a target"


def letter(parcel: Parcel) -> Layer | None:
    """A message with the attribute `Turnout.Letter`."""
    written = read_letter_attribute(parcel.attributes)
    if written is None:
        return None
    originals = original_attributes(parcel.attributes)
    originals.pop(LETTER, None)  # a letter of a letter that was moved inside: the outer one knows all of it
    return Layer(
        Origin.TURNOUT,
        parcel.body,
        originals,
        # The letter's own sentence is cut first when room is short.
        evidence=_evidence(written, written.message or parcel.attribute(ERROR_MESSAGE)),
        source=written.source,
        rules=written.rules,
        owed=written.owed,
        failures=written.failures,
        done=written.done,
        attempts=max(0, written.attempts),
        first_failure=moment(written.first_failure),
        last_failure=moment(written.last_failure),
        event_id=written.event_id or "",
        ruleset=written.ruleset,
        trace_id=written.trace_id,
    )


def _evidence(written: LetterAttribute, message: str) -> tuple[Evidence, ...]:
    """Why the targets that it is owed did not get it, each for its own reason, which the letter says of several."""
    first = Evidence(Kind.ATTRIBUTE, "turnout", code=written.reason, message=message, fault=written.fault)
    found = []
    for number, (target, why) in enumerate(written.failures.items()):
        code, _, sentence = why.partition(": ")
        # The reason of the letter is that of the first: there is more of it.
        each = first if not number else Evidence(Kind.ATTRIBUTE, "turnout", code=code, message=sentence)
        if target in written.owed:  # it may have been delivered to others since
            found.append(msgspec.structs.replace(each, target=target))
    return tuple(found) or (first,)


def unreadable_letter(parcel: Parcel) -> Layer | None:
    """A message with the attribute `Turnout.Letter` that `letter` cannot read: another version wrote it, or it is
    damaged. Nothing may take the event for one that no target has yet.
    """
    if LETTER not in parcel.attributes:
        return None
    version = foreign_version(parcel.attributes)
    says = f"is of version {version}, and this Turnout reads version {LETTER_VERSION}" if version else "is damaged"
    said = ": ".join(part for part in (parcel.attribute(ERROR_CODE), parcel.attribute(ERROR_MESSAGE)) if part)
    message = f"its attribute {LETTER} {says}" + (f"; it failed with {said}" if said else "")
    return Layer(
        Origin.TURNOUT,
        parcel.body,
        parcel.without((LETTER, ERROR_CODE, ERROR_MESSAGE)),
        evidence=(Evidence(Kind.ATTRIBUTE, "turnout", code=Reason.LETTER_UNREADABLE, message=message),),
        done_unknown=_ANOTHER if version else _DAMAGED,
    )


def cut_letter(parcel: Parcel) -> Layer | None:
    """A message of nearly the full size: of the letter only the reason found room. What it is owed is not known."""
    reason = parcel.attribute(ERROR_CODE)
    if reason not in _REASONS:
        return None
    message = parcel.attribute(ERROR_MESSAGE)
    return Layer(
        Origin.TURNOUT,
        parcel.body,
        parcel.without((ERROR_CODE, ERROR_MESSAGE)),
        evidence=(Evidence(Kind.ATTRIBUTE, "turnout", code=reason, message=message),),
        done_unknown="" if reason in NEVER_ROUTED else _NO_ROOM,
    )
