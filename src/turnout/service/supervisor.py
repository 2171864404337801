"""Runs N worker processes and keeps them running: `turnout run --processes N`.

One process uses one core. The supervisor starts workers, listens to their pulse, restarts what dies (with backoff) or
falls silent, passes signals on, and ends when all have ended. It touches no message: a worker that dies, whatever the
way, costs redeliveries and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from turnout.pipeline.backoff import Backoff
from turnout.service.pulse import PULSE_FD, Pulse
from turnout.words import count

__all__ = ["Death", "Supervisor", "SupervisorConfig", "WorkerProcess"]

log = logging.getLogger(__name__)

_LONGEST_LINE = 64 * 1024 * 1024
"""What a pulse says of each rule takes some fifty bytes, and nothing bounds how many rules there are."""
_HELD_UP_SECONDS = 1.0
"""Who notices the end of a wait so much later was not running meanwhile."""


class SupervisorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of supervision, in seconds."""

    processes: int
    start_seconds: float = 60.0
    """Until a new worker's first pulse."""
    silence_seconds: float = 15.0
    """Between two pulses; a worker that is silent for longer is killed and replaced."""
    stop_seconds: float
    """From the stop signal to the kill: the workers' own drain and telemetry, and some."""
    reload_seconds: float = 30.0
    """From SIGHUP to the pulse that says it was heard; a worker that did not hear it is restarted."""
    healthy_seconds: float = 60.0
    """A worker that lived for so long starts again without delay."""
    backoff: Backoff = Backoff(0.5, 30.0)


class Death(msgspec.Struct, frozen=True):
    """A worker ended without being asked to. `how` is said with its number, `at` is seconds since the epoch."""

    how: str
    at: float


class WorkerProcess:
    """One running worker, as seen from outside."""

    def __init__(self, number: int, process: asyncio.subprocess.Process) -> None:
        self.number = number
        self.process = process
        self.pulse: Pulse | None = None
        """The last one; None before the first."""
        self.beaten = asyncio.Event()
        """Set at each pulse."""

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


