"""A report as JSON: the fields of the tutorials' `eventbridge_diagnostics.json`, and everything else beside them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from turnout.recovery.report.model import Diagnosis, Health, Interaction, Report, Share, Timeline
from turnout.telemetry.logs import printable_json

__all__ = ["VERSION", "as_document", "health_document", "render_json"]

VERSION = 1
"""Grows when a field changes its meaning or goes."""


def render_json(report: Report) -> str:
    """The report as an indented JSON document."""
    encoded = msgspec.json.encode(as_document(report))
    return "\n".join(map(printable_json, msgspec.json.format(encoded, indent=2).decode().split("\n")))


def as_document(report: Report) -> dict[str, Any]:
    """The report as a JSON object. Times are RFC 3339 in UTC; rates are between 0 and 1."""
    return {
        "generatedAt": _time(report.generated_at),
        "totalFailures": report.total,
        "records": [_record(record) for record in report.records],
        "version": VERSION,
        "source": report.source,
        "selection": report.selection,
        "redacted": report.redacted,
        "oldest": _time(report.oldest),
        "newest": _time(report.newest),
        "incomplete": report.incomplete,
        "outlook": {each.name: each.count for each in report.outlook},
        "conversations": report.conversations,
        "groups": [
            {
                "cause": group.cause,
                "disposition": group.disposition,
                "count": group.count,
                "oldest": _time(group.oldest),
                "newest": _time(group.newest),
                "targets": _shares(group.targets),
                "error": group.error,
                "because": group.because,
            }
            for group in report.groups
        ],
        "causes": _shares(report.causes),
        "dispositions": _shares(report.dispositions),
        "origins": _shares(report.origins),
        "eventTypes": _shares(report.event_types),
        "rules": _shares(report.rules),
        "targets": _shares(report.targets),
        "statuses": _shares(report.statuses),
        "correlations": _shares(report.correlations),
        "timeline": _timeline(report.timeline),
        "ages": [{"label": age.label, "seconds": age.limit_seconds, "count": age.count} for age in report.ages],
        "health": health_document(report.health) if report.health is not None else None,
        "next": [
            {
                "title": step.title,
                "advice": step.advice,
                "commands": step.commands,
                "count": step.count,
                "disposition": step.disposition,
            }
            for step in report.steps
        ],
        "notes": (*report.caveats, *report.notes),
    }


def _record(record: Diagnosis) -> dict[str, Any]:
    return {
        "timestamp": _time(record.timestamp),
        "interactionId": record.interaction_id,
        "eventType": record.event_type,
        "failureCategory": record.category,
        "replayPayload": record.payload,
        "interactionInfo": _interaction(record.interaction),
        "replayEndpoint": record.endpoint,
        "replayPayloadRedacted": record.payload_redacted,
        "id": record.id,
        "eventId": record.event_id,
        "cause": record.cause,
        "disposition": record.disposition,
        "because": record.because,
        "origin": record.origin,
        "code": record.code,
        "error": record.error,
        "status": record.status,
        "attempts": record.attempts,
    }


def _interaction(found: Interaction | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "id": found.id,
        "presence": found.presence,
        "channels": [{"type": channel} for channel in found.channels],
        "startedAt": found.started_at,
        "endedAt": found.ended_at,
        "direction": found.direction,
        "participants": [{"purpose": purpose} for purpose in found.participants],
        "error": found.error,
    }


def _timeline(timeline: Timeline | None) -> dict[str, Any] | None:
    if timeline is None:
        return None
    return {
        "start": _time(timeline.start),
        "stepSeconds": timeline.step_seconds,
        "causes": {cause: list(counts) for cause, counts in timeline.causes},
        "undated": timeline.undated,
    }


def health_document(health: Health) -> dict[str, Any]:
    """A health report as a JSON object."""
    return {
        "total": health.total,
        "statuses": _shares(health.statuses),
        "categories": _shares(health.categories),
        "eventTypes": _shares(health.event_types),
        "delivered": health.delivered,
        "archived": health.archived,
        "failed": health.failed,
        "open": health.open,
        "gone": health.gone,
        "successRate": health.success_rate,
        "seconds": health.seconds,
    }


def _shares(shares: Sequence[Share]) -> dict[str, int]:
    return {share.name: share.count for share in shares}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
