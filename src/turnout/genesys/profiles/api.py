"""What a profile can do, and the records that pass between it and its callers. No request is known here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from turnout.errors import GenesysError
from turnout.genesys.conversation import Conversation
from turnout.genesys.writeback import StatusUpdate, WriteOutcome

__all__ = ["FailedEvent", "Profile", "ReplayBatch"]


class FailedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that could not be delivered, as the failed-events API lists it. What it does not tell is empty.

    Without an `id` an event can be archived, but neither tracked nor replayed.
    """

    id: str
    event_type: str = ""
    failure_code: str = ""
    failure_reason: str = ""
    stack_trace: str = ""
    payload: str = ""
    """The text of a payload that is a string; of any other its JSON, byte for byte as it came."""


class ReplayBatch(msgspec.Struct, frozen=True):
    """One call of the replay API: the events it was for, and why it failed, if it did."""

    event_ids: tuple[str, ...]
    error: GenesysError | None = None


class Profile(Protocol):
    """The requests of one API. All methods raise `GenesysError`."""

    @property
    def ids_per_call(self) -> int:
        """Conversations that one request can look up."""
        ...

    def can_ask_for(self, conversation_id: str) -> bool:
        """Whether the id has a form that may stand in a request."""
        ...

    async def conversations(self, ids: Sequence[str]) -> Mapping[str, Conversation]:
        """Look conversations up by id, at most `ids_per_call`. Those that are not there are not in the result."""
        ...

    async def search(self, conversation_id: str, around: datetime | None, now: datetime) -> Conversation | None:
        """Look for a conversation by a query over the days around a moment, or before now when none is known."""
        ...

    async def write_status(self, update: StatusUpdate) -> WriteOutcome:
        """Write what became of a message to its conversation."""
        ...

    def failed_events(self, subscription_id: str) -> AsyncIterator[FailedEvent]:
        """All failed events of a subscription, each once."""
        ...

    def replay(self, subscription_id: str, event_ids: Iterable[str]) -> AsyncIterator[ReplayBatch]:
        """Ask for events to be published again: each id once, in calls that are spaced. Failures are in the result."""
        ...
