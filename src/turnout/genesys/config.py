"""What the operator decides about Genesys: environment variables, their units, bounds and defaults.

Each setting is read from `TURNOUT_GENESYS_` and its name in capitals. The names that Genesys's own tools use for
region and client are understood too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from turnout.errors import SettingsError
from turnout.genesys.regions import Hosts, hosts
from turnout.genesys.secret import Secret

__all__ = ["GenesysConfig", "WriteBack", "load_genesys_config", "names_a_client", "variable"]

_PREFIX = "TURNOUT_GENESYS_"

# Genesys's Terraform provider and command line; then the names that tutorials use.
_SYNONYMS = {
    "region": ("GENESYSCLOUD_REGION", "GENESYS_REGION"),
    "client_id": ("GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYS_CLIENT_ID"),
    "client_secret": ("GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYS_CLIENT_SECRET"),
}

WriteBack = Literal["none", "participant-attributes", "external-tag", "interaction"]

_WRITERS: dict[str, tuple[WriteBack, ...]] = {
    "genesys": ("none", "participant-attributes", "external-tag"),
    "tutorial": ("none", "interaction"),
}

_CHOICES: dict[str, tuple[str, ...]] = {
    "profile": tuple(_WRITERS),
    "client_auth": ("basic", "post"),
    "write_back": get_args(WriteBack),
}

_Path = Annotated[str, Meta(pattern=r"\A(/[A-Za-z0-9._~/{}-]+)?\Z")]


class GenesysConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `turnout.genesys` is told. Times are in seconds."""

    client_id: Annotated[str, Meta(min_length=1)]
    client_secret: Secret
    region: str = ""
    """An AWS region (`eu-west-1`) or a domain of Genesys (`mypurecloud.ie`)."""
    api_url: str = ""
    login_url: str = ""
    profile: Literal["genesys", "tutorial"] = "genesys"
    client_auth: Literal["basic", "post"] = "basic"
    """How the client proves itself when it logs in: in a header, or in the form."""
    scope: str = ""
    """Genesys ignores scopes of client credentials (roles count); other login servers may want one."""

    connect_seconds: Annotated[float, Meta(gt=0, le=60)] = 5.0
    read_seconds: Annotated[float, Meta(gt=0, le=300)] = 30.0
    """Longest silence within an answer."""
    call_seconds: Annotated[float, Meta(gt=0, le=600)] = 60.0
    """Longest time for one request with its answer, however steadily it trickles in."""
    connections: Annotated[int, Meta(ge=1, le=200)] = 10
    attempts: Annotated[int, Meta(ge=1, le=20)] = 4
    """Attempts at an idempotent call, the first included."""
    backoff_base_seconds: Annotated[float, Meta(gt=0, le=60)] = 1.0
    backoff_cap_seconds: Annotated[float, Meta(gt=0, le=900)] = 30.0
    longest_wait_seconds: Annotated[float, Meta(ge=0, le=3_600)] = 180.0
    """Longest wait for the rate limit or for what `Retry-After` says; beyond it the work is parked."""
    requests_per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 300
    """Taken as the limit until the first answer tells it."""

    page_size: Annotated[int, Meta(ge=1, le=1_000)] = 100
    ids_per_call: Annotated[int, Meta(ge=1, le=100)] = 50
    """Conversations asked for in one request."""
    interval_days: Annotated[int, Meta(ge=3, le=31)] = 31
    """Longest interval of a details query."""
    lag_seconds: Annotated[float, Meta(ge=0, le=604_800)] = 3_600.0
    """A conversation that is absent is taken as not there yet when its event is younger than this."""

    write_back: WriteBack = "none"
    attribute_prefix: Annotated[str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_.-]{2,63}\Z")] = "turnout_"
    """Begins the name of every participant attribute, and every external tag, that is written."""

    replay_spacing_seconds: Annotated[float, Meta(ge=0.1, le=3_600)] = 1.0
    token_path: _Path = "/oauth/token"  # noqa: S105 - a path
    failed_events_path: _Path = "/api/v2/analytics/event-bridge/failed-events/{subscription_id}"
    replay_path: _Path = "/api/v2/analytics/event-bridge/replay"
    interaction_path: _Path = "/api/v2/interactions/{id}"
    """Of the `tutorial` profile, as the three around it; empty when the service does not have it."""
    details_query_path: _Path = "/analytics/conversations/details/query"

    @property
    def hosts(self) -> Hosts:
        """The base URLs. Raises `ValueError` as `turnout.genesys.regions.hosts` does."""
        return hosts(self.region, api_url=self.api_url, login_url=self.login_url)


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return _PREFIX + field.upper()


