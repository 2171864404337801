"""A state machine drives the whole pipeline over in-memory queues, in simulated time, and audits it after every step.

What it checks is the contract (nothing lost, nothing elsewhere, duplicates and letters only where something explains
them, visibility kept) and the books: `received = outcomes + in flight`.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar
from unittest import mock

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.property.pipeline.ledger import LedgerSqs
from tests.property.pipeline.simulation import SimulatedLoop
from tests.property.pipeline.troubled_store import TroubledStore

from turnout.account import Account, State
from turnout.idempotency.memory import MemoryStore
from turnout.letter import LetterAttribute, read_letter_attribute
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.breaker import BreakerConfig
from turnout.pipeline.worker import Worker, WorkerConfig
from turnout.queues import queue_name
from turnout.rules import Ruleset, load_rules
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.sqs.memory_queue import MessageState
from turnout.telemetry.tracing import NoTracing

T = TypeVar("T")

QUEUES = {"crm": "crm", "archive": "archive", "ledger": "ledger.fifo"}
TARGETS = tuple(QUEUES)
LETTERS = "letters"
"""Stands for the dead-letter queue, which is a FIFO queue where the source is one."""
VISIBILITY_SECONDS = 30
ATTEMPTS = 5

TRANSIENT = ("ServiceUnavailable", "InternalError", "ThrottlingException", "RequestThrottled")
DENIALS = ("AccessDenied", "QueueDoesNotExist", "ExpiredToken", "RequestTimeTooSkewed")
REFUSALS = ("InvalidMessageContents", "InvalidParameterValue")

CRM, ARCHIVE, LEDGER = (
    "  crm: {queue: crm, priority: 0}\n",
    "  archive: {queue: archive, priority: 5}\n",
    "  ledger: {queue: ledger.fifo, priority: 1}\n",
)
HEAD = f"targets:\n{CRM}{ARCHIVE}{LEDGER}"


class Fate(NamedTuple):
    """Where a ruleset sends an event of one kind; or the reason of its letter; or nowhere."""

    targets: tuple[str, ...] = ()
    reason: str = ""


class Edition(NamedTuple):
    """A ruleset as YAML, and what it means for each kind of event."""

    rules: str
    fates: dict[str, Fate]


POISON = {
    "poison": Fate(reason="INVALID_JSON"),
    "list": Fate(reason="NOT_AN_OBJECT"),
    "bare": Fate(reason="MISSING_FIELD"),
}

EDITIONS = (
    Edition(
        HEAD
        + """
unmatched: drop
rules:
  - {id: one, when: detail.kind == 'one', send: [crm]}
  - {id: all, when: detail.kind == 'all', send: [crm, archive, ledger], group: detail.group}
  - {id: ordered, when: detail.kind == 'ordered', send: [ledger], group: detail.group}
""",
        {
            "one": Fate(("crm",)),
            "all": Fate(("crm", "archive", "ledger")),
            "ordered": Fate(("ledger",)),
            "other": Fate(),
            **POISON,
        },
    ),
    Edition(
        HEAD
        + """
unmatched: dead-letter
rules:
  - {id: one, when: detail.kind == 'one', send: [archive]}
  - {id: all, when: detail.kind == 'all', send: [crm, archive]}
  - {id: ordered, when: detail.kind == 'ordered', send: [ledger], group: detail.group}
""",
        {
            "one": Fate(("archive",)),
            "all": Fate(("crm", "archive")),
            "ordered": Fate(("ledger",)),
            "other": Fate(reason="UNMATCHED"),
            **POISON,
        },
    ),
    Edition(
        HEAD
        + """
unmatched: archive
rules:
  - {id: one, when: detail.kind == 'one', send: [crm, archive]}
  - {id: ordered, when: detail.kind == 'ordered', send: [ledger], group: detail.group}
""",
        {
            "one": Fate(("crm", "archive")),
            "all": Fate(("archive",)),
            "ordered": Fate(("ledger",)),
            "other": Fate(("archive",)),
            **POISON,
        },
    ),
    # These do not declare a target that events may still be owed to by the rules before.
    Edition(
        f"targets:\n{CRM}{LEDGER}"
        + """
