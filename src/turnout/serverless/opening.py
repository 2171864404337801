"""Opens what recovery stands on, once per execution environment, by the settings that `turnout dlq` reads."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from turnout.dlq.acts import To, archiving, delivering, rerouting
from turnout.dlq.services import open_services
from turnout.dlq.settings import DlqSettings, load_dlq_settings, variable
from turnout.dlq.sources import Place
from turnout.errors import SettingsError
from turnout.genesys.config import names_a_client
from turnout.recovery.ledger.opening import DYNAMODB
from turnout.serverless.log import begin_log
from turnout.serverless.recovering import Recovery
from turnout.serverless.telling import Teller
from turnout.sqs.api import Sqs

__all__ = ["Opened", "open_recovery"]


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
    begin_log(environ)
    settings = load_dlq_settings(environ)
    if not settings.ledger.startswith(DYNAMODB):
        raise SettingsError(
            [f"{variable('ledger')}: must be dynamodb:TABLE here; a file is gone with the function's environment"]
        )
    # Attempts are counted by the ledger, and repeated by whoever called: within an act there is one.
    settings = msgspec.structs.replace(settings, attempts=1)
    function = f"lambda:{environ.get('AWS_LAMBDA_FUNCTION_NAME', 'recovery')}"
    by = f"{function}:{os.urandom(4).hex()}"
    async with open_services(settings, environ) as services:
        place = Place(queue=settings.queue or "")
        recovery = Recovery(
            ledger=await services.ledger(),
            # To what is owed; where nothing says what that is, to the queue from which the event came.
            deliveries=[
                await delivering(services, place, To("owed"), whole=True),
                # Its name is the same in all environments: one may repeat what another has begun.
                await rerouting(services, place, function, automatic=True),
            ],
            archive=await archiving(services, by) if settings.archive_bucket else None,
            teller=Teller(await services.genesys() if names_a_client(environ) else None),
            by=by,
            causes=services.causes(),
        )
        yield Opened(recovery, await services.sqs(), settings)
