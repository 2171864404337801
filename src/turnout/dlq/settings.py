"""What the operator decides about recovery: environment variables, their units, bounds and defaults.

Each setting is read from `TURNOUT_DLQ_` and its name in capitals, apart from those that the worker has as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from turnout.dlq.environment import read_settings
from turnout.errors import SettingsError
from turnout.items import split_items
from turnout.settings import all_variables, first_given
from turnout.urls import leads_to_a_server, without_password

__all__ = ["DlqSettings", "load_dlq_settings", "variable"]

_PREFIX = "TURNOUT_DLQ_"

# Settings of the worker, under its names.
_WORKERS = {
    "queue": all_variables("dead_letter_queue_url"),
    "source_queue": all_variables("source_queue_url"),
    "rules": all_variables("rules"),
    "sqs_client": all_variables("sqs_client"),
}

_EXPECTED = {
    "queue": "must be a queue URL, such as https://sqs.eu-west-1.amazonaws.com/123456789012/events-dead",
    "sqs_client": "must be wire or aioboto3",
}

_URL = r"\Ahttps?://[^\s@]+\Z"


class DlqSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of recovery. Times are in seconds."""

    queue: Annotated[str, Meta(pattern=_URL)] | None = None
    """URL of the dead-letter queue."""
    source_queue: str = ""
    """URL of the queue that replays go to; of several, separated by commas, none is the default."""
    rules: str = "rules"
    """Directory of rule files, or one rule file: what the owed targets are."""
    sqs_client: Literal["wire", "aioboto3"] = "wire"
    ledger: Annotated[str, Meta(min_length=1)] = "turnout-ledger.sqlite"
    """A file, or `dynamodb:TABLE` for many workers."""
    ledger_days: Annotated[float, Meta(ge=1, le=3_650)] = 90.0
    """How long a DynamoDB ledger remembers."""
    causes: str = ""
    """YAML file with rows over the table that ships with Turnout."""
    rate: Annotated[float, Meta(gt=0, le=10_000)] = 20.0
    """Letters a second that are acted on, at most."""
    max_failures: Annotated[float, Meta(ge=0, le=100)] = 20.0
    """Percent of letters that may fail before a run stops."""
    attempts: Annotated[int, Meta(ge=1, le=20)] = 4
    """Attempts at one delivery, the first included."""
    backoff_base_seconds: Annotated[float, Meta(gt=0, le=60)] = 2.0
    backoff_cap_seconds: Annotated[float, Meta(gt=0, le=900)] = 60.0
    archive_bucket: str = ""
    archive_key: Annotated[str, Meta(min_length=1)] = "dlq/archives/{event_type}/{code}/{event_id}-{timestamp}.json"
    """Template of the keys."""
    archive_kms_key: str = ""
    """A KMS key's id, ARN or alias; without one the bucket's own encryption is used."""


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return _WORKERS[field][0] if field in _WORKERS else _PREFIX + field.upper()


def load_dlq_settings(
    environ: Mapping[str, str] | None = None, given: Mapping[str, object] | None = None
) -> DlqSettings:
    """The settings from the environment, overridden by `given` (setting name to text or value; None: not given).

    Raises `SettingsError` with every problem at once.
    """
    environ = os.environ if environ is None else environ
    values, problems = read_settings(DlqSettings, _variables, environ, given, _EXPECTED)
    if str(values.get("ledger", "")).strip() == "dynamodb:":  # as of dynamodb:$TABLE, which nobody set
        name = variable("ledger") if (given or {}).get("ledger") is None else "--ledger"
        problems.append(f"{name}: names no table; it must be a file, or dynamodb:TABLE")
    for field in ("queue", "source_queue"):
        name = "--" + field.replace("_", "-")
        if (given or {}).get(field) is None:
            name, _ = first_given(environ, _variables(field))
        for url in split_items(values.get(field) or ""):
            if "://" in url and not leads_to_a_server(url):
                problems.append(f"{name}: {without_password(url)!r} has a host or a port that cannot be")
    if problems:
        raise SettingsError(problems)
    return DlqSettings(**values)


def _variables(field: str) -> tuple[str, ...]:
    return _WORKERS.get(field) or (variable(field),)
