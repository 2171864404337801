"""A processor on a bench: letters in a list, a ledger in a file, effects that do as they are told and keep a diary."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.unit.recovery import letters

from turnout.errors import CallError
from turnout.recovery import Letter, read_letter
from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Work
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.records import Action
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.recovery.processor.effects import NotDeliverable, Told
from turnout.recovery.processor.handling import Tools
from turnout.recovery.processor.policy import Policy
from turnout.recovery.processor.rounds import Processor, RoundsConfig
from turnout.recovery.report.model import Interaction
from turnout.recovery.selection import Selection
from turnout.telemetry.finished import FinishedSpans

QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/dead"


def letter(number: int, code: str = "THROTTLING", **fields: Any) -> Letter:
    message = letters.rule(code, **fields)
    return read_letter({**message, "MessageId": f"m-{number}"}, queue=QUEUE)


def transient(number: int, target: str = letters.TARGET) -> Letter:
    return letter(number, "THROTTLING", TARGET_ARN=target)


def permanent(number: int) -> Letter:
    return letter(number, "THIRD_ACCOUNT_HOP_DETECTED")


def needs_fix(number: int) -> Letter:
    return letter(number, "NO_PERMISSIONS")


def unknown(number: int) -> Letter:
    return letter(number, "SOMETHING_NEW")


class Place:
    """Implements `Source` over a list of letters, again and again. `diary` says what was done, in order."""

    name = "dead"
    url = QUEUE
    undeliverable = ""
    keeps = False
    unseen = unreadable = 0
    retention_seconds = None
    notes = ()

    def __init__(self, here: Sequence[Letter], diary: list[str]) -> None:
        self.here = {one.id: one for one in here}
        self.held: set[str] = set()
        self.diary = diary
        self.refuses_deletes = False
        self.failure: CallError | None = None
        self.opened = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Place]:
        self.opened += 1
        yield self
        self.held.clear()

    async def letters(self, limit: int | None = None) -> AsyncIterator[Letter]:
        if self.failure is not None:
            raise self.failure
        for one in list(self.here.values())[:limit]:
            await asyncio.sleep(0)
            self.held.add(one.id)
            yield one

    async def give_back(self, letters: Collection[Letter]) -> None:
        self.held -= {one.id for one in letters}

    async def delete(self, letters: Collection[Letter]) -> Mapping[str, str]:
        refused = {}
        for one in letters:
            if self.refuses_deletes:
                refused[one.id] = "it is no longer held"
                continue
            self.diary.append(f"delete {one.id}")
            if not self.keeps:
                self.here.pop(one.id, None)
        return refused

    async def aclose(self) -> None:
        self.held.clear()


class Delivery:
    """Implements `Deliver`: does what `answers` says, in order; when there is no more, everything arrives."""

    action = Action.RETRY

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary
        self.answers: list[Outcome] = []
        self.unfit: dict[str, str] = {}
        self.before: Callable[[Letter], None] = lambda _: None
        self.gate: asyncio.Event | None = None
        self.delivered: list[str] = []

    def aims(self, letter: Letter, reached: tuple[str, ...]) -> tuple[str, ...]:
        if letter.id in self.unfit:
            raise NotDeliverable(self.unfit[letter.id])
        delivery = letter.delivery
        return tuple(aim for aim in ([delivery.target] if delivery else []) if aim not in reached)

    async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
        self.before(letter)
        if self.gate is not None:
            await self.gate.wait()
        aims = self.aims(letter, reached)
        made = self.answers.pop(0) if self.answers else Outcome(aims)
        if made.failures:
            made = msgspec.structs.replace(made, failures=dict.fromkeys(aims, "busy"))
        else:
            self.delivered.append(letter.id)
        self.diary.append(f"{'failed' if made.failures else 'delivered'} {letter.id}")
        return made


class Shelf:
    """Implements `Act`: an archive."""

    action = Action.ARCHIVE
    batch = 1
    ordered = False
    missing = NONE_MISSING

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary
        self.failure = ""
        self.kept: set[str] = set()
        self.reached: tuple[str, ...] = ()

    def aims(self, work: Work) -> tuple[str, ...]:
        return (f"dlq/{work.letter.id}.json",)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        (work,) = works
        if self.failure:
            return [Outcome((), {"s3://bucket": self.failure})]
        self.reached = work.reached
        self.diary.append(f"archived {work.letter.id}")
        self.kept.add(work.letter.id)
        return [Outcome(self.aims(work), note=self.aims(work)[0])]


class Talk:
    """Implements `Conversations`."""

    def __init__(self, *, correlates: bool = False) -> None:
        self.correlates = correlates
        self.presence = "found"
        self.error = ""
        self.failure: CallError | None = None
        self.told: list[tuple[str, int]] = []
        self.ahead: list[list[str]] = []

    async def look_ahead(self, letters: Sequence[Letter]) -> None:
        self.ahead.append([one.id for one in letters])

    async def correlate(self, letter: Letter) -> Interaction:
        return Interaction(id=letter.conversation_id, presence=self.presence, error=self.error)

    async def tell(self, letter: Letter, told: Told, attempt: int) -> None:
        if self.failure is not None:
            raise self.failure
        self.told.append((told.value, attempt))


FAILED = Outcome(failures={"*": "busy"}, again=True)
HOPELESS = Outcome(failures={"*": "too large"})
MISSING = Outcome(failures={"*": "no such queue"}, config=True)


class Bench:
    def __init__(self, ledger: Ledger, here: Sequence[Letter]) -> None:
        self.diary: list[str] = []
        self.ledger = ledger
        self.place = Place(here, self.diary)
        self.delivery = Delivery(self.diary)
        self.shelf: Shelf | None = Shelf(self.diary)
        self.talk: Talk | None = None
        self.spans: FinishedSpans | None = None
        self.ahead = 0.0
        """Seconds for which the processor was frozen."""
        self.processor: Processor

    def make(
        self,
        by: str = "worker-1",
        attempts: int = 4,
        *,
        base: float = 0.001,
        cap: float = 0.002,
        selection: Selection | None = None,
        **config: Any,
    ) -> Processor:
        policy = Policy(attempts=attempts, base_seconds=base, cap_seconds=cap, archives=self.shelf is not None)
        tools = Tools(ledger=self.ledger, deliver=self.delivery, archive=self.shelf, conversations=self.talk, by=by)
        bounds = {"interval_seconds": 0.01, "rate": 10_000.0, "drain_seconds": 5.0, **config}
        self.processor = Processor(
            self.place.open,
            tools,
            policy,
            RoundsConfig(**bounds),
            selection=selection,
            spans=self.spans,
            clock=lambda: time.monotonic() + self.ahead,
        )
        return self.processor

    async def once(self, by: str = "worker-1", attempts: int = 4, **config: Any) -> Mapping[str, int]:
        processor = self.make(by, attempts, **config)
        await processor.run(asyncio.Event(), once=True)
        return processor.counts.results

    async def status(self, letter_id: str) -> str:
        return str((await self.ledger.records([letter_id]))[letter_id].status)


def on_bench(path: Path, story: Callable[[Bench], Any], *here: Letter) -> None:
    path.mkdir(parents=True, exist_ok=True)

    async def main() -> None:
        async with open_sqlite_ledger(path / "ledger.sqlite") as ledger:
            await story(Bench(ledger, here))

    asyncio.run(main())
