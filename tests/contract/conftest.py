"""Runs every contract test against every implementation of `turnout.sqs.api.Sqs`, on every server there is.

A test is a coroutine function that takes `bench`. What a server is known to do differently from SQS stands in
`tests/contract/gaps.py`: those tests run too, and are reported as expected failures with their reason. Only a refusal
or a failed assertion is such a difference; a server that is away or hangs fails them as it fails any test.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import cast

import pytest
import uvloop
from tests.contract.benches import BENCHES, Bench, open_bench
from tests.contract.gaps import gap, race
from tests.servers.emulators import EMULATORS, absent
from tests.servers.processes import Server

from turnout.errors import SqsRejected

TEST_SECONDS = 60
A_DIFFERENCE = (AssertionError, SqsRejected, pytest.fail.Exception)


class Servers:
    """Starts each server when it is first asked for."""

    def __init__(self, stack: list[Callable[[], object]]) -> None:
        self._stack = stack
        self._running: dict[str, Server] = {}

    def url(self, name: str) -> str:
        """The endpoint of the server, or "" for no server."""
        if name == "":
            return ""
        if absent(name):
            pytest.skip(f"{name} is not installed")
        if name not in self._running:
            context = EMULATORS[name]()
            self._running[name] = context.__enter__()
            self._stack.append(lambda: context.__exit__(None, None, None))
        return self._running[name].url


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    stop: list[Callable[[], object]] = []
    try:
        yield Servers(stop)
    finally:
        for end in reversed(stop):
            end()


@pytest.fixture(params=list(BENCHES))
def bench(
    request: pytest.FixtureRequest, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractAsyncContextManager[Bench]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"):
        monkeypatch.delenv(name, raising=False)
    implementation, server = BENCHES[request.param]
    always, sometimes = gap(server, request.node.originalname), race(server, request.node.originalname)
    if reason := always or sometimes:
        request.applymarker(
            pytest.mark.xfail(reason=f"{server} {reason}", strict=always is not None, raises=A_DIFFERENCE)
        )
    url = servers.url(server)
    return lambda: open_bench(implementation, server, url)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutine tests, with their bench open."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    open_it = cast("Callable[[], AbstractAsyncContextManager[Bench]]", pyfuncitem.funcargs["bench"])

    async def run() -> None:
        async with asyncio.timeout(TEST_SECONDS), open_it() as bench:
            await pyfuncitem.obj(bench)

    # Our own client is meant to run on uvloop; the others show that nothing depends on it.
    wire = str(pyfuncitem.callspec.params["bench"]).startswith("wire")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if wire else None) as runner:
        runner.run(run())
    return True
