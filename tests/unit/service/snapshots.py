"""Snapshots for tests, and a worker over in-memory queues that is observed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
import pytest
from tests.unit.pipeline.yard import RULES, Yard

from turnout.service import view
from turnout.service.observer import Observer
from turnout.service.view import WorkerView
from turnout.service.watchdog import Watchdog
from turnout.telemetry.histogram import AGE_BOUNDS, CALL_BOUNDS, PROCESS_BOUNDS, Histogram
from turnout.telemetry.snapshot import (
    CallsSnapshot,
    LetterSnapshot,
    PlaceSnapshot,
    PollerSnapshot,
    RulesSnapshot,
    Snapshot,
    SourceSnapshot,
    TargetSnapshot,
)

__all__ = ["Reloaded", "Seen", "change", "observed", "snapshot"]

NOW = 1_700_000_000.0


def snapshot(**changes: object) -> Snapshot:
    """A busy worker; `changes` are fields of `Snapshot`."""
    durations = Histogram(CALL_BOUNDS)
    for milliseconds in (3, 30, 300, 60_000):
        durations.add(milliseconds * 1_000_000)
    processing = Histogram(PROCESS_BOUNDS)
    processing.add(1_000_000)
    made = Snapshot(
        cpu_user_seconds=12.5,
        cpu_system_seconds=2.5,
        resident_bytes=80_000_000,
        taken_at=NOW,
        started_at=NOW - 3600,
        running=True,
        draining=False,
        sources=(SourceSnapshot("events", 1000, 20, (PollerSnapshot("polling", 3.0, NOW - 3, 0, ""),)),),
        targets=(
            target("crm", sent=700, retried=3, errors={"ThrottlingException": 3}),
            target("archive", sent=10, failed=4, backlog=99, breaker="open", fault="system", probe_seconds=7.5),
            target("events-dead", sent=5, is_dead_letter_queue=True),
        ),
        places=(),
        rules=RulesSnapshot(
            "0123456789abcdef", {"one": 700, "three": 10, "off": 0}, frozenset(), frozenset({"off"}), NOW - 60, True
        ),
        received=1000,
        settled={"delivered": 690, "dead_lettered": 5, "dropped": 290, "handed_back": 5},
        in_flight=10,
        in_flight_limit=2000,
        in_flight_bytes=15_000,
        redelivered=1,
        unmatched=290,
        letters={"RETRIES_EXHAUSTED": 4, "INVALID_JSON": 1},
        recent_letters=(LetterSnapshot(NOW - 9, "INVALID_JSON", "not JSON", "m-1", "", ()),),
        polls=150,
        poll_errors=2,
        extensions=7,
        expired=0,
        suppressed=0,
        store_errors=0,
        attributes_dropped=0,
        calls=(CallsSnapshot("receive", "events", "", durations.counted()),),
        processing=processing.counted(),
        queue_age=Histogram(AGE_BOUNDS).counted(),
        latency=Histogram(AGE_BOUNDS).counted(),
    )
    made = msgspec.structs.replace(made, **changes)
    return made if "places" in changes else msgspec.structs.replace(made, places=tuple(_places(made.targets)))


def _places(targets: Iterable[TargetSnapshot]) -> Iterator[PlaceSnapshot]:
    """Where the targets lead, as if they always had led there."""
    for system, name in dict.fromkeys((target.system, target.queue) for target in targets):
        leading = [target for target in targets if (target.system, target.queue) == (system, name)]
        errors: Counter[str] = Counter()
        for target in leading:
            errors.update(target.errors)
        yield PlaceSnapshot(system, name, sum(target.sent for target in leading), errors)


def target(name: str, **changes: object) -> TargetSnapshot:
    """An idle target."""
    made = TargetSnapshot(name, "aws_sqs", name, 0, 0, 0, 0, {}, 0, "closed", "", 0.0)
    return msgspec.structs.replace(made, **changes)


def change(made: Snapshot, **of_poller: object) -> Snapshot:
    """The same with its only poller changed."""
    (source,) = made.sources
    poller = msgspec.structs.replace(source.pollers[0], **of_poller)
    return msgspec.structs.replace(made, sources=(msgspec.structs.replace(source, pollers=(poller,)),))


class Reloaded:
    """What a reloader knows."""

    success = True
    error = ""
    loaded_at = NOW


class Seen(NamedTuple):
    """A worker and who watches it."""

    yard: Yard
    observer: Observer
    watchdog: Watchdog
    view: WorkerView


@asynccontextmanager
async def observed(
    rules: str = RULES, *, watchdog_seconds: float = 5.0, answer_seconds: float = 20.0, seconds: float = 20
) -> AsyncIterator[Seen]:
    """A worker at work over in-memory queues, watched."""
    yard = Yard(rules)
    watchdog = Watchdog(watchdog_seconds)
    patched = pytest.MonkeyPatch()
    patched.setattr(view, "_ANSWER_SECONDS", answer_seconds)  # a busy machine is not what is looked at
    observer = Observer(yard.worker, reloads=Reloaded(), blocks=watchdog)
    watchdog.start()
    try:
        async with yard.running(seconds):
            async with asyncio.timeout(15):
                while not any(poller.read_ns for poller in yard.worker.pollers):
                    await asyncio.sleep(0.001)
            yield Seen(yard, observer, watchdog, WorkerView(observer, watchdog))
    finally:
        watchdog.stop()
        patched.undo()
