"""Envelopes that applications write themselves, among them those of widely copied tutorials."""

from __future__ import annotations

from collections.abc import Mapping

from turnout.json_text import members
from turnout.recovery.letter import Evidence, Kind, Layer, Origin, Payload
from turnout.recovery.shapes.parcel import Parcel, field, integer, said, scalar
from turnout.recovery.times import moment
from turnout.rules.decode import decode
from turnout.rules.model import Json, Rejection

__all__ = ["envelope", "failed_event", "message_key", "spoken"]

_ORIGINALS = ("original_message", "originalMessage", "original_event", "originalEvent")
_CODES = ("errorCode", "error_code", "failureCode", "code")
_MESSAGES = ("error", "errorMessage", "error_message", "failureReason", "reason", "message")
_TIMES = ("timestamp", "failed_at", "failedAt")


def envelope(parcel: Parcel) -> Layer | None:
    """`{original_message, error, timestamp, ...}`; the original as text or as an object."""
    name = next((name for name in _ORIGINALS if isinstance(parcel.event.get(name), str | dict)), None)
    if name is None:
        return None
    spoke = spoken(parcel.event, Kind.ENVELOPE)
    return Layer(
        Origin.APPLICATION,
        _carried(parcel, name),
        parcel.attributes,
        evidence=(spoke,) if spoke else (),
        last_failure=next((at for name in _TIMES if (at := moment(parcel.event.get(name)))), None),
    )


def failed_event(parcel: Parcel) -> Layer | None:
    """An entry of the tutorial profile's failed-events API: `{id, eventType, failureCode, failureReason, payload}`."""
    event = parcel.event
    if "eventType" not in event or not ("failureCode" in event or "failureReason" in event):
        return None
    spoke = spoken(event, Kind.ENVELOPE)
    carried = isinstance(event.get("payload"), str | dict | list)
    return Layer(
        Origin.FAILED_EVENT,
        _carried(parcel, "payload") if carried else parcel.body,
        parcel.attributes,
        evidence=(spoke,) if spoke else (),
        payload=Payload.WHOLE if carried else Payload.ABSENT,
        event_id=scalar(event, "id"),
        event_type=scalar(event, "eventType"),
    )


def message_key(parcel: Parcel) -> Layer | None:
    """`{"Message": "<event>"}`: only when the text is an object itself, and what is around it is no event."""
    message = parcel.event.get("Message")
    if not isinstance(message, str) or "detail" in parcel.event or isinstance(decode(message), Rejection):
        return None
    return Layer(Origin.MESSAGE_KEY, message, parcel.attributes)


def spoken(document: Json | Mapping[str, Json], kind: Kind) -> Evidence | None:
    """What the members of this object that are named for errors say; None when there are none."""
    error = field(document, "error")
    code = next((text for name in _CODES if (text := scalar(document, name) or scalar(error, name))), "")
    names = _MESSAGES if kind is Kind.ENVELOPE else _MESSAGES[:4]
    message = next((text for name in names if (text := scalar(document, name) or scalar(error, name))), "")
    if not message and not code:
        return None
    status = integer(code) if len(code) == 3 else 0
    # The code's own name often says what the sentence does not, and is read with it.
    sentence = ": ".join(part for part in (code if not status else "", message) if part)
    details = {"stackTrace": scalar(document, "stackTrace"), "errorType": scalar(document, "errorType")}
    return Evidence(kind, "application", code=code, message=sentence, status=status, details=said(details))


def _carried(parcel: Parcel, name: str) -> str:
    """A member that carries the original: a text's content, or an object exactly as it is written."""
    value = parcel.event[name]
    return value if isinstance(value, str) else members(parcel.body)[name]
