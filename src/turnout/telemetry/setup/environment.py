"""The `OTEL_*` variables that all signals share, read as the OpenTelemetry specification has them: but timeouts are in
seconds, as the library for Python reads them, where the specification has milliseconds.

A variable that cannot be used is told as a sentence and something sensible is used instead, because a worker must not
stay down for want of traces or metrics.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from turnout import __version__
from turnout.urls import leads_to_a_server, without_password

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

__all__ = ["Endpoint", "SignalSettings", "number", "read_endpoint", "resource", "started"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

_TIMEOUT_SECONDS = 2.0
"""For one export. The SDK's own 10 would let a dead collector hold every shutdown."""


class SignalSettings(msgspec.Struct, frozen=True):
    """What the environment says about traces or metrics. `protocol` is empty when they are not exported.

    `problems` holds one sentence per variable that cannot be used.
    """

    protocol: str = ""
    timeout_seconds: float = _TIMEOUT_SECONDS
    problems: tuple[str, ...] = ()


class Endpoint(NamedTuple):
    """How one signal is exported: `grpc` or `http/protobuf`, or empty for not at all. The exporter reads the rest."""

    protocol: str = ""
    timeout_seconds: float = _TIMEOUT_SECONDS
    url: str = ""
    """As it is written in the variable that names it."""


def read_endpoint(environ: Mapping[str, str], signal: str, problems: list[str]) -> Endpoint:
    """How `signal` (`traces` or `metrics`) is exported; off when no variable names an endpoint."""
    name = signal.upper()
    named, endpoint = _given(environ, f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    exporters = {each.strip().lower() for each in environ.get(f"OTEL_{name}_EXPORTER", "").split(",")} - {""}
    if exporters - {"otlp", "none"}:
        unknown = ", ".join(sorted(exporters - {"otlp", "none"}))
        problems.append(f"OTEL_{name}_EXPORTER: {unknown} is not available here; use otlp or none.")
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if not endpoint and not disabled and "otlp" in exporters:
        problems.append(f"OTEL_{name}_EXPORTER: otlp has no effect by itself; set OTEL_EXPORTER_OTLP_ENDPOINT as well.")
    if not endpoint or disabled or (exporters and "otlp" not in exporters):
        return Endpoint()
    said, protocol = _given(environ, f"OTEL_EXPORTER_OTLP_{name}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = protocol.lower()
    guess = "http/protobuf" if ":4318" in endpoint or endpoint.rstrip("/").endswith(f"/v1/{signal}") else "grpc"
    if protocol not in ("grpc", "http/protobuf"):
        if protocol:
            problems.append(f"{said}: {protocol!r} is not available here; use grpc or http/protobuf. Using {guess}.")
        protocol = guess
    if not _usable(endpoint, protocol):
        problems.append(f"{named}: {without_password(endpoint)!r} is not a URL such as http://localhost:4317.")
    timeout = number(
        environ, problems, _TIMEOUT_SECONDS, f"OTEL_EXPORTER_OTLP_{name}_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"
    )
    return Endpoint(protocol, timeout, endpoint)


def number(environ: Mapping[str, str], problems: list[str], default: float, *names: str) -> float:
    """The first of these variables that is set, as a number above 0."""
    name, text = _given(environ, *names)
    if not text:
        return default
    value = _value(text)
    if not 0.0 < value < 1e9:
        problems.append(f"{name}: {text!r} is not a number above 0. Using {default:g}.")
        return default
    return value


def _value(text: str) -> float:
    """The number that a text is; of any other text 0."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _usable(endpoint: str, protocol: str) -> bool:
    """Whether the exporter can make sense of it. That of gRPC knows its own names, too: host:port, unix:/path."""
    named = protocol == "grpc" and ":" in endpoint and not endpoint.startswith(("http:", "https:"))
    return named or leads_to_a_server(endpoint)


def _given(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    """The first of these variables that is set, and what it says; nothing, where none is."""
    return next(((name, text) for name in names if (text := environ.get(name, "").strip())), (names[-1], ""))


def started(settings: SignalSettings, start: Callable[[], T], signal: str, otherwise: str) -> T | None:
    """What `start` makes of the SDK and its exporter of `signal` (`traces` or `metrics`); tells what is wrong first.

    None when the settings want nothing, or when these refuse: which is told in one line that begins with what is the
    case then, `otherwise`.
    """
    for problem in settings.problems:
        _log.warning("%s", problem)
    if not settings.protocol:
        return None
    timeout = f"OTEL_EXPORTER_OTLP_{signal.upper()}_TIMEOUT"
    for name, text in [*os.environ.items()]:
        # An empty variable is an unset one, says the specification, but some of the exporters stumble over it. So they
        # do over a timeout that is no number, although they are given the one that is used instead.
        if name.startswith("OTEL_") and (not text.strip() or (name == timeout and not _value(text))):
            del os.environ[name]
    try:
        _find_certificates(signal)
        return start()
    except Exception as error:  # noqa: BLE001 - what the SDK may raise is not known; the process runs without
        _log.error(
            "%s: the exporter could not be started. Check the OTEL_* variables: %s: %s",
            otherwise,
            type(error).__name__,
            error,
            exc_info=_log.isEnabledFor(logging.DEBUG),
        )
        return None


def _find_certificates(signal: str) -> None:
    """Raises OSError for a file of TLS that is not there: exporters start without, and each export fails by itself."""
    name = signal.upper()
    _, endpoint = _given(os.environ, f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    if endpoint.startswith("http://"):
        return
    for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"):
        _, file = _given(os.environ, f"OTEL_EXPORTER_OTLP_{name}_{what}", f"OTEL_EXPORTER_OTLP_{what}")
        if file:
            os.stat(file)


def resource() -> Resource:
    """Who we are: our defaults, then `OTEL_RESOURCE_ATTRIBUTES`, then `OTEL_SERVICE_NAME`."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = {
        "service.name": "turnout",
        "service.version": __version__,
        # Metrics of several processes must not be taken for those of one, and a trace is to say who made it: of itself
        # the library has a random number here.
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})
