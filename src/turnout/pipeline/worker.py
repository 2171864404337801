"""The worker: the pipeline's parts put together, their life from start through drain to stop.

`run` shows the whole life on one screen; in which order the parts end is in `drain`. The parts know each other only
through callbacks handed out here.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from turnout.account import Account
from turnout.idempotency.api import IdempotencyStore
from turnout.idempotency.keys import event_key
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.books import Books
from turnout.pipeline.breaker import BreakerConfig
from turnout.pipeline.claims import Claims
from turnout.pipeline.crew import Crew
from turnout.pipeline.deadletter import DeadLetters
from turnout.pipeline.drain import Drain
from turnout.pipeline.heartbeat import Heartbeat
from turnout.pipeline.inflight import InFlight
from turnout.pipeline.outgoing import Composer
from turnout.pipeline.poller import Poller
from turnout.pipeline.router import Router, Routes
from turnout.pipeline.sender import Sender, SenderConfig
from turnout.pipeline.settler import Settler
from turnout.pipeline.slots import Slots
from turnout.queues import queue_name
from turnout.rules import Ruleset, Target
from turnout.sqs.api import MAX_BATCH_ENTRIES, Sqs
from turnout.targets.api import Destination
from turnout.targets.destinations import Destinations
from turnout.telemetry.semconv import system_of
from turnout.telemetry.tracing import Tracing
from turnout.words import count

__all__ = ["Worker", "WorkerConfig"]

log = logging.getLogger(__name__)


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to know; `turnout.settings` documents each bound and its default."""

    sources: tuple[str, ...]
    dead_letter_queue: str
    pollers: int
    """The most that poll one source queue at a time."""
    wait_seconds: int
    visibility_seconds: int
    max_in_flight: int
    max_in_flight_bytes: int
    send_calls: int
    send_calls_total: int
    hold_seconds: float
    drain_seconds: float
    last_poll_seconds: float = 0.5
    """How long a poll under way may still bring messages once the worker stops; a longer one is cut."""
    backoff: Backoff
    longest_rest_seconds: float = math.inf
    """How long a target may ask to be left alone before one attempt, beside `hold_seconds` for all of them together."""
    try_seconds: float = math.inf
    """For how long, from when it counts as held, a delivery that fails is tried again, whatever its target does."""
    breaker: BreakerConfig = BreakerConfig()
    idempotency_key: Callable[[str | None, str], str] = event_key
    idempotency_waits: bool = False
    """Whether messages wait while the idempotency store does not answer, rather than go on without it."""

    def sender(self, per_second: int = 0) -> SenderConfig:
        """What each sender needs of this; `per_second` 0 means no limit."""
        return SenderConfig(
            backoff=self.backoff,
            breaker=self.breaker,
            calls=self.send_calls,
            hold_seconds=self.hold_seconds,
            # The rest stays for the targets that work.
            max_held=max(1, self.max_in_flight // 2),
            per_second=per_second or None,
            longest_rest_seconds=self.longest_rest_seconds,
            try_seconds=self.try_seconds,
        )


class Worker:
    """One process's pipeline. Build it, `run` it once."""

    def __init__(
        self,
        config: WorkerConfig,
        ruleset: Ruleset,
        sqs: Sqs,
        tracing: Tracing,
        store: IdempotencyStore | None = None,
        destinations: Callable[[Target], Destination] | None = None,
    ) -> None:
        self.config = config
        self.books = Books()
        self.in_flight = InFlight(config.max_in_flight, config.max_in_flight_bytes)
        self.running = False
        """Whether it has started to poll."""
        self.draining = False
        """Whether it has been told to stop."""
        self._sqs = sqs
        self._destinations = destinations or Destinations(sqs, beside=config.sources[0], environ={})
        self._tracing = tracing
        self._tasks: asyncio.TaskGroup | None = None
        self._background: list[asyncio.Task[None]] = []
        self._lost = ""
        """Name of a task that has ended although it was to go on."""
        self._lost_one = asyncio.Event()
        self._slots = Slots(config.send_calls_total)
        self._senders: dict[Target, Sender] = {}
        received: asyncio.Queue[list[Account]] = asyncio.Queue(maxsize=config.pollers * len(config.sources))
        self._claims = claims = (
            None
            if store is None
            else Claims(
                store,
                key=config.idempotency_key,
                # As long as SQS keeps the message for us: after a crash both end together.
                lease_seconds=config.visibility_seconds,
                wait_on_error=config.idempotency_waits,
                books=self.books,
            )
        )
        # A store is asked over the network: then one router alone would do one batch per round trip.
        self._routers = 1 if store is None else config.pollers * len(config.sources)
        self._settler = Settler(
            sources=config.sources,
            sqs=sqs,
            in_flight=self.in_flight,
            tracing=tracing,
            books=self.books,
            claims=claims,
            backoff=config.backoff,
            calls=config.send_calls,
        )
        self._dead_letters = DeadLetters(
            queue=config.dead_letter_queue,
            sqs=sqs,
            settler=self._settler,
            tracing=tracing,
            books=self.books,
            config=config.sender(),
        )
        self._router = Router(
            received=received,
            settler=self._settler,
            dead_letters=self._dead_letters,
            claims=claims,
            books=self.books,
        )
        self.use(ruleset)
        self._pollers = [
            Poller(
                queue=queue,
                sqs=sqs,
                crew=crew,
                in_flight=self.in_flight,
                received=received,
                tracing=tracing,
                books=self.books,
                batch=min(config.max_in_flight, MAX_BATCH_ENTRIES),
                wait_seconds=config.wait_seconds,
                visibility_seconds=config.visibility_seconds,
                backoff=config.backoff,
            )
            for queue, crew in ((queue, Crew()) for queue in config.sources)
            for _ in range(config.pollers)
        ]
        self.heartbeat = Heartbeat(sqs, self.in_flight, self.books, config.visibility_seconds, claims)

    @property
    def pollers(self) -> Sequence[Poller]:
        """Every poller of every source queue."""
        return self._pollers

    @property
    def dead_letter_sender(self) -> Sender:
        """The way to the dead-letter queue."""
        return self._dead_letters.sender

    @property
    def ruleset(self) -> Ruleset:
        """The active rules."""
        return self._router.routes.ruleset

    @property
    def senders(self) -> Mapping[str, Sender]:
        """The senders of the active rules' targets, by name."""
        return self._router.routes.senders

    def use(self, ruleset: Ruleset) -> None:
        """Make `ruleset` the active one, from the next message on. Raises `TargetError` where a target has no way."""
        senders = {name: self._sender(target) for name, target in ruleset.targets.items()}
        # Only now: had one of them no way, all would go on by the old rules.
        for name, target in ruleset.targets.items():
            senders[name].adapt(target.priority, target.per_second or None)
        self._router.routes = Routes(ruleset, senders)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain within the configured time.

        A bug in one of the parts ends the run with an exception group; SQS then hands out again what was held.
        """
        async with asyncio.TaskGroup() as tasks:
            self._start(tasks)
            polling = [tasks.create_task(poller.run(), name="poller") for poller in self._pollers]
            for task in polling:
                task.add_done_callback(self._poller_ended)
            log.info(
                "routing from %s with %s to %s",
                ", ".join(map(queue_name, self.config.sources)),
                count(len(self.ruleset.rules), "rule"),
                count(len(self.ruleset.targets), "target"),
                extra={"ruleset": self.ruleset.fingerprint},
            )
            self.running = True
            await stop.wait()
            self.draining = True
            await self._drain(polling)
            # What a reload adds from here on has nothing to send, and nobody would end its tasks.
            self._tasks = None
            for task in self._background:
                task.cancel()

    def _start(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        background = self._background
        background += self._settler.start(tasks)
        background += self._dead_letters.start(tasks)
        for sender in self._senders.values():
            background += sender.start(tasks)
        background.append(tasks.create_task(self.heartbeat.run(), name="heartbeat"))
        background += [tasks.create_task(self._router.run(), name=f"router-{n}") for n in range(self._routers)]
        self._watch(background)
        background.append(tasks.create_task(self._end_with_its_parts(), name="watch"))

    def _watch(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._tasks is not None and task.cancelled():
            self._lost = task.get_name()
            self._lost_one.set()

    def _poller_ended(self, poller: asyncio.Task[None]) -> None:
        if not self.draining:  # which ends them, by cancelling them if need be
            self._ended(poller)

    async def _end_with_its_parts(self) -> None:
        """Raise when a part was cancelled, and not by us: a library can do that, and a task group looks past it.

        Without this what the part had in its hands would be held for hours, and what comes after it wait for ever.
        """
        await self._lost_one.wait()
        raise RuntimeError(f"{self._lost} was cancelled by what it had called: the worker ends, please report this")

    async def _drain(self, polling: Sequence[asyncio.Task[None]]) -> None:
        log.info("stopping: %s in flight, draining", count(len(self.in_flight), "message"))
        drain = Drain(
            senders=lambda: (*self._senders.values(), self.dead_letter_sender),
            router=self._router,
            claims=self._claims,
            settler=self._settler,
            in_flight=self.in_flight,
            seconds=self.config.drain_seconds,
            last_poll_seconds=self.config.last_poll_seconds,
        )
        await drain.finish(self._pollers, polling)
        if not await drain.hand_back():
            log.warning("no time left to hand messages back: they return when their visibility ends")
        await drain.last_deletes()
        log.info("stopped: %s", self.books.balance(len(self.in_flight)))

    def _sender(self, target: Target) -> Sender:
        # A reload that leaves a target where it is keeps its sender, with what waits there and its breaker.
        key = msgspec.structs.replace(target, priority=0, per_second=0, description="", place=None)
        sender = self._senders.get(key)
        if sender is None:
            destination = self._destinations(target)
            sender = self._senders[key] = Sender(
                name=target.name,
                priority=target.priority,
                destination=destination,
                compose=Composer(target, self._tracing, self.books),
                settled=self._router.delivered,
                overflow=self._router.overflowed,
                config=self.config.sender(target.per_second),
                slots=self._slots,
                books=self.books.target(target.name),
                place=self.books.place(system_of(destination.url), destination.name),
            )
            if self._tasks is not None:
                added = sender.start(self._tasks)
                self._watch(added)
                self._background += added
        return sender
