"""The shape of single events: what Genesys Cloud publishes through EventBridge, and the tutorial's shape.

Envelopes, topics, field names and enumerations follow Genesys Cloud's partner events (`detail-type` is the topic
template with a literal `{id}`; `eventTime` is epoch milliseconds on `v2.detail.events.*`). All values are invented.
How often each shape occurs, and in what order, is decided in `events`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

__all__ = ["Conversation", "Json", "Organisation", "tutorial_event"]

JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
Json = dict[str, JsonValue]
"""A JSON object that is still being put together."""

DETAIL = "v2.detail.events.conversation.{id}."
ACCOUNT = "123456789012"
REGION = "us-east-1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PRIORITY_SKILLS = ("billing", "retention", "technical", "claims")
ERROR_DISCONNECTS = ("ERROR", "TRANSPORT_FAILURE", "TIMEOUT")
ORDINARY_DISCONNECTS = ("CLIENT", "ENDPOINT", "PEER", "SYSTEM", "TRANSFER")
MEDIA = ("VOICE", "MESSAGE", "EMAIL", "CHAT", "CALLBACK")
MEDIA_WEIGHTS = (60, 20, 9, 6, 5)


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
        self.skills = [new_id(rng) for _ in PRIORITY_SKILLS]
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
            "mediaType": rng.choices(MEDIA, MEDIA_WEIGHTS)[0],
            "queueId": rng.choice(self.queues),
            "requestedSkillIds": rng.sample(self.skills, 2),
        }
        return self.envelope(rng, "v2.detail.events.agent.{id}.state", user, at_ms, body)

    def operations_event(self, rng: Random, at_ms: int) -> Json:
        """An operational event of the platform itself, with no conversation in it."""
        definition = new_id(rng)
        body: Json = {
            "eventEntity": {"id": definition, "name": "Data action throttled"},
            "entityId": rng.choice(self.flows),
            "entityName": "Main menu",
            "previousValue": "",
            "currentValue": rng.choice(("THROTTLED", "FAILED", "RECOVERED")),
            "errorCode": rng.choice(("TOO_MANY_REQUESTS", "TIMEOUT", "BAD_REQUEST")),
            "parentEntityId": self.id,
            "conversation": None,
            "dateCreated": iso(at_ms, milliseconds=True),
        }
        return self.envelope(rng, "v2.operations.events.{id}", definition, at_ms, body)


class Conversation:
    """One conversation: draws its facts once, then builds the events that tell of it."""

    def __init__(self, rng: Random, org: Organisation, start_ms: int) -> None:
        self.rng = rng
        self.org = org
        self.now_ms = start_ms
        self.id = new_id(rng)
        self.media = rng.choices(MEDIA, MEDIA_WEIGHTS)[0]
        self.outbound = self.media == "VOICE" and rng.random() < 0.12
        self.abandoned = not self.outbound and rng.random() < 0.15
        self.broken = rng.random() < 0.06
        self.queue = rng.choice(org.queues)
        self.agent = rng.choice(org.agents)
        self.division = rng.choice(org.divisions)
        self.flow = rng.choice(org.flows)
        self.utilization_label = rng.choice(org.utilization_labels)
        self.contact, self.employer = new_id(rng), new_id(rng)
        self.customer, self.user, self.ivr = new_id(rng), new_id(rng), new_id(rng)
        self.customer_session, self.user_session, self.ivr_session = new_id(rng), new_id(rng), new_id(rng)
        self.priority = rng.choices((0, 10, 40, 80, 100), (55, 20, 15, 6, 4))[0]
        self.tier = rng.choices(("standard", "gold", "platinum"), (80, 15, 5))[0]
        self.ani = f"tel:+1555{rng.randint(0, 9_999_999):07d}"
        self.disconnect = rng.choice(ERROR_DISCONNECTS if self.broken else ORDINARY_DISCONNECTS)
        self.talk_ms = int(rng.lognormvariate(11.6, 0.9))  # median 110 s

    def events(self) -> list[Json]:
        """The conversation's events in the order in which they happen."""
        story = [self._customer_start()]
        if self.outbound:
            story.append(self._outbound())
        else:
            story += [self._flow_start(), self._flow_end(), self._flow_outcome()]
            story += [self._attributes(), self._acd("start"), self._acd("end")]
        if self.abandoned:
            if self.rng.random() < 0.3:
                story.append(self._voicemail_end())
        else:
            story += [self._user_start(), self._user_end(), self._wrapup(), self._acw()]
        story.append(self._customer_end())
        return story

    def _common(self, participant: str, session: str) -> Json:
        self.now_ms += self.rng.randint(200, 9_000)
        body: Json = {
            "eventTime": self.now_ms,
            "conversationId": self.id,
            "participantId": participant,
            "sessionId": session,
            "mediaType": self.media,
            "provider": "Edge" if self.media == "VOICE" else "PureCloud Messaging",
            "direction": "OUTBOUND" if self.outbound else "INBOUND",
            "ani": self.ani,
            "dnis": "tel:+15555550000",
            "addressTo": "sip:+15555550000@acme.byoc.example.com;user=phone",
            "addressFrom": f"sip:{self.ani.removeprefix('tel:')}@edge-2.acme.byoc.example.com;user=phone",
            "divisionId": self.division,
            "conversationExternalContactIds": [self.contact],
            "conversationExternalOrganizationIds": [self.employer],
            "utilizationLabel": self.utilization_label,
        }
        if self.media == "MESSAGE":
            body["messageType"] = "WHATSAPP"
        if self.media == "EMAIL":
            body["subject"] = "Question about my last invoice"
        return body

    def _event(self, topic: str, body: Json) -> Json:
        return self.org.envelope(self.rng, DETAIL + topic, self.id, self.now_ms, body)

    def _customer_start(self) -> Json:
        body = self._common(self.customer, self.customer_session)
        body["externalContactId"] = self.contact
        body["journeyContext"] = {"customer": {"id": self.contact, "idType": "externalContactId"}}
        return self._event("customer.start", body)

    def _customer_end(self) -> Json:
        body = self._common(self.customer, self.customer_session)
        body["externalContactId"] = self.contact
        body["disconnectType"] = self.disconnect
        body["interactingDurationMs"] = self.talk_ms
        return self._event("customer.end", body)

    def _outbound(self) -> Json:
        body = self._common(self.customer, self.customer_session)
        body["outboundCampaignId"] = self.rng.choice(self.org.campaigns)
        body["outboundContactListId"] = self.org.flows[0]
        body["outboundContactId"] = self.contact
        return self._event("outbound", body)

    def _flow(self) -> Json:
        body = self._common(self.ivr, self.ivr_session)
        body["flowType"] = self.rng.choice(("INBOUNDCALL", "inboundcall")) if self.media == "VOICE" else "INBOUNDCHAT"
        body["flowId"] = self.flow
        body["flowVersion"] = "7.0"
        return body

    def _flow_start(self) -> Json:
        return self._event("flow.start", self._flow())

    def _flow_end(self) -> Json:
        body = self._flow()
        body["connectedDurationMs"] = self.rng.randint(4_000, 90_000)
        body["disconnectType"] = "ERROR" if self.broken else "TRANSFER"
        body["exitReason"] = (
            self.rng.choice(("FLOW_ERROR_EXIT", "FLOW_ERROR_DISCONNECT")) if self.broken else "TRANSFER"
        )
        if not self.broken:
            body["transferType"] = "ACD"
        return self._event("flow.end", body)

    def _flow_outcome(self) -> Json:
        body = self._flow()
        body["flowOutcomeId"] = self.org.flows[-1]
        body["flowOutcomeStartTime"] = self.now_ms - 30_000
        body["flowOutcomeEndTime"] = self.now_ms - 1_000
        body["flowOutcomeValue"] = "FAILURE" if self.broken else "SUCCESS"
        body["flowMilestones"] = [{"milestoneId": self.org.flows[1], "milestoneTime": self.now_ms - 12_000}]
        return self._event("flow.outcome", body)

    def _attributes(self) -> Json:
        self.now_ms += 300
        body: Json = {
            "eventTime": self.now_ms,
            "conversationId": self.id,
            "participantId": self.customer,
            "attributes": {
                "customer_tier": self.tier,
                "Call Type": self.rng.choice(("Support", "Sales", "Complaint")),
                " ivrMenu": str(self.rng.randint(1, 6)),
                "language": self.rng.choice(("en-US", "es-US", "fr-CA")),
                "lastAgentName": "Jörg Müller",
            },
            "communications": [{"id": self.customer_session, "mediaType": self.media}],
            "participantStartTime": self.now_ms - 5_000,
            "conversationExternalContactIds": [self.contact],
        }
        return self._event("attributes", body)

    def _acd(self, step: str) -> Json:
        body = self._common(self.customer, self.customer_session)
        body["queueId"] = self.queue
        body["routingPriority"] = self.priority
        if step == "start":
            body["requestedRoutingSkillIds"] = [*self.rng.sample(self.org.skills, 2)]
            return self._event("acd.start", body)
        body["acdOutcome"] = "ABANDON" if self.abandoned else "ANSWERED"
        body["disconnectType"] = "PEER" if self.abandoned else "TRANSFER"
        body["requestedRoutings"] = ["STANDARD"]
        body["connectedDurationMs"] = int(self.rng.lognormvariate(10.0, 0.9))  # median 22 s
        body["flowType"] = "inqueuecall"
        if not self.abandoned:
            body["usedRouting"] = "STANDARD"
            body["answeredUserId"] = self.agent
        return self._event("acd.end", body)

    def _user_start(self) -> Json:
        body = self._common(self.user, self.user_session)
        body["userId"] = self.agent
        body["queueId"] = self.queue
        return self._event("user.start", body)

    def _user_end(self) -> Json:
        self.now_ms += self.talk_ms
        body = self._common(self.user, self.user_session)
        body["userId"] = self.agent
        body["queueId"] = self.queue
        body["disconnectType"] = self.disconnect
        body["interactingDurationMs"] = self.talk_ms
        body["heldDurationMs"] = self.rng.choice((0, 0, 0, 15_000, 95_000, 340_000))
        body["alertingDurationMs"] = self.rng.randint(800, 14_000)
        body["contactingDurationMs"] = 0
        body["dialingDurationMs"] = 0
        body["callbackDurationMs"] = 0
        return self._event("user.end", body)

    def _wrapup(self) -> Json:
        body = self._common(self.user, self.user_session)
        body["queueId"] = self.queue
        body["wrapupCode"] = self.rng.choice(self.org.wrapup_codes)
        body["wrapupNotes"] = ""
        body["wrapupDurationMs"] = int(self.rng.lognormvariate(10.3, 0.8))  # median 30 s
        return self._event("wrapup", body)

    def _acw(self) -> Json:
        body = self._common(self.user, self.user_session)
        body["userId"] = self.agent
        body["queueId"] = self.queue
        body["wrapupCode"] = self.rng.choice(self.org.wrapup_codes)
        body["wrapupDurationMs"] = int(self.rng.lognormvariate(10.3, 0.8))
        return self._event("acw", body)

    def _voicemail_end(self) -> Json:
        body = self._common(self.user, self.user_session)
        body["userId"] = self.agent
        body["queueId"] = self.queue
        body["disconnectType"] = "CLIENT"
        body["voicemailDurationMs"] = self.rng.randint(3_000, 90_000)
        return self._event("voicemail.end", body)


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
