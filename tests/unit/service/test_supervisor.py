"""Worker processes that die, fall silent, ignore signals and hear them, under one supervisor."""

import asyncio
import errno
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from turnout.pipeline.backoff import Backoff
from turnout.service.pulse import PULSE_FD, Pulse, beat
from turnout.service.supervisor import Supervisor, SupervisorConfig

# A worker in a few lines: it beats, counts SIGHUPs, ends at SIGTERM; what it does otherwise is its argument.
WORKER = """
import json, os, signal, sys, time
how, log, fd = sys.argv[1], sys.argv[2], int(os.environ["TURNOUT_PULSE_FD"])
with open(log, "a") as file:
    file.write(f"{os.getpid()}\\n")
if how == "slow":
    time.sleep(0.3)
reloads = 0
def hup(*_):
    global reloads
    reloads += how != "deaf"
signal.signal(signal.SIGHUP, hup)
code = 3 if how == "unclean" else 0
signal.signal(signal.SIGTERM, signal.SIG_IGN if how == "stubborn" else lambda *_: sys.exit(code))
if how == "crash":
    sys.exit(9)
if how == "unready":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(60)
if how == "garbled":
    os.write(fd, b"no pulse at all\\n")
    time.sleep(60)
for n in range(10**9):
    if how == "silent" and n > 2:
        time.sleep(60)
    told = {"n": n, "matches": "x" * 6_000_000} if how == "large" else {"n": n}
    os.write(fd, json.dumps({"reloads": reloads, "snapshot": told}).encode() + b"\\n")
    time.sleep(0.02)
"""


def config(processes: int) -> SupervisorConfig:
    return SupervisorConfig(
        processes=processes,
        start_seconds=60,
        silence_seconds=0.5,
        stop_seconds=1.0,
        reload_seconds=0.5,
        backoff=Backoff(0.01, 0.02),
    )


class Supervised:
    def __init__(self, how: str, folder: Path, processes: int = 2) -> None:
        self.log = folder / "pids"
        command = [sys.executable, "-c", WORKER, how, str(self.log)]
        self.supervisor = Supervisor(command, dict(os.environ), config(processes))

    @property
    def pids(self) -> list[int]:
        """Every worker that was ever started."""
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []

    async def beating(self) -> None:
        """Wait until all workers have a pulse."""
        supervisor = self.supervisor
        while sum(worker.pulse is not None for worker in supervisor.workers.values()) < 1 or any(
            worker.pulse is None for worker in supervisor.workers.values()
        ):
            await asyncio.sleep(0.01)

    async def starts(self, count: int) -> None:
        """Wait until so many workers have been started in all."""
        while len(self.pids) < count:
            await asyncio.sleep(0.01)


def supervise(
    how: str, folder: Path, scenario: Callable[[Supervised], Awaitable[None]], processes: int = 2
) -> tuple[bool, Supervised]:
    supervised = Supervised(how, folder, processes)

    async def main() -> bool:
        stop = asyncio.Event()
        async with asyncio.timeout(30):
            run = asyncio.create_task(supervised.supervisor.run(stop))
            try:
                await supervised.starts(processes)
                await scenario(supervised)
            finally:
                stop.set()
            return await run

    clean = asyncio.run(main())
    for pid in supervised.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    return clean, supervised


