"""Correlation: which conversation a message is about, looked up by id first and by a query second.

Analytics lags behind what happens. A conversation that is absent while its event is fresh is `not_yet`, not `absent`:
nobody may call its message hopeless for that. A look-up that fails says so for its own conversation and no other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice

import msgspec

from turnout.errors import GenesysError, GenesysNotFound, GenesysRejected, GenesysUnsupported
from turnout.genesys.conversation import Conversation
from turnout.genesys.profiles.api import Profile

__all__ = ["Correlation", "Correlator", "Presence"]

_LONGEST_RECHECK = 300.0
_AHEAD = timedelta(days=1)
"""Clocks differ, but not by more; what is later than this, or older than ten years, is no time to go by."""
_BEHIND = timedelta(days=3_650)


class Presence(StrEnum):
    """What is known of a conversation."""

    FOUND = "found"
    NOT_YET = "not_yet"
    """Absent, but its event is fresh, or of unknown age: ask again later."""
    ABSENT = "absent"
    """Absent, although it had the time to appear."""
    FAILED = "failed"
    """Asking failed."""


class Correlation(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one conversation id."""

    conversation_id: str
    presence: Presence
    conversation: Conversation | None = None
    """Set when found."""
    error: GenesysError | None = None
    """Set when asking failed; its `retryable` and `fault` say what to do."""
    retry_after: float | None = None
    """Seconds after which asking again makes sense, for `not_yet` and for what may be tried again."""


class Correlator:
    """Looks conversations up with one profile."""

    def __init__(
        self,
        profile: Profile,
        *,
        lag_seconds: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._profile = profile
        self._lag = lag_seconds
        self._clock = clock

    async def correlate(self, conversation_id: str, *at: datetime | None) -> Correlation:
        """Look one conversation up. Raises nothing: a failure is a result.

        `at` are times of its event, the best first; of those the first counts that can be true.
        """
        return (await self._some([conversation_id], {conversation_id: at}))[0]

    async def correlate_all(self, conversations: Mapping[str, Sequence[datetime | None]]) -> AsyncIterator[Correlation]:
        """Look conversations up (id to times of the event), many by one request. One result each, in order."""
        ids = iter(conversations)
        while some := list(islice(ids, self._profile.ids_per_call)):
            for correlation in await self._some(some, conversations):
                yield correlation

    async def look_up(self, ids: Sequence[str]) -> dict[str, Correlation]:
        """What is found by id, or failed, of these, many by one request; the others are not in it. Raises nothing.

        Empty where each id is a request of its own: then nothing is won by asking beforehand.
        """
        known: dict[str, Correlation] = {}
        most = self._profile.ids_per_call
        askable = [id_ for id_ in dict.fromkeys(ids) if self._profile.can_ask_for(id_)] if most > 1 else []
        for first in range(0, len(askable), most):
            known |= await self._by_id(askable[first : first + most])
        return known

    async def _some(self, ids: Sequence[str], at: Mapping[str, Sequence[datetime | None]]) -> list[Correlation]:
        askable = [id_ for id_ in ids if self._profile.can_ask_for(id_)]
        by_id = await self._by_id(askable)
        return [by_id.get(id_) or await self._by_query(id_, at[id_]) for id_ in ids]

    async def _by_id(self, ids: Sequence[str]) -> dict[str, Correlation]:
        """What is found by id, or failed for good; the others are left to the query."""
        if not ids:
            return {}
        try:
            found = await self._profile.conversations(ids)
        except GenesysRejected as error:
            if len(ids) == 1:
                return {ids[0]: _failed(ids[0], error)}
            # One id of many may have spoilt the request for all.
            apart: dict[str, Correlation] = {}
            for id_ in ids:
                apart |= await self._by_id([id_])
            return apart
        except GenesysError as error:
            return {id_: _failed(id_, error) for id_ in ids}
        return {
            id_: Correlation(conversation_id=id_, presence=Presence.FOUND, conversation=conversation)
            for id_, conversation in found.items()
        }

    async def _by_query(self, id_: str, at: Sequence[datetime | None]) -> Correlation:
        if not self._profile.can_ask_for(id_):
            refused = GenesysRejected("the event's conversation id has not the form of one", code="INVALID_ID")
            return _failed(id_, refused)
        now = self._clock()
        moment = next((true for one in at if (true := _plausible(one, now)) is not None), None)
        try:
            conversation = await self._profile.search(id_, moment, now)
        except GenesysNotFound as error:
            # A query that finds nothing says so with an empty list: what is not there is the query itself.
            return _failed(
                id_,
                GenesysUnsupported(
                    "check the API URL and the profile: this address does not know the query",
                    code=error.code,
                    operation=error.operation,
                    status=error.status,
                    correlation_id=error.correlation_id,
                ),
            )
        except GenesysError as error:
            return _failed(id_, error)
        if conversation is not None:
            return Correlation(conversation_id=id_, presence=Presence.FOUND, conversation=conversation)
        remaining = self._lag if moment is None else self._lag - (now - moment).total_seconds()
        if remaining <= 0:
            return Correlation(conversation_id=id_, presence=Presence.ABSENT)
        return Correlation(conversation_id=id_, presence=Presence.NOT_YET, retry_after=min(remaining, _LONGEST_RECHECK))


def _failed(id_: str, error: GenesysError) -> Correlation:
    return Correlation(conversation_id=id_, presence=Presence.FAILED, error=error, retry_after=error.retry_after)


def _plausible(at: datetime | None, now: datetime) -> datetime | None:
    """The time of an event in UTC; None when it cannot be true. Without a zone it is taken as UTC."""
    if at is None:
        return None
    try:
        moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        return None
    return moment if now - _BEHIND <= moment <= now + _AHEAD else None
