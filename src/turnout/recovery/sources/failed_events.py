"""Letters in an API that lists failed events, as a widely read tutorial shows one. Nothing can be taken out of it.

What the API is and how it is asked is the business of whoever composes this; here an entry becomes a letter.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from turnout.message import Message
from turnout.recovery.causes import CauseTable
from turnout.recovery.letter import Letter
from turnout.recovery.reading import read_letter
from turnout.recovery.sources.api import Keeping

__all__ = ["FailedEvent", "FailedEventsSource"]


class FailedEvent(Protocol):
    """An entry of the list. What it does not tell is empty."""

    @property
    def id(self) -> str:
        """What it is replayed by."""
        ...

    @property
    def event_type(self) -> str:
        """As `detail-type`."""
        ...

    @property
    def failure_code(self) -> str:
        """Why it failed, as a code."""
        ...

    @property
    def failure_reason(self) -> str:
        """Why it failed, as a sentence."""
        ...

    @property
    def stack_trace(self) -> str:
        """Where in the code it failed."""
        ...

    @property
    def payload(self) -> str:
        """The event, as text."""
        ...


class FailedEventsSource(Keeping):
    """Implements `turnout.recovery.sources.api.Source` over `listed`, which lists all entries, each once."""

    undeliverable = ""
    notes = ()

    def __init__(
        self,
        subscription: str,
        listed: Callable[[], AsyncIterator[FailedEvent]],
        *,
        causes: CauseTable | None = None,
    ) -> None:
        self.name = self.url = subscription
        self._listed = listed
        self._causes = causes
        self._under_way: AsyncIterator[FailedEvent] | None = None

    async def letters(self, limit: int | None = None) -> AsyncIterator[Letter]:
        """See `Source.letters`."""
        if self._under_way is None:
            self._under_way = self._listed()
        count = 0
        while limit is None or count < limit:
            event = await anext(self._under_way, None)
            if event is None:
                return
            count += 1
            yield self._letter(event)

    def _letter(self, event: FailedEvent) -> Letter:
        entry = {
            "id": event.id,
            "eventType": event.event_type,
            "failureCode": event.failure_code,
            "failureReason": event.failure_reason,
        }
        if event.stack_trace:
            entry["stackTrace"] = event.stack_trace
        if event.payload:
            entry["payload"] = event.payload
        message = Message(event.id, "", json.dumps(entry), self.url)
        return read_letter(message, causes=self._causes)
