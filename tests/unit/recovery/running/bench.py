"""A dead-letter queue, targets and a ledger to run plans on, and a way to die at any step of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.unit.recovery.letters import EVENT

from turnout.errors import Fault, SqsUnavailable
from turnout.letter import LetterAttribute, sealed_attributes
from turnout.message import Attribute
from turnout.recovery.deliver.address import Address
from turnout.recovery.deliver.api import Act
from turnout.recovery.deliver.delivering import Delivering
from turnout.recovery.deliver.sending import Patience
from turnout.recovery.ledger.records import Action, Plan
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.recovery.running.planning import draft, draft_again
from turnout.recovery.running.runner import RunConfig, Runner
from turnout.recovery.running.tally import Tally
from turnout.recovery.sources.queue import open_queue_source
from turnout.rules.decode import decode
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch
from turnout.sqs.memory import MemorySqs
from turnout.targets.api import Destination
from turnout.targets.queue import QueueDestination


class Killed(BaseException):
    """The process is gone."""


class Bomb:
    """Goes off at the step of this number, before or after it took effect; counts steps otherwise."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.steps = 0
        self.names: list[str] = []
        self.dead = False
        self._at = at
        self._after = after

    def before(self, name: str) -> int:
        if self.dead:
            raise Killed
        self.steps += 1
        self.names.append(name)
        if self.steps == self._at and not self._after:
            self.dead = True
            raise Killed
        return self.steps

    def after(self, step: int) -> None:
        if step == self._at and self._after:
            self.dead = True
            raise Killed


class Fragile:
    """Anything whose named methods are steps."""

    def __init__(self, inner: Any, bomb: Bomb, steps: Sequence[str]) -> None:
        self._inner = inner
        self._bomb = bomb
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in self._steps:
            return method

        async def step(*arguments: Any, **options: Any) -> Any:
            if name == "change_visibility" and self._bomb.dead:
                raise SqsUnavailable("the process is gone", code="Killed")
            number = self._bomb.before(name)
            result = await method(*arguments, **options)
            self._bomb.after(number)
            return result

        return step


class Bench:
    """Queues that outlive processes."""

    def __init__(self, folder: Path, targets: Sequence[str] = ("crm", "audit")) -> None:
        self.path = folder / "ledger.sqlite"
        self.sqs = MemorySqs()
        self.dead = self.sqs.create_queue("dead", visibility_seconds=120)
        self.ahead = 0.0
        self.processes = 0
        self.targets = {name: self.sqs.create_queue(name) for name in targets}

    def advance(self, seconds: float) -> None:
        """Let time pass: what a dead process held comes back, in the queue and in the ledger."""
        self.ahead += seconds
        self.sqs.advance(seconds)

    async def fill(self, owed: Sequence[tuple[str, ...]], done: tuple[str, ...] = ()) -> None:
        for number, targets in enumerate(owed):
            body = json.dumps(EVENT | {"id": f"event-{number}"})
            letter = LetterAttribute(
                reason="RETRIES_EXHAUSTED",
                fault="system",
                source="events",
                event_id=f"event-{number}",
                owed=targets,
                done=done,
            )
            attributes = sealed_attributes(letter, {"tenant": Attribute("String", "acme")}, len(body))
            await self.sqs.send(self.dead, [OutgoingMessage(body, attributes)])

    def got(self, target: str) -> Counter[str]:
        """How often a target got each event."""
        return Counter(event_id(stored.message.body) for stored in self.sqs.messages(self.targets[target]))

    def left(self) -> int:
        return len(self.sqs.messages(self.dead))

    def act(self, sqs: Any) -> Act:
        def door(address: Address) -> Destination:
            return QueueDestination(sqs, self.targets[address.value])

        return Delivering(door, patience=Patience(2, 0.001, 0.001))

    async def process(
        self, bomb: Bomb | None = None, *, plan: str = "", max_failures: float = 20.0, stop: asyncio.Event | None = None
    ) -> Tally:
        """One process: makes the plan, or goes on with one, until it is done or the bomb goes off."""
        bomb = bomb or Bomb()
        self.processes += 1
        sqs: Any = Fragile(self.sqs, bomb, ("send", "delete", "change_visibility"))
        async with open_sqlite_ledger(self.path, clock=lambda: time.time() + self.ahead) as file:
            ledger: Any = Fragile(file, bomb, ("see", "record", "claim", "release", "save_plan"))
            source = await open_queue_source(sqs, self.dead, visibility_seconds=120, wait_seconds=0)
            try:
                act = self.act(sqs)
                if plan and (old := await file.plan(plan)):
                    made = await draft_again(source, ledger, await file.items(old.id), act, 1_000)
                else:
                    made = await draft(source, ledger, lambda letter: True, act, 1_000)
                    new = Plan(plan or "p", Action.RETRY, "dead", "jo", 1)
                    await ledger.save_plan(new, made.items)
                runner = Runner(
                    source=source,
                    ledger=ledger,
                    act=act,
                    plan=plan or "p",
                    by=f"jo:{self.processes}",
                    config=RunConfig(10_000, max_failures, 3),
                )
                try:
                    return await runner.run(made, stop or asyncio.Event())
                except BaseExceptionGroup as group:
                    raise Killed from group
            finally:
                with contextlib.suppress(Killed):
                    await source.aclose()


def event_id(body: str) -> str:
    event = decode(body)
    assert isinstance(event, dict)
    return str(event["id"])


class Refusing(QueueDestination):
    """A queue that refuses some events for good, or (None) all of them."""

    def __init__(self, sqs: Any, url: str, refuses: set[str] | None) -> None:
        super().__init__(sqs, url)
        self._refuses = refuses

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        (message,) = messages
        if self._refuses is None or event_id(message.body) in self._refuses:
            return SentBatch((None,), (EntryFailure(0, "Refused", "not today", Fault.DATA, False),))
        return await super().send(messages)