class Supervisor:
    """Keeps `config.processes` copies of `command` running. `environ` is theirs, with the pulse's descriptor added.

    `ended` is told of each worker that is no more, before it leaves `workers`.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        config: SupervisorConfig,
        *,
        ended: Callable[[WorkerProcess], None] = lambda _: None,
    ) -> None:
        self._command = command
        self._environ = environ
        self._config = config
        self._ended = ended
        self._stopping = asyncio.Event()
        self.workers: dict[int, WorkerProcess] = {}
        self.restarts = 0
        """Workers started again after they ended without being asked to."""
        self.last_death: Death | None = None
        self.failed = 0
        """Workers that did not end cleanly when asked to."""

    @property
    def processes(self) -> int:
        """How many workers there are to be."""
        return self._config.processes

    async def run(self, stop: asyncio.Event) -> bool:
        """Supervise until `stop` is set and every worker has ended; True when all ended cleanly."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._config.processes):
                tasks.create_task(self._keep(number), name=f"worker-{number}")
            await stop.wait()
            self._stopping.set()
            log.info("stopping %s", count(len(self.workers), "worker"))
            self.signal(signal.SIGTERM)
        return self.failed == 0

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal on to all workers."""
        for worker in self.workers.values():
            worker.signal(number)

    def kill(self) -> None:
        """End all workers at once."""
        self.signal(signal.SIGKILL)

    async def reload(self) -> None:
        """Let every worker reload its rules; one that does not react is replaced, one after the other."""
        workers = list(self.workers.values())
        before = {worker: worker.pulse.reloads for worker in workers if worker.pulse}
        for worker in before:
            worker.signal(signal.SIGHUP)
        for worker, reloads in before.items():
            if not await self._heard(worker, lambda pulse, reloads=reloads: pulse.reloads > reloads):  # type: ignore[misc]
                log.error("worker %d (pid %d) did not reload, restarting it", worker.number, worker.pid)
                await self._replace(worker)
        for worker in workers:
            # Who was still starting would have died of it, and may have read the files before they changed.
            if worker not in before and await self._heard(worker, lambda _: True):
                worker.signal(signal.SIGHUP)

    async def _heard(self, worker: WorkerProcess, wanted: Callable[[Pulse], bool]) -> bool:
        try:
            async with asyncio.timeout(self._config.reload_seconds):
                while worker.pulse is None or not wanted(worker.pulse):
                    worker.beaten.clear()
                    await worker.beaten.wait()
        except TimeoutError:
            # Replaced in the meantime: the new one has read the new rules anyway.
            return self.workers.get(worker.number) is not worker
        return True

    async def _replace(self, worker: WorkerProcess) -> None:
        await self._end(worker)
        successor = self.workers.get(worker.number)
        while (successor is None or successor is worker) and not self._stopping.is_set():
            await asyncio.sleep(0.1)
            successor = self.workers.get(worker.number)
        if successor is not None:
            await self._heard(successor, lambda _: True)

    async def _keep(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        deaths = 0
        while not self._stopping.is_set():
            started = loop.time()
            try:
                code = await self._live(number)
                how = f"worker {number} ended with {_told(code)}"
            except OSError as error:  # no process, memory or descriptor to be had: the others are to go on
                code = 0
                how = f"worker {number} cannot be started: {error.strerror or error}"
            if self._stopping.is_set():
                # Who dies of the signal itself had not begun yet, and held nothing.
                if code not in (0, -signal.SIGTERM):
                    self.failed += 1
                    log.error("%s", how)
                return
            deaths = 1 if loop.time() - started > self._config.healthy_seconds else deaths + 1
            self.restarts += 1
            self.last_death = Death(how, time.time())
            delay = self._config.backoff.delay(deaths)
            log.error("%s, starting it again in %.1f s", self.last_death.how, delay)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()

    async def _live(self, number: int) -> int:
        """One life of one worker; its exit code."""
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env={**self._environ, PULSE_FD: str(writing)},
                pass_fds=[writing],
                stdin=asyncio.subprocess.DEVNULL,
                # Ctrl-C in a terminal reaches us alone: what we pass on would be a second signal.
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        worker = self.workers[number] = WorkerProcess(number, process)
        log.info("worker %d started", number, extra={"pid": worker.pid})
        if self._stopping.is_set():
            worker.signal(signal.SIGTERM)
        listening = asyncio.create_task(self._listen(worker, reading), name=f"pulse-{number}")
        stopping = asyncio.create_task(self._kill_when_late(worker), name=f"stop-{number}")
        try:
            return await process.wait()
        finally:
            for task in (listening, stopping):
                task.cancel()
            await asyncio.wait([listening, stopping])
            if process.returncode is None:
                worker.signal(signal.SIGKILL)
                await process.wait()
            self._ended(worker)
            if self.workers.get(number) is worker:
                del self.workers[number]

    async def _listen(self, worker: WorkerProcess, descriptor: int) -> None:
        """Follow a worker's pulse; kill it when it is silent for too long."""
        reader = asyncio.StreamReader(limit=_LONGEST_LINE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        try:
            patience = self._config.start_seconds
            while True:
                line = await _next_line(reader, patience)
                if not line.endswith(b"\n"):  # it has ended, perhaps in the middle of a line
                    return
                worker.pulse = msgspec.json.decode(line, type=Pulse)
                worker.beaten.set()
                patience = self._config.silence_seconds
        except TimeoutError:
            log.error("worker %d (pid %d) has been silent for %.0f s, killing it", worker.number, worker.pid, patience)
            worker.signal(signal.SIGKILL)
        except (msgspec.DecodeError, ValueError) as error:
            log.error("worker %d (pid %d) has no readable pulse, killing it: %s", worker.number, worker.pid, error)
            worker.signal(signal.SIGKILL)
        finally:
            transport.close()

    async def _kill_when_late(self, worker: WorkerProcess) -> None:
        await self._stopping.wait()
        await asyncio.sleep(self._config.stop_seconds)
        log.error("worker %d (pid %d) has not stopped in time, killing it", worker.number, worker.pid)
        worker.signal(signal.SIGKILL)

    async def _end(self, worker: WorkerProcess) -> None:
        """Stop one worker: first asked, then killed."""
        worker.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._config.stop_seconds):
                await worker.process.wait()
        except TimeoutError:
            worker.signal(signal.SIGKILL)
            await worker.process.wait()


async def _next_line(reader: asyncio.StreamReader, patience: float) -> bytes:
    """The next line. Raises `TimeoutError` when there is none for `patience` seconds in which we ran ourselves.

    When we were stopped, frozen or without CPU, the workers most often were, too; or their pulse waits to be read.
    """
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + patience
        try:
            async with asyncio.timeout(patience):
                return await reader.readline()
        except TimeoutError:
            if loop.time() - due < _HELD_UP_SECONDS:
                raise


def _told(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # most of the real-time signals have no name
        return f"signal {-code}"
