"""Where the processor meets Genesys: looking conversations up, and telling them what became of their letters."""

from __future__ import annotations

import msgspec

from turnout.dlq.correlation import interaction
from turnout.genesys.session import Genesys
from turnout.genesys.writeback import RetryStatus, StatusUpdate
from turnout.recovery.letter import Letter
from turnout.recovery.processor.effects import Told
from turnout.recovery.report.model import Interaction
from turnout.rules.decode import decode
from turnout.rules.model import Json, Rejection

__all__ = ["GenesysConversations"]


class GenesysConversations:
    """Implements `turnout.recovery.processor.effects.Conversations`. What is written, and whether, the settings say."""

    def __init__(self, genesys: Genesys, *, correlates: bool) -> None:
        self._genesys = genesys
        self.correlates = correlates

    async def correlate(self, letter: Letter) -> tuple[Interaction, float | None]:
        """See `Conversations.correlate`."""
        found = await self._genesys.correlate(letter.conversation_id, letter.event_time or letter.sent)
        return interaction(found), found.retry_after

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
