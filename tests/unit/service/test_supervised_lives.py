"""The lives of supervised workers: how soon one is followed by the next, and one that begins when all are to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import msgspec
import pytest

from turnout.pipeline.backoff import Backoff
from turnout.service.supervisor import Supervisor, SupervisorConfig

CONFIG = SupervisorConfig(processes=1, stop_seconds=10.0, backoff=Backoff(0.0, 0.0))


@pytest.mark.parametrize(("healthy_seconds", "deaths"), [(60.0, [1, 2, 3]), (0.0, [1, 1, 1])])
def test_deaths_in_a_row_are_counted_until_a_worker_lives_for_long(healthy_seconds: float, deaths: list[int]) -> None:
    counted: list[int] = []
    over = asyncio.Event()

    class Counting(Backoff, frozen=True):
        def delay(self, attempts_made: int, **_: Any) -> float:
            counted.append(attempts_made)
            if len(counted) == 3:
                over.set()
            return 0.0

    config = msgspec.structs.replace(CONFIG, healthy_seconds=healthy_seconds, backoff=Counting(0.0, 0.0))

    async def main() -> None:
        async with asyncio.timeout(30):
            await Supervisor([sys.executable, "-c", ""], dict(os.environ), config).run(over)

    asyncio.run(main())
    assert counted[:3] == deaths


def test_a_worker_that_is_being_started_when_all_are_to_end_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    start, stop = asyncio.create_subprocess_exec, asyncio.Event()

    async def stopped_meanwhile(*arguments: str, **options: Any) -> asyncio.subprocess.Process:
        stop.set()
        await asyncio.sleep(0.05)
        return await start(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", stopped_meanwhile)

    async def main() -> tuple[bool, float]:
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(30):
            command = [sys.executable, "-c", "import time; time.sleep(60)"]
            clean = await Supervisor(command, dict(os.environ), CONFIG).run(stop)
        return clean, asyncio.get_running_loop().time() - began

    clean, took = asyncio.run(main())
    assert clean, f"it died of {signal.SIGKILL!r}"
    assert took < CONFIG.stop_seconds
