"""The door of the package: settings in, everything that can be asked of Genesys out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from turnout.genesys.client import open_client
from turnout.genesys.config import GenesysConfig
from turnout.genesys.conversations import Correlation, Correlator
from turnout.genesys.profiles.api import FailedEvent, Profile, ReplayBatch
from turnout.genesys.profiles.genesys import GenesysProfile
from turnout.genesys.profiles.tutorial import TutorialProfile
from turnout.genesys.writeback import StatusUpdate, WriteOutcome, may_be_caused_by_us

__all__ = ["Genesys", "open_genesys"]


class Genesys:
    """What the rest of Turnout asks of Genesys, with one token and one rate limit for all of it."""

    def __init__(self, profile: Profile, config: GenesysConfig) -> None:
        self._profile = profile
        self._config = config
        self._correlator = Correlator(profile, lag_seconds=config.lag_seconds)

    async def correlate(self, conversation_id: str, *at: datetime | None) -> Correlation:
        """Look one conversation up; see `Correlator.correlate`. Raises nothing: a failure is a result."""
        return await self._correlator.correlate(conversation_id, *at)

    async def look_up(self, ids: Sequence[str]) -> Mapping[str, Correlation]:
        """Conversations that are found by id, or failed, many by one request; see `Correlator.look_up`."""
        return await self._correlator.look_up(ids)

    def correlate_all(self, conversations: Mapping[str, Sequence[datetime | None]]) -> AsyncIterator[Correlation]:
        """Look conversations up (id to times of the event). One result each, in order; failures are results."""
        return self._correlator.correlate_all(conversations)

    async def write_status(self, update: StatusUpdate) -> WriteOutcome:
        """Write what became of a message to its conversation, when the settings want that.

        Nothing is written because of an event that our own writing may have caused. Raises `GenesysError`.
        """
        if self._config.write_back == "none":
            return WriteOutcome.OFF
        if update.event is not None and may_be_caused_by_us(update.event, self._config.attribute_prefix):
            return WriteOutcome.ECHO
        return await self._profile.write_status(update)

    def failed_events(self, subscription_id: str) -> AsyncIterator[FailedEvent]:
        """Every failed event of a subscription once; raises `GenesysUnsupported` with the profile `genesys`."""
        return self._profile.failed_events(subscription_id)

    def replay(self, subscription_id: str, event_ids: Iterable[str]) -> AsyncIterator[ReplayBatch]:
        """Ask for events to be published again; raises `GenesysUnsupported` with the profile `genesys`."""
        return self._profile.replay(subscription_id, event_ids)


@asynccontextmanager
async def open_genesys(config: GenesysConfig) -> AsyncIterator[Genesys]:
    """Genesys as the settings say. Nothing is sent, and nobody logs in, before something is asked."""
    async with open_client(config) as client:
        profile = TutorialProfile(client, config) if config.profile == "tutorial" else GenesysProfile(client, config)
        yield Genesys(profile, config)
