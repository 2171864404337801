"""The log of the functions: lines of JSON from the start on, and what is misspelt before settings are refused.

While a call lasts, each line names Lambda's request, as Lambda's own lines (START, REPORT, a timeout) do.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from turnout.recovery.letter import Letter
from turnout.serverless.events import Context
from turnout.telemetry.logs import configure_logging
from turnout.variables import misspelt_settings

__all__ = ["about", "begin_log", "naming_request"]

log = logging.getLogger(__name__)


def begin_log(environ: Mapping[str, str] | None = None) -> None:
    """Send the log to standard error, and name what is nearly a setting: whoever misses one looks there for why."""
    configure_logging("info", "json")
    for sentence in misspelt_settings(os.environ if environ is None else environ):
        log.warning("%s", sentence)


@contextmanager
def naming_request(context: Context) -> Iterator[None]:
    """Until it is left, all records have the id of this call as `request_id`. An environment has one call at a time."""
    request = getattr(context, "aws_request_id", "")
    before = logging.getLogRecordFactory()

    def named(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = before(*arguments, **options)
        record.request_id = request
        return record

    # Not a filter of the handlers: opening replaces those, and the first call may be what opens.
    logging.setLogRecordFactory(named)
    try:
        yield
    finally:
        logging.setLogRecordFactory(before)


def about(letter: Letter) -> dict[str, str]:
    """What a line about a letter names beside it, as its `extra`."""
    return {"message_id": letter.id, "event_id": letter.event_id, "conversation_id": letter.conversation_id}
