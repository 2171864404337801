"""The door to httpx: one request out, one `Answer` or one error of our tree back. It retries nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import msgspec

from turnout.errors import GenesysError, SettingsError
from turnout.genesys.answers import Answer, Json
from turnout.genesys.config import GenesysConfig
from turnout.genesys.errors import error_of_transport, unreadable

__all__ = ["Request", "Transport", "open_transport"]

_LONGEST_ANSWER = 32 * 1_048_576
"""A page of 100 conversations has a few MiB at most."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request. `operation` says in plain words, without ids or secrets, what it is for."""

    method: str
    url: str
    operation: str
    params: Mapping[str, str] = {}
    body: Json = None
    form: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"Request({self.operation!r})"  # a form may hold the client's secret


class Transport:
    """Sends requests over pooled connections. Redirects are not followed: a token must not travel."""

    def __init__(self, client: httpx.AsyncClient, *, call_seconds: float) -> None:
        self._client = client
        self._call_seconds = call_seconds

    async def send(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """Raises `GenesysUnavailable` or `GenesysUnsupported` when there is no answer; any status is an answer."""
        try:
            async with asyncio.timeout(self._call_seconds):
                return await self._send(request, headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # the last: what TLS says after its handshake
            failure = error_of_transport(error, request.operation)
        # Not inside the handler: httpx's errors hold the request, and with it token and secret.
        raise failure

    async def _send(self, request: Request, headers: Mapping[str, str]) -> Answer:
        # ASCII throughout, so that any text can be sent: half a surrogate pair of an event's id, too.
        content = json.dumps(request.body).encode() if request.body is not None else None
        if content is not None:
            headers = {**headers, "content-type": "application/json"}
        async with self._client.stream(
            request.method,
            request.url,
            params=request.params or None,
            content=content,
            data=request.form,
            headers=headers,
            follow_redirects=False,
        ) as response:
            chunks, size = [], 0
            async for chunk in response.aiter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > _LONGEST_ANSWER:
                    raise _too_long(response, request.operation)
            # Names are lower-cased by httpx; a header that stands twice is joined.
            return Answer(response.status_code, dict(response.headers), b"".join(chunks))


@asynccontextmanager
async def open_transport(
    config: GenesysConfig, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Transport]:
    """A transport as the settings say; `transport` takes the network's place in tests.

    Raises `SettingsError` when the environment names a proxy or authorities that cannot be used.
    """
    limits = httpx.Limits(max_connections=config.connections, max_keepalive_connections=config.connections)
    timeout = httpx.Timeout(
        config.read_seconds, connect=config.connect_seconds, pool=config.call_seconds, write=config.read_seconds
    )
    try:
        opened = httpx.AsyncClient(
            limits=limits,
            timeout=timeout,
            transport=transport,
            headers={"user-agent": "turnout", "accept": "application/json"},
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        # What no URL can be read in may be a piece of the proxy's password.
        why = "the URL of a proxy is none" if isinstance(error, httpx.InvalidURL) else str(error)
        raise SettingsError([f"Genesys cannot be asked with the proxy and SSL_CERT_* variables set: {why}"]) from None
    async with opened as client:
        yield Transport(client, call_seconds=config.call_seconds)


def _too_long(response: httpx.Response, operation: str) -> GenesysError:
    return unreadable(Answer(response.status_code, {}, b""), operation, f"longer than {_LONGEST_ANSWER:,} bytes")
