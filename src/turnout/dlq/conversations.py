"""Where the processor meets Genesys: looking conversations up, and telling them what became of their letters."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from turnout.dlq.correlation import interaction
from turnout.genesys.conversations import Correlation, Presence
from turnout.genesys.session import Genesys
from turnout.genesys.writeback import RetryStatus, StatusUpdate
from turnout.recovery.letter import Letter
from turnout.recovery.processor.effects import Told
from turnout.recovery.report.model import Interaction
from turnout.rules.decode import decode
from turnout.rules.model import Json, Rejection

__all__ = ["GenesysConversations"]

_MOST_KNOWN = 1_000
"""Conversations that are remembered as found: those of the letters under way, and of some that come again."""


class GenesysConversations:
    """Implements `turnout.recovery.processor.effects.Conversations`. What is written, and whether, the settings say."""

    def __init__(self, genesys: Genesys, *, correlates: bool) -> None:
        self._genesys = genesys
        self._known: dict[str, Correlation] = {}
        self.correlates = correlates

    async def look_ahead(self, letters: Sequence[Letter]) -> None:
        """See `Conversations.look_ahead`."""
        ids = [letter.conversation_id for letter in letters if letter.conversation_id]
        wanted = [id_ for id_ in ids if id_ not in self._known or self._known[id_].presence is not Presence.FOUND]
        for id_ in wanted:
            self._known.pop(id_, None)
        for correlation in (await self._genesys.look_up(wanted)).values():
            self._remember(correlation)

    async def correlate(self, letter: Letter) -> Interaction:
        """See `Conversations.correlate`."""
        found = self._known.get(letter.conversation_id)
        if found is None:
            found = await self._genesys.correlate(letter.conversation_id, letter.event_time, letter.sent)
            # That it is not there depends on the age of the letter, and is true for no other.
            if found.presence is Presence.FOUND:
                self._remember(found)
        return interaction(found)

    def _remember(self, correlation: Correlation) -> None:
        self._known[correlation.conversation_id] = correlation
        while len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def tell(self, letter: Letter, told: Told, attempt: int) -> None:
        """See `Conversations.tell`."""
        event = decode(letter.body or "")
        known = None if isinstance(event, Rejection) else event
        update = StatusUpdate(
            conversation_id=letter.conversation_id,
            status=RetryStatus(told.value),
            attempt=attempt,
            participant_id=_participant(known),
            event=msgspec.to_builtins(known),
        )
        await self._genesys.write_status(update)


def _participant(event: dict[str, Json] | None) -> str:
    detail = (event or {}).get("detail")
    body = detail.get("eventBody") if isinstance(detail, dict) else None
    for place in (body, detail):
        if isinstance(place, dict) and isinstance(found := place.get("participantId"), str):
            return found
    return ""
