"""The event loop that a worker runs on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvloop")

# The threads that there are once a name was looked up.
LOOK_UP = """
import asyncio, os
from turnout.app import event_loop_factory

async def main():
    await asyncio.get_running_loop().getaddrinfo("localhost", 443)
    print(len(os.listdir("/proc/self/task")))

with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
    runner.run(main())
"""


def threads(**environ: str) -> int:
    inherited = {name: value for name, value in os.environ.items() if name != "UV_THREADPOOL_SIZE"}
    ran = subprocess.run(
        [sys.executable, "-c", LOOK_UP], capture_output=True, text=True, check=True, env={**inherited, **environ}
    )
    return int(ran.stdout)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux shows them")
def test_lookups_that_hang_are_not_in_the_way_of_others_and_an_operator_may_say_how_many_there_are() -> None:
    few = threads(UV_THREADPOOL_SIZE="4")
    assert threads() == few + 28
