"""The log of the functions: lines of JSON from the start on, and what is misspelt before settings are refused."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from turnout.telemetry.logs import configure_logging
from turnout.variables import misspelt_settings

__all__ = ["begin_log"]

log = logging.getLogger(__name__)


def begin_log(environ: Mapping[str, str] | None = None) -> None:
    """Send the log to standard error, and name what is nearly a setting: whoever misses one looks there for why."""
    configure_logging("info", "json")
    for sentence in misspelt_settings(os.environ if environ is None else environ):
        log.warning("%s", sentence)
