"""What a container keeps between calls."""

from __future__ import annotations

import asyncio
import importlib
import runpy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from turnout.serverless.container import Container


class Opening:
    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.opened = 0
        self.closed = 0
        self.loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[asyncio.AbstractEventLoop]:
        self.opened += 1
        self.loop = asyncio.get_running_loop()
        if self.opened <= self.failures:
            raise ConnectionError("not yet")
        yield asyncio.get_running_loop()
        self.closed += 1


async def same_loop(opened: asyncio.AbstractEventLoop) -> bool:
    return opened is asyncio.get_running_loop()


def test_it_opens_once_and_every_call_runs_on_the_loop_it_was_opened_on() -> None:
    opening = Opening()
    container = Container(opening)
    assert opening.opened == 0
    assert [container.run(same_loop) for _ in range(3)] == [True] * 3
    assert opening.opened == 1
    container.close()
    assert opening.closed == 1


def test_what_could_not_be_opened_is_opened_by_the_next_call() -> None:
    opening = Opening(failures=1)
    container = Container(opening)
    with pytest.raises(ConnectionError):
        container.run(same_loop)
    assert opening.loop is not None
    assert opening.loop.is_closed(), "its sockets would stay open, once for every attempt"
    assert container.run(same_loop)
    container.close()


def test_what_was_opened_in_the_init_phase_is_what_the_first_call_works_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    opening = Opening()
    container = Container(opening)
    container.open_early()
    assert opening.opened == 1
    assert container.run(same_loop)
    assert opening.opened == 1
    container.close()


def test_what_was_closed_is_opened_anew_and_can_be_closed_twice() -> None:
    opening = Opening()
    container = Container(opening)
    container.close()
    assert container.run(same_loop)
    container.close()
    container.close()
    assert opening.closed == 1
    assert opening.loop is not None
    assert opening.loop.is_closed()
    assert container.run(same_loop)
    assert opening.opened == 2
    container.close()


def test_lambda_is_known_by_its_runtime_api(monkeypatch: pytest.MonkeyPatch) -> None:
    opening = Opening()
    container = Container(opening)
    container.open_early()
    assert opening.opened == 0
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    container.open_early()
    assert opening.opened == 1
    container.close()


def test_a_call_that_fails_leaves_it_open() -> None:
    opening = Opening()
    container = Container(opening)

    async def fails(opened: object) -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        container.run(fails)
    assert container.run(same_loop)
    assert opening.opened == 1
    container.close()


@pytest.mark.parametrize("module", ["router", "recovery", "conversations", "steps"])
def test_each_function_opens_in_the_init_phase_and_elsewhere_at_its_first_call(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(Container, "_once", lambda container: opened.append(container))
    found = importlib.import_module(f"turnout.serverless.{module}")
    assert found.__file__ is not None
    runpy.run_path(found.__file__)
    assert opened == []
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    runpy.run_path(found.__file__)
    assert len(opened) == 1
