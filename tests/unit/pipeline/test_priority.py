"""When capacity is contested urgent targets go first, and the others are not forgotten. In virtual time."""

import asyncio
import json
from collections.abc import Collection, Sequence

from tests.unit.pipeline.virtual_time import run
from tests.unit.pipeline.yard import SOURCE, Watch, Yard

from turnout.account import Account
from turnout.pipeline.backoff import Backoff
from turnout.sqs.api import OutgoingMessage, SentBatch

RULES = """
targets:
  critical: {queue: crm, priority: 0}
  standard: {queue: archive, priority: 5}
unmatched: drop
rules:
  - {id: critical, when: detail.to == 'critical', send: [critical]}
  - {id: standard, when: detail.to == 'standard', send: [standard]}
"""
SLOW_RULES = """
targets:
  critical: {queue: crm, priority: 0}
  archive: {queue: archive, priority: 5}
  audit: {queue: audit, priority: 5}
unmatched: drop
rules:
  - {id: critical, when: detail.to == 'critical', send: [critical]}
  - {id: slow, when: detail.to == 'slow', send: [archive, audit]}
"""
CALL_SECONDS = 0.005
SLOW_SECONDS = 20.0


class Timed(Watch):
    """Notes when each event was received."""

    def __init__(self) -> None:
        super().__init__()
        self.received_at: dict[str, float] = {}

    def received(self, accounts: Sequence[Account]) -> None:
        now = asyncio.get_running_loop().time()
        for account in accounts:
            self.received_at[account.message.body] = now


class Busy(Yard):
    """Targets behind calls that take their time, those of `slow` queues very long, and few calls at a time."""

    def __init__(self, rules: str = RULES, *, slow: Collection[str] = (), calls: int = 4) -> None:
        self._slow = slow
        self.watch_timed = Timed()
        super().__init__(rules, max_in_flight=1000, pollers=4, send_calls=4, send_calls_total=calls, backoff=Backoff())
        self.watch = self.watch_timed
        self.worker = type(self.worker)(self.config, self.worker.ruleset, self.sqs, self.watch)
        self.sent: list[tuple[str, str, float]] = []
        """Queue, body and time of each message that was taken, in order."""
        self._send = self.sqs.send
        self.sqs.send = self._slow_send  # type: ignore[method-assign]

    async def _slow_send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        if queue == SOURCE:
            return await self._send(queue, messages)
        await asyncio.sleep(SLOW_SECONDS if queue.rpartition("/")[2] in self._slow else CALL_SECONDS)
        sent = await self._send(queue, messages)
        now = asyncio.get_running_loop().time()
        self.sent += [(queue.rpartition("/")[2], message.body, now) for message in messages]
        return sent

    async def through(self, bodies: Sequence[str]) -> None:
        for start in range(0, len(bodies), 10):
            await self.sqs.send(SOURCE, [OutgoingMessage(body) for body in bodies[start : start + 10]])
        stop = asyncio.Event()
        working = asyncio.create_task(self.worker.run(stop))
        while len(self.watch.accounts) < len(bodies):
            await asyncio.sleep(CALL_SECONDS)
        stop.set()
        await working

    def latencies(self, queue: str) -> list[float]:
        """Seconds from receive to accepted, sorted."""
        received_at = self.watch_timed.received_at
        return sorted(at - received_at[body] for name, body, at in self.sent if name == queue)


def event(to: str, number: int) -> str:
    return json.dumps({"id": f"{to}-{number}", "detail": {"to": to}})


def p99(values: list[float]) -> float:
    return values[int(len(values) * 0.99) - 1]


def test_a_backlog_of_standard_events_hardly_delays_critical_ones() -> None:
    async def alone() -> list[float]:
        yard = Busy()
        await yard.through([event("critical", number) for number in range(100)])
        return yard.latencies("crm")

    async def contested() -> tuple[list[float], list[float]]:
        yard = Busy()
        bodies = [event("standard", number) for number in range(10_000)]
        for number in range(100):
            bodies.insert(number * 101 + 50, event("critical", number))
        await yard.through(bodies)
        return yard.latencies("crm"), yard.latencies("archive")

    uncontended = run(alone())
    critical, standard = run(contested())
    assert (len(uncontended), len(critical), len(standard)) == (100, 100, 10_000)
    assert p99(critical) <= 2 * p99(uncontended)
    assert p99(critical) < p99(standard) / 5, "standard events are the ones that wait"


def test_a_flood_of_critical_events_leaves_standard_ones_a_tenth_of_the_throughput() -> None:
    async def flood() -> list[str]:
        yard = Busy()
        await yard.through([event(("critical", "standard")[number % 2], number) for number in range(10_000)])
        return [queue for queue, _, _ in yard.sent]

    sent = run(flood())
    # While there is still something critical to send; a window is what a few seconds of life would be.
    contested = sent[: len(sent) - 1 - sent[::-1].index("crm")]
    for start in range(0, len(contested) - 1000, 1000):
        window = contested[start : start + 1000]
        assert window.count("archive") >= 100, f"from {start}: {window.count('archive')} of 1000"


def test_targets_that_take_long_for_every_answer_do_not_keep_others_waiting() -> None:
    async def main() -> list[float]:
        yard = Busy(SLOW_RULES, slow=("archive", "audit"), calls=6)
        bodies = [event(("slow", "critical")[number % 2], number) for number in range(800)]
        await yard.through(bodies)
        return yard.latencies("crm")

    critical = run(main())
    assert len(critical) == 400
    assert p99(critical) < SLOW_SECONDS / 20, "all calls that are shared are under way to the slow ones"
