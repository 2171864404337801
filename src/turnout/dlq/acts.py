"""Makes the actions of `turnout.recovery` of what an operator asks for: retry or replay to where, archive, restore."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec

from turnout.dlq.doors import Doors
from turnout.dlq.services import Services
from turnout.dlq.settings import DlqSettings, variable
from turnout.dlq.sources import Place
from turnout.errors import SettingsError
from turnout.recovery.archive.key import KeyTemplate
from turnout.recovery.deliver.address import Address, Kind
from turnout.recovery.deliver.api import Act
from turnout.recovery.deliver.delivering import Delivering
from turnout.recovery.deliver.rerouting import Rerouting
from turnout.recovery.deliver.sending import Patience

__all__ = ["To", "ToKind", "archiving", "delivering", "key_template", "replaying", "rerouting", "restoring"]

ToKind = Literal["owed", "source", "target", "queue", "url", "file", "api"]

_ADDRESSES = {"target": Kind.TARGET, "queue": Kind.QUEUE, "url": Kind.URL}


class To(msgspec.Struct, frozen=True):
    """Where letters are to go: to what they are owed, to their source queue, or to one place for all."""

    kind: ToKind = "owed"
    value: str = ""
    """A target's name, a queue's URL, an endpoint's, a file's path, a subscription's id."""

    def __str__(self) -> str:
        if self.kind == "owed":
            return "the targets they are owed to"
        if self.kind == "source":
            return "their source queues"
        if self.kind == "api":
            return f"the replay API, for {self.value}"
        return f"{self.kind} {Address(Kind.URL, self.value).label if self.kind == 'url' else self.value}"

    @property
    def text(self) -> str:
        """As a plan remembers it: an endpoint's URL may hold keys, so that only its label is kept."""
        return f"{self.kind}:{Address(Kind.URL, self.value).label if self.kind == 'url' else self.value}"

    @property
    def anywhere(self) -> To:
        """The same for a plan that goes on in another folder."""
        return To("file", str(Path(self.value).absolute())) if self.kind == "file" else self

    @classmethod
    def of(cls, text: str) -> To:
        """From what a plan remembers."""
        kind, _, value = text.partition(":")
        return cls(next((each for each in get_args(ToKind) if each == kind), "owed"), value)


async def delivering(
    services: Services,
    place: Place,
    to: To,
    *,
    replay: str = "",
    instead: Mapping[str, str] | None = None,
    whole: bool = False,
) -> Act:
    """Deliveries to owed targets or to a chosen one. `instead` says the endpoints of ARNs (API destinations)."""
    kind = _ADDRESSES.get(to.kind)
    return Delivering(
        Doors(await services.destinations(_beside(services, place)), services.rules, instead),
        rules=services.rules,
        chosen=None if kind is None else Address(kind, to.value),
        patience=patience(services),
        replay=replay,
        whole=whole,
    )


async def replaying(
    services: Services, place: Place, to: To, replay: str, instead: Mapping[str, str] | None = None
) -> Act:
    """A replay, of which `replay` is the id."""
    if to.kind == "source":
        return await rerouting(services, place, replay)
    if to.kind == "file":
        from turnout.recovery.deliver.writing import Writing

        return Writing(Path(to.value), replay=replay)
    if to.kind == "api":
        from turnout.recovery.deliver.requesting import Requesting

        genesys = await services.genesys(failed_events=True)
        return Requesting(lambda ids: genesys.replay(to.value, ids), f"replay API {to.value}")
    return await delivering(services, place, to, replay=replay, instead=instead)


async def rerouting(services: Services, place: Place, replay: str, *, automatic: bool = False) -> Act:
    """A replay to source queues. `automatic`: nobody asked for it."""
    destinations = await services.destinations(_beside(services, place))
    queues = tuple(filter(None, (url.strip() for url in services.settings.source_queue.split(","))))
    return Rerouting(destinations.queue, replay=replay, automatic=automatic, queues=queues, patience=patience(services))


async def archiving(services: Services, by: str) -> Act:
    """Archiving into the bucket of the settings. Raises `SettingsError`, `ArchiveError`."""
    from turnout.recovery.archive.archiving import Archiving

    template = key_template(services.settings)
    return Archiving(await services.archive(), template, by=by, patience=patience(services))


def key_template(settings: DlqSettings) -> KeyTemplate:
    """The keys of the archive. Raises `SettingsError`."""
    try:
        return KeyTemplate(settings.archive_key)
    except ValueError as error:
        raise SettingsError([f"{variable('archive_key')}: {error}"]) from error


async def restoring(services: Services, place: Place, queue: str = "") -> Act:
    """Archived letters back into the queues where they were found, or into one."""
    from turnout.recovery.archive.restoring import Restoring

    destinations = await services.destinations(_beside(services, place))
    return Restoring(destinations.queue, queue=queue, patience=patience(services))


async def telling(services: Services, act: Act) -> Act:
    """The action, which also tells conversations what becomes of their letters, when the settings of Genesys say so."""
    if not services.writes_back:
        return act
    from turnout.dlq.conversations import GenesysConversations
    from turnout.recovery.deliver.telling import Telling

    return Telling(act, GenesysConversations(await services.genesys(), correlates=False))


def patience(services: Services) -> Patience:
    """How often a delivery is attempted."""
    settings = services.settings
    return Patience(settings.attempts, settings.backoff_base_seconds, settings.backoff_cap_seconds)


def _beside(services: Services, place: Place) -> str:
    """The queue beside which the queues are that are named without a URL, as the worker takes it."""
    settings = services.settings
    return settings.source_queue.partition(",")[0].strip() or place.queue or settings.queue or ""
