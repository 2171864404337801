"""What the pipeline alone costs per message: the worker on an SQS that answers at once and does nothing.

`python -m tests.benchmarks.pipeline [--targets N] [--tracing SHARE] [--profile FILE]`. What is left when this is taken
from a row of `make bench` is the price of the client, the protocol and the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvloop
from tests.benchmarks.events import events
from tests.benchmarks.machine import REFERENCE_US, json_loads_us
from tests.benchmarks.rulesets import write_rules

from turnout.app import worker_config
from turnout.message import Message
from turnout.pipeline.worker import Worker
from turnout.rules import Ruleset, load_rules
from turnout.settings import Settings, load_settings
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch
from turnout.telemetry.records import Span, TracingCounts
from turnout.telemetry.sampling import Sampler
from turnout.telemetry.tracing import LateTracing, NoTracing, Tracing

ORIGIN = "http://sqs.local/000000000000"
SYSTEM = {
    "SenderId": "AIDAEXAMPLE",
    "SentTimestamp": "1765551865301",
    "ApproximateReceiveCount": "1",
    "ApproximateFirstReceiveTimestamp": "1765551865305",
}


class NullSqs:
    """Hands out the given bodies once, accepts everything, and tells when all was deleted."""

    def __init__(self, bodies: Sequence[str], yields: int) -> None:
        self._bodies = bodies
        self._yields = yields
        self._next = 0
        self._deleted = 0
        self.sent = 0
        self.done = asyncio.Event()

    async def receive(
        self, queue: str, *, max_messages: int = 10, wait_seconds: int = 20, visibility_seconds: int | None = None
    ) -> list[Message]:
        start = self._next
        if start == len(self._bodies):
            await asyncio.sleep(wait_seconds)
            return []
        end = self._next = min(start + max_messages, len(self._bodies))
        await self._pass()
        return [
            Message(f"00000000-0000-4000-8000-{n:012x}", f"AQEB{n:0400x}", self._bodies[n], queue, {}, dict(SYSTEM))
            for n in range(start, end)
        ]

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        await self._pass()
        self.sent += len(messages)
        return SentBatch(("00000000-0000-4000-8000-000000000000",) * len(messages))

    async def delete(self, queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
        await self._pass()
        self._deleted += len(handles)
        if self._deleted == len(self._bodies):
            self.done.set()
        return ()

    async def change_visibility(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
        return ()

    async def queue_attributes(self, queue: str) -> Mapping[str, str]:
        return {}

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _pass(self) -> None:
        # A call takes a few turns of the event loop, in which others work.
        for _ in range(self._yields):
            await asyncio.sleep(0)


class _Discarding:
    """A sink of spans that takes all and keeps none."""

    def room(self) -> int:
        return 1_000_000

    def emit(self, finished: Sequence[Span]) -> None:
        pass

    def abandon(self) -> None:
        pass

    def flush(self) -> None:
        pass

    def shutdown(self) -> None:
        pass


def tracing_of(share: float | None) -> Tracing:
    """Late tracing that samples this share and exports nothing; None is off."""
    if share is None:
        return NoTracing()
    sampler, _ = Sampler.from_environ(
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": str(share)}
    )
    return LateTracing(_Discarding(), sampler=sampler, slow_seconds=60.0, counts=TracingCounts())


async def _run(
    bodies: Sequence[str], ruleset: Ruleset, settings: Settings, share: float | None
) -> tuple[float, float, float]:
    sqs = NullSqs(bodies, yields=2)
    worker = Worker(worker_config(settings), ruleset, sqs, tracing_of(share))
    stop = asyncio.Event()
    reference = json_loads_us()
    gc.collect()
    gc.freeze()
    begun = time.process_time()
    task = asyncio.create_task(worker.run(stop))
    await sqs.done.wait()
    spent = time.process_time() - begun
    stop.set()
    await task
    return spent / len(bodies) * 1e6, sqs.sent / len(bodies), reference


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what the pipeline alone costs.")
    parser.add_argument("--targets", type=int, choices=(0, 1, 3), default=1)
    parser.add_argument("--tracing", type=float, help="share of messages that are sampled; not given: off")
    parser.add_argument("--rules", type=int, default=3)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--profile", help="write a profile of one run to this file instead")
    given = parser.parse_args(arguments)
    urls = {f"{name}_QUEUE_URL": f"{ORIGIN}/{name.lower()}" for name in ("CRITICAL", "HIGH", "STANDARD")}
    settings = load_settings({"source_queue_url": f"{ORIGIN}/events", "dead_letter_queue_url": f"{ORIGIN}/dead"})
    with tempfile.TemporaryDirectory() as folder:
        ruleset = load_rules(write_rules(Path(folder), given.rules), environ=urls, require=settings.require)
    bodies = list(events(given.targets, given.events, seed=1))
    if given.profile:
        profile = cProfile.Profile()
        profile.enable()
        uvloop.run(_run(bodies, ruleset, settings, given.tracing))
        profile.disable()
        profile.dump_stats(given.profile)
        return
    runs = [uvloop.run(_run(bodies, ruleset, settings, given.tracing)) for _ in range(given.runs)]
    costs = sorted(cost for cost, _, _ in runs)
    scaled = statistics.median(cost / reference for cost, _, reference in runs)
    print(
        f"{given.targets} targets, {given.rules} rules, tracing {given.tracing}: {statistics.median(costs):.1f} us per "
        f"message ({costs[0]:.1f}-{costs[-1]:.1f}), {runs[0][1]:.0f} sends each; {scaled:.2f} times "
        f"json.loads, which is {scaled * REFERENCE_US:.1f} us where that takes {REFERENCE_US} us"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
