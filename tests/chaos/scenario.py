"""A chaos run: queues, proxy, load and workers put together, and what is found when all is quiet again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.chaos.books import Balance, balance, drain
from tests.chaos.credentials import CREDENTIALS_PATH, Credentials
from tests.chaos.faults import Kind, Plan
from tests.chaos.journal import Journal
from tests.chaos.load import BROKEN, DEAD, FIFO_SOURCE, RULES, SOURCE, TARGETS, Event, events
from tests.chaos.proxy import FaultProxy, open_proxy
from tests.chaos.upstream import MemoryUpstream

from turnout.message import Attribute
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.sqs.memory_queue import MessageState

__all__ = ["Result", "Yard", "chaos_run", "kill_run", "open_yard"]

TURNOUT = str(Path(sys.executable).parent / "turnout")
VISIBILITY_SECONDS = 6
SOURCES = (SOURCE, FIFO_SOURCE)

# After so long a run goes on without faults, so that every run ends.
_STORM_SECONDS = 25.0
_RUN_SECONDS = 90.0
_STOP_SECONDS = 25.0


@dataclass
class Result:
    """What a run did and found."""

    seed: int
    balance: Balance
    journal: Journal
    rate: float = 0.0
    kills: int = 0
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

    def __init__(self, sqs: MemorySqs, proxy: FaultProxy, journal: Journal, rules: Path, logs: Path) -> None:
        self.sqs = sqs
        self.proxy = proxy
        self.journal = journal
        self._rules = rules
        self._logs = logs
        self.settings: dict[str, str] = {}
        """Environment variables for the workers, on top of the usual ones."""

    def environment(self) -> dict[str, str]:
        """What `turnout run` needs to work on these queues through the proxy."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TURNOUT_", "OTEL_", "AWS_"))}
        return {
            **clean,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.proxy.url,
            "NO_PROXY": "127.0.0.1",
            "TURNOUT_SOURCE_QUEUE_URL": ",".join(map(self.proxy.queue_url, SOURCES)),
            "TURNOUT_DEAD_LETTER_QUEUE_URL": self.proxy.queue_url(DEAD),
            "TURNOUT_RULES": str(self._rules),
            "TURNOUT_POLLERS": "2",
            "TURNOUT_VISIBILITY_SECONDS": str(VISIBILITY_SECONDS),
            "TURNOUT_BACKOFF_BASE_SECONDS": "0.02",
            "TURNOUT_BACKOFF_CAP_SECONDS": "0.5",
            "TURNOUT_DRAIN_SECONDS": "15",
            **self.settings,
        }

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

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A `turnout run`; killed at the end if it still runs then."""
        with tempfile.NamedTemporaryFile(dir=self._logs, suffix=".log", delete=False) as log:
            process = await asyncio.create_subprocess_exec(
                TURNOUT,
                "run",
                env=self.environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def stop(self, process: asyncio.subprocess.Process) -> list[str]:
        """Stop a worker with SIGTERM; says what was wrong with that."""
        if process.returncode is not None:
            return [f"a worker ended by itself with exit code {process.returncode}", *self.complaints(everything=True)]
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                code = await process.wait()
        except TimeoutError:
            return [f"a worker did not stop within {_STOP_SECONDS:.0f} s of SIGTERM"]
        return [f"a worker ended with exit code {code}"] if code else []

    async def kill_at_random(self, process: asyncio.subprocess.Process, random: Random) -> None:
        """SIGKILL the only worker at a random moment of its work, and let time pass until SQS gives out again what it
        held."""
        now = self.journal.calls.total()
        calls = random.choice([1, random.randint(2, 40)])
        async with asyncio.timeout(_STOP_SECONDS):
            await self.proxy.after_call(now + calls)
        if calls == 1:
            await asyncio.sleep(random.uniform(0, 0.5))
        process.kill()
        await process.wait()
        self.journal.killed()
        self.sqs.advance(VISIBILITY_SECONDS)

    def left(self) -> int:
        """Messages in the source queues, in flight included."""
        return sum(len(self.sqs.messages(queue)) for queue in SOURCES)

    async def until_empty(self, *workers: asyncio.subprocess.Process) -> None:
        """Wait until the source queues are empty, or a worker ended by itself.

        Time that passes unnoticed is skipped: when all that is left is in flight and no worker knows of it, because
        the answer that should have brought it was spoilt, nothing can happen before its visibility timeout ends.
        """
        async with asyncio.timeout(_RUN_SECONDS):
            while True:
                left = [stored for queue in SOURCES for stored in self.sqs.messages(queue)]
                if not left or any(worker.returncode is not None for worker in workers):
                    return
                if self.journal.held() == 0 and all(stored.state is MessageState.IN_FLIGHT for stored in left):
                    self.sqs.advance(max(0.0, min(stored.due for stored in left) - self.sqs.now()))
                await asyncio.sleep(0.02)

    def complaints(self, *, everything: bool = False) -> list[str]:
        """Lines of the workers' logs that must not be there, or the last ones, whatever they are."""
        lines = [line[:300] for log in sorted(self._logs.glob("*.log")) for line in log.read_text().splitlines()]
        if everything:
            return [f"log: {line}" for line in lines[-20:]]
        return [f"log: {line}" for line in lines if "please report" in line or "Traceback" in line]

    async def balance(self, load: Sequence[Event]) -> Balance:
        """Empty the target queues and the dead-letter queue, and balance the books."""
        upstream = MemoryUpstream(self.sqs)
        queues = [queue for target, queue in TARGETS.items() if target != BROKEN] + [DEAD]
        return balance(load, {queue: await drain(upstream, queue) for queue in queues}, self.journal)


