"""The setting of these tests: a client of the stub, and one whose network is a function in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import httpx
from tests.servers.genesys import CLIENT_ID, CLIENT_SECRET, Stub, serving
from tests.unit.pipeline.virtual_time import run

from turnout.genesys.client import GenesysClient, open_client
from turnout.genesys.config import GenesysConfig
from turnout.genesys.secret import Secret
from turnout.genesys.session import Genesys, open_genesys

T = TypeVar("T")

CONVERSATION = "3a4f8e52-7c1b-0d6e-9b2a-1f2e3d4c5b6a"
OTHER = "00000000-0000-4000-8000-000000000002"
PARTICIPANT = "11111111-2222-4333-8444-555555555555"


def config(url: str = "https://api.example.test", **changes: Any) -> GenesysConfig:
    """Quick settings; `changes` override them."""
    quick: dict[str, Any] = {
        "client_id": CLIENT_ID,
        "client_secret": Secret(CLIENT_SECRET),
        "api_url": url,
        "backoff_base_seconds": 0.001,
        "backoff_cap_seconds": 0.002,
        "read_seconds": 5.0,
        "call_seconds": 5.0,
        "replay_spacing_seconds": 0.1,
    }
    return GenesysConfig(**quick | changes)


def with_client(stub: Stub, use: Callable[[GenesysClient], Awaitable[T]], **changes: Any) -> T:
    """What `use` returns with a client of the stub."""

    async def main() -> T:
        async with serving(stub), open_client(config(stub.url, **changes)) as client:
            return await use(client)

    return asyncio.run(main())


def with_genesys(stub: Stub, use: Callable[[Genesys], Awaitable[T]], **changes: Any) -> T:
    """What `use` returns with Genesys being the stub."""

    async def main() -> T:
        async with serving(stub), open_genesys(config(stub.url, **changes)) as genesys:
            return await use(genesys)

    return asyncio.run(main())


class Network:
    """A network in virtual time: `answers` says what comes back for each request to the API, logins succeed."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.requests: list[tuple[float, httpx.Request]] = []
        self.logins = 0
        self._answer = answer

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            self.logins += 1
            return httpx.Response(200, json={"access_token": f"t{self.logins}", "expires_in": 86_399})
        self.requests.append((asyncio.get_running_loop().time(), request))
        return self._answer(request)

    @property
    def times(self) -> list[float]:
        """When each request came."""
        return [round(at, 3) for at, _ in self.requests]

    def run(self, use: Callable[[GenesysClient], Coroutine[Any, Any, T]], **changes: Any) -> T:
        """What `use` returns, in no time."""

        async def main() -> T:
            async with open_client(config(**changes), httpx.MockTransport(self._handle)) as client:
                return await use(client)

        return run(main())
