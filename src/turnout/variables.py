"""Every environment variable of Turnout, whichever of its programs reads it, and those that are set to no effect.

Worker, recovery and functions are often given one environment: what another program reads is no mistake.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches

from msgspec.structs import fields

from turnout.dlq.settings import DlqSettings
from turnout.dlq.settings import variable as dlq_variable
from turnout.dlq.work_settings import WorkSettings, work_variable
from turnout.genesys.config import GenesysConfig
from turnout.genesys.config import variable as genesys_variable
from turnout.settings import PREFIX, Settings, variable

__all__ = ["idle_settings", "known_variables", "misspelt_settings"]

# Read where no settings are: by the function that parks letters, and by a worker of its supervisor.
_OTHERS = ("TURNOUT_PARKED_QUEUE_URL", "TURNOUT_PULSE_FD")

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
            close = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
            if close:
                found.append(f"{name} is not a setting and has no effect; did you mean {close[0]}?")
    return tuple(found)


def idle_settings(settings: Settings) -> tuple[str, ...]:
    """One sentence for each setting that waits for another one, which nobody has set.

    Not an error: who sets the other one to its default has switched it off, and may leave the rest as it is.
    """
    if settings.idempotency_table and "idempotency" not in settings.model_fields_set:
        return (
            f"{variable('idempotency_table')} has no effect: set {variable('idempotency')}=dynamodb to use the table, "
            f"or {variable('idempotency')}=none to do without",
        )
    return ()