@asynccontextmanager
async def open_yard(
    load: Sequence[Event], plan: Plan, *, unmatched: str = "drop", missing: bool = False, credentials: bool = False
) -> AsyncIterator[Yard]:
    """Queues and a proxy. The broken target is denied, or `missing`."""
    sqs = MemorySqs()
    for name in (*SOURCES, DEAD, *(queue for target, queue in TARGETS.items() if target != BROKEN)):
        sqs.create_queue(name, visibility_seconds=30)
    journal = Journal({event.body: event.fate for event in load})
    issuer = Credentials(life_seconds=2.0) if credentials else None
    upstream = MemoryUpstream(sqs)
    async with open_proxy(
        upstream, journal, plan, sources=SOURCES, visibility_seconds=VISIBILITY_SECONDS, credentials=issuer
    ) as proxy:
        with _files(unmatched) as (rules, logs):
            if not missing:
                proxy.denied.add(TARGETS[BROKEN])
            yard = Yard(sqs, proxy, journal, rules, logs)
            if credentials:
                yard.settings["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{proxy.url}{CREDENTIALS_PATH}"
                yard.settings |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
            yield yard


@contextmanager
def _files(unmatched: str) -> Iterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        rules, logs = Path(folder, "rules"), Path(folder, "logs")
        rules.mkdir()
        logs.mkdir()
        (rules / "rules.yaml").write_text(RULES.replace("UNMATCHED", unmatched))
        yield rules, logs


async def chaos_run(
    seed: int,
    *,
    messages: int = 400,
    ordered: int = 60,
    workers: int | None = None,
    plan: Plan | None = None,
    settings: Mapping[str, str] | None = None,
) -> Result:
    """One run: a load, workers and a storm of faults; ends when the source queues are empty and the workers stopped.

    What `seed` draws, besides load and faults: one worker or two, the policy for unmatched events, how the broken
    target is broken, whether credentials expire, and how long workers wait between attempts.
    """
    random = Random(f"run {seed}")
    unmatched = random.choice(["drop", "dead-letter"])
    count = random.choice([1, 1, 2])
    missing, credentials = random.random() < 0.5, random.random() < 0.25
    # With long waits between attempts messages are held beyond their visibility timeout, which must be extended.
    patience = random.choice([{}, {}, {"TURNOUT_BACKOFF_BASE_SECONDS": "4", "TURNOUT_BACKOFF_CAP_SECONDS": "8"}])
    load = events(seed, messages, unmatched=unmatched, ordered=ordered)
    plan = plan or Plan(seed)
    started = time.monotonic()
    async with open_yard(load, plan, unmatched=unmatched, missing=missing, credentials=credentials) as yard:
        yard.settings |= {**patience, **(settings or {})}
        result = Result(seed, Balance(), yard.journal, plan.rate)
        asyncio.get_running_loop().call_later(_STORM_SECONDS, plan.calm)
        half = len(load) // 2
        await yard.publish(load[:half])
        async with AsyncExitStack() as stack:
            processes = [await stack.enter_async_context(yard.worker()) for _ in range(workers or count)]
            await yard.publish(load[half:])
            try:
                await yard.until_empty(*processes)
            except TimeoutError:
                result.violations.append(f"{yard.left()} messages still in the source after {_RUN_SECONDS:.0f} s")
            for stopped in await asyncio.gather(*map(yard.stop, processes)):
                result.violations += stopped
        result.balance = await yard.balance(load)
        result.violations += yard.complaints()
        if yard.left() and not result.violations:
            result.violations.append(f"{yard.left()} messages in the source after the stop")
    result.seconds = time.monotonic() - started
    return result


async def kill_run(seed: int, kills: int, *, messages: int = 30, plan: Plan | None = None) -> Result:
    """Kill workers, one after the other, at random moments of their work; a last one finishes it.

    The load is fixed: `messages` for each kill and one share more, each published when the next worker starts, so
    that every worker dies with work in its hands. Half of them die a random time after they began to work, half of
    them right after a random call of theirs had its effect.
    """
    random = Random(f"kill {seed}")
    load = events(seed, messages * (kills + 1), unmatched="dead-letter", ordered=messages)
    random.shuffle(load)
    # Slow answers widen the moments between an effect and the knowledge of it.
    plan = plan or Plan(seed, kinds=[Kind.SLOW], rate=0.2)
    started = time.monotonic()
    async with open_yard(load, plan, unmatched="dead-letter") as yard:
        result = Result(seed, Balance(), yard.journal, plan.rate, kills)
        share = len(load) // (kills + 1)
        for number in range(kills):
            await yard.publish(load[number * share : (number + 1) * share])
            async with yard.worker() as process:
                await yard.kill_at_random(process, random)
        await yard.publish(load[kills * share :])
        async with yard.worker() as process:
            try:
                await yard.until_empty(process)
            except TimeoutError:
                result.violations.append(f"{yard.left()} messages still in the source after {_RUN_SECONDS:.0f} s")
            result.violations += await yard.stop(process)
        result.balance = await yard.balance(load)
        result.violations += yard.complaints()
    result.seconds = time.monotonic() - started
    return result
