"""Judges what is neither queue nor store: targets of other kinds, the telemetry endpoint, Genesys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from turnout.doctor.facts import Silence, Why
from turnout.doctor.findings import Finding, error, fine, silent, warning
from turnout.rules.addresses import without_secrets
from turnout.rules.model import Kind, Target
from turnout.urls import leads_to_a_server, without_password

__all__ = ["judge_genesys", "judge_otlp", "judge_target"]

_WHAT = {
    Kind.TOPIC: "SNS topic",
    Kind.BUS: "EventBridge bus",
    Kind.STATE_MACHINE: "state machine",
    Kind.URL: "endpoint",
}


def judge_target(target: Target, answer: Mapping[str, Any] | Silence, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether a target that is no queue is there and takes what is sent."""
    what = _WHAT[target.kind]
    if isinstance(answer, Silence):
        yield silent(
            "target",
            target.name,
            what,
            answer,
            "create it, or correct it",
            place=f": {target.address}",
            look_at="network and address",
        )
    elif target.kind is Kind.STATE_MACHINE and answer.get("type") == "EXPRESS":
        yield warning(
            "target",
            target.name,
            "an EXPRESS state machine: it starts again for every copy of an event",
            "use a STANDARD one, whose executions are named by the event",
        )
    elif target.kind is Kind.STATE_MACHINE and answer.get("status") not in (None, "ACTIVE"):
        yield error("target", target.name, f"the {what} is {answer.get('status')}", "create it anew")
    else:
        shown = without_secrets(target.address) if target.kind is Kind.URL else target.address
        yield fine("target", target.name, f"{what} {shown}")
    if target.secret_from and not environ.get(target.secret_from):
        yield error(
            "target",
            target.name,
            f"{target.secret_from} is not set, so what is sent there is not signed",
            f"set {target.secret_from} to the secret that the endpoint knows",
        )


def judge_otlp(endpoint: str, silence: Silence | None) -> Finding:
    """Whether traces and metrics can leave. Without them nothing is lost but sight."""
    shown = without_secrets(endpoint) if leads_to_a_server(endpoint) else without_password(endpoint)
    if not endpoint:
        return warning(
            "telemetry",
            "OTLP",
            "no endpoint is set: no traces leave this process",
            "set OTEL_EXPORTER_OTLP_ENDPOINT, as in http://localhost:4317",
        )
    if silence is not None:
        return warning(
            "telemetry",
            "OTLP",
            f"{shown} takes no connections: {silence.message}",
            "start the collector, or correct the OTEL_EXPORTER_OTLP_ variable that names it",
        )
    return fine("telemetry", "OTLP", f"{shown} takes connections")


def judge_genesys(silence: Silence | None) -> Iterator[Finding]:
    """Whether dead letters can be correlated with conversations."""
    if silence is None:
        yield fine("genesys", "Genesys", "logged in, conversations can be looked up")
    elif silence.why is Why.DENIED:
        yield error(
            "genesys",
            "Genesys",
            silence.message,
            "check client id and secret; give the OAuth client a role with analytics:conversationDetail:view",
        )
    else:
        yield error(
            "genesys", "Genesys", silence.message, "check TURNOUT_GENESYS_REGION and the way out of the network"
        )
