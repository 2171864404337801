"""Opens what recovery stands on, once per execution environment, by the settings that `turnout dlq` reads."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from turnout.dlq.doors import Doors
from turnout.dlq.services import Services, open_services
from turnout.dlq.settings import DlqSettings, load_dlq_settings
from turnout.errors import SettingsError
from turnout.recovery.archive.archiving import Archiving
from turnout.recovery.archive.s3 import open_s3_archive
from turnout.recovery.deliver.address import Address, Kind
from turnout.recovery.deliver.api import Act
from turnout.recovery.deliver.delivering import Delivering
from turnout.recovery.deliver.rerouting import Rerouting
from turnout.recovery.deliver.sending import Patience
from turnout.serverless.recovering import Recovery
from turnout.serverless.telling import Teller
from turnout.sqs.api import Sqs
from turnout.telemetry.logs import configure_logging

__all__ = ["Opened", "open_recovery"]

# One: attempts are counted by the ledger, and repeated by whoever called.
_ONCE = Patience(attempts=1)


class Opened(msgspec.Struct, frozen=True):
    """What is open."""

    recovery: Recovery
    sqs: Sqs
    settings: DlqSettings


@asynccontextmanager
async def open_recovery(environ: Mapping[str, str] | None = None) -> AsyncIterator[Opened]:
    """A recovery as the environment says; its connections are closed on leaving.

    Raises `SettingsError`, `RulesError`, `CausesError` and `LedgerUnavailable`.
    """
    environ = os.environ if environ is None else environ
    settings = load_dlq_settings(environ)
    if not settings.ledger.startswith("dynamodb:"):
        raise SettingsError(
            ["TURNOUT_DLQ_LEDGER: must be dynamodb:TABLE here; a file is gone with the function's environment"]
        )
    configure_logging("info", "json")
    by = f"lambda:{environ.get('AWS_LAMBDA_FUNCTION_NAME', 'recovery')}:{os.urandom(4).hex()}"
    async with open_services(settings, environ) as services, AsyncExitStack() as stack:
        sqs = await services.sqs()
        recovery = Recovery(
            ledger=await services.ledger(),
            deliveries=await _deliveries(services, by),
            archive=await _archive(settings, stack, by, services),
            teller=Teller(await services.genesys() if _knows_genesys(environ) else None),
            by=by,
            causes=services.causes(),
        )
        yield Opened(recovery, sqs, settings)


async def _deliveries(services: Services, by: str) -> list[Act]:
    """To what is owed; where nothing says what that is, to the queue from which the event came."""
    settings = services.settings
    sources = tuple(url.strip() for url in settings.source_queue.split(",") if url.strip())
    destinations = await services.destinations(beside=next(iter(sources), settings.queue or ""))
    doors = Doors(destinations, services.rules)
    return [
        Delivering(doors, rules=services.rules, patience=_ONCE),
        Rerouting(lambda url: doors(Address(Kind.QUEUE, url)), replay=by, queues=sources, patience=_ONCE),
    ]


async def _archive(settings: DlqSettings, stack: AsyncExitStack, by: str, services: Services) -> Act | None:
    if not settings.archive_bucket:
        return None
    opening = open_s3_archive(settings.archive_bucket, kms_key=settings.archive_kms_key)
    store = await stack.enter_async_context(opening)
    return Archiving(store, settings.archive_key, by=by, causes=services.causes(), patience=_ONCE)


def _knows_genesys(environ: Mapping[str, str]) -> bool:
    names = ("TURNOUT_GENESYS_CLIENT_ID", "GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYS_CLIENT_ID")
    return any(environ.get(name) for name in names)
