"""Measuring one row: a warm-up, then several loads of events on one running program, each measured by itself.

CPU time is taken from just before the events become visible until the last delete has arrived and the program has
come to rest (exporting traces goes on for a while), so that start-up is in no figure. What a load must have led to is
checked: each target got every event once and unchanged, nothing was dead-lettered.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import msgspec
from tests.benchmarks.clocks import cpu_seconds, peak_mebibytes
from tests.benchmarks.machine import json_loads_us
from tests.benchmarks.rows import Row
from tests.benchmarks.rulesets import QUEUES
from tests.benchmarks.sink import Sink
from tests.benchmarks.stub.process import Stub
from tests.benchmarks.stub.report import QueueReport
from tests.benchmarks.subject import DEAD_LETTERS, SOURCE, Subject, running_subject

__all__ = ["Load", "Measurement", "measure"]

WARM_UP = {"tutorial": 30}
WARM_UP_EVENTS = 1_000
MOST_EVENTS = 60_000
LOAD_SECONDS_LIMIT = 120.0
REST_SECONDS = 0.1
REST_LIMIT_SECONDS = 20.0
# Below this share of a core the program is taken to rest.
REST_SHARE = 0.02


class Load(msgspec.Struct, frozen=True):
    """What one load showed. Times are microseconds of CPU per message, or seconds; entries are per call."""

    cpu_us: float
    json_loads_us: float
    """What json.loads of one event cost around the load, the mean of before and after: the machine as it was then."""
    stub_cpu_us: float
    per_second: float
    p50_seconds: float
    p99_seconds: float
    spans: float
    received: float
    sent: float
    deleted: float


class Measurement(msgspec.Struct, frozen=True):
    """A row, its loads, and what was measured once: from start to first long poll, and peak memory in MiB."""

    row: Row
    loads: tuple[Load, ...]
    start_seconds: float
    start_cpu_seconds: float
    peak_mebibytes: float

    def median(self, of: Callable[[Load], float]) -> float:
        """The median of one figure over all loads."""
        return statistics.median(map(of, self.loads))


def measure(row: Row, stub: Stub, sink: Sink, *, loads: int, seconds: float, extra: dict[str, str]) -> Measurement:
    """Run the row's program and put `loads` loads on it, each sized to take about `seconds`.

    Raises `RuntimeError` when the program fails or its work is wrong.
    """
    with running_subject(row, stub, sink.url, extra) as subject:
        count = WARM_UP.get(row.program, WARM_UP_EVENTS)
        warm_up = _load(row, stub, sink, subject, count, seed=0)
        count = max(count, min(MOST_EVENTS, int(warm_up.per_second * seconds)))
        measured = tuple(_load(row, stub, sink, subject, count, seed=seed) for seed in range(1, loads + 1))
        return Measurement(
            row, measured, subject.start_seconds, subject.start_cpu_seconds, peak_mebibytes(subject.pids)
        )


def _load(row: Row, stub: Stub, sink: Sink, subject: Subject, count: int, seed: int) -> Load:
    for name in (SOURCE, DEAD_LETTERS):
        stub.queue(name)
    for name in QUEUES:
        stub.queue(name, sink=True)
    stub.load(SOURCE, count, row.targets, seed)
    _rest(subject)
    spans = sink.count() if row.tracing is not None else 0
    before = json_loads_us()
    pids = subject.pids
    cpu, stub_cpu = cpu_seconds(pids), cpu_seconds([stub.pid])
    stub.release(SOURCE)
    deadline = time.monotonic() + LOAD_SECONDS_LIMIT
    while not stub.wait(SOURCE, deleted=count, seconds=1.0):
        subject.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{stub.report()[SOURCE].deleted} of {count} messages were deleted in good time")
    stub_cpu = cpu_seconds([stub.pid]) - stub_cpu
    _rest(subject)
    cpu = cpu_seconds(pids) - cpu
    after = json_loads_us()
    report = stub.report()
    _check(row, report, count)
    source = report[SOURCE]
    sends = sum(report[name].sends for name in QUEUES)
    return Load(
        cpu_us=cpu / count * 1e6,
        json_loads_us=(before + after) / 2,
        stub_cpu_us=stub_cpu / count * 1e6,
        per_second=count / source.busy_seconds,
        p50_seconds=source.p50_seconds,
        p99_seconds=source.p99_seconds,
        spans=(sink.count() - spans) / count if row.tracing is not None else 0.0,
        received=source.received / source.receives,
        sent=sum(report[name].sent for name in QUEUES) / sends if sends else 0.0,
        deleted=source.deleted / source.deletes,
    )


def _rest(subject: Subject) -> None:
    """Wait until the program does next to nothing."""
    deadline = time.monotonic() + REST_LIMIT_SECONDS
    quiet = 0
    before = cpu_seconds(subject.pids)
    while quiet < 2 and time.monotonic() < deadline:
        time.sleep(REST_SECONDS)
        now = cpu_seconds(subject.pids)
        quiet = quiet + 1 if now - before < REST_SECONDS * REST_SHARE else 0
        before = now


def _check(row: Row, report: dict[str, QueueReport], count: int) -> None:
    wanted = {"standard": row.targets > 0, "high": row.targets > 1, "critical": row.targets > 1}
    problems = []
    for name, due in wanted.items():
        got = report[name]
        if got.sent != (count if due else 0):
            problems.append(f"{name} got {got.sent} messages of {count if due else 0}")
        elif due and got.checksum != report[SOURCE].checksum:
            problems.append(f"{name} got other bodies than were in the source queue")
    if report[DEAD_LETTERS].sent:
        problems.append(f"{report[DEAD_LETTERS].sent} messages were dead-lettered")
    if problems:
        raise RuntimeError("; ".join(problems))
