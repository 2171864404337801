"""One letter as the tutorials' `eventbridge_diagnostics.json` lists it: what failed, and the original event."""

from __future__ import annotations

from datetime import datetime

import msgspec

from turnout.recovery.causes import CauseTable
from turnout.recovery.ledger.records import Record, Status
from turnout.recovery.letter import Letter
from turnout.recovery.redaction import Redaction
from turnout.recovery.report.model import Diagnosis, Interaction
from turnout.recovery.report.steps import targets_of
from turnout.rules.decode import decode
from turnout.rules.model import Json, Rejection

__all__ = ["diagnosis", "failed_at"]


def failed_at(letter: Letter) -> datetime | None:
    """When it failed, as near as anybody says: else when it was sent, else when the event happened."""
    return letter.last_failure or letter.sent or letter.event_time


def diagnosis(
    letter: Letter,
    *,
    causes: CauseTable,
    redaction: Redaction,
    record: Record | None = None,
    interaction: Interaction | None = None,
) -> Diagnosis:
    """What is known of one letter."""
    payload, hidden = _payload(letter.body, redaction)
    if interaction is not None and interaction.error:
        interaction = msgspec.structs.replace(interaction, error=redaction.line(interaction.error))
    return Diagnosis(
        id=redaction.line(letter.id),
        timestamp=failed_at(letter),
        interaction_id=redaction.line(letter.conversation_id),
        event_type=redaction.line(letter.event_type),
        event_id=redaction.line(letter.event_id),
        category=causes.category(letter.cause),
        cause=letter.cause.value,
        disposition=letter.disposition,
        because=redaction.line(letter.verdict.because),
        origin=letter.origin.value,
        code=redaction.line(letter.code),
        error=redaction.line(letter.error),
        endpoint=redaction.line(", ".join(targets_of(letter))),
        payload=payload,
        payload_redacted=hidden,
        status=str(record.status if record is not None else Status.PENDING),
        attempts=record.attempts if record is not None else 0,
        interaction=interaction,
    )


def _payload(body: str | None, redaction: Redaction) -> tuple[Json | msgspec.Raw, bool]:
    """The event to show, and whether something of it is hidden."""
    if body is None:
        return None, False
    event = decode(body)
    if isinstance(event, Rejection):
        shown = redaction.body(body)
        return shown, shown != body
    shown_event = redaction.value(dict(event))
    hidden = shown_event != event
    try:
        # As it was written, to the last digit of its numbers.
        written = body.encode() if not hidden else msgspec.json.encode(shown_event)
        return msgspec.json.decode(written, type=msgspec.Raw), hidden
    except (ValueError, RecursionError, msgspec.MsgspecError):
        # Halves of surrogate pairs: JSON that not everybody reads. As a text it is escaped.
        return redaction.body(body), hidden
