"""Where the microseconds go: the real worker on the real wire client, sampled by the CPU time it uses.

    python -m tests.benchmarks.steps [--targets N] [--tracing SHARE]

The worker runs in this process, the SQS stub in its own. A timer of CPU time interrupts every 4 ms, and the
innermost frame that belongs to a step gets the sample. Python looks at interrupts between two instructions only:
what the kernel does for a socket is found with whoever wrote to it, or with the event loop.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Protocol

import uvloop
from tests.benchmarks.machine import REFERENCE_US, describe, json_loads_us
from tests.benchmarks.pipeline import tracing_of
from tests.benchmarks.rows import Row
from tests.benchmarks.rulesets import QUEUES, write_rules
from tests.benchmarks.stub.process import Stub, running_stub
from tests.benchmarks.subject import SOURCE, environment

from turnout.app import load_ruleset, open_worker
from turnout.settings import load_settings

SAMPLE_SECONDS = 0.004  # the kernel counts CPU time for this no finer
REST = "the rest"

# The innermost of these that is on the stack names the step.
STEPS = (
    ("turnout/rules/", "decode the event and match the rules"),
    ("turnout/telemetry/", "tracing and histograms"),
    ("wire/sign.py", "sign requests"),
    ("sqs/digests.py", "MD5 digests of bodies and attributes"),
    ("wire/codec.py", "write requests as JSON"),
    ("sqs/answers.py", "read answers"),
    ("wire/client.py", "read answers"),
    ("wire/route.py", "HTTP: hash the body, write to sockets, parse"),
    ("wire/pool.py", "HTTP: hash the body, write to sockets, parse"),
    ("wire/connection.py", "HTTP: hash the body, write to sockets, parse"),
    ("pipeline/poller.py", "receive: accounts, register"),
    ("pipeline/inflight.py", "receive: accounts, register"),
    ("pipeline/router.py", "route: deliveries, accounting"),
    ("pipeline/outgoing.py", "send: compose, batch, judge"),
    ("pipeline/sender.py", "send: compose, batch, judge"),
    ("pipeline/outbox.py", "send: compose, batch, judge"),
    ("pipeline/slots.py", "send: compose, batch, judge"),
    ("pipeline/settler.py", "settle and delete"),
)


class Watch(Protocol):
    """What looks at the worker while it routes."""

    def start(self) -> None:
        """Look from now on."""

    def stop(self) -> None:
        """Look no more."""


class Sampler:
    """Counts samples by step, while it is on."""

    def __init__(self) -> None:
        self.samples: Counter[str] = Counter()
        self._known: dict[str, str] = {}

    def start(self) -> None:
        """Interrupt from now on."""
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)

    def stop(self) -> None:
        """No more interrupts."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)

    def _take(self, _: int, frame: FrameType | None) -> None:
        while frame is not None:
            step = self._step(frame.f_code.co_filename)
            if step:
                self.samples[step] += 1
                return
            frame = frame.f_back
        self.samples[REST] += 1

    def _step(self, file: str) -> str:
        step = self._known.get(file)
        if step is None:
            step = self._known[file] = next((step for part, step in STEPS if part in file), "")
        return step


async def work(stub: Stub, given: argparse.Namespace, watch: Watch, rules: str) -> float:
    """Route one load; CPU microseconds per message."""
    settings = load_settings({"rules": rules})
    async with open_worker(settings, load_ruleset(settings), tracing_of(given.tracing)) as worker:
        stop = asyncio.Event()
        task = asyncio.create_task(worker.run(stop))
        for count in (2_000, given.events):  # the first opens connections and warms up
            stub.queue(SOURCE)
            for name in QUEUES:
                stub.queue(name, sink=True)
            stub.load(SOURCE, count, given.targets, count)
            gc.collect()
            gc.freeze()
            before = worker.books.settled
            begun = time.process_time()
            if count == given.events:
                watch.start()
            stub.release(SOURCE)
            while worker.books.settled < before + count:
                await asyncio.sleep(0.05)
            watch.stop()
            spent: float = time.process_time() - begun
        stop.set()
        await task
    return spent / float(given.events) * 1e6


def main(arguments: list[str]) -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description="Tell by step where the CPU time of a message goes.")
    parser.add_argument("--targets", type=int, choices=(0, 1, 3), default=1)
    parser.add_argument("--tracing", type=float, help="share of messages that are sampled; not given: off")
    parser.add_argument("--events", type=int, default=60_000)
    given = parser.parse_args(arguments)
    sampler = Sampler()
    with running_stub() as stub, tempfile.TemporaryDirectory() as folder:
        os.environ.update(environment(Row(client="wire"), stub, ""))
        cost = uvloop.run(work(stub, given, sampler, str(write_rules(Path(folder), 3))))
    total = sampler.samples.total()
    reference = json_loads_us()
    print(*describe(), sep="\n")
    print(f"{given.targets} targets, tracing {given.tracing}: {cost:.1f} us a message, sampling included;", end=" ")
    print(f"json.loads {reference:.2f} us; {total} samples\n")
    print(f"{'step':<48}{'share':>7}{'us':>7}{'at ' + str(REFERENCE_US):>8}")
    for step, count in sampler.samples.most_common():
        part = cost * count / total
        print(f"{step:<48}{count / total:>7.1%}{part:>7.1f}{part / reference * REFERENCE_US:>8.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
