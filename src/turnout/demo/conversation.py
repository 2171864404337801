"""The events of one Genesys Cloud conversation, from the customer's call to the agent's wrap-up.

Facts are drawn once per conversation, so that its events agree with each other. Envelopes are made in `shapes`.
"""

from __future__ import annotations

from random import Random

from turnout.demo.shapes import Json, Organisation, iso, new_id

__all__ = ["Conversation"]

DETAIL = "v2.detail.events.conversation.{id}."

ERROR_DISCONNECTS = ("ERROR", "TRANSPORT_FAILURE", "TIMEOUT")
ORDINARY_DISCONNECTS = ("CLIENT", "ENDPOINT", "PEER", "SYSTEM", "TRANSFER")
MEDIA = ("VOICE", "MESSAGE", "EMAIL", "CHAT", "CALLBACK")
MEDIA_WEIGHTS = (60, 20, 9, 6, 5)


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
            story += [self._user_start(), *self._transcription(), self._user_end()]
            story += [self._wrapup(), self._acw(), self._metric("tHandle"), self._metric("tTalk")]
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

    def _transcription(self) -> list[Json]:
        if self.media != "VOICE" or self.rng.random() < 0.7:
            return []
        return [self._transcribed("SESSION_ONGOING"), self._transcribed("SESSION_ENDED")]

    def _transcribed(self, status: str) -> Json:
        self.now_ms += self.rng.randint(5_000, 60_000)
        body: Json = {
            "eventTime": iso(self.now_ms, milliseconds=True),
            "organizationId": self.org.id,
            "conversationId": self.id,
            "communicationId": self.customer_session,
            "status": {"offsetMs": self.rng.randint(1_000, 400_000), "status": status},
        }
        if status == "SESSION_ONGOING":
            said = "yes please call me back on the other number"
            words: list[Json] = [
                {"confidence": 0.8, "offsetMs": 240 * place, "durationMs": 240, "word": word}
                for place, word in enumerate(said.split())
            ]
            heard: Json = {"confidence": 0.72, "offsetMs": 0, "durationMs": 2_160, "transcript": said, "words": words}
            body["transcripts"] = [
                {"utteranceId": new_id(self.rng), "isFinal": True, "channel": "EXTERNAL", "alternatives": [heard]}
            ]
        return self.org.envelope(self.rng, "v2.conversations.{id}.transcription", self.id, self.now_ms, body)

    def _metric(self, metric: str) -> Json:
        # Analytics topics spell enumerations in lower case, and have no eventTime.
        self.now_ms += 400
        body: Json = {
            "metric": metric,
            "metricDate": iso(self.now_ms, milliseconds=True),
            "value": self.talk_ms + (45_000 if metric == "tHandle" else 0),
            "recordId": new_id(self.rng),
            "conversationId": self.id,
            "sessionId": self.user_session,
            "participantName": "Agent One",
            "purpose": "agent",
            "mediaType": self.media.lower(),
            "direction": "outbound" if self.outbound else "inbound",
            "originatingDirection": "outbound" if self.outbound else "inbound",
            "disconnectType": self.disconnect.lower(),
            "queueId": self.queue,
            "userId": self.agent,
            "divisionIds": [self.division],
            "requestedRoutings": ["Standard"],
            "usedRouting": "Standard",
        }
        return self.org.envelope(self.rng, "v2.analytics.conversation.{id}.metrics", self.id, self.now_ms, body)
