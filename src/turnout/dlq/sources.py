"""Opens the place where letters are to be found: a queue, a file, or the failed events of a subscription."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from turnout.dlq.services import Services
from turnout.dlq.settings import variable
from turnout.errors import SettingsError
from turnout.queues import queue_url
from turnout.recovery.sources.api import Source

__all__ = ["ACTING_SECONDS", "LOOKING_SECONDS", "Place", "open_source"]

_KINDS = ("queue", "failed_events", "file", "archive")

LOOKING_SECONDS = 60
"""For so long letters stay hidden when a process dies that only looked."""
ACTING_SECONDS = 120
"""... or that was acting on them."""


class Place(msgspec.Struct, frozen=True):
    """Where letters are; at most one is set. None set: the queue of the settings."""

    queue: str = ""
    """A URL, or the name of a queue beside that of the settings."""
    failed_events: str = ""
    file: str = ""
    archive: str = ""
    """The beginning of keys in the archive."""

    @property
    def text(self) -> str:
        """As a plan remembers it."""
        return next((f"{name}:{value}" for name in _KINDS if (value := getattr(self, name))), "")

    @property
    def anywhere(self) -> Place:
        """The same place for a plan that goes on in another folder."""
        return Place(file=str(Path(self.file).absolute())) if self.file else self

    @classmethod
    def of(cls, text: str) -> Place:
        """From what a plan remembers."""
        kind, _, value = text.partition(":")
        return cls(**{kind: value}) if kind in _KINDS else cls()


@contextlib.asynccontextmanager
async def open_source(
    services: Services, place: Place, *, visibility_seconds: int = ACTING_SECONDS
) -> AsyncIterator[Source]:
    """The letters there; what is still held is given back on leaving. Raises `TurnoutError`."""
    source = await _source(services, place, visibility_seconds)
    try:
        yield source
    finally:
        await source.aclose()


async def _source(services: Services, place: Place, visibility_seconds: int) -> Source:
    causes = services.causes()
    if place.file:
        from turnout.recovery.sources.file import open_file_source

        return open_file_source(Path(place.file), causes=causes)
    if place.archive:
        from turnout.recovery.archive.source import ArchiveSource

        return ArchiveSource(await services.archive(), place.archive, causes=causes)
    if place.failed_events:
        from turnout.recovery.sources.failed_events import FailedEventsSource

        genesys = await services.genesys(failed_events=True)
        return FailedEventsSource(
            place.failed_events, lambda: genesys.failed_events(place.failed_events), causes=causes
        )
    configured = services.settings.queue or ""
    queue = queue_url(place.queue, beside=configured) if place.queue and configured else place.queue or configured
    if "://" not in queue:
        raise SettingsError(
            [f"which letters? Give --queue URL, --failed-events, --file or --archived, or set {variable('queue')}"]
        )
    from turnout.recovery.sources.queue import open_queue_source

    return await open_queue_source(await services.sqs(), queue, causes=causes, visibility_seconds=visibility_seconds)
