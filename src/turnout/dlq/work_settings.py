"""What the operator decides about the processor, beside what is decided about recovery as a whole.

Each setting is read from `TURNOUT_DLQ_` and its name in capitals; the HTTP port has the worker's names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from turnout.dlq.environment import read_settings
from turnout.errors import SettingsError
from turnout.settings import is_loopback

__all__ = ["WorkSettings", "load_work_settings", "work_variable"]

_PREFIX = "TURNOUT_DLQ_"
_WORKERS = frozenset({"http_port", "http_host", "http_token", "log_level", "log_format", "telemetry_seconds"})
_EXPECTED = {"log_level": "must be debug, info, warning or error", "log_format": "must be auto, json or text"}


class WorkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the processor. Times are in seconds."""

    interval_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 60.0
    """Between the end of a round and the begin of the next."""
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 16
    """Letters worked on at a time."""
    round_letters: Annotated[int, Meta(ge=1, le=100_000)] = 10_000
    """Letters held in one round, at most."""
    lease_seconds: Annotated[float, Meta(ge=15, le=3_600)] = 120.0
    """For so long letters stay with a process that was killed."""
    drain_seconds: Annotated[float, Meta(ge=0, le=3_600)] = 25.0
    report_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 900.0
    """Between two health reports."""
    http_port: Annotated[int, Meta(ge=0, le=65_535)] | None = None
    http_host: str = "127.0.0.1"
    http_token: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"
    telemetry_seconds: Annotated[float, Meta(ge=0, le=60)] = 5.0

    def __repr__(self) -> str:
        return "WorkSettings()"  # it holds a secret


def work_variable(field: str) -> str:
    """The environment variable of a setting."""
    return ("TURNOUT_" if field in _WORKERS else _PREFIX) + field.upper()


def load_work_settings(
    environ: Mapping[str, str] | None = None, given: Mapping[str, object] | None = None
) -> WorkSettings:
    """The settings from the environment, overridden by `given` (setting name to text or value; None: not given).

    Raises `SettingsError` with every problem at once.
    """
    values, problems = read_settings(
        WorkSettings,
        lambda field: (work_variable(field),),
        os.environ if environ is None else environ,
        given,
        _EXPECTED,
    )
    host, token = values.get("http_host", "127.0.0.1"), values.get("http_token")
    if values.get("http_port") is not None and not token and not is_loopback(host):
        problems.append(f"{work_variable('http_token')}: is not set; {host} lets other machines in")
    if problems:
        raise SettingsError(problems)
    return WorkSettings(**values)
