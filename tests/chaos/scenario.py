"""The runs: queues, proxy, load and workers put together, and what is found when all is quiet again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from tests.chaos.books import Balance, balance, drain
from tests.chaos.credentials import CREDENTIALS_PATH, Credentials
from tests.chaos.faults import Kind, Plan
from tests.chaos.journal import Journal
from tests.chaos.load import BROKEN, DEAD, FIFO_SOURCE, SOURCE, TARGETS, Event, events
from tests.chaos.proxy import FaultProxy, open_proxy
from tests.chaos.upstream import MemoryUpstream
from tests.chaos.workers import STOP_SECONDS, VISIBILITY_SECONDS, Workers, open_workers

from turnout.message import Attribute
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.sqs.memory_queue import MessageState

__all__ = ["Result", "Setting", "Yard", "chaos_run", "kill_run", "open_yard", "restart_run"]

SOURCES = (SOURCE, FIFO_SOURCE)

# After so long a run goes on without faults, so that every run ends.
_STORM_SECONDS = 25.0
# A breaker that opened in the storm probes every half a minute by then.
_RUN_SECONDS = 180.0


class Setting(NamedTuple):
    """In which setting a run takes place."""

    workers: int = 1
    unmatched: str = "drop"
    broken_is_missing: bool = False
    """Whether the queue of the broken target does not exist; otherwise every send to it is denied."""
    credentials_expire: bool = False
    patient: bool = False
    """Whether workers wait long between attempts, so that messages are held beyond their visibility timeout."""
    client: str = "wire"
    idempotency: str = "none"

    @classmethod
    def drawn(cls, seed: int) -> Setting:
        """The setting that belongs to a seed."""
        random = Random(f"setting {seed}")
        return cls(
            workers=random.choice([1, 1, 2]),
            unmatched=random.choice(["drop", "dead-letter"]),
            broken_is_missing=random.random() < 0.5,
            credentials_expire=random.random() < 0.25,
            patient=random.random() < 0.25,
            client=random.choice(["wire", "wire", "aioboto3"]),
            idempotency=random.choice(["none", "none", "memory"]),
        )

    def environment(self) -> dict[str, str]:
        """What of it is the workers' own settings."""
        patience = {"TURNOUT_BACKOFF_BASE_SECONDS": "4", "TURNOUT_BACKOFF_CAP_SECONDS": "8"} if self.patient else {}
        return {"TURNOUT_SQS_CLIENT": self.client, "TURNOUT_IDEMPOTENCY": self.idempotency, **patience}


@dataclass
class Result:
    """What a run did and found."""

    seed: int
    balance: Balance
    journal: Journal
    rate: float = 0.0
    stops: int = 0
    """Workers that were killed, or stopped while there was work."""
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    @property
    def faults(self) -> Counter[Kind]:
        """Faults injected, by kind."""
        return self.journal.by_kind()

    def problems(self) -> list[str]:
        """One line for everything that is not as it must be."""
        return [*self.violations, *self.journal.violations, *self.balance.problems()]


class Yard:
    """In-memory queues behind a fault proxy, and the workers that go through it."""

    def __init__(self, sqs: MemorySqs, proxy: FaultProxy, journal: Journal, workers: Workers) -> None:
        self.sqs = sqs
        self.proxy = proxy
        self.journal = journal
        self.workers = workers

    async def publish(self, load: Sequence[Event]) -> None:
        """Put events into their source queues, behind the proxy."""
        for event in load:
            fifo = event.source == FIFO_SOURCE
            attributes = {name: Attribute("String", text) for name, text in event.attributes.items()}
            message = OutgoingMessage(
                event.body,
                attributes,
                group_id=event.group if fifo else None,
                deduplication_id=str(event.number) if fifo else None,
            )
            sent = await self.sqs.send(event.source, [message])
            assert not sent.failures, sent.failures

    async def at_random(self, random: Random) -> None:
        """Wait for a random moment of the work: some time after the next call of a worker, or right after a call of
        its had its effect, before it knows."""
        now = self.journal.calls.total()
        async with asyncio.timeout(STOP_SECONDS):
            await self.proxy.after_call(now + 1)
        if random.random() < 0.5:
            await asyncio.sleep(random.uniform(0, 0.5))
            return
        with contextlib.suppress(TimeoutError):  # there may not be so many calls to make
            async with asyncio.timeout(1.0):
                await self.proxy.after_call(now + random.randint(2, 30))

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        """SIGKILL the only worker, and let the time pass until SQS gives out again what it held."""
        process.kill()
        await process.wait()
        self.journal.killed()
        self.sqs.advance(VISIBILITY_SECONDS)

    def left(self) -> int:
        """Messages in the source queues, in flight included."""
        return sum(len(self.sqs.messages(queue)) for queue in SOURCES)

    async def until_empty(self, *processes: asyncio.subprocess.Process) -> list[str]:
        """Wait until the source queues are empty, or a worker ended by itself; says what was wrong with that.

        Time that passes unnoticed is skipped: when all that is left is in flight and no worker knows of it, because
        the answer that should have brought it was spoilt, nothing can happen before its visibility timeout ends.
        """
        deadline = time.monotonic() + _RUN_SECONDS
        while time.monotonic() < deadline:
            left = [stored for queue in SOURCES for stored in self.sqs.messages(queue)]
            if not left or any(process.returncode is not None for process in processes):
                return []
            if self.journal.held() == 0 and all(stored.state is MessageState.IN_FLIGHT for stored in left):
                self.sqs.advance(max(0.0, min(stored.due for stored in left) - self.sqs.now()))
            await asyncio.sleep(0.02)
        still = f"{self.left()} messages still in the source after {_RUN_SECONDS:.0f} s"
        return [still, *self.workers.last_lines()]

    async def close(self, result: Result, load: Sequence[Event], setting: Setting) -> None:
        """Empty the target queues and the dead-letter queue, and balance the books."""
        remembered = setting.idempotency == "memory" and setting.workers == 1
        upstream = MemoryUpstream(self.sqs)
        queues = [queue for target, queue in TARGETS.items() if target != BROKEN] + [DEAD]
        found = {queue: await drain(upstream, queue) for queue in queues}
        result.balance = balance(load, found, self.journal, remembered=remembered)
        result.violations += self.workers.complaints()
        if self.left() and not result.violations:
            result.violations.append(f"{self.left()} messages in the source after the stop")


