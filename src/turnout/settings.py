"""Every setting of the worker: its environment variable, its unit, its bounds and its default.

Settings come from the environment; the command line's flags override it. AWS's own variables (`AWS_REGION`,
`AWS_ENDPOINT_URL`, profiles, roles) are read where AWS clients are made, in `turnout.sqs`; those of OpenTelemetry
(`OTEL_*`) in `turnout.telemetry.setup`.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasGenerator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from turnout.errors import SettingsError
from turnout.items import split_items
from turnout.queues import queue_key
from turnout.wrong_settings import check_queue_urls, in_plain_words

__all__ = [
    "PREFIX",
    "SECRETS",
    "Settings",
    "all_variables",
    "first_given",
    "is_loopback",
    "load_settings",
    "required_paths",
    "variable",
]

PREFIX = "TURNOUT_"

# Only ever read from the environment.
SECRETS = frozenset({"http_token"})

# What other tutorials and deployments call the same thing.
_SYNONYMS = {"source_queue_url": "GENESYS_SOURCE_QUEUE_URL", "dead_letter_queue_url": "GENESYS_DLQ_URL"}


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


def all_variables(field: str) -> tuple[str, ...]:
    """All environment variables of a setting, the one that counts most first."""
    return (variable(field), _SYNONYMS[field]) if field in _SYNONYMS else (variable(field),)


def first_given(environ: Mapping[str, str], names: Iterable[str]) -> tuple[str, str]:
    """The first of these variables that is not empty, and what it holds; both empty when there is none."""
    return next(((name, text) for name in names if (text := environ.get(name, "").strip())), ("", ""))


class Settings(BaseSettings):
    """The settings of one worker process. Descriptions are what `turnout run --help` prints."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=variable),
    )

    source_queue_url: Annotated[tuple[str, ...], NoDecode] = Field(
        min_length=1, description="URL of the SQS queue to read events from; several separated by commas."
    )
    dead_letter_queue_url: str = Field(description="URL of the SQS queue for messages that cannot be delivered.")
    rules: Path = Field(Path("rules"), description="Directory of rule files (*.yaml), or one rule file.")
    require: Annotated[tuple[str, ...], NoDecode] = Field(
        ("detail",),
        description="Paths that every event must have, separated by commas; an event without one is dead-lettered as "
        "MISSING_FIELD. Empty accepts any JSON object.",
    )
    processes: int = Field(1, ge=1, le=64, description="Worker processes. One uses one core, at most.")
    sqs_client: Literal["wire", "aioboto3"] = Field(
        "wire",
        description="What speaks to SQS: wire is fast, aioboto3 is Amazon's own library, which also knows proxies.",
    )
    pollers: int = Field(
        4,
        ge=1,
        le=64,
        description="Long polls at a time, per source queue and process, at most; of an empty queue there is one.",
    )
    wait_seconds: int = Field(20, ge=0, le=20, description="How long one long poll waits for messages, in seconds.")
    visibility_seconds: int = Field(
        60,
        ge=6,
        le=43_200,
        description="For how long a received message stays invisible to others, in seconds; extended while it is held.",
    )
    max_in_flight: int = Field(
        2_000, ge=1, le=100_000, description="Messages that each process holds at a time, at most."
    )
    max_in_flight_mib: int = Field(
        256, ge=1, le=65_536, description="Bytes of message bodies that each process holds at a time, at most, in MiB."
    )
    send_calls: int = Field(4, ge=1, le=64, description="Batches under way at a time, per target and process.")
    send_calls_total: int = Field(
        12,
        ge=1,
        le=512,
        description="Batches under way at a time beyond the first of each target, all targets of a process "
        "together; urgent targets go first.",
    )
    send_attempts: int = Field(
        12, ge=1, le=100, description="Attempts at a delivery, the first included, before it is dead-lettered."
    )
    backoff_base_seconds: float = Field(
        0.2, gt=0, le=60, description="Longest wait before the second attempt, in seconds; doubles each time."
    )
    backoff_cap_seconds: float = Field(30.0, gt=0, le=900, description="Longest wait between attempts, in seconds.")
    breaker_failures: int = Field(
        5, ge=1, le=1_000, description="Calls to a target that must fail in a row before it is left alone for a while."
    )
    breaker_probe_seconds: float = Field(
        30.0,
        gt=0,
        le=900,
        description="Longest wait between two tries of a target that is left alone and asks for no more, in seconds.",
    )
    hold_seconds: float = Field(
        900.0,
        ge=0,
        le=36_000,
        description="How long a delivery waits for a target that is left alone, or asks for that by Retry-After, "
        "before it is dead-lettered, in seconds.",
    )
    idempotency: Literal["none", "memory", "dynamodb"] = Field(
        "none",
        description="Where to remember which targets took which event, so that a redelivered message is not sent to "
        "them again: nowhere, in this process, or in a DynamoDB table shared by many.",
    )
    idempotency_table: str = Field("", validate_default=True, description="Name of the DynamoDB table, for dynamodb.")
    idempotency_events: int = Field(200_000, ge=1, description="Events remembered at a time, for memory.")
    idempotency_days: float = Field(
        15.0, ge=14, le=365, description="How long an event is remembered, in days, for dynamodb."
    )
    idempotency_on_error: Literal["continue", "wait"] = Field(
        "continue",
        description="When the table does not answer: continue without it (duplicates are possible), or let messages "
        "wait in their queue.",
    )
    idempotency_key: Literal["event", "genesys"] = Field(
        "event",
        description="What makes two messages one event: its id, or for Genesys events topic, time and conversation, "
        "which also recognises what Genesys published twice.",
    )
    drain_seconds: float = Field(
        25.0,
        ge=0,
        le=3_600,
        description="How long a stopping worker may go on finishing what it holds, in seconds. The container's grace "
        "period is that, twice TURNOUT_TELEMETRY_SECONDS, and ten.",
    )
    telemetry_seconds: float = Field(
        5.0,
        ge=0,
        le=60,
        description="How long the last metrics, and then the last spans, may each take to leave after the drain, in "
        "seconds.",
    )
    trace_slow_seconds: float = Field(
        1.0, gt=0, le=3_600, description="A message that takes longer than this is always traced, in seconds."
    )
    http_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="Port for probes (/livez, /readyz), metrics (/metrics) and the status page (/); 0: any free one.",
    )
    http_host: str = Field(
        "127.0.0.1",
        description="Address that port is bound to. One that other machines reach needs TURNOUT_HTTP_TOKEN, which is "
        "then asked for by everything but probes and metrics.",
    )
    http_token: SecretStr | None = Field(
        None,
        validate_default=True,
        description="Secret that whoever opens the status page must give as password or as bearer token.",
    )
    http_bodies: bool = Field(
        False, description="Whether that port may show whole events (turnout tail --bodies), contact data included."
    )
    watchdog_seconds: float = Field(
        1.0,
        ge=0.1,
        le=60,
        description="How long the event loop may be blocked before the log says by what, in seconds.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="Form of the log lines; auto is text on a terminal and JSON elsewhere."
    )

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, without secrets and what is not set: for a process of our own."""
        values = ((field, getattr(self, field)) for field in type(self).model_fields if field not in SECRETS)
        return {variable(field): _text(value) for field, value in values if value is not None}

    @model_validator(mode="before")
    @classmethod
    def _empty_means_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        # Compose and manifests pass variables on that may be empty; only for `require` is that a value.
        keep = {"require", variable("require")}
        return {name: value for name, value in values.items() if value != "" or name in keep}

    @field_validator("source_queue_url", "require", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return split_items(value)
        return value

    @field_validator("source_queue_url")
    @classmethod
    def _sources_are_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        check_queue_urls(*value)
        if len(set(map(queue_key, value))) != len(value):
            raise ValueError("names the same queue twice")
        return value

    # What settings must be beside others is asked of one field at a time, each of those that stand before it, where
    # they are right: a check of the whole would be silent for as long as any setting is wrong.

    @field_validator("dead_letter_queue_url")
    @classmethod
    def _dead_letters_are_a_url_of_their_own(cls, value: str, info: ValidationInfo) -> str:
        check_queue_urls(value)
        if queue_key(value) in map(queue_key, info.data.get("source_queue_url", ())):
            raise ValueError("is also a source queue: letters would be routed again for ever")
        return value

    @field_validator("require")
    @classmethod
    def _paths_can_be_read(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # Imported on demand: most leave this setting as it is.
        from turnout.rules.expression.parser import parse_path
        from turnout.rules.expression.paths import PathReader
        from turnout.rules.problems import ExpressionError

        reader, problems = PathReader(), []
        for path in value:
            try:
                parse_path(path, reader)
            except ExpressionError as error:
                problems.append(f"{path!r}: {error.message}")
        if problems:
            raise ValueError("; ".join(problems))
        return value

    @field_validator("idempotency_table")
    @classmethod
    def _dynamodb_has_a_table(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("idempotency") == "dynamodb":
            raise ValueError(f"is not set, which {variable('idempotency')} needs")
        return value

    @field_validator(
        "sqs_client", "log_level", "log_format", "idempotency", "idempotency_on_error", "idempotency_key", mode="before"
    )
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("http_token", mode="before")
    @classmethod
    def _strip(cls, value: object) -> object:
        # Files of secrets end with a line break, which nobody can type into a browser.
        return value.strip() if isinstance(value, str) else value

    @field_validator("http_token")
    @classmethod
    def _strangers_need_a_token(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        port, host = info.data.get("http_port"), info.data.get("http_host")
        if not value and port is not None and host is not None and not is_loopback(host):
            raise ValueError(f"is not set; {variable('http_host')} {host} lets other machines in")
        return value


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to what is bound to an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def load_settings(flags: Mapping[str, object] | None = None) -> Settings:
    """The settings from the environment, overridden by `flags` (setting name to text or value).

    Raises `SettingsError` with every problem at once.
    """
    given: dict[str, Any] = {variable(name): value for name, value in (flags or {}).items()}
    also = {variable(field): first_given(os.environ, all_variables(field))[1] for field in _SYNONYMS}
    try:
        return Settings(**({name: text for name, text in also.items() if text} | given))
    except ValidationError as error:
        raise SettingsError([_sentence(dict(problem), given) for problem in error.errors()]) from None


def required_paths() -> tuple[str, ...]:
    """The setting `require` alone: it can be known when others are missing or wrong."""
    given = os.environ.get(variable("require"))
    default: tuple[str, ...] = Settings.model_fields["require"].get_default()
    return default if given is None else split_items(given)


def _sentence(problem: Mapping[str, Any], flags: Collection[str]) -> str:
    name = str(problem["loc"][0])
    name = variable(name) if name in Settings.model_fields else name  # so it is called where a default is wrong
    synonym = next((also for field, also in _SYNONYMS.items() if variable(field) == name), "")
    # The synonym is named where it alone is set.
    by, _ = ("", "") if name in flags else first_given(os.environ, (name, synonym))
    return f"{by or name}: {in_plain_words(problem, synonym)}"
