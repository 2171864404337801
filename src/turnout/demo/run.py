"""The demonstration itself: queues, a stream of events, the real worker over them, and the audit afterwards.

`play` shows the course of it on one screen. It needs a running embedded server (`server`); showing is in `report`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice

import msgspec

from turnout.account import Account
from turnout.app import worker_config
from turnout.demo.audit import Audit, Findings
from turnout.demo.events import DemoMessage, generate
from turnout.demo.judge import judge
from turnout.demo.queues import Queues, create_queues, drain, publish
from turnout.demo.witness import Witness
from turnout.errors import TurnoutError
from turnout.message import Message
from turnout.pipeline.books import Books
from turnout.pipeline.worker import Worker
from turnout.rules import Ruleset
from turnout.settings import load_settings
from turnout.sqs.api import Sqs
from turnout.sqs.clients import open_sqs
from turnout.sqs.session import AwsConfig
from turnout.telemetry.tracing import Tracing

__all__ = ["Plan", "Progress", "Result", "play", "running"]

BACKLOG = 1000
"""Events that wait in the source queue at most: the embedded server looks at every one of them on each receive."""

CHUNK = 50
"""Events published between two looks at the backlog."""

STALL_SECONDS = 60.0
"""Without any progress for so long the demonstration gives up, and reports what it has."""


class Plan(msgspec.Struct, frozen=True):
    """What to play."""

    events: int
    seed: int
    ruleset: Ruleset


class Result(msgspec.Struct, frozen=True):
    """How it went. `seconds` runs from the worker's start to the last message settled."""

    published: int
    seconds: float
    books: Books
    """The worker's own counters."""
    findings: Findings
    """What the queues say."""
    story: Account | None
    """One message's way through the worker: the one with the most deliveries."""


Progress = Callable[[str, int, int], None]
"""Called with what is going on (`routing`, `checking`), how much of it is done, and how much there is to do."""


async def play(plan: Plan, endpoint: str, tracing: Tracing, *, stop: asyncio.Event, progress: Progress) -> Result:
    """Play the demonstration on the server at `endpoint`; setting `stop` ends it early, with what there is."""
    queues = await create_queues(endpoint, list(plan.ruleset.targets.values()))
    witness = Witness(tracing, lambda done: progress("routing", done, plan.events))
    settings = load_settings({"source_queue_url": queues.source, "dead_letter_queue_url": queues.dead_letter})
    async with open_sqs("wire", AwsConfig()) as sqs:
        worker = Worker(
            worker_config(settings), plan.ruleset, sqs, witness, destinations=partial(queues.destination, sqs)
        )
        messages = generate(plan.seed, plan.events)
        published = await _fill(sqs, queues.source, messages, BACKLOG)
        started = time.monotonic()
        async with running(worker):
            published = await _feed(sqs, queues.source, messages, published, witness, stop)
        audit = _expectations(plan, published, queues)
        await _drain_all(sqs, queues, audit, progress)
    return Result(published, witness.last - started, worker.books, audit.findings(), witness.story)


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """The worker at work; told to stop, and drained, on leaving."""
    stop = asyncio.Event()
    failure: TurnoutError | None = None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(worker.run(stop), name="worker")
        try:
            yield
        except TurnoutError as error:
            failure = error
        finally:
            stop.set()
    if failure is not None:
        # Out here, so that it reaches the operator as it is and not inside an exception group.
        raise failure


async def _feed(
    sqs: Sqs, queue: str, messages: Iterator[DemoMessage], published: int, witness: Witness, stop: asyncio.Event
) -> int:
    """Keep the backlog filled and wait until all of it is settled; the number of messages published in all."""
    exhausted = False
    while not stop.is_set() and not (exhausted and witness.accounted >= published):
        if not exhausted and published - witness.accounted <= BACKLOG - CHUNK:
            added = await _fill(sqs, queue, messages, CHUNK)
            published += added
            exhausted = added < CHUNK
        elif not await witness.next(stop, STALL_SECONDS):
            break
    return published


async def _fill(sqs: Sqs, queue: str, messages: Iterator[DemoMessage], count: int) -> int:
    chunk = list(islice(messages, count))
    await publish(sqs, queue, chunk)
    return len(chunk)


def _expectations(plan: Plan, published: int, queues: Queues) -> Audit:
    # After the run, from the same seed: judging slowly takes no time from the worker.
    audit = Audit(queues.fifo)
    for message in generate(plan.seed, published):
        audit.published(message, judge(message, plan.ruleset))
    return audit


async def _drain_all(sqs: Sqs, queues: Queues, audit: Audit, progress: Progress) -> None:
    total = audit.expected
    places: list[tuple[str, Callable[[Message], None]]] = [
        (queue, partial(audit.found_in_target, target)) for target, queue in queues.targets.items()
    ]
    places += [(queues.dead_letter, audit.found_dead), (queues.source, audit.found_in_source)]
    done = 0
    for queue, found in places:
        async for message in drain(sqs, queue):
            found(message)
            done += 1
            progress("checking", done, max(done, total))
