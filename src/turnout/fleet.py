"""The composition root of several processes: `turnout run --processes N`.

The supervising process checks settings and rules, starts the workers, and has the HTTP port, where it answers for all
of them. It reads no queue.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import NamedTuple

import msgspec

from turnout.app import begin_log, event_loop_factory, load_ruleset, open_port
from turnout.rules import Ruleset
from turnout.rules.files.signature import Signature, signature
from turnout.service.merging import ended, merged
from turnout.service.reloader import Reloader
from turnout.service.signals import call_on_hangup, stop_on_signals
from turnout.service.supervisor import Supervisor, SupervisorConfig, WorkerProcess
from turnout.service.view import NotAnswering
from turnout.settings import Settings, variable
from turnout.telemetry.snapshot import FleetSnapshot, Snapshot

__all__ = ["serve_fleet", "stop_seconds"]

log = logging.getLogger(__name__)

# Beyond a worker's own drain and telemetry: closing connections, and the interpreter's end.
_STOP_MARGIN_SECONDS = 5.0


def serve_fleet(settings: Settings) -> int:
    """Run `settings.processes` workers until SIGTERM or SIGINT; the exit code of `turnout run`.

    Raises `RulesError` when they could not start.
    """
    begin_log(settings)
    seen = signature(settings.rules)
    ruleset = load_ruleset(settings)
    with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
        return 0 if runner.run(_serve(settings, ruleset, seen)) else 1


def stop_seconds(settings: Settings) -> float:
    """How long a worker may take to stop before it is killed: metrics and spans have each their time at the end."""
    return settings.drain_seconds + 2 * settings.telemetry_seconds + _STOP_MARGIN_SECONDS


async def _serve(settings: Settings, ruleset: Ruleset, seen: Signature) -> bool:
    environ = dict(os.environ) | settings.environment()
    environ[variable("processes")] = "1"
    environ.pop(variable("http_port"), None)
    view = _FleetView(ruleset)
    supervisor = Supervisor(
        [sys.executable, "-m", "turnout", "run"],
        environ,
        SupervisorConfig(
            processes=settings.processes,
            stop_seconds=stop_seconds(settings),
        ),
        ended=view.ended,
    )
    view.supervisor = supervisor
    reloader = Reloader(
        settings.rules, load=lambda: load_ruleset(settings), use=view.use, active=ruleset.fingerprint, seen=seen
    )
    stop = asyncio.Event()
    hung_up = asyncio.Event()

    def reload() -> None:
        reloader.ask()
        hung_up.set()

    with stop_on_signals(stop, at_once=supervisor.kill), call_on_hangup(reload):
        async with open_port(settings, view), asyncio.TaskGroup() as tasks:
            # Workers watch the rule files themselves; the supervisor follows for its own page.
            beside = [
                tasks.create_task(reloader.run(), name="reloader"),
                tasks.create_task(_pass_on(hung_up, supervisor), name="hangup"),
            ]
            clean = await supervisor.run(stop)
            for task in beside:
                task.cancel()
    log.info("stopped: all workers have ended, %d of them not cleanly", supervisor.failed)
    return clean


async def _pass_on(hung_up: asyncio.Event, supervisor: Supervisor) -> None:
    while True:
        await hung_up.wait()
        hung_up.clear()
        await supervisor.reload()


class _FleetView:
    """What the HTTP port shows of all workers together (`turnout.service.view.View`)."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._past = _Past()
        self.supervisor: Supervisor | None = None
        """Assigned before anybody looks."""

    @property
    def ruleset(self) -> Ruleset:
        """The active rules."""
        return self._ruleset

    def use(self, ruleset: Ruleset) -> None:
        """Show these rules from now on."""
        self._ruleset = ruleset

    def ended(self, worker: WorkerProcess) -> None:
        """Keep the counters of a worker that is about to leave `workers`, so that the totals never fall."""
        past, last = self._past, _snapshot(worker)
        workers = self.supervisor.workers if self.supervisor else {}
        gone = past.gone if last is None else merged([ended(last), *([past.gone] if past.gone else [])])
        self._past = _Past(gone, frozenset({worker, *past.leaving.intersection(workers.values())}))

    async def snapshot(self) -> Snapshot:
        """All workers' last pulses together. Raises `NotAnswering` while there is none."""
        supervisor = self.supervisor
        if supervisor is None:
            raise NotAnswering("no worker has been started yet")
        # In this order, because this is another thread than the one in which workers end: who ends meanwhile is found
        # in the past, and not counted twice.
        workers = list(supervisor.workers.values())
        past = self._past
        found = (_snapshot(worker) for worker in workers if worker not in past.leaving)
        living = [snapshot for snapshot in found if snapshot is not None]
        if not living:
            raise NotAnswering("no worker has said how it is yet; the log says what became of them")
        death = supervisor.last_death
        fleet = FleetSnapshot(
            supervisor.processes,
            len(living),
            supervisor.restarts,
            *((death.how, death.at) if death else ()),
        )
        return msgspec.structs.replace(merged(living, past.gone), fleet=fleet)


class _Past(NamedTuple):
    """What is known of workers that have ended; replaced as a whole."""

    gone: Snapshot | None = None
    """Their counters."""
    leaving: frozenset[WorkerProcess] = frozenset()
    """Those among them that may still be found among the living."""


def _snapshot(worker: WorkerProcess) -> Snapshot | None:
    """A worker's last snapshot; None before its first pulse."""
    if worker.pulse is None:
        return None
    return msgspec.json.decode(worker.pulse.snapshot, type=Snapshot | None)