@asynccontextmanager
async def open_yard(load: Sequence[Event], plan: Plan, setting: Setting) -> AsyncIterator[Yard]:
    """Queues, a proxy before them, and workers that are yet to be started."""
    sqs = MemorySqs()
    for name in (*SOURCES, DEAD, *(queue for target, queue in TARGETS.items() if target != BROKEN)):
        sqs.create_queue(name, visibility_seconds=30)
    journal = Journal({event.body: event.fate for event in load})
    issuer = Credentials(life_seconds=2.0) if setting.credentials_expire else None
    upstream = MemoryUpstream(sqs)
    async with open_proxy(
        upstream, journal, plan, sources=SOURCES, visibility_seconds=VISIBILITY_SECONDS, credentials=issuer
    ) as proxy:
        with open_workers(proxy.url, SOURCES, setting.unmatched) as workers:
            if not setting.broken_is_missing:
                proxy.denied.add(TARGETS[BROKEN])
            workers.settings |= setting.environment()
            if setting.credentials_expire:
                workers.settings["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{proxy.url}{CREDENTIALS_PATH}"
                workers.settings |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
            yield Yard(sqs, proxy, journal, workers)


async def chaos_run(
    seed: int,
    *,
    messages: int = 400,
    ordered: int = 60,
    plan: Plan | None = None,
) -> Result:
    """One run: a load, workers and a storm of faults; ends when the source queues are empty and the workers stopped.

    What `seed` draws, besides load and faults: see `Setting`.
    """
    setting = Setting.drawn(seed)
    load = events(seed, messages, unmatched=setting.unmatched, ordered=ordered)
    plan = plan or Plan(seed)
    started = time.monotonic()
    async with open_yard(load, plan, setting) as yard:
        result = Result(seed, Balance(), yard.journal, plan.rate)
        asyncio.get_running_loop().call_later(_STORM_SECONDS, plan.calm)
        half = len(load) // 2
        await yard.publish(load[:half])
        async with AsyncExitStack() as stack:
            processes = [await stack.enter_async_context(yard.workers.running()) for _ in range(setting.workers)]
            await yard.publish(load[half:])
            result.violations += await yard.until_empty(*processes)
            for stopped in await asyncio.gather(*map(yard.workers.stop, processes)):
                result.violations += stopped
        await yard.close(result, load, setting)
    result.seconds = time.monotonic() - started
    return result


async def kill_run(seed: int, kills: int, *, messages: int = 30) -> Result:
    """Kill workers (SIGKILL), one after the other, at random moments of their work; a last one finishes it.

    The load is fixed: `messages` for each kill and one share more, each published when the next worker starts, so
    that every worker dies with work in its hands.
    """
    return await _interrupted_run(seed, kills, messages, kill=True)


async def restart_run(seed: int, restarts: int, *, messages: int = 30) -> Result:
    """The same with SIGTERM: what stops in good order causes no duplicates, so none are explained."""
    return await _interrupted_run(seed, restarts, messages, kill=False)


async def _interrupted_run(seed: int, stops: int, messages: int, *, kill: bool) -> Result:
    random = Random(f"interrupted {seed}")
    load = events(seed, messages * (stops + 1), unmatched="dead-letter", ordered=messages)
    random.shuffle(load)
    # Slow answers widen the moments between an effect and the knowledge of it.
    plan = Plan(seed, kinds=[Kind.SLOW], rate=0.2)
    started = time.monotonic()
    setting = Setting(unmatched="dead-letter")
    async with open_yard(load, plan, setting) as yard:
        result = Result(seed, Balance(), yard.journal, plan.rate, stops)
        share = len(load) // (stops + 1)
        for number in range(stops):
            await yard.publish(load[number * share : (number + 1) * share])
            async with yard.workers.running() as process:
                await yard.at_random(random)
                if kill:
                    await yard.kill(process)
                else:
                    result.violations += await yard.workers.stop(process)
        await yard.publish(load[stops * share :])
        async with yard.workers.running() as process:
            result.violations += await yard.until_empty(process)
            result.violations += await yard.workers.stop(process)
        await yard.close(result, load, setting)
    result.seconds = time.monotonic() - started
    return result
