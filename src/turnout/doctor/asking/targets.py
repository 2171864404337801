"""Asks about targets that are no queues: topics, buses, state machines, and hosts that take connections."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from turnout.doctor.asking.answers import Answer, ask_service
from turnout.doctor.facts import Silence, Why
from turnout.errors import SettingsError
from turnout.rules.model import Kind, Target
from turnout.targets.aws import AwsClients
from turnout.targets.certificates import client_certificate
from turnout.targets.tls import tls_problem
from turnout.targets.ways import proxy_for, trusted_authorities

__all__ = ["ASKED", "ask_endpoint", "ask_target", "connect"]

_CONNECT_SECONDS = 5.0
_OBJECT_SECONDS = 0.5
ASKED = {
    Kind.TOPIC: ("sns", "get_topic_attributes", "TopicArn", "sns:GetTopicAttributes"),
    Kind.BUS: ("events", "describe_event_bus", "Name", "events:DescribeEventBus"),
    Kind.STATE_MACHINE: ("stepfunctions", "describe_state_machine", "stateMachineArn", "states:DescribeStateMachine"),
}
"""Of each kind that a service of AWS is asked about: its client, the operation, which parameter is the address, and the
IAM action."""


async def ask_target(clients: AwsClients, region: str, target: Target) -> Answer | Silence:
    """What the service says about a topic, a bus or a state machine."""
    parts = target.address.split(":")
    region = parts[3] if len(parts) >= 6 and parts[3] else region
    service, operation, parameter, action = ASKED[target.kind]
    return await ask_service(clients, service, region, operation, action, **{parameter: target.address})


async def ask_endpoint(target: Target, environ: Mapping[str, str]) -> Silence | None:
    """Why an HTTP endpoint, or the proxy on the way to it, takes no connections; None when it does."""
    url = target.address
    try:
        proxy, trusted = proxy_for(url, environ), trusted_authorities(environ)
        if shown := client_certificate(target, environ):
            # Also where a proxy is in between, which is not shown it: are the files such that they can be used?
            shown.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if proxy else trusted)
    except SettingsError as error:
        return Silence(Why.SETTINGS, "SettingsError", str(error))
    silence = await connect(proxy or url, trusted)
    if silence is None or not proxy:
        return silence
    return Silence(silence.why, silence.code, f"the proxy on the way to it: {silence.message}")


async def connect(url: str, trusted: ssl.SSLContext | None = None, *, authorities: str = "") -> Silence | None:
    """Open a connection to a URL's host, with TLS for https, and close it. Nothing is sent. `authorities` is a file of
    those to be trusted in place of the usual ones.

    What the host thinks of our certificate, or of our having none, it says when the handshake is over (TLS 1.3).
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        if secure and authorities:
            os.stat(authorities)  # which, unlike what reads it, names a file that is not there
        async with asyncio.timeout(_CONNECT_SECONDS):
            context = (trusted or ssl.create_default_context(cafile=authorities or None)) if secure else None
            reader, writer = await asyncio.open_connection(parts.hostname or "", port, ssl=context)
        with contextlib.closing(writer), contextlib.suppress(TimeoutError):
            if secure:
                await asyncio.wait_for(reader.read(1), _OBJECT_SECONDS)
    except TimeoutError:
        return Silence(Why.FAILED, "TimeoutError", f"no connection within {_CONNECT_SECONDS:.0f} s")
    except (OSError, ValueError) as error:
        return Silence(Why.FAILED, type(error).__name__, tls_problem(error) or str(error) or "no connection")
    return None
