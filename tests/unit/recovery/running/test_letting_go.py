"""What a run lets go of while it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from tests.unit.recovery.running.bench import Bench, event_id

from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Work
from turnout.recovery.ledger.records import Action, Plan
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.recovery.running.planning import draft
from turnout.recovery.running.runner import RunConfig, Runner
from turnout.recovery.sources.queue import open_queue_source


class FailsFirst:
    """An act that fails with the first event, and with the second waits for somebody to say that it may go on."""

    action = Action.RETRY
    batch = 1
    ordered = True
    missing = NONE_MISSING

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.gate = asyncio.Event()
        self.failed = ""

    def aims(self, work: Work) -> tuple[str, ...]:
        return ("crm",)

    async def __call__(self, works: Sequence[Work]) -> list[Outcome]:
        (work,) = works
        if event_id(work.letter.body or "") == "event-0":
            self.failed = work.letter.id
            return [Outcome(failures={"crm": "not today"})]
        self.began.set()
        await self.gate.wait()
        return [Outcome(("crm",))]


def test_a_letter_that_failed_may_be_claimed_by_others_while_its_run_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        bench, act = Bench(tmp_path), FailsFirst()
        await bench.fill([("crm",)] * 2)
        async with open_sqlite_ledger(bench.path, clock=time.time) as ledger:
            source = await open_queue_source(bench.sqs, bench.dead, visibility_seconds=120, wait_seconds=0)
            made = await draft(source, ledger, lambda _: True, act, 10)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=RunConfig(1_000, 100.0))
            running = asyncio.create_task(runner.run(made, asyncio.Event()))
            async with asyncio.timeout(10):
                await act.began.wait()
            assert set(await ledger.claim([act.failed], by="another", lease_seconds=60)) == {act.failed}
            act.gate.set()
            tally = await running
            assert (tally.failed, tally.done) == (1, 1)
            await source.aclose()

    asyncio.run(story())
