"""The `OTEL_*` variables that all signals share, read as the OpenTelemetry specification has them.

A variable that cannot be used is told as a sentence and something sensible is used instead, because a worker must not
stay down for want of traces or metrics.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NamedTuple

from turnout.urls import leads_to_a_server, without_password

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

__all__ = ["Endpoint", "installed_version", "number", "read_endpoint", "resource"]

_TIMEOUT_SECONDS = 2.0
"""For one export. The SDK's own 10 would let a dead collector hold every shutdown."""


class Endpoint(NamedTuple):
    """How one signal is exported: `grpc` or `http/protobuf`, or empty for not at all. The exporter reads the rest."""

    protocol: str = ""
    timeout_seconds: float = _TIMEOUT_SECONDS
    url: str = ""
    """As it is written in the variable that names it."""


def read_endpoint(environ: Mapping[str, str], signal: str, problems: list[str]) -> Endpoint:
    """How `signal` (`traces` or `metrics`) is exported; off when no variable names an endpoint."""
    name = signal.upper()
    names = (f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    endpoint = _first(environ, *names)
    exporters = {each.strip().lower() for each in environ.get(f"OTEL_{name}_EXPORTER", "").split(",")} - {""}
    if exporters - {"otlp", "none"}:
        unknown = ", ".join(sorted(exporters - {"otlp", "none"}))
        problems.append(f"OTEL_{name}_EXPORTER: {unknown} is not available here; use otlp or none.")
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if not endpoint or disabled or (exporters and "otlp" not in exporters):
        return Endpoint()
    protocol = _first(environ, f"OTEL_EXPORTER_OTLP_{name}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL").lower()
    guess = "http/protobuf" if ":4318" in endpoint or endpoint.rstrip("/").endswith(f"/v1/{signal}") else "grpc"
    if protocol not in ("grpc", "http/protobuf"):
        if protocol:
            problems.append(
                f"OTEL_EXPORTER_OTLP_PROTOCOL: {protocol!r} is not available here; use grpc or http/protobuf. "
                f"Using {guess}."
            )
        protocol = guess
    if not _usable(endpoint, protocol):
        given = _named(environ, *names)
        problems.append(f"{given}: {without_password(endpoint)!r} is not a URL such as http://localhost:4317.")
    timeout = number(
        environ, problems, _TIMEOUT_SECONDS, f"OTEL_EXPORTER_OTLP_{name}_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"
    )
    return Endpoint(protocol, timeout, endpoint)


def number(environ: Mapping[str, str], problems: list[str], default: float, *names: str) -> float:
    """The first of these variables that is set, as a number above 0."""
    text = _first(environ, *names)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e9:
        problems.append(f"{names[-1]}: {text!r} is not a number above 0. Using {default:g}.")
        return default
    return value


def _usable(endpoint: str, protocol: str) -> bool:
    """Whether the exporter can make sense of it. That of gRPC knows its own names, too: host:port, unix:/path."""
    named = protocol == "grpc" and ":" in endpoint and not endpoint.startswith(("http:", "https:"))
    return named or leads_to_a_server(endpoint)


def _named(environ: Mapping[str, str], *names: str) -> str:
    return next((name for name in names if environ.get(name, "").strip()), names[-1])


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")


def resource() -> Resource:
    """Who we are: our defaults, then `OTEL_RESOURCE_ATTRIBUTES`, then `OTEL_SERVICE_NAME`."""
    from opentelemetry.sdk.resources import Resource

    ours = {
        "service.name": "turnout",
        "service.version": installed_version(),
        # Metrics of several processes must not be taken for those of one.
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    theirs = Resource.create()
    named = {name: value for name, value in theirs.attributes.items() if not _is_default(value)}
    return Resource({**ours, **named}, theirs.schema_url)


def _is_default(value: object) -> bool:
    return isinstance(value, str) and value.startswith("unknown_service")


def installed_version() -> str:
    """The version of the installed package."""
    try:
        return version("turnout")
    except PackageNotFoundError:
        return "unknown"
