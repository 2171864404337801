"""Tells conversations what becomes of their messages. Best effort: no letter waits for it, and none fails by it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from turnout.errors import GenesysError
from turnout.genesys.conversation import Conversation, Participant
from turnout.genesys.conversations import Correlation, Presence
from turnout.genesys.session import Genesys
from turnout.genesys.writeback import RetryStatus, StatusUpdate, WriteOutcome
from turnout.recovery.letter import Letter
from turnout.serverless.log import about

__all__ = ["Teller", "event_of", "foremost"]

log = logging.getLogger(__name__)

# Whose attributes are written when the event itself names no participant.
_PURPOSES = ("customer", "external")


class Teller:
    """Correlates letters with conversations and writes status back. Without Genesys it does nothing."""

    def __init__(self, genesys: Genesys | None) -> None:
        self._genesys = genesys

    async def correlate(self, letter: Letter, seconds: float) -> Correlation | None:
        """Look the letter's conversation up; None when there is none to look up, or no time left."""
        if self._genesys is None or not letter.conversation_id or seconds <= 0:
            return None
        try:
            async with asyncio.timeout(seconds):
                found = await self._genesys.correlate(letter.conversation_id, letter.event_time, letter.sent)
        except TimeoutError:
            log.warning("no time to look the conversation up", extra=about(letter))
            return None
        if found.presence is Presence.FAILED and found.error is not None:
            log.warning("the conversation could not be looked up: %s", found.error, extra=about(letter))
        return found

    async def tell(
        self, letter: Letter, status: RetryStatus, attempt: int, found: Conversation | None, seconds: float
    ) -> WriteOutcome:
        """Write a status to the letter's conversation, if the settings want that."""
        if self._genesys is None or not letter.conversation_id or seconds <= 0:
            return WriteOutcome.OFF
        event = event_of(letter)
        update = StatusUpdate(
            conversation_id=letter.conversation_id,
            status=status,
            attempt=attempt,
            participant_id=_participant(event, found),
            event=event,
        )
        try:
            async with asyncio.timeout(seconds):
                return await self._genesys.write_status(update)
        except (GenesysError, TimeoutError) as error:
            text = str(error) or "no time left"
            log.warning("the status %s was not written: %s", status, text, extra=about(letter))
            return WriteOutcome.MISSING


def event_of(letter: Letter) -> dict[str, Any]:
    """The event in a letter; empty when it is no JSON object."""
    try:
        event = msgspec.json.decode(letter.body or "")
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return {}
    return event if isinstance(event, dict) else {}


def foremost(participants: Sequence[Participant]) -> list[Participant]:
    """The participants, first those to whose attributes a status is written when the event names nobody."""
    return sorted(participants, key=lambda each: each.purpose.lower() not in _PURPOSES)


def _participant(event: Mapping[str, Any], found: Conversation | None) -> str:
    detail = event.get("detail")
    body = detail.get("eventBody") if isinstance(detail, dict) else None
    named = body.get("participantId") if isinstance(body, dict) else None
    if isinstance(named, str) and named:
        return named
    return next((each.id for each in foremost(found.participants)), "") if found is not None else ""
