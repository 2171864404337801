"""Asks about targets that are no queues: topics, buses, state machines, and hosts that take connections."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from turnout.doctor.asking.answers import Answer, ask
from turnout.doctor.facts import Silence, Why
from turnout.errors import SettingsError
from turnout.rules.model import Kind, Target
from turnout.targets.aws import AwsClients
from turnout.targets.ways import proxy_for, trusted_authorities

__all__ = ["ask_target", "connect"]

_CONNECT_SECONDS = 5.0


async def ask_target(clients: AwsClients, region: str, target: Target, environ: Mapping[str, str]) -> Answer | Silence:
    """What the service says about a topic, a bus or a state machine; for a URL, whether it, or the proxy on the way to
    it, takes connections.
    """
    address = target.address
    if target.kind is Kind.URL:
        return await _ask_endpoint(address, environ) or {}
    parts = address.split(":")
    region = parts[3] if len(parts) >= 6 and parts[3] else region
    if target.kind is Kind.TOPIC:
        client = await clients.get("sns", region)
        return await ask(client.get_topic_attributes(TopicArn=address), "sns:GetTopicAttributes")
    if target.kind is Kind.BUS:
        client = await clients.get("events", region)
        return await ask(client.describe_event_bus(Name=address), "events:DescribeEventBus")
    client = await clients.get("stepfunctions", region)
    return await ask(client.describe_state_machine(stateMachineArn=address), "states:DescribeStateMachine")


async def _ask_endpoint(url: str, environ: Mapping[str, str]) -> Silence | None:
    try:
        proxy, trusted = proxy_for(url, environ), trusted_authorities(environ)
    except SettingsError as error:
        return Silence(Why.FAILED, "SettingsError", str(error))
    silence = await connect(proxy or url, trusted)
    if silence is None or not proxy:
        return silence
    return Silence(silence.why, silence.code, f"the proxy on the way to it: {silence.message}")


async def connect(url: str, trusted: ssl.SSLContext | None = None) -> Silence | None:
    """Open a connection to a URL's host, with TLS for https, and close it. Nothing is sent."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    secure = parts.scheme == "https"
    try:
        port = parts.port or (443 if secure else 80)
        async with asyncio.timeout(_CONNECT_SECONDS):
            context = (trusted or ssl.create_default_context()) if secure else None
            _, writer = await asyncio.open_connection(parts.hostname or "", port, ssl=context)
            writer.close()
    except TimeoutError:
        return Silence(Why.FAILED, "TimeoutError", f"no connection within {_CONNECT_SECONDS:.0f} s")
    except (OSError, ValueError) as error:
        return Silence(Why.FAILED, type(error).__name__, str(error) or "no connection")
    return None
