"""The failed-events API of the tutorials: listing by limit and offset, and replay by ids.

`GET .../failed-events/{subscriptionId}?limit=100&offset=N` until an empty page; `POST .../replay` with at most 100
distinct ids a call, spaced. A replay is not idempotent: it is sent once, and its failure is told, not repeated.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Iterable
from itertools import islice

import msgspec

from turnout.errors import GenesysDenied, GenesysError, GenesysParked, GenesysUnsupported
from turnout.genesys.answers import Answer, read_json
from turnout.genesys.client import GenesysClient
from turnout.genesys.config import GenesysConfig, variable
from turnout.genesys.errors import unreadable
from turnout.genesys.paging import Page, each_item
from turnout.genesys.profiles.api import FailedEvent, ReplayBatch
from turnout.json_text import items, members

__all__ = ["IDS_PER_REPLAY", "PLAIN_ID", "FailedEvents"]

log = logging.getLogger(__name__)

IDS_PER_REPLAY = 100
PLAIN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._:-]{0,127}")
"""Ids stand in URLs: nothing that could lead to another path."""

_LIST = "list failed events"
_REPLAY = "replay events"
_LONGEST_FIELD = 1_048_576


class _Entities(msgspec.Struct):
    # Raw: payloads are handed on as they came, and one odd event must not spoil its page.
    entities: list[msgspec.Raw] | None = None


class FailedEvents:
    """One service's failed events. Replays are spaced across all callers."""

    def __init__(self, client: GenesysClient, config: GenesysConfig) -> None:
        self._client = client
        self._config = config
        self._spacing = asyncio.Lock()
        self._next_replay = 0.0

    def each(self, subscription_id: str) -> AsyncIterator[FailedEvent]:
        """Every failed event once. Raises `GenesysError`."""
        path = self._config.failed_events_path
        if not path or not PLAIN_ID.fullmatch(subscription_id):
            raise _unusable(_LIST, "failed_events_path" if not path else "")
        path = path.replace("{subscription_id}", subscription_id)

        async def page(offset: int) -> Page[FailedEvent]:
            raws = await self._client.call(
                "GET",
                path,
                operation=_LIST,
                read=_entities,
                params={"limit": str(self._config.page_size), "offset": str(offset)},
            )
            events = [event for raw in raws if (event := _event(raw)) is not None]
            return Page(events, offset + len(raws) if raws else None)

        return each_item(page, 0, identity=_identity, operation=_LIST)

    async def replay(self, subscription_id: str, event_ids: Iterable[str]) -> AsyncIterator[ReplayBatch]:
        """Replay each id once, in calls of at most 100. One result a call, in order.

        When a call says that others would fail alike (parked, denied, not offered), the rest is not sent, and told
        with the same error. Raises `GenesysUnsupported` when the service has no replay.
        """
        if not self._config.replay_path or not PLAIN_ID.fullmatch(subscription_id):
            raise _unusable(_REPLAY, "replay_path" if not self._config.replay_path else "")
        distinct = iter(dict.fromkeys(filter(None, event_ids)))
        hopeless: GenesysError | None = None
        while batch := tuple(islice(distinct, IDS_PER_REPLAY)):
            error = hopeless or await self._replay(subscription_id, batch)
            if isinstance(error, (GenesysParked, GenesysDenied, GenesysUnsupported)):
                hopeless = error
            yield ReplayBatch(batch, error)

    async def _replay(self, subscription_id: str, batch: tuple[str, ...]) -> GenesysError | None:
        async with self._spacing:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, self._next_replay - loop.time()))
            try:
                await self._client.write(
                    "POST",
                    self._config.replay_path,
                    operation=_REPLAY,
                    body={"subscriptionId": subscription_id, "eventIds": list(batch)},
                    idempotent=False,
                )
            except GenesysError as error:
                return error
            finally:
                self._next_replay = loop.time() + self._config.replay_spacing_seconds
        return None


def _entities(answer: Answer, operation: str) -> list[bytes]:
    """The events of a page, each as it was written."""
    if answer.status == 204:
        return []
    try:
        return [bytes(raw) for raw in msgspec.json.decode(answer.content, type=_Entities).entities or []]
    except RecursionError:
        raise unreadable(answer, operation, "it is nested too deep") from None
    except (ValueError, msgspec.MsgspecError):
        pass  # not JSON, or JSON that only the slow way reads
    try:
        entities = members(answer.content.decode()).get("entities", "null")
        return [] if entities == "null" else [item.encode() for item in items(entities)]
    except ValueError:
        raise unreadable(answer, operation, "it is no page of events") from None


def _members(raw: bytes) -> dict[str, bytes]:
    try:
        return {name: bytes(value) for name, value in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).items()}
    except (ValueError, msgspec.MsgspecError):
        return {name: value.encode() for name, value in members(raw.decode()).items()}


def _event(raw: bytes) -> FailedEvent | None:
    try:
        found = _members(raw)
    except (ValueError, RecursionError):
        log.warning("an entry of the list of failed events is no object, and is passed over", extra={"bytes": len(raw)})
        return None

    def text(name: str) -> str:
        return _text(found.get(name, b""))[:_LONGEST_FIELD]

    return FailedEvent(
        id=text("id"),
        event_type=text("eventType"),
        failure_code=text("failureCode"),
        failure_reason=text("failureReason"),
        stack_trace=text("stackTrace"),
        payload=_text(found.get("payload", b"")),
    )


def _text(raw: bytes) -> str:
    """The text of a JSON string; of any other value its JSON; of null and of nothing, nothing."""
    text = raw.decode("utf-8", "replace")
    if text in ("", "null"):
        return ""
    return str(read_json(text)) if text.startswith('"') else text


def _identity(event: FailedEvent) -> str:
    return event.id or "sha256:" + hashlib.sha256(ascii(event).encode()).hexdigest()


def _unusable(operation: str, empty_path: str) -> GenesysUnsupported:
    reason = f"{variable(empty_path)} is empty" if empty_path else "the subscription id has characters that no id has"
    return GenesysUnsupported(reason, code="NOT_OFFERED", operation=operation)
