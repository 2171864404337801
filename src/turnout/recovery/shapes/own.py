"""Letters that Turnout itself wrote (turnout.letter)."""

from __future__ import annotations

from turnout.letter import ERROR_CODE, ERROR_MESSAGE, LETTER, original_attributes, read_letter_attribute
from turnout.message import Reason
from turnout.recovery.letter import Evidence, Kind, Layer, Origin
from turnout.recovery.shapes.parcel import Parcel
from turnout.recovery.times import moment

__all__ = ["cut_letter", "letter"]

_REASONS = frozenset(Reason)


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
        evidence=(
            Evidence(
                Kind.ATTRIBUTE,
                "turnout",
                code=written.reason,
                # The letter's own sentence is cut first when room is short.
                message=written.message or parcel.attribute(ERROR_MESSAGE),
                fault=written.fault,
            ),
        ),
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
    )
