"""Where reports meet Genesys: correlations as reports want them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from turnout.genesys.conversations import Correlation
from turnout.genesys.session import Genesys
from turnout.recovery.report.model import Interaction

__all__ = ["GenesysCorrelate", "interaction"]


class GenesysCorrelate:
    """Implements `turnout.recovery.report.correlation.Correlate`."""

    def __init__(self, genesys: Genesys) -> None:
        self._genesys = genesys

    async def __call__(self, conversations: Mapping[str, Sequence[datetime | None]]) -> AsyncIterator[Interaction]:
        """See `Correlate`."""
        async for correlation in self._genesys.correlate_all(conversations):
            yield interaction(correlation)


def interaction(correlation: Correlation) -> Interaction:
    """What a report tells of a conversation: what it was and where it stands, nothing about who took part."""
    found = correlation.conversation
    if found is None:
        return Interaction(
            id=correlation.conversation_id,
            presence=correlation.presence.value,
            error=str(correlation.error or ""),
        )
    return Interaction(
        id=correlation.conversation_id,
        presence=correlation.presence.value,
        channels=found.media_types,
        started_at=found.started_at,
        ended_at=found.ended_at,
        direction=found.direction,
        participants=tuple(one.purpose for one in found.participants),
    )