unmatched: dead-letter
rules:
  - {id: one, when: detail.kind == 'one', send: [crm]}
  - {id: all, when: detail.kind == 'all', send: [crm, ledger], group: detail.group}
  - {id: ordered, when: detail.kind == 'ordered', send: [ledger], group: detail.group}
""",
        {
            "one": Fate(("crm",)),
            "all": Fate(("crm", "ledger")),
            "ordered": Fate(("ledger",)),
            "other": Fate(reason="UNMATCHED"),
            **POISON,
        },
    ),
    Edition(
        f"targets:\n{CRM}{ARCHIVE}"
        + """
unmatched: archive
rules:
  - {id: one, when: detail.kind == 'one', send: [crm]}
  - {id: all, when: detail.kind == 'all', send: [crm, archive]}
""",
        {
            "one": Fate(("crm",)),
            "all": Fate(("crm", "archive")),
            "ordered": Fate(("archive",)),
            "other": Fate(("archive",)),
            **POISON,
        },
    ),
)
KINDS = tuple(EDITIONS[0].fates)


@cache
def ruleset(edition: int) -> Ruleset:
    with TemporaryDirectory() as folder:
        path = Path(folder, "rules.yaml")
        path.write_text(EDITIONS[edition].rules)
        return load_rules(path, require=("detail",))


class Published(NamedTuple):
    """An event: its number, its kind, and under which editions of the rules it may have been routed so far."""

    number: int
    kind: str
    group: str
    editions: set[int]

    def fates(self) -> list[Fate]:
        return [EDITIONS[edition].fates[self.kind] for edition in sorted(self.editions)]


class Running(NamedTuple):
    """A worker at work."""

    worker: Worker
    task: asyncio.Task[None]
    stop: asyncio.Event


class Witness(NoTracing):
    """Remembers which events the FIFO target did not get for good: nothing waits for these."""

    def __init__(self) -> None:
        self.given_up: set[str] = set()

    def settled(self, accounts: Sequence[Account]) -> None:
        self.given_up.update(account.message.body for account in accounts if _given_up(account))


class WorkerMachine(RuleBasedStateMachine):
    """See the module. Every step lets the worker go on until nothing is left to do at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = SimulatedLoop()
        self.runner = asyncio.Runner(loop_factory=lambda: self.loop)
        self.clock = mock.patch("time.time_ns", self.loop.time_ns)
        self.clock.start()
        self.memory = MemorySqs(clock=self.loop.time)
        for name in QUEUES.values():
            self.memory.create_queue(name)
        self.events: dict[str, Published] = {}
        self.lines: dict[str, list[str]] = defaultdict(list)
        """Of each group, what the FIFO target may still get, or be denied, in the order of sending."""
        self.witness = Witness()
        self.edition = 0
        self.lapses = False
        """Whether something happened after which a held message may become visible."""
        self.returns = False
        """Whether something happened after which a message may come again."""
        self.forgets = False
        """Whether something happened after which the idempotency store may not know what was sent from then on."""
        self.forgotten: set[str] = set()
        """Events of which the idempotency store may not know what was sent."""
        self.failed_deletes = 0
        self.strict = False
        """Whether to leave out everything after which a message may come again."""
        self.sent = 0
        """Messages sent to a FIFO source."""
        self.redriven: Counter[str] = Counter()
        self.trouble: list[str] = []
        self.workers: list[Running] = []

    # The workers' life

    @initialize(
        seed=st.integers(0, 2**32),
        fifo=st.booleans(),
        store=st.sampled_from(["none", "sound", "continue", "wait"]),
        crowded=st.booleans(),
        strict=st.booleans(),
        several=st.booleans(),
    )
    def begin(self, seed: int, fifo: bool, store: str, crowded: bool, strict: bool, several: bool) -> None:
        self.fifo = fifo
        suffix = ".fifo" if fifo else ""
        self.source = self.memory.create_queue(f"events{suffix}")
        self.dead = self.memory.create_queue(f"events-dead{suffix}")
        self.queues = {**QUEUES, LETTERS: queue_name(self.dead)}
        # Where there is little room, messages for failing targets go back to the queue.
        self.returns = crowded
        self.strict = strict
        self.max_in_flight = 12 if crowded else 1000
        self.sqs = LedgerSqs(self.memory, seed, self.may_be_deleted, self.is_taken)
        self.store = None if store == "none" else TroubledStore(MemoryStore(10_000, self.loop.time))
        self.store_waits = store == "wait"
        self.store_fails = store in ("continue", "wait") and not strict
        self.several = several
        for _ in range(2 if several else 1):
            self.run(self.start())

    async def start(self) -> None:
        config = WorkerConfig(
            sources=(self.source,),
            dead_letter_queue=self.dead,
            pollers=2,
            wait_seconds=20,
            visibility_seconds=VISIBILITY_SECONDS,
            max_in_flight=self.max_in_flight,
            max_in_flight_bytes=1 << 26,
            send_calls=2,
            send_calls_total=4,
            hold_seconds=40.0,
            drain_seconds=10.0,
            backoff=Backoff(0.5, 8.0, ATTEMPTS),
            idempotency_waits=self.store_waits,
            breaker=BreakerConfig(failures=3, probe_seconds=1.0, probe_cap_seconds=10.0),
        )
        worker = Worker(config, ruleset(self.edition), self.sqs, self.witness, self.store)
        stop = asyncio.Event()
        self.workers.append(Running(worker, asyncio.create_task(worker.run(stop), name="worker"), stop))

    def run(self, step: Coroutine[object, object, T]) -> T:
        """Do something, then let everything happen that can happen now."""

        async def and_settle() -> T:
            result = await step
            await asyncio.sleep(0.001)
            return result

        return self.runner.run(and_settle())

    async def end(self, *, gracefully: bool) -> None:
        """End the worker that has run for longest."""
        worker, task, stop = self.workers[0]
        if gracefully:
            stop.set()
        else:
            task.cancel()
        async with asyncio.timeout(20):
            await asyncio.gather(task, return_exceptions=not gracefully)
        self.witness.settled([*worker.in_flight])  # it may have given up what it did not live to settle
        del self.workers[0]
        if gracefully:
            held = [account for account in worker.in_flight if account.outcome is None]
            assert not held, "a drained worker has handed back what it could not finish"
            assert worker.books.in_flight == len(worker.in_flight), "and counts the deletes that were not confirmed"

    # What happens

    @rule(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=14), group=st.sampled_from("ab"))
    def publish(self, kinds: list[str], group: str) -> None:
        self.publish_all(kinds, group)

    @rule(kind=st.sampled_from(["one", "all", "ordered"]), count=st.integers(20, 40))
    def a_burst(self, kind: str, count: int) -> None:
        self.publish_all([kind] * count, "burst")

    def publish_all(self, kinds: list[str], group: str) -> None:
        async def publish() -> None:
            for kind in kinds:
                number = len(self.events)
                body = _body(kind, number, group)
                self.events[body] = Published(number, kind, group, {self.edition})
                if any("ledger" in each.fates[kind].targets for each in EDITIONS):
                    self.lines[group].append(body)
                await self.put(OutgoingMessage(body), group)

        self.run(publish())

    async def put(self, message: OutgoingMessage, group: str) -> None:
        if self.fifo:
            self.sent += 1
            message = msgspec.structs.replace(message, group_id=group, deduplication_id=str(self.sent))
        await self.memory.send(self.source, [message])

    @rule(seconds=st.sampled_from([0.01, 0.5, 4, 25, 70, 400]))
    def time_passes(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(queue=st.sampled_from(TARGETS), code=st.sampled_from(TRANSIENT + DENIALS), times=st.integers(1, 12))
    def a_target_fails(self, queue: str, code: str, times: int) -> None:
        self.memory.fail_calls(QUEUES[queue], "SendMessageBatch", code, times=times)

    @rule(queue=st.sampled_from(TARGETS), code=st.sampled_from(TRANSIENT + DENIALS))
    def a_target_stops_working(self, queue: str, code: str) -> None:
        self.memory.fail_calls(QUEUES[queue], "SendMessageBatch", code)

    @rule(
        queue=st.sampled_from([*TARGETS, LETTERS]),
        code=st.sampled_from(TRANSIENT + REFUSALS),
        times=st.integers(1, 5),
        share=st.integers(1, 3),
    )
    def entries_fail(self, queue: str, code: str, times: int, share: int) -> None:
        if self.strict and queue == LETTERS:
            return

        def hit(entry: OutgoingMessage | str) -> bool:
            assert isinstance(entry, OutgoingMessage)
            return sum(entry.body.encode()) % share == 0

        self.returns = self.returns or queue == LETTERS
        self.memory.fail_entries(self.queues[queue], "SendMessageBatch", code, when=hit, times=times)

    @rule(
        operation=st.sampled_from(["ReceiveMessage", "DeleteMessageBatch"]),
        code=st.sampled_from(TRANSIENT + DENIALS),
        times=st.integers(1, ATTEMPTS - 1),
    )
    def the_source_fails(self, operation: str, code: str, times: int) -> None:
        if operation == "DeleteMessageBatch":
            self.deletes_fail(times)
        self.memory.fail_calls(self.source, operation, code, times=times)

    def deletes_fail(self, times: int) -> None:
        # After so many attempts in all a delete is given up.
        self.failed_deletes += times
        self.returns = self.returns or self.failed_deletes >= ATTEMPTS

    @precondition(lambda self: not self.strict)
    @rule(
        operation=st.sampled_from(["DeleteMessageBatch", "ChangeMessageVisibilityBatch"]),
        code=st.sampled_from(TRANSIENT + DENIALS),
        times=st.integers(1, 3 * ATTEMPTS),
    )
    def the_source_fails_for_long(self, operation: str, code: str, times: int) -> None:
        if operation == "ChangeMessageVisibilityBatch":
            self.lapses = self.forgets = True
        self.returns = True
        self.memory.fail_calls(self.source, operation, code, times=times)

    @precondition(lambda self: not self.strict)
    @rule(code=st.sampled_from(TRANSIENT + DENIALS), times=st.integers(1, 12))
    def the_dead_letter_queue_fails(self, code: str, times: int) -> None:
        self.returns = True  # without its letter a message stays
        self.memory.fail_calls(self.dead, "SendMessageBatch", code, times=times)

    @rule(queue=st.sampled_from([*TARGETS, LETTERS]), times=st.integers(1, 3))
    def answers_of_a_target_are_lost(self, queue: str, times: int) -> None:
        self.sqs.lose_answers(self.queues[queue], "SendMessageBatch", times)

    @rule(operation=st.sampled_from(["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"]))
    def an_answer_of_the_source_is_lost(self, operation: str) -> None:
        if operation == "DeleteMessageBatch":
            self.deletes_fail(1)
        self.sqs.lose_answers(queue_name(self.source), operation, 1)

    @precondition(lambda self: self.store_fails)
    @rule(seconds=st.sampled_from([0.3, 4, 12, 45]))
    def the_store_stalls(self, seconds: float) -> None:
        assert self.store is not None
        self.forgets = self.returns = True
        self.store.answers.clear()
        self.loop.call_later(seconds, self.store.answers.set)

    @precondition(lambda self: self.store_fails)
    @rule(trouble=st.sampled_from(["failing", "losing", "refusing"]), times=st.integers(1, 12))
    def the_store_fails(self, trouble: str, times: int) -> None:
        self.forgets = self.returns = True
        setattr(self.store, trouble, times)

    @rule()
    def everything_is_mended(self) -> None:
        self.mend()

    def mend(self) -> None:
        self.memory.heal()
        if self.store is not None:
            self.store.answers.set()
            self.store.failing = self.store.losing = self.store.refusing = 0

    @precondition(lambda self: not self.strict)
    @rule()
    def visibility_lapses(self) -> None:
        """As if the worker had been frozen for longer than it may be."""
        self.lapses = self.returns = True
        self.forgotten.update(self.bodies(self.source))

        async def jump() -> None:
            self.memory.advance(VISIBILITY_SECONDS + 1)

        self.run(jump())

    @rule(edition=st.integers(0, len(EDITIONS) - 1))
    def rules_are_reloaded(self, edition: int) -> None:
        self.edition = edition
        for body in self.bodies(self.source):
            self.events[body].editions.add(edition)

        async def reload() -> None:
            for running in self.workers:
                running.worker.use(ruleset(edition))

        self.run(reload())

    @precondition(lambda self: not self.strict)
    @rule()
    def a_worker_is_restarted(self) -> None:
        self.returns = True

        async def restart() -> None:
            await self.end(gracefully=True)
            await self.start()

        self.run(restart())

    @precondition(lambda self: not self.strict)
    @rule()
    def a_worker_crashes(self) -> None:
        self.returns = True
        self.forgotten.update(self.bodies(self.source))

        async def crash() -> None:
            await self.end(gracefully=False)
            await self.start()

        self.run(crash())

    @precondition(lambda self: self.memory.messages(self.dead))
    @rule()
    def letters_are_put_back(self) -> None:
        """As Amazon's own redrive does: body and attributes as they are. To a FIFO source they come as new ones."""

        async def redrive() -> None:
            held = [account.message.body for account in self.held()]
            for letter in await self.memory.receive(self.dead, wait_seconds=0):
                if self.store is not None and (letter.body in held or self.redriven[letter.body]):
                    # Its message is not deleted yet, or there are two letters: until then the store has one wait.
                    self.returns = True
                self.redriven[letter.body] += 1
                self.events[letter.body].editions.add(self.edition)
                await self.put(OutgoingMessage(letter.body, letter.attributes), self.events[letter.body].group)
                await self.memory.delete(self.dead, [letter.handle])

        self.run(redrive())

    # What must hold

    @invariant()
    def the_workers_live(self) -> None:
        for running in self.workers:
            if running.task.done():
                running.task.result()
                raise AssertionError("the worker ended by itself")
        assert not self.loop.errors
        assert not self.trouble, self.trouble

    @invariant()
    def the_books_balance(self) -> None:
        for worker, _, _ in self.workers:
            books = worker.books
            assert books.received == books.outcomes.total() + len(worker.in_flight)
            assert books.in_flight == len(worker.in_flight)

    @invariant()
    def nothing_is_lost(self) -> None:
        waiting = set(self.bodies(self.source))
        for body in self.events:
            assert body in waiting or self.accounted(body), f"lost: {body}"

    @invariant()
    def nothing_is_where_it_does_not_belong(self) -> None:
        for target, queue in QUEUES.items():
            for body in self.bodies(queue):
                assert body in self.events, f"{target} has other bytes than were published: {body}"
                assert any(target in fate.targets for fate in self.events[body].fates()), f"{body} in {target}"

    @invariant()
    def every_copy_has_an_explanation(self) -> None:
        arrivals: Counter[str] = Counter()
        for message_id, count in self.sqs.arrivals.items():
            arrivals[self.sqs.bodies[message_id]] += count - 1
        letters = self.queues[LETTERS]
        for (queue, body), copies in self.sqs.accepted.items():
            explained = 1 + arrivals[body] + self.sqs.untold[queue, body]
            if self.redriven[body]:  # maybe two letters of one event
                explained += self.sqs.untold[letters, body]
                if queue == letters:
                    explained += self.redriven[body]
            assert copies <= explained, f"{copies} copies of {body} in {queue}, {explained} are explained"

    @invariant()
    def what_the_store_knows_is_not_sent_again(self) -> None:
        if self.store is None or self.forgets:
            return
        for (queue, body), copies in self.sqs.accepted.items():
            if queue != self.queues[LETTERS] and body not in self.forgotten:
                assert copies <= 1 + self.sqs.untold[queue, body], f"{copies} copies of {body} in {queue}"

    @invariant()
    def letters_owe_what_the_targets_lack(self) -> None:
        for body, letter in self.letters():
            event = self.events[body]
            reasons = {fate.reason for fate in event.fates()} - {""}
            assert letter.owed or letter.reason in reasons, f"{letter.reason}, owing nobody: {body}"
            for target in letter.owed:
                assert any(target in fate.targets for fate in event.fates())
                has_it = body in self.bodies(QUEUES[target])
                again = self.redriven[body] or any(
                    count > 1 for mid, count in self.sqs.arrivals.items() if self.sqs.bodies[mid] == body
                )
                assert not has_it or again or self.sqs.untold[QUEUES[target], body], f"{target} has {body} already"

    @invariant()
    def what_is_held_is_invisible(self) -> None:
        if self.lapses:
            return
        assert not any(worker.books.redelivered for worker, _, _ in self.workers)
        held = {account.message.id for account in self.held() if account.outcome is None}
        visible = {stored.id for stored in self.memory.messages(self.source) if stored.state is MessageState.READY}
        assert not held & visible

    @invariant()
    def nothing_comes_again_without_a_reason(self) -> None:
        if not self.returns:
            assert max(self.sqs.arrivals.values(), default=1) == 1

    @invariant()
    def a_group_keeps_the_order_in_which_it_came(self) -> None:
        """As far as SQS itself kept it: what is handed out again comes later than it should."""
        if self.several and not self.fifo:
            return
        place = {body: number for number, body in enumerate(self.sqs.order)}
        last: dict[str, int] = {}
        for body in self.bodies(QUEUES["ledger"]):
            event = self.events[body]
            if event.kind != "ordered" or self.sqs.handed_out[body] > 1:
                continue
            assert place[body] > last.get(event.group, -1), f"{body} was overtaken"
            last[event.group] = place[body]

    def is_taken(self, queue: str, body: str) -> None:
        """From a FIFO source nothing reaches a FIFO target for the first time before what came earlier in its group.

        What the target did not get for good lets the others go, and comes behind them, should it come again.
        """
        if not self.fifo or queue != QUEUES["ledger"]:
            return
        line = self.lines[self.events[body].group]
        ahead = line[: line.index(body)] if body in line else []
        self.witness.settled(self.held())
        done = {each for each in ahead if (queue, each) in self.sqs.accepted or each in self.witness.given_up}
        for each in ahead:
            if each not in done and all("ledger" in fate.targets for fate in self.events[each].fates()):
                self.trouble.append(f"{body} has overtaken {each}")
        line[:] = [each for each in line if each not in done]

    def teardown(self) -> None:
        try:
            if self.workers:
                self.run(self.finish())
                self.the_books_balance()
                self.nothing_is_lost()
                self.every_copy_has_an_explanation()
        finally:
            self.runner.close()
            self.clock.stop()

    async def finish(self) -> None:
        """With everything mended, everything ends well, and soon."""
        self.mend()
        async with asyncio.timeout(3 * 3600):
            while self.memory.messages(self.source):
                await asyncio.sleep(5)
        await asyncio.sleep(60)
        assert not self.held()
        while self.workers:
            await self.end(gracefully=True)

    # Looking

    def held(self) -> list[Account]:
        return [account for running in self.workers for account in running.worker.in_flight]

    def bodies(self, queue: str) -> list[str]:
        return [stored.message.body for stored in self.memory.messages(queue)]

    def letters(self) -> list[tuple[str, LetterAttribute]]:
        found = []
        for stored in self.memory.messages(self.dead):
            letter = read_letter_attribute(stored.message.attributes)
            assert letter is not None, "everything in the dead-letter queue is a letter of the worker"
            found.append((stored.message.body, letter))
        return found

    def accounted(self, body: str, *, told: bool = False) -> bool:
        """Whether every target that an event belongs to has it, or a letter says otherwise.

        With `told`, by what the worker has been told, which is all that it may go by; else by what is there now: a
        letter that was put back says nothing any more.
        """
        letters = self.sqs.letters[body] if told else [letter for b, letter in self.letters() if b == body]
        has = self.sqs.told if told else self.sqs.accepted
        owed = {target for letter in letters for target in letter.owed}
        for fate in self.events[body].fates():
            if fate.reason:
                if any(letter.reason == fate.reason for letter in letters):
                    return True
            elif all((QUEUES[t], body) in has or t in owed for t in fate.targets):
                return True
        return False

    def may_be_deleted(self, body: str) -> None:
        if not self.accounted(body, told=True):
            self.trouble.append(f"deleted before it was accounted for: {body}")


def _given_up(account: Account) -> bool:
    return any(each.target == "ledger" and each.state is State.FAILED for each in account.deliveries)


def _body(kind: str, number: int, group: str) -> str:
    match kind:
        case "poison":
            return f"poison {number}"
        case "list":
            return f"[{number}]"
        case "bare":
            return f'{{"id": "e{number}"}}'
        case _:
            return json.dumps({"id": f"e{number}", "detail": {"kind": kind, "group": group}})


# The same examples every time; `python -m tests.property.pipeline.explore` looks for others.
TestWorker = WorkerMachine.TestCase
TestWorker.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
