"""Every environment variable of Turnout, whichever of its programs reads it, and those that are set to no effect.

Of AWS's and OpenTelemetry's those that are set to what cannot be used.

Worker, recovery and functions are often given one environment: what another program reads is no mistake.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from msgspec.structs import fields

from turnout.dlq.settings import DlqSettings
from turnout.dlq.settings import variable as dlq_variable
from turnout.dlq.work_settings import WorkSettings, work_variable
from turnout.genesys.config import GenesysConfig
from turnout.genesys.config import variable as genesys_variable
from turnout.settings import PREFIX, Settings, variable
from turnout.sqs.place import endpoint_problems
from turnout.telemetry.setup import telemetry_problems

__all__ = ["idle_settings", "known_variables", "misspelt_settings", "settings_without_port", "unusable_variables"]

# Read where no settings are: by the function that parks letters, and by a worker of its supervisor.
_OTHERS = ("TURNOUT_PARKED_QUEUE_URL", "TURNOUT_PULSE_FD")

# Spelt like settings of recovery, and meant for the worker's.
_MEANT = {f"{PREFIX}DLQ_{name}": variable("dead_letter_queue_url") for name in ("URL", "QUEUE", "QUEUE_URL")}

# Settings that say how to remember events, once it is said where.
_OF_A_STORE = ("idempotency_events", "idempotency_days", "idempotency_on_error", "idempotency_key")

_DEFAULT_HOST: str = Settings.model_fields["http_host"].get_default()

# What Kubernetes sets for a Service called turnout: TURNOUT_PORT=tcp://10.0.0.1:8080.
_OF_A_SERVICE = re.compile(r"(tcp|udp|sctp)://")


def known_variables() -> frozenset[str]:
    """All that begin with `TURNOUT_` and are read."""
    return frozenset(
        (
            *map(variable, Settings.model_fields),
            *(dlq_variable(field.name) for field in fields(DlqSettings)),
            *(work_variable(field.name) for field in fields(WorkSettings)),
            *(genesys_variable(field.name) for field in fields(GenesysConfig)),
            *_OTHERS,
        )
    )


def misspelt_settings(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """One sentence for each `TURNOUT_` variable that is no setting but nearly is. Values are not in it.

    Not an error: Kubernetes itself sets such variables for a Service of that name (`TURNOUT_SERVICE_HOST`).
    """
    given = os.environ if environ is None else environ
    known = known_variables()
    found = []
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in known and not _OF_A_SERVICE.match(given[name]):
            # Sorted, so that of two that are equally close it is always the same.
            close = [_MEANT[name]] if name in _MEANT else get_close_matches(name, sorted(known), n=1, cutoff=0.8)
            if close:
                found.append(f"{name} is not a setting and has no effect; did you mean {close[0]}?")
    return tuple(found)


def unusable_variables(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """One sentence for each variable of AWS's endpoints and of OpenTelemetry's that holds what cannot be used."""
    given = os.environ if environ is None else environ
    return (*endpoint_problems(given), *telemetry_problems(given))


def idle_settings(settings: Settings) -> tuple[str, ...]:
    """One sentence for settings that wait for a store of events, which nobody has set.

    Not an error: who sets the other one to its default has switched it off, and may leave the rest as it is.
    """
    store = variable("idempotency")
    if "idempotency" in settings.model_fields_set:
        return ()
    if settings.idempotency_table:
        return (
            f"{variable('idempotency_table')} has no effect: set {store}=dynamodb to use the table, "
            f"or {store}=none to do without",
        )
    idle = [variable(name) for name in _OF_A_STORE if name in settings.model_fields_set]
    if not idle:
        return ()
    return (
        f"{_have(idle)} no effect: set {store}=memory or dynamodb to remember events, or {store}=none to do without",
    )


def settings_without_port(settings: Settings, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """One sentence for settings of the HTTP port, where nobody has set that. Of no use where none can be: in functions.

    A variable of the port that is empty says that none is wanted. The token is not among them: `turnout top` reads it.
    """
    port = variable("http_port")
    if settings.http_port is not None or port in (os.environ if environ is None else environ):
        return ()
    idle = [variable("http_host")] if settings.http_host != _DEFAULT_HOST else []
    idle += [variable("http_bodies")] if settings.http_bodies else []
    if not idle:
        return ()
    return (f"{_have(idle)} no effect: set {port}=8080 to open a port, or leave it empty to do without",)


def _have(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]} have" if len(names) > 1 else f"{names[0]} has"
