"""The shape of single events: Genesys Cloud's envelope and platform events, and the tutorials' shape.

Envelopes, topics, field names and enumerations follow Genesys Cloud's partner events (`detail-type` is the topic
template with a literal `{id}`; `eventTime` is epoch milliseconds on `v2.detail.events.*`). All values are invented.
The events of a conversation are in `conversation`; how often each occurs, and in what order, is decided in `events`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

__all__ = ["Json", "Organisation", "iso", "new_id", "tutorial_event"]

JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
Json = dict[str, JsonValue]
"""A JSON object that is still being put together."""

ACCOUNT = "123456789012"
REGION = "us-east-1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(rng: Random) -> str:
    """A UUID that depends on nothing but the generator's seed."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def iso(at_ms: int, *, milliseconds: bool) -> str:
    """Epoch milliseconds as the `...Z` text of the envelope (seconds) or of `detail.timestamp` (milliseconds)."""
    moment = EPOCH + timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds" if milliseconds else "seconds").replace("+00:00", "Z")


class Organisation:
    """One Genesys organisation: the ids that its events share."""

    def __init__(self, rng: Random) -> None:
        self.id = new_id(rng)
        self.source = f"aws.partner/genesys.com/cloud/{self.id}/genesys_acme"
        self.divisions = [new_id(rng) for _ in range(3)]
        self.queues = [new_id(rng) for _ in range(12)]
        self.agents = [new_id(rng) for _ in range(60)]
        self.skills = [new_id(rng) for _ in range(4)]
        self.flows = [new_id(rng) for _ in range(5)]
        self.wrapup_codes = [new_id(rng) for _ in range(8)]
        self.utilization_labels = [new_id(rng) for _ in range(3)]
        self.campaigns = [new_id(rng) for _ in range(2)]

    def envelope(self, rng: Random, detail_type: str, subject_id: str, at_ms: int, body: Json) -> Json:
        """The EventBridge envelope around `body`. `subject_id` replaces `{id}` in the topic's name."""
        return {
            "version": "0",
            "id": new_id(rng),
            "detail-type": detail_type,
            "source": self.source,
            "account": ACCOUNT,
            "time": iso(at_ms, milliseconds=False),
            "region": REGION,
            "resources": [],
            "detail": {
                "topicName": detail_type.replace("{id}", subject_id),
                "version": "2",
                "eventBody": body,
                "metadata": {"CorrelationId": new_id(rng)},
                "timestamp": iso(at_ms + rng.randint(20, 400), milliseconds=True),
            },
        }

    def agent_state(self, rng: Random, at_ms: int) -> Json:
        """An agent's state: no `eventTime`, and the topic's id is a user's, not a conversation's."""
        user = rng.choice(self.agents)
        body: Json = {
            "conversationId": new_id(rng),
            "sessionId": new_id(rng),
            "sessionStart": at_ms - 40_000,
            "currentStateStart": at_ms,
            "currentState": rng.choice(("ALERTING", "INTERACTING", "ACW", "HELD")),
            "userId": user,
            "originatingDirection": rng.choice(("INBOUND", "OUTBOUND")),
            "mediaType": rng.choice(("VOICE", "VOICE", "MESSAGE", "EMAIL")),
            "queueId": rng.choice(self.queues),
            "requestedSkillIds": rng.sample(self.skills, 2),
        }
        return self.envelope(rng, "v2.detail.events.agent.{id}.state", user, at_ms, body)

    def operations_event(self, rng: Random, at_ms: int) -> Json:
        """An operational event of the platform itself, with no conversation in it."""
        definition = new_id(rng)
        state = rng.choice(("ERROR", "ACTIVE", "ACTIVE"))
        body: Json = {
            "eventEntity": {
                "id": definition,
                "name": "Integration error",
                "description": "An integration reported an error state",
            },
            "entityId": rng.choice(self.flows),
            "entityName": "AWS EventBridge",
            "previousValue": "ACTIVE" if state == "ERROR" else "ERROR",
            "currentValue": state,
            "errorCode": "",
            "entityType": "integration",
            "timestamp": at_ms,
        }
        return self.envelope(rng, "v2.operations.events.{id}", definition, at_ms, body)

    def jobs_availability(self, rng: Random, at_ms: int) -> Json:
        """Analytics jobs can read up to some hours ago: the shortest event, and a topic without an id."""
        body: Json = {"dataAvailabilityDate": iso(at_ms - 8 * 3_600_000, milliseconds=True)}
        return self.envelope(rng, "v2.analytics.conversations.details.jobs.availability", "", at_ms, body)


def tutorial_event(rng: Random, at_ms: int) -> Json:
    """An event in the shape of the public fan-out tutorials: `Interaction Completed` from `genesys.cloud`."""
    return {
        "version": "0",
        "id": new_id(rng),
        "detail-type": "Interaction Completed",
        "source": "genesys.cloud",
        "account": ACCOUNT,
        "time": iso(at_ms, milliseconds=False),
        "region": REGION,
        "resources": [],
        "detail": {
            "id": new_id(rng),
            "channel": rng.choices(("voice", "chat", "email", "message"), (60, 20, 10, 10))[0],
            "outcome": rng.choices(("completed", "abandoned", "transferred"), (75, 15, 10))[0],
            "duration_ms": int(rng.lognormvariate(11.3, 0.8)),  # median 80 s
            "tags": {"priority": rng.choices(("standard", "high", "critical"), (80, 14, 6))[0]},
        },
    }
