"""From a message in a dead-letter queue to a `Letter`: wrappers are taken off one by one, then the event is read.

Which wrappers there are is in `shapes`. Nothing a queue holds can raise here, and nothing is dropped: what nobody
recognises is a letter of unknown origin.
"""

from __future__ import annotations

import msgspec

from turnout.failures import Reason
from turnout.letter import LETTER, PARKED
from turnout.queues import queue_name
from turnout.recovery.causes import CauseTable, default_causes
from turnout.recovery.classify import classify, in_order
from turnout.recovery.letter import Evidence, Kind, Layer, Letter, Origin, Payload
from turnout.recovery.messages import AnyMessage, as_message, message_id
from turnout.recovery.shapes import SHAPES, Parcel
from turnout.recovery.shapes.application import spoken
from turnout.recovery.shapes.parcel import field, scalar
from turnout.recovery.times import moment
from turnout.rules.identity import conversation_id
from turnout.rules.model import Json

__all__ = ["MAX_DEPTH", "read_letter"]

MAX_DEPTH = 5
"""So many wrappers are taken off; a redrive by SQS wraps nothing and does not count."""

# The failure is what puts a message into these queues, so its time there is the time of the failure.
_SENT_WHEN_FAILED = frozenset(
    {Origin.EVENTBRIDGE_RULE, Origin.EVENTBRIDGE_BUS, Origin.EVENTBRIDGE_SCHEDULER, Origin.LAMBDA_ASYNC}
)

_ILLEGIBLE = (
    f"Its attribute {LETTER} cannot be read: it is damaged, or a newer Turnout has written it, and can read it. "
    "Here nobody knows which targets have the event already."
)


def read_letter(message: AnyMessage, *, queue: str = "", causes: CauseTable | None = None) -> Letter:
    """The letter that a message is.

    `message` is as boto3's `receive_message` returns it (ask for all attributes: `MessageAttributeNames` and
    `MessageSystemAttributeNames` both `["All"]`), as a Lambda function gets it, or a `turnout.message.Message`. `queue`
    is the URL of the queue it was found in. `causes` is the table to classify by; None is the one that ships with
    Turnout. Never raises, whatever the message holds.
    """
    found = as_message(message, queue)
    attributes = {name: value for name, value in found.attributes.items() if name != PARKED}
    parked = found.attributes.get(PARKED)
    notes = [f"Put here by recovery: {parked.text}"] if parked is not None and parked.text else []
    chain, parcel = _unwrapped(Parcel.of(found.body, attributes), notes)
    sent = moment(found.system.get("SentTimestamp"))
    if chain and chain[0].origin in _SENT_WHEN_FAILED and chain[0].last_failure is None:
        chain[0] = msgspec.structs.replace(chain[0], last_failure=sent)
    redriven_from = found.system.get("DeadLetterQueueSourceArn", "")
    if redriven_from:
        chain.insert(0, Layer(Origin.SQS_REDRIVE, found.body, attributes, source=redriven_from))
    payload = next((layer.payload for layer in chain if layer.payload is not Payload.WHOLE), Payload.WHOLE)
    if payload is not Payload.WHOLE:
        parcel = msgspec.structs.replace(parcel, rejection=None)  # a record about an event is not a malformed event
    evidence = [each for layer in chain for each in layer.evidence]
    if payload is not Payload.ABSENT:
        evidence += _event_evidence(parcel)
    table = causes or default_causes()
    evidence = list(in_order(evidence, table))
    origin = chain[0].origin if chain else _unwrapped_origin(parcel)
    if payload is Payload.WHOLE and any(each.code == Reason.LETTER_UNREADABLE for each in evidence):
        notes.append(_ILLEGIBLE)
    else:
        notes += _notes(origin, payload, chain)
    event: Json = dict(parcel.event) if payload is not Payload.ABSENT else {}
    return Letter(
        id=message_id(found),
        message=found,
        origin=origin,
        chain=tuple(chain),
        body=None if payload is Payload.ABSENT else parcel.body,
        attributes=parcel.attributes,
        payload=payload,
        verdict=classify(evidence, table, parcel.rejection),
        evidence=tuple(evidence),
        event_id=scalar(event, "id") or next((layer.event_id for layer in reversed(chain) if layer.event_id), ""),
        event_type=_event_type(event) or next((layer.event_type for layer in chain if layer.event_type), ""),
        event_source=scalar(event, "source"),
        event_time=moment(field(event, "time")) or moment(field(event, "timestamp")),
        conversation_id=conversation_id(event) or "",
        sent=sent,
        notes=tuple(notes),
    )


def _unwrapped(parcel: Parcel, notes: list[str]) -> tuple[list[Layer], Parcel]:
    """The layers that could be taken off, the outermost first, and what is inside."""
    chain: list[Layer] = []
    try:
        while layer := _outermost(parcel):
            if len(chain) == MAX_DEPTH:
                notes.append(f"Wrapped more than {MAX_DEPTH} times; the rest of the wrapping is left on.")
                break
            chain.append(layer)
            if layer.payload is Payload.ABSENT:
                break
            parcel = Parcel.of(layer.body, layer.attributes)
    except RecursionError:
        notes.append("Nested too deep to be taken out of its wrapper.")
    return chain, parcel


def _outermost(parcel: Parcel) -> Layer | None:
    return next((layer for shape in SHAPES if (layer := shape(parcel))), None)


def _unwrapped_origin(parcel: Parcel) -> Origin:
    event = parcel.event
    return Origin.EVENT if "detail-type" in event and "source" in event else Origin.UNKNOWN


def _event_evidence(parcel: Parcel) -> list[Evidence]:
    """Some in-house events say themselves what went wrong with them."""
    places: tuple[Json, ...] = (dict(parcel.event), field(parcel.event, "detail"))
    return [each for place in places if (each := spoken(place, Kind.EVENT))]


def _event_type(event: Json) -> str:
    places = (("detail-type",), ("detail", "eventType"), ("eventType",), ("event_type",))
    return next((text for place in places if (text := scalar(event, *place))), "")


def _notes(origin: Origin, payload: Payload, chain: list[Layer]) -> list[str]:
    if payload is Payload.ABSENT:
        return ["The event itself is not in this letter; only a pointer to it is."]
    if payload is Payload.TRUNCATED:
        return ["The sender has cut the end off; what is here cannot be delivered again."]
    if any(layer.origin is Origin.TURNOUT and not layer.source for layer in chain):
        return ["The event left room for the reason only; which targets it is owed, the worker's log knows."]
    if origin is Origin.EVENT:
        return ["Nothing says why it is here. If attributes were not asked for when it was received, ask for all."]
    if origin is Origin.SQS_REDRIVE and len(chain) == 1:
        return [f"SQS moved it here after too many receives from {queue_name(chain[0].source.replace(':', '/'))}."]
    return []
