"""Asks Genesys: logs in, and makes the one request that correlation needs, for a conversation that does not exist."""

from __future__ import annotations

import asyncio
import uuid

from turnout.doctor.facts import Silence, Why
from turnout.errors import GenesysDenied, SettingsError
from turnout.genesys.config import GenesysConfig
from turnout.genesys.session import open_genesys

__all__ = ["ask_genesys"]

_SECONDS = 20.0


async def ask_genesys(config: GenesysConfig) -> Silence | None:
    """None when the client may log in and look conversations up; else what is in the way."""
    try:
        async with asyncio.timeout(_SECONDS), open_genesys(config) as genesys:
            error = (await genesys.correlate(str(uuid.uuid4()))).error
    except TimeoutError:
        return Silence(Why.FAILED, "TimeoutError", f"no answer within {_SECONDS:.0f} s")
    except SettingsError as unusable:
        return Silence(Why.FAILED, type(unusable).__name__, str(unusable))
    if error is None:
        return None
    return Silence(Why.DENIED if isinstance(error, GenesysDenied) else Why.FAILED, error.code, str(error))