def load_genesys_config(environ: Mapping[str, str] | None = None, *, failed_events: bool = False) -> GenesysConfig:
    """The settings from the environment. Raises `SettingsError` with every problem at once.

    `failed_events`: for the API that lists those and publishes them again, which one profile alone has.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    problems: list[str] = []
    if failed_events and _given(environ, "profile")[1] in (None, "genesys"):
        problems.append(
            f"{variable('profile')}: must be tutorial, for a service that copied the tutorials; Genesys Cloud has no "
            "API of failed events: there, read the dead-letter queue of your own EventBridge rule"
        )
    for field in msgspec.structs.fields(GenesysConfig):
        name, text = _given(environ, field.name)
        if text is None:
            if field.required:
                problems.append(f"{variable(field.name)}: is not set (or {_SYNONYMS[field.name][0]})")
            continue
        if not _is_text(text):
            problems.append(f"{name}: has bytes that are no text in UTF-8")
            continue
        try:
            values[field.name] = msgspec.convert(text, field.type, strict=False, dec_hook=_secret)
        except msgspec.ValidationError as error:
            problems.append(f"{name}: {_in_plain_words(field.name, str(error))}")
    problems += _disagreements(values, _given(environ, "region")[0])
    if problems:
        raise SettingsError(problems)
    return GenesysConfig(**values)


def names_a_client(environ: Mapping[str, str]) -> bool:
    """Whether Genesys is to be spoken to at all, as far as that is left to the settings."""
    return _given(environ, "client_id")[1] is not None


def _given(environ: Mapping[str, str], field: str) -> tuple[str, str | None]:
    """The variable that holds a setting, and its text; an empty variable counts as unset, except for paths."""
    for name in (variable(field), *_SYNONYMS.get(field, ())):
        text = environ.get(name)
        if text is not None and (text.strip() or field.endswith("_path")):
            return name, text.strip()
    return variable(field), None


def _disagreements(values: Mapping[str, Any], region_variable: str) -> list[str]:
    found = []
    region, api_url, login_url = (values.get(name, "") for name in ("region", "api_url", "login_url"))
    try:
        hosts(region, api_url=api_url)
    except ValueError as error:
        found.append(f"{variable('api_url') if api_url else region_variable}: {error}")
    if login_url:
        try:
            hosts(api_url=login_url)
        except ValueError as error:
            found.append(f"{variable('login_url')}: {error}")
    profile, write_back = values.get("profile", "genesys"), values.get("write_back", "none")
    if write_back not in _WRITERS[profile]:
        known = ", ".join(_WRITERS[profile])
        found.append(f"{variable('write_back')}: with the profile {profile} it must be one of {known}")
    if values.get("token_path") == "":
        found.append(f"{variable('token_path')}: must not be empty")
    if values.get("failed_events_path") and "{subscription_id}" not in values["failed_events_path"]:
        found.append(f"{variable('failed_events_path')}: must contain {{subscription_id}}")
    if values.get("interaction_path") and "{id}" not in values["interaction_path"]:
        found.append(f"{variable('interaction_path')}: must contain {{id}}")
    return found


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(f"no setting is of {kind}")


def _is_text(value: str) -> bool:
    """Whether a variable holds text: of bytes that are none, Python makes halves of surrogate pairs."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _in_plain_words(field: str, problem: str) -> str:
    """A sentence that never holds the value: it may be a secret in the wrong variable."""
    if field in _CHOICES:
        return f"must be one of {', '.join(_CHOICES[field])}"
    if "matching regex" in problem:
        if field.endswith("_path"):
            return "must be a path: a / and then letters, digits and any of . _ ~ / { } -"
        return "must be a letter and then 2 to 63 letters, digits and any of _ . -"
    plain = problem.replace("Expected ", "must be ").replace("`int`", "a whole number").replace("`float`", "a number")
    return plain.replace(", got `str`", "").replace("`str` of length >= 1", "set")
