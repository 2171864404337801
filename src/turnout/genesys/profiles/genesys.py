"""The real API of Genesys Cloud (default): analytics details by id, the details query, attributes and external tags.

Sources: the official SDK's models and paths (PureCloudPlatformClientV2). Permissions of the client's roles:
`analytics:conversationDetail:view`; for external tags `conversation:communication:view` and
`conversation:externalTag:edit`. A conversation is never deleted: that disconnects it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from turnout.errors import GenesysNotFound, GenesysUnsupported
from turnout.genesys.answers import JsonObject
from turnout.genesys.client import GenesysClient
from turnout.genesys.config import GenesysConfig
from turnout.genesys.conversation import Conversation, Participant, is_uuid, objects_in, text_in, unique
from turnout.genesys.paging import Page, each_item, listed
from turnout.genesys.profiles.api import FailedEvent, ReplayBatch
from turnout.genesys.writeback import StatusUpdate, WriteOutcome

__all__ = ["GenesysProfile"]

_PAGES_OF_ONE = 20
"""Of a query for one conversation; more means that the filter is ignored."""


class GenesysProfile:
    """See `turnout.genesys.profiles.api.Profile`."""

    def __init__(self, client: GenesysClient, config: GenesysConfig) -> None:
        self._client = client
        self._config = config
        self.ids_per_call = config.ids_per_call

    def can_ask_for(self, conversation_id: str) -> bool:
        """Ids of Genesys are UUIDs."""
        return is_uuid(conversation_id)

    async def conversations(self, ids: Sequence[str]) -> Mapping[str, Conversation]:
        """`GET /api/v2/analytics/conversations/{id}/details`, or `.../details?id=a,b,c` for several."""
        try:
            if len(ids) == 1:
                found = [
                    await self._client.read(
                        f"/api/v2/analytics/conversations/{ids[0]}/details", operation="look a conversation up"
                    )
                ]
            else:
                operation = "look conversations up"
                answer = await self._client.read(
                    "/api/v2/analytics/conversations/details", operation=operation, params={"id": ",".join(ids)}
                )
                found = listed(answer, "conversations", operation)
        except GenesysNotFound:
            return {}
        wanted = {id_.lower(): id_ for id_ in ids}
        read = (_conversation(document) for document in found)
        return {wanted[one.id.lower()]: one for one in read if one.id.lower() in wanted}

    async def search(self, conversation_id: str, around: datetime | None, now: datetime) -> Conversation | None:
        """`POST /api/v2/analytics/conversations/details/query`, over the days before and after, or the latest ones."""
        operation = "query conversation details"
        first, last = _interval(around, now, self._config.interval_days)
        predicate: JsonObject = {
            "type": "dimension",
            "dimension": "conversationId",
            "operator": "matches",
            "value": conversation_id,
        }

        async def page(number: int) -> Page[JsonObject]:
            answer = await self._client.read(
                "/api/v2/analytics/conversations/details/query",
                operation=operation,
                method="POST",
                body={
                    "interval": f"{_instant(first)}/{_instant(last)}",
                    "order": "asc",
                    "orderBy": "conversationStart",
                    "conversationFilters": [{"type": "or", "predicates": [predicate]}],
                    "paging": {"pageSize": self._config.page_size, "pageNumber": number},
                },
            )
            found = listed(answer, "conversations", operation)
            return Page(found, number + 1 if found else None)

        async for document in each_item(
            page,
            1,
            identity=lambda one: text_in(one, "conversationId"),
            operation=operation,
            most_pages=_PAGES_OF_ONE,
        ):
            if text_in(document, "conversationId").lower() == conversation_id.lower():
                return _conversation(document)
        return None

    async def write_status(self, update: StatusUpdate) -> WriteOutcome:
        """Participant attributes or the external tag, as the settings say. Both hold whole values: safe to repeat."""
        if not is_uuid(update.conversation_id):
            return WriteOutcome.MISSING
        try:
            if self._config.write_back == "external-tag":
                return await self._write_tag(update)
            return await self._write_attributes(update)
        except GenesysNotFound:
            return WriteOutcome.MISSING

    async def _write_attributes(self, update: StatusUpdate) -> WriteOutcome:
        if not is_uuid(update.participant_id):
            return WriteOutcome.NO_PARTICIPANT
        prefix = self._config.attribute_prefix
        await self._client.write(
            "PATCH",
            f"/api/v2/conversations/{update.conversation_id}/participants/{update.participant_id}/attributes",
            operation="write participant attributes",
            body={
                "attributes": {
                    f"{prefix}retryAttempt": str(update.attempt),
                    f"{prefix}retryStatus": update.status.value,
                }
            },
        )
        return WriteOutcome.WRITTEN

    async def _write_tag(self, update: StatusUpdate) -> WriteOutcome:
        path = f"/api/v2/conversations/{update.conversation_id}"
        tag = f"{self._config.attribute_prefix}{update.status.value}_{update.attempt}"
        there = text_in(await self._client.read(path, operation="read the external tag"), "externalTag")
        if there and not there.startswith(self._config.attribute_prefix):
            return WriteOutcome.TAKEN
        if there != tag:
            await self._client.write(
                "PUT", f"{path}/tags", operation="write the external tag", body={"externalTag": tag}
            )
        return WriteOutcome.WRITTEN

    def failed_events(self, subscription_id: str) -> AsyncIterator[FailedEvent]:
        """Not offered: Genesys keeps no failed events."""
        raise _not_offered("list failed events", "read the dead-letter queue of your own EventBridge rule instead")

    def replay(self, subscription_id: str, event_ids: Iterable[str]) -> AsyncIterator[ReplayBatch]:
        """Not offered: Genesys publishes nothing again."""
        raise _not_offered("replay events", "replay to the target, or from an archive of your own EventBridge bus")


def _conversation(document: JsonObject) -> Conversation:
    participants = objects_in(document, "participants")
    sessions = [session for one in participants for session in objects_in(one, "sessions")]
    segments = [segment for session in sessions for segment in objects_in(session, "segments")]
    divisions = document.get("divisionIds")
    return Conversation(
        id=text_in(document, "conversationId"),
        started_at=text_in(document, "conversationStart"),
        ended_at=text_in(document, "conversationEnd"),
        direction=text_in(document, "originatingDirection"),
        media_types=unique([text_in(session, "mediaType") for session in sessions]),
        queue_ids=unique([text_in(segment, "queueId") for segment in segments]),
        division_ids=unique([str(one) for one in divisions]) if isinstance(divisions, list) else (),
        participants=tuple(
            Participant(text_in(one, "participantId"), text_in(one, "purpose"))
            for one in participants
            if text_in(one, "participantId")
        ),
    )


def _interval(around: datetime | None, now: datetime, longest_days: int) -> tuple[datetime, datetime]:
    """Whole days: the day of a moment and one to each side, else the latest ones. A query finds what *started* then."""
    if around is None:
        end = _midnight(now) + timedelta(days=1)
        return end - timedelta(days=longest_days), end
    return _midnight(around) - timedelta(days=1), _midnight(around) + timedelta(days=2)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _not_offered(operation: str, instead: str) -> GenesysUnsupported:
    return GenesysUnsupported(
        f"Genesys Cloud has no such API: {instead} (a service that copied the tutorials is for "
        "TURNOUT_GENESYS_PROFILE=tutorial)",
        code="NOT_OFFERED",
        operation=operation,
    )