def test_all_workers_run_and_end_when_asked(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()
        assert len(supervised.supervisor.workers) == 3

    clean, supervised = supervise("well", tmp_path, scenario, processes=3)
    assert clean
    assert supervised.supervisor.restarts == 0


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()
        os.kill(supervised.pids[0], signal.SIGKILL)
        await supervised.starts(3)
        await supervised.beating()

    clean, supervised = supervise("well", tmp_path, scenario)
    assert clean
    assert supervised.supervisor.restarts == 1


def test_a_worker_that_died_of_a_signal_without_a_name_is_replaced_and_told_by_its_number(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()
        os.kill(supervised.pids[0], signal.SIGRTMIN + 5)
        await supervised.starts(3)
        await supervised.beating()

    clean, supervised = supervise("well", tmp_path, scenario)
    assert clean
    assert supervised.supervisor.last_death is not None
    assert supervised.supervisor.last_death.how.endswith(f"ended with signal {signal.SIGRTMIN + 5}")


def test_a_worker_that_crashes_at_once_is_started_again_and_again(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.starts(6)

    _, supervised = supervise("crash", tmp_path, scenario)
    assert supervised.supervisor.restarts >= 4
    assert supervised.supervisor.last_death is not None
    assert supervised.supervisor.last_death.how.endswith("ended with exit code 9")


def test_a_worker_that_falls_silent_is_killed_and_replaced(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.starts(3)
        assert supervised.supervisor.last_death is not None
        assert supervised.supervisor.last_death.how.endswith("ended with signal SIGKILL")

    supervise("silent", tmp_path, scenario)


def test_a_worker_that_cannot_be_started_is_tried_again_and_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, refused = asyncio.create_subprocess_exec, asyncio.Event()

    async def refuse_once(*arguments: str, **options: Any) -> asyncio.subprocess.Process:
        monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
        refused.set()
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()
        first, other = supervised.supervisor.workers[0], supervised.supervisor.workers[1]
        monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse_once)
        first.signal(signal.SIGKILL)
        await refused.wait()
        await supervised.starts(3)
        await supervised.beating()
        assert supervised.supervisor.workers[1] is other

    clean, supervised = supervise("well", tmp_path, scenario)
    assert clean
    assert supervised.supervisor.last_death is not None
    assert supervised.supervisor.last_death.how == "worker 0 cannot be started: Resource temporarily unavailable"


@pytest.mark.parametrize("frozen", ["supervisor", "all"])
def test_no_worker_is_killed_for_its_silence_while_the_supervisor_itself_was_frozen(
    frozen: str, tmp_path: Path
) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()
        workers = list(supervised.supervisor.workers.values())
        for worker in workers if frozen == "all" else ():
            worker.signal(signal.SIGSTOP)
        time.sleep(2)  # noqa: ASYNC251 - so long nothing happens here
        for worker in workers:
            worker.signal(signal.SIGCONT)
            worker.beaten.clear()
        for worker in workers:
            await worker.beaten.wait()

    clean, supervised = supervise("well", tmp_path, scenario)
    assert clean
    assert supervised.supervisor.restarts == 0


def test_a_worker_whose_pulse_cannot_be_read_is_killed_and_replaced(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.starts(2)
        assert supervised.supervisor.last_death is not None
        assert supervised.supervisor.last_death.how == "worker 0 ended with signal SIGKILL"

    supervise("garbled", tmp_path, scenario, processes=1)


def test_a_worker_that_has_much_to_tell_is_not_killed_for_it(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()

    clean, supervised = supervise("large", tmp_path, scenario, processes=1)
    assert clean
    assert supervised.supervisor.restarts == 0
    assert len(supervised.pids) == 1


def test_a_worker_that_is_stopped_before_it_began_ended_cleanly(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        """Stop at once."""

    clean, _ = supervise("unready", tmp_path, scenario)
    assert clean


def test_a_worker_that_does_not_stop_is_killed_and_that_is_not_clean(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()

    clean, _ = supervise("stubborn", tmp_path, scenario)
    assert not clean


def test_a_worker_that_ends_with_an_error_when_asked_is_not_clean(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()

    clean, _ = supervise("unclean", tmp_path, scenario)
    assert not clean


def test_a_reload_is_passed_on_and_who_hears_it_goes_on(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()
        await supervised.supervisor.reload()
        for worker in supervised.supervisor.workers.values():
            assert worker.pulse is not None
            assert worker.pulse.reloads == 1

    _, supervised = supervise("well", tmp_path, scenario)
    assert len(supervised.pids) == 2


def test_a_worker_that_is_still_starting_does_not_die_of_a_reload_and_hears_it_later(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        worker = supervised.supervisor.workers[0]
        assert not worker.beaten.is_set()
        await supervised.supervisor.reload()
        while worker.pulse is None or worker.pulse.reloads == 0:
            worker.beaten.clear()
            await worker.beaten.wait()

    _, supervised = supervise("slow", tmp_path, scenario, processes=1)
    assert supervised.supervisor.restarts == 0


def test_workers_that_do_not_hear_a_reload_are_replaced_one_after_the_other(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised) -> None:
        await supervised.beating()
        await supervised.supervisor.reload()

    _, supervised = supervise("deaf", tmp_path, scenario)
    assert len(supervised.pids) == 4


def test_a_worker_whose_supervisor_is_gone_stops() -> None:
    async def main() -> None:
        reading, writing = os.pipe()
        stop = asyncio.Event()
        task = asyncio.create_task(beat(writing, Pulse, stop))
        await asyncio.sleep(0)
        assert b"reloads" in os.read(reading, 1000)
        os.close(reading)
        async with asyncio.timeout(15):
            await stop.wait()
            await task
        os.close(writing)

    asyncio.run(main())


def test_a_supervisor_that_does_not_read_never_blocks_the_worker_and_gets_whole_lines_later() -> None:
    async def main() -> None:
        reading, writing = os.pipe()
        big = Pulse(snapshot=msgspec.Raw(b'"' + b"x" * 300_000 + b'"'))
        task = asyncio.create_task(beat(writing, lambda: big, asyncio.Event()))
        await asyncio.sleep(0)
        os.set_blocking(reading, True)
        line = await asyncio.to_thread(_line, reading)
        assert msgspec.json.decode(line, type=Pulse).snapshot == big.snapshot
        task.cancel()
        await asyncio.wait([task])
        os.close(reading)
        os.close(writing)

    asyncio.run(main())


def test_a_bug_in_what_is_told_does_not_stop_the_pulse() -> None:
    async def main() -> None:
        reading, writing = os.pipe()

        def pulse() -> Pulse:
            raise ZeroDivisionError

        task = asyncio.create_task(beat(writing, pulse, asyncio.Event()))
        await asyncio.sleep(0)
        assert not task.done()
        assert msgspec.json.decode(os.read(reading, 1000), type=Pulse) == Pulse()
        task.cancel()
        await asyncio.wait([task])
        os.close(reading)
        os.close(writing)

    asyncio.run(main())


def _line(descriptor: int) -> bytes:
    data = b""
    while b"\n" not in data:
        data += os.read(descriptor, 65_536)
    return data


def test_the_variable_of_the_pulse_is_the_one_that_workers_look_for() -> None:
    assert PULSE_FD in WORKER
