"""Calls to the API: a token, a turn at the rate limit, the request, and another attempt where that is safe.

Which requests there are is the profiles' business. A call that is not idempotent is sent once; only a refused token
lets it go again, because then nothing was done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx

from turnout.errors import GenesysParked, GenesysUnavailable
from turnout.genesys.answers import Answer, Json, JsonObject, read_json
from turnout.genesys.auth import Tokens
from turnout.genesys.config import GenesysConfig
from turnout.genesys.errors import error_of_answer, parked, unreadable
from turnout.genesys.limiter import RateLimiter
from turnout.genesys.retry import Retry
from turnout.genesys.transport import Request, Transport, open_transport

__all__ = ["GenesysClient", "as_object", "open_client"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT"})


class GenesysClient:
    """One OAuth client at one API host. All its calls share the token, the rate limit and the connections."""

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        limiter: RateLimiter,
        retry: Retry,
        *,
        api_url: str,
        longest_wait_seconds: float,
    ) -> None:
        self._transport = transport
        self._tokens = tokens
        self._limiter = limiter
        self._retry = retry
        self._api = api_url
        self._longest = longest_wait_seconds

    async def call(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        read: Callable[[Answer, str], T],
        params: Mapping[str, str] | None = None,
        body: Json = None,
        idempotent: bool | None = None,
    ) -> T:
        """Make one call and `read` its answer.

        `path` is relative to the API's URL, with its ids already quoted. `operation` names the call in errors and logs.
        `read` gets an answer of status 2xx and the operation; it may raise `GenesysUnavailable`, which counts as a
        failed attempt. GET and PUT are taken as idempotent unless said otherwise.

        Raises `GenesysError`: `GenesysParked` when the rate limit, or `Retry-After`, asks for a longer wait than the
        settings allow.
        """
        request = Request(method=method, url=self._api + path, operation=operation, params=params or {}, body=body)
        again = method in _IDEMPOTENT if idempotent is None else idempotent
        attempt, asked_to_wait = 0, 0.0
        while True:
            attempt += 1
            try:
                return read(await self._attempt(request), operation)
            except GenesysParked:
                raise
            except GenesysUnavailable as error:
                asked_to_wait += error.retry_after or 0.0
                if error.retry_after is not None and asked_to_wait > self._longest:
                    raise parked(operation, error.retry_after, self._longest) from None
                wait = self._retry.wait(error, attempt) if again and error.operation == operation else None
                if wait is None:  # logging in, for one, has had its own attempts
                    raise
                log.info(
                    "a call to Genesys is tried again",
                    extra={"operation": operation, "code": error.code, "attempt": attempt, "wait_seconds": wait},
                )
            await asyncio.sleep(wait)

    async def read(
        self,
        path: str,
        *,
        operation: str,
        method: str = "GET",
        params: Mapping[str, str] | None = None,
        body: Json = None,
    ) -> JsonObject:
        """Ask for a JSON object. Safe to repeat with any method: a query in a POST changes nothing."""
        return await self.call(
            method, path, operation=operation, read=as_object, params=params, body=body, idempotent=True
        )

    async def write(self, method: str, path: str, *, operation: str, body: Json, idempotent: bool = True) -> None:
        """Make a call whose answer says nothing but that. Safe to repeat, unless said otherwise: values are whole."""
        await self.call(method, path, operation=operation, read=lambda *_: None, body=body, idempotent=idempotent)

    async def _attempt(self, request: Request) -> Answer:
        token = await self._tokens.token()
        answer = await self._send(request, token)
        if answer.status == 401:
            self._tokens.reject(token)
            token = await self._tokens.token()
            answer = await self._send(request, token)
        if 200 <= answer.status < 300:
            return answer
        error = error_of_answer(answer, request.operation, (token,))
        if answer.status == 429 and error.retry_after:
            self._limiter.hold(error.retry_after)
        raise error

    async def _send(self, request: Request, token: str) -> Answer:
        await self._limiter.turn(request.operation)
        answer: Answer | None = None
        try:
            answer = await self._transport.send(request, {"authorization": f"Bearer {token}"})
        finally:
            self._limiter.done(answer.headers if answer is not None else None)
        return answer


def as_object(answer: Answer, operation: str) -> JsonObject:
    """The JSON object in an answer; raises `GenesysUnavailable` when there is none. No content (204) counts as `{}`."""
    if answer.status == 204:
        return {}
    try:
        value = read_json(answer.content)
    except ValueError:
        raise unreadable(answer, operation, "it is empty" if not answer.content else "it is not JSON") from None
    if not isinstance(value, dict):
        raise unreadable(answer, operation, "it is not a JSON object")
    return value


@asynccontextmanager
async def open_client(
    config: GenesysConfig, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[GenesysClient]:
    """A client as the settings say; `transport` takes the network's place in tests."""
    retry = Retry(config.attempts, config.backoff_base_seconds, config.backoff_cap_seconds)
    async with open_transport(config, transport) as opened:
        yield GenesysClient(
            opened,
            Tokens(opened, config, retry),
            RateLimiter(config.requests_per_minute, longest_wait_seconds=config.longest_wait_seconds),
            retry,
            api_url=config.hosts.api,
            longest_wait_seconds=config.longest_wait_seconds,
        )
