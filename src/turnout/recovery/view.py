"""A letter as it is shown: one record, redacted, of which lists take a few fields and `show` takes all."""

from __future__ import annotations

from datetime import UTC, datetime

from turnout.recovery.letter import Evidence, Layer, Letter
from turnout.recovery.redaction import Redaction

__all__ = ["arn_name", "letter_record", "letter_summary", "stamp"]


def arn_name(arn: str) -> str:
    """What people call the thing that an ARN names: without account, region, and the version of a function."""
    parts = arn.split(":", 6)
    return (parts[6].partition(":")[0] if len(parts) == 7 else parts[-1]) or arn


def stamp(moment: datetime | None) -> str:
    """A moment as lists show it, in UTC: `2026-01-05 10:00:00`; empty for none."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def letter_summary(letter: Letter, redaction: Redaction) -> dict[str, object]:
    """What a list tells of a letter. Ids and names come from others, who may have made them of contact data."""
    return {
        "id": redaction.text(letter.id),
        "failed": _iso(letter.last_failure or letter.sent or letter.event_time),
        "cause": letter.cause,
        "disposition": letter.disposition,
        "code": redaction.text(letter.code),
        "error": redaction.text(letter.error),
        "origin": letter.origin,
        "payload": letter.payload,
        "event_id": redaction.text(letter.event_id),
        "event_type": redaction.text(letter.event_type),
        "conversation_id": redaction.text(letter.conversation_id),
        "rules": redaction.texts(letter.rules),
        "owed": redaction.texts(letter.owed),
        "done": redaction.texts(letter.done),
        "target": redaction.text(letter.delivery.target) if letter.delivery else "",
        "attempts": letter.attempts,
        "receive_count": letter.receive_count,
    }


def letter_record(letter: Letter, redaction: Redaction) -> dict[str, object]:
    """Everything of a letter, with the body as JSON text. Bodies of layers are left out: they are the same event."""
    return letter_summary(letter, redaction) | {
        "queue": letter.queue,
        "because": redaction.text(letter.verdict.because),
        "first_failure": _iso(letter.first_failure),
        "last_failure": _iso(letter.last_failure),
        "sent": _iso(letter.sent),
        "event_time": _iso(letter.event_time),
        "event_source": redaction.text(letter.event_source),
        "notes": [redaction.text(note) for note in letter.notes],
        "chain": [_layer(layer, redaction) for layer in letter.chain],
        "attributes": redaction.attributes(letter.attributes),
        "body": None if letter.body is None else redaction.body(letter.body, indent=2),
    }


def _layer(layer: Layer, redaction: Redaction) -> dict[str, object]:
    return {
        "origin": layer.origin,
        "source": redaction.text(layer.source),
        "target": redaction.text(layer.target),
        "rules": redaction.texts(layer.rules),
        "owed": redaction.texts(layer.owed),
        "failures": {redaction.text(target): redaction.text(why) for target, why in layer.failures.items()},
        "done": redaction.texts(layer.done),
        "attempts": layer.attempts,
        "payload": layer.payload,
        "pointer": {name: redaction.text(str(text)) for name, text in layer.pointer.items()},
        "trace_id": redaction.text(layer.trace_id),
        "evidence": [_evidence(each, redaction) for each in layer.evidence],
    }


def _evidence(evidence: Evidence, redaction: Redaction) -> dict[str, object]:
    return {
        "kind": evidence.kind,
        "vocabulary": evidence.vocabulary,
        "code": redaction.text(evidence.code),
        "status": evidence.status,
        "fault": evidence.fault,
        "message": redaction.text(evidence.message),
        "details": {name: redaction.text(text) for name, text in evidence.details.items()},
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
