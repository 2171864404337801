"""The API that widely read tutorials show, which Genesys does not have, but in-house services that copied them do.

Interactions (GET and PATCH) and the details query with `dateFrom`, `page` and `entities`. Failed events and their
replay are in `failed_events.py`. Every path is a setting; an empty one says that the service does not have it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from turnout.errors import GenesysNotFound, GenesysUnsupported
from turnout.genesys.answers import Answer, JsonObject
from turnout.genesys.client import GenesysClient
from turnout.genesys.config import GenesysConfig, variable
from turnout.genesys.conversation import Conversation, objects_in, text_in, unique
from turnout.genesys.errors import unreadable
from turnout.genesys.paging import Page, each_item, listed
from turnout.genesys.profiles.api import FailedEvent, ReplayBatch
from turnout.genesys.profiles.failed_events import PLAIN_ID, FailedEvents
from turnout.genesys.writeback import StatusUpdate, WriteOutcome

__all__ = ["TutorialProfile"]


class TutorialProfile:
    """See `turnout.genesys.profiles.api.Profile`."""

    ids_per_call = 1

    def __init__(self, client: GenesysClient, config: GenesysConfig) -> None:
        self._client = client
        self._config = config
        self._failed_events = FailedEvents(client, config)

    def can_ask_for(self, conversation_id: str) -> bool:
        """Any short id of plain characters."""
        return PLAIN_ID.fullmatch(conversation_id) is not None

    async def conversations(self, ids: Sequence[str]) -> Mapping[str, Conversation]:
        """`GET /api/v2/interactions/{id}`, for one."""
        if not self._config.interaction_path:
            return {}
        (id_,) = ids
        operation = "look an interaction up"
        try:
            answer = await self._client.read(self._interaction(id_), operation=operation)
        except GenesysNotFound:
            return {}
        if text_in(answer, "id") != id_:  # it has something there: that is no reason to call it absent
            raise unreadable(Answer(200, {}, b""), operation, "its id is not the one that was asked for")
        return {id_: _conversation(answer)}

    async def search(self, conversation_id: str, around: datetime | None, now: datetime) -> Conversation | None:
        """`POST /analytics/conversations/details/query`, all pages."""
        operation = "query conversation details"
        if not self._config.details_query_path:
            if not self._config.interaction_path:  # nobody was asked, which says nothing about the conversation
                names = f"{variable('interaction_path')} and {variable('details_query_path')}"
                raise GenesysUnsupported(
                    f"{names} are empty: set one, or do without correlation", code="NOT_OFFERED", operation=operation
                )
            return None
        first, last = (
            (around - timedelta(days=1), around + timedelta(days=1))
            if around is not None
            else (now - timedelta(days=self._config.interval_days), now)
        )

        async def page(number: int) -> Page[JsonObject]:
            answer = await self._client.read(
                self._config.details_query_path,
                operation=operation,
                method="POST",
                body={
                    "dateFrom": _instant(first),
                    "dateTo": _instant(last),
                    "filterBy": [{"type": "conversationId", "value": conversation_id}],
                    "pageSize": self._config.page_size,
                    "page": number,
                },
            )
            found, pages = listed(answer, "entities", operation), answer.get("pageCount")
            is_last = not found or (isinstance(pages, int) and number >= pages)
            return Page(found, None if is_last else number + 1)

        async for document in each_item(page, 1, identity=lambda one: text_in(one, "id"), operation=operation):
            if text_in(document, "id") == conversation_id:
                return _conversation(document)
        return None

    async def write_status(self, update: StatusUpdate) -> WriteOutcome:
        """`PATCH /api/v2/interactions/{id}`; the values are whole, so that it is safe to repeat."""
        if not self._config.interaction_path:
            raise GenesysUnsupported(
                f"{variable('interaction_path')} is empty: set it, or {variable('write_back')} to none",
                code="NOT_OFFERED",
                operation="write the retry status",
            )
        if not self.can_ask_for(update.conversation_id):
            return WriteOutcome.MISSING
        try:
            await self._client.write(
                "PATCH",
                self._interaction(update.conversation_id),
                operation="write the retry status",
                body={"attributes": {"system": {"retryAttempt": update.attempt, "retryStatus": update.status.value}}},
            )
        except GenesysNotFound:
            return WriteOutcome.MISSING
        return WriteOutcome.WRITTEN

    def failed_events(self, subscription_id: str) -> AsyncIterator[FailedEvent]:
        """See `turnout.genesys.profiles.failed_events`."""
        return self._failed_events.each(subscription_id)

    def replay(self, subscription_id: str, event_ids: Iterable[str]) -> AsyncIterator[ReplayBatch]:
        """See `turnout.genesys.profiles.failed_events`."""
        return self._failed_events.replay(subscription_id, event_ids)

    def _interaction(self, id_: str) -> str:
        return self._config.interaction_path.replace("{id}", quote(id_, safe=""))


def _conversation(document: JsonObject) -> Conversation:
    channels = [text_in(one, "type") for one in objects_in(document, "channels")]
    return Conversation(id=text_in(document, "id"), media_types=unique([*channels, text_in(document, "channel")]))


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
