"""The course of the demonstration, where the embedded server is not needed to see it."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from turnout.demo.run import running
from turnout.errors import SqsUnavailable
from turnout.pipeline.worker import Worker


class IdleWorker:
    def __init__(self) -> None:
        self.stopped = False

    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.stopped = True


def test_the_worker_is_stopped_and_waited_for_at_the_end() -> None:
    async def scene() -> bool:
        worker = IdleWorker()
        async with running(cast(Worker, worker)):
            assert not worker.stopped
        return worker.stopped

    assert asyncio.run(scene())


def test_a_failure_beside_the_worker_stops_it_and_is_raised_as_it_is() -> None:
    worker = IdleWorker()

    async def scene() -> None:
        async with running(cast(Worker, worker)):
            raise SqsUnavailable("gone", code="ClientConnectorError")

    with pytest.raises(SqsUnavailable, match="gone"):
        asyncio.run(scene())
    assert worker.stopped


def test_a_bug_in_the_worker_is_not_hidden() -> None:
    class BrokenWorker:
        async def run(self, stop: asyncio.Event) -> None:
            raise KeyError("broken")

    async def scene() -> None:
        async with running(cast(Worker, BrokenWorker())):
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(scene())
    assert caught.group_contains(KeyError, match="broken")
