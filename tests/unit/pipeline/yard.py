"""A worker over in-memory queues: the setting of the pipeline's tests."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from turnout.account import Account
from turnout.letter import LetterAttribute, read_letter_attribute
from turnout.message import Attribute
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.worker import Worker, WorkerConfig
from turnout.rules import Ruleset, load_rules
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.sqs.memory_queue import StoredMessage
from turnout.telemetry.tracing import NoTracing

RULES = """
targets:
  crm: {queue: crm, priority: 0}
  archive: {queue: archive, priority: 5}
  audit: {queue: audit, priority: 9}
unmatched: drop
rules:
  - {id: one, when: detail.to == 'one', send: [crm]}
  - {id: three, when: detail.to == 'three', send: [crm, archive, audit]}
"""

SOURCE = "http://sqs.memory/000000000000/events"
DEAD = "http://sqs.memory/000000000000/events-dead"

QUICK = Backoff(base_seconds=0.001, cap_seconds=0.002, attempts=4)


def ruleset(text: str = RULES, require: Sequence[str] = ("detail",)) -> Ruleset:
    """Rules from YAML text."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "rules.yaml")
        path.write_text(text)
        return load_rules(path, require=require)


def event(to: str, number: int = 1, **detail: object) -> str:
    """An event body that the rule of that name matches."""
    return json.dumps({"id": f"event-{number}", "detail": {"to": to, **detail}})


class Watch(NoTracing):
    """Tells when messages are settled."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self._change = asyncio.Event()

    def settled(self, accounts: Sequence[Account]) -> None:
        self.accounts.extend(accounts)
        self._change.set()

    async def wait(self, count: int) -> list[Account]:
        """Wait until `count` messages have been settled since the start."""
        async with asyncio.timeout(10):
            while len(self.accounts) < count:
                self._change.clear()
                await self._change.wait()
        return self.accounts


class Yard:
    """Queues, a worker that is not running yet, and short ways to look at both."""

    def __init__(
        self, rules: str = RULES, *, fifo: Iterable[str] = (), clock: Callable[[], float] = time.time, **config: object
    ) -> None:
        self.sqs = MemorySqs(clock)
        for name in ("events", "events-dead", "crm", "archive", "audit", *fifo):
            self.sqs.create_queue(name)
        self.watch = Watch()
        settings: dict[str, object] = {
            "sources": (SOURCE,),
            "dead_letter_queue": DEAD,
            "pollers": 2,
            "wait_seconds": 20,
            "visibility_seconds": 60,
            "max_in_flight": 100,
            "max_in_flight_bytes": 1 << 26,
            "send_calls": 2,
            "send_calls_total": 8,
            "hold_seconds": 5.0,
            "drain_seconds": 1.0,
            "last_poll_seconds": 0.01,
            "backoff": QUICK,
            **config,
        }
        self.config = WorkerConfig(**settings)  # type: ignore[arg-type]
        self.worker = Worker(self.config, ruleset(rules), self.sqs, self.watch)

    async def publish(self, *bodies: str, attributes: dict[str, Attribute] | None = None) -> None:
        """Put events into the source queue."""
        for body in bodies:
            sent = await self.sqs.send(SOURCE, [OutgoingMessage(body, attributes or {})])
            assert not sent.failures, sent.failures

    @asynccontextmanager
    async def running(self, seconds: float = 20) -> AsyncIterator[None]:
        """The worker at work; leaving drains and stops it, and checks its books."""
        stop = asyncio.Event()
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.worker.run(stop), name="worker")
            yield
            stop.set()
        books = self.worker.books
        assert books.in_flight == len(self.worker.in_flight) == 0

    async def route(self, *bodies: str, attributes: dict[str, Attribute] | None = None) -> list[Account]:
        """Publish, let the worker settle all of it, stop."""
        await self.publish(*bodies, attributes=attributes)
        async with self.running():
            return await self.watch.wait(len(bodies))

    def stored(self, queue: str) -> list[StoredMessage]:
        return self.sqs.messages(queue)

    def bodies(self, queue: str) -> list[str]:
        return [stored.message.body for stored in self.stored(queue)]

    def letters(self) -> list[LetterAttribute]:
        """The letter attribute of everything in the dead-letter queue."""
        letters = [read_letter_attribute(stored.message.attributes) for stored in self.stored(DEAD)]
        assert None not in letters
        return [letter for letter in letters if letter is not None]
