"""A dead-letter queue with a past: letters of many causes over three days, the same for the same count."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.recovery import letters

from turnout.recovery import Letter, default_causes, read_letter
from turnout.recovery.ledger.records import Action, Entry, Phase, Record, Sighting, changed, seen
from turnout.recovery.redaction import Redaction
from turnout.recovery.report import Command, Report, Sources, build_report

QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/events-dlq"
NOW = datetime(2026, 11, 28, 9, 15, 2, tzinfo=UTC)

_TYPES = (
    "v2.detail.events.conversation.{id}.user.end",
    "v2.detail.events.conversation.{id}.customer.end",
    "v2.detail.events.conversation.{id}.acw",
    "Interaction Completed",
)
_LAMBDA = "arn:aws:lambda:eu-west-1:111122223333:function:genesys-handler"


def event(number: int, **detail: Any) -> dict[str, Any]:
    conversation = f"7d4c1f0a-53b2-4f0e-9a67-{number % 97:012d}"
    body: dict[str, Any] = json.loads(json.dumps(letters.EVENT))
    body["id"] = f"0c9a4a55-0000-4000-8000-{number:012d}"
    body["detail-type"] = _TYPES[number % len(_TYPES)]
    body["detail"]["eventBody"] |= {"conversationId": conversation, **detail}
    return body


def found(count: int = 412) -> list[Letter]:
    """The letters of the story: an outage of the CRM two nights ago, a permission that is missing, and the usual."""
    chance = random.Random(7)
    made = []
    for number in range(count):
        body = json.dumps(event(number))
        kind = chance.choices(range(7), (40, 24, 12, 10, 6, 4, 4))[0]
        at = NOW - timedelta(hours=chance.uniform(0, 70))
        if kind == 0:  # the outage: within three hours
            at = NOW - timedelta(hours=34) + timedelta(hours=abs(chance.gauss(0, 1.3)))
            message = letters.own(
                body,
                source="genesys-events",
                owed=("crm",),
                rules=("crm-updates",),
                reason="RETRIES_EXHAUSTED",
                message="SendMessageBatch crm: ThrottlingException: Rate exceeded (after 12 attempts)",
            )
        elif kind == 1:  # since a deployment eleven hours ago
            at = NOW - timedelta(hours=chance.uniform(0, 11))
            message = letters.rule(
                "NO_PERMISSIONS",
                "User: events.amazonaws.com is not authorized to perform: sqs:SendMessage on resource: "
                "arn:aws:sqs:eu-west-1:111122223333:crm",
                body,
            )
        elif kind == 2:
            message = letters.rule("SDK_CLIENT_ERROR", "Unable to invoke: HTTP status 503", body, TARGET_ARN=_LAMBDA)
        elif kind == 3:
            message = letters.own(
                '{"id": "broken", "detail": ',
                source="genesys-events",
                reason="INVALID_JSON",
                fault="data",
                message="the body is not JSON: line 1 column 28",
                rules=(),
                owed=(),
                done=(),
            )
        elif kind == 4:
            message = letters.own(
                body,
                source="genesys-events",
                reason="QUEUE_MISSING",
                fault="config",
                message="SendMessageBatch reporting: QueueDoesNotExist: The specified queue does not exist.",
                owed=("reporting",),
                rules=("for-the-records",),
            )
        elif kind == 5:
            message = letters.message(body, None, DeadLetterQueueSourceArn="arn:aws:sqs:eu-west-1:111122223333:orders")
        else:
            message = letters.bus_v2("THROTTLING", [f"e-{number}"])
        message["MessageId"] = f"5b0f9d5c-0000-4000-8000-{number:012d}"
        message["Attributes"]["SentTimestamp"] = str(int(at.timestamp() * 1000))
        letter = read_letter(_aged(message, at), queue=QUEUE)
        made.append(letter)
    return made


def _aged(message: dict[str, Any], at: datetime) -> dict[str, Any]:
    """The message with the times of its failure moved to `at`."""
    own = message.get("MessageAttributes", {}).get("Turnout.Letter")
    if own is not None:
        said = json.loads(own["StringValue"])
        said |= {name: at.isoformat() for name in ("first_failure", "last_failure") if name in said}
        own["StringValue"] = json.dumps(said)
    return message


def remembered(some: Sequence[Letter]) -> list[Record]:
    """What a ledger knows of these letters after a first round of retries, and of some that are gone."""
    records = []
    for number, letter in enumerate(some):
        at = int(NOW.timestamp() * 1000) - 3_600_000
        record, _ = seen(None, Sighting.of(letter), "operator", at)
        if number % 5 == 0:
            phase = Phase.FAILED if number % 15 == 0 else Phase.DONE
            record = changed(record, Entry(letter.id, Action.RETRY, phase, "operator", at_ms=at + 60_000))
            if phase is Phase.DONE:
                record = changed(record, Entry(letter.id, Action.RESOLVE, phase, "operator", at_ms=at + 61_000))
        elif number % 13 == 0:
            record = changed(record, Entry(letter.id, Action.ARCHIVE, Phase.DONE, "operator", at_ms=at + 90_000))
        records.append(record)
    return records


def report(some: Sequence[Letter] | None = None, *, show_pii: bool = False, **fields: Any) -> Report:
    """The report on the letters of the story."""
    given = found() if some is None else some
    sources = Sources(
        **{
            "letters": given,
            "source": "events-dlq",
            "again": Command(source=("--queue", QUEUE)),
            "known": remembered(given),
            **fields,
        }
    )
    return build_report(
        sources,
        causes=default_causes(),
        redaction=Redaction({}, show_pii=show_pii),
        redacted=not show_pii,
        now=NOW,
    )
