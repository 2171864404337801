"""Runs of plans: bounded, stoppable, resumable, and never in each other's way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.servers.archive import MemoryArchive
from tests.unit.recovery import letters as shapes
from tests.unit.recovery.running.bench import Bench, Refusing

from turnout.errors import ArchiveError, Fault, SqsUnavailable, TargetError
from turnout.recovery import read_letter
from turnout.recovery.archive import KeyTemplate
from turnout.recovery.archive.archiving import Archiving
from turnout.recovery.archive.store import Stored
from turnout.recovery.deliver.address import Address
from turnout.recovery.deliver.api import NONE_MISSING, Act, Outcome, Work
from turnout.recovery.deliver.delivering import Delivering
from turnout.recovery.deliver.sending import Patience
from turnout.recovery.ledger.api import Ledger, LedgerUnavailable
from turnout.recovery.ledger.records import Action, Entry, ItemState, Phase, Plan, Record, Sighting, Status
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.recovery.letter import Letter
from turnout.recovery.running.planning import draft, draft_again
from turnout.recovery.running.runner import LEASE_SECONDS, Pace, RunConfig, Runner
from turnout.recovery.running.tally import Tally
from turnout.recovery.sources.queue import open_queue_source
from turnout.sqs.api import OutgoingMessage, SentBatch
from turnout.targets.api import Destination
from turnout.targets.queue import QueueDestination


class Picky(Bench):
    """A bench where target crm refuses some events; None: all."""

    refuses: set[str] | None = None

    def act(self, sqs: Any) -> Act:
        def door(address: Address) -> Destination:
            url = self.targets[address.value]
            return Refusing(sqs, url, self.refuses) if address.value == "crm" else QueueDestination(sqs, url)

        return Delivering(door, patience=Patience(1))


async def sent_to_crm(ledger: Ledger, by: str, *, at_ms: int = 0, resolved: bool = False) -> None:
    """Note that the letter m-1 was sent to crm; whether it was taken out of its queue, too."""
    for phase in (Phase.STARTED, Phase.DONE):
        await ledger.record([Entry("m-1", Action.RETRY, phase, by, at_ms=at_ms, targets=("crm",))])
    if resolved:
        await ledger.record([Entry("m-1", Action.RESOLVE, Phase.DONE, by)])


def test_a_letter_half_delivered_is_later_sent_only_to_the_target_that_lacks_it(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Picky(tmp_path)
        await bench.fill([("crm", "audit")])
        first = await bench.process(plan="one")
        assert (first.failed, first.failures) == (1, {"crm: Refused: not today": 1})
        assert (bench.left(), bench.got("audit").total()) == (1, 1)
        bench.refuses = set()
        second = await bench.process(plan="two")
        assert (second.done, bench.left()) == (1, 0)
        assert (bench.got("crm").total(), bench.got("audit").total()) == (1, 1)

    asyncio.run(story())


def test_a_run_whose_target_took_a_letter_without_an_answer_says_that_it_may_be_there_twice(tmp_path: Path) -> None:
    class Silent(QueueDestination):
        silent = True

        async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
            sent, silent, self.silent = await super().send(messages), self.silent, False
            if silent:
                raise SqsUnavailable("no answer", code="ConnectionClosed")
            return sent

    class Losing(Bench):
        def act(self, sqs: Any) -> Act:
            crm = Silent(sqs, self.targets["crm"])
            return Delivering(lambda _: crm, patience=Patience(2, 0, 0))

    async def story() -> None:
        bench = Losing(tmp_path)
        await bench.fill([("crm",)] * 2)
        tally = await bench.process()
        said = "may have arrived more than once: crm: ConnectionClosed: no answer"
        assert (tally.done, tally.failed, tally.failures) == (2, 0, {said: 1})
        assert sorted(bench.got("crm").values()) == [1, 2]
        async with open_sqlite_ledger(bench.path) as ledger:
            notes = {record.note async for record in ledger.find("dead")}
        assert said in notes

    asyncio.run(story())


def test_a_run_stops_when_too_much_fails_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Picky(tmp_path)
        await bench.fill([("crm",)] * 40)
        stop = asyncio.Event()
        tally = await bench.process(stop=stop)
        assert stop.is_set()
        assert tally.too_many_failures(20)
        # Three of ten, and whatever was under way beside them.
        assert 3 <= tally.failed <= 5
        assert bench.left() == 40, "nothing is lost by failing"
        bench.refuses = set()
        again = await bench.process(plan="p")
        assert (again.done, again.failed) == (40 - tally.failed, 0), "who failed in a plan is not tried again in it"

    asyncio.run(story())


class Lacking(Picky):
    """A bench without a place for target cmr, as the rules do not have it."""

    def act(self, sqs: Any) -> Act:
        def door(address: Address) -> Destination:
            if address.value == "cmr":
                raise TargetError("no such target", code="UnknownTarget", fault=Fault.CONFIG, retryable=False)
            return Refusing(sqs, self.targets[address.value], self.refuses)

        return Delivering(door, patience=Patience(1))


def test_what_the_plan_said_would_fail_in_part_stops_no_run(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Lacking(tmp_path)
        bench.refuses = set()
        await bench.fill([("crm", "cmr")] * 30)
        tally = await bench.process()
        assert (tally.failed, tally.foreseen, bench.got("crm").total(), bench.left()) == (30, 30, 30, 30)

    asyncio.run(story())


def test_what_fails_where_there_is_a_place_too_stops_a_run_that_was_to_fail_in_part(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Lacking(tmp_path)
        await bench.fill([("crm", "cmr")] * 30)
        tally = await bench.process()
        assert (3 <= tally.failed <= 5, tally.foreseen) == (True, 0)

    asyncio.run(story())


def test_with_no_failures_allowed_the_first_one_stops(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Picky(tmp_path)
        await bench.fill([("crm",)] * 20)
        tally = await bench.process(max_failures=0)
        assert 1 <= tally.failed <= 3

    asyncio.run(story())


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill([("crm",)] * 12)
        stop = asyncio.Event()
        send, sent = bench.sqs.send, []

        async def stopping(*arguments: Any) -> Any:
            sent.append(1)
            if len(sent) == 5:
                stop.set()
            return await send(*arguments)

        bench.sqs.send = stopping  # type: ignore[method-assign, assignment]
        first = await bench.process(stop=stop)
        assert 5 <= first.done <= 7
        assert first.done + bench.left() == 12
        assert bench.got("crm").total() == first.done, "what was begun is finished"
        second = await bench.process(plan="p")
        assert (first.done + second.done, bench.left()) == (12, 0)
        assert bench.got("crm").total() == 12

    asyncio.run(story())


def test_two_plans_do_not_act_on_the_same_letter(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill([("crm",)] * 3)
        async with open_sqlite_ledger(bench.path) as ledger:
            ids = [stored.id for stored in bench.sqs.messages(bench.dead)]
            await ledger.see([Sighting(ids[0], "dead")], by="jo")
            await ledger.claim(ids[:1], by="plan other", lease_seconds=LEASE_SECONDS)
        tally = await bench.process()
        assert (tally.done, tally.skipped, bench.left()) == (2, 1, 1)

    asyncio.run(story())


def test_what_another_process_settled_in_the_meantime_is_only_taken_out(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill([("crm",)])
        source = await open_queue_source(bench.sqs, bench.dead, wait_seconds=0)
        async with open_sqlite_ledger(bench.path) as ledger:
            act = bench.act(bench.sqs)
            made = await draft(source, ledger, lambda _: True, act, 10)
            await source.aclose()
            bench.sqs.fail_calls(bench.dead, "DeleteMessageBatch", "ServiceUnavailable", times=1)
            assert (await bench.process(plan="faster")).undeleted == 1
            again = await open_queue_source(bench.sqs, bench.dead, wait_seconds=0)
            made.works = [
                type(work)(letter)
                for work, letter in zip(made.works, [each async for each in again.letters()], strict=True)
            ]

            await ledger.save_plan(Plan("slow", Action.RETRY, "dead", "jo", 1), made.items)
            runner = Runner(source=again, ledger=ledger, act=act, plan="slow", by="jo")
            tally = await runner.run(made, asyncio.Event())
            await again.aclose()
        assert (tally.done, bench.left(), bench.got("crm").total()) == (1, 0, 1)

    asyncio.run(story())


def test_letters_that_fit_not_or_are_not_selected_are_given_back_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill([("crm",), ("audit",), ()])
        source = await open_queue_source(bench.sqs, bench.dead, wait_seconds=0)
        async with open_sqlite_ledger(bench.path) as ledger:
            made = await draft(source, ledger, lambda letter: "crm" not in letter.owed, bench.act(bench.sqs), 10)
        assert (made.read, made.unselected, len(made.works), made.unfit.total()) == (3, 1, 1, 1)
        assert made.aims == {made.works[0].letter.id: ("audit",)}
        assert len(await bench.sqs.receive(bench.dead, wait_seconds=0)) == 2
        await source.aclose()

    asyncio.run(story())


def test_nothing_is_touched_once_the_ledger_cannot_be_written(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill([("crm",)] * 6)
        source = await open_queue_source(bench.sqs, bench.dead, wait_seconds=0)
        async with open_sqlite_ledger(bench.path) as ledger:
            act = bench.act(bench.sqs)
            made = await draft(source, ledger, lambda _: True, act, 10)

            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)

            async def refuse(*_: object, **__: object) -> Any:
                raise LedgerUnavailable("disk full")

            ledger.claim = refuse  # type: ignore[method-assign]
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo")
            with pytest.raises(LedgerUnavailable, match="disk full"):
                await runner.run(made, asyncio.Event())
        await source.aclose()
        assert (bench.left(), bench.got("crm").total()) == (6, 0)

    asyncio.run(story())


def test_what_has_arrived_and_cannot_be_noted_is_counted_as_that_and_not_only_as_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.recovery.ledger.insisting._WAITS", ())

    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill([("crm",), ()])
        source = await open_queue_source(bench.sqs, bench.dead, wait_seconds=0)
        async with open_sqlite_ledger(bench.path) as ledger:
            record, act = ledger.record, bench.act(bench.sqs)
            made = await draft(source, ledger, lambda _: True, act, 10)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)

            async def full(entries: Sequence[Entry]) -> Mapping[str, Record]:
                if entries[0].targets:
                    raise LedgerUnavailable("disk full")
                return await record(entries)

            ledger.record = full  # type: ignore[method-assign]
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo")
            with pytest.raises(LedgerUnavailable, match="disk full"):
                await runner.run(made, asyncio.Event())
        await source.aclose()
        assert (runner.tally.done, bench.left(), bench.got("crm").total()) == (0, 2, 1)
        assert runner.tally.failures == {"arrived, but could not be noted: whoever goes on may send it once more": 1}

    asyncio.run(story())


def test_what_was_deleted_without_being_noted_is_noted_when_the_plan_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill([("crm",)])
        async with open_sqlite_ledger(bench.path) as ledger:
            resolve = ledger.record

            async def dying(entries: Any) -> Any:
                if any(entry.action == "resolve" for entry in entries):
                    raise LedgerUnavailable("gone")
                return await resolve(entries)

            source = await open_queue_source(bench.sqs, bench.dead, wait_seconds=0)
            made = await draft(source, ledger, lambda _: True, bench.act(bench.sqs), 10)

            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            ledger.record = dying  # type: ignore[method-assign]
            runner = Runner(source=source, ledger=ledger, act=bench.act(bench.sqs), plan="p", by="jo")
            with pytest.raises(LedgerUnavailable):
                await runner.run(made, asyncio.Event())
            assert runner.tally.done == 1
            await source.aclose()
        assert bench.left() == 0
        await bench.process(plan="p")
        async with open_sqlite_ledger(bench.path) as ledger:
            (item,) = await ledger.items("p")
            assert item.state is ItemState.RESOLVED
            assert (await ledger.records([item.letter]))[item.letter].status is Status.RETRIED

    asyncio.run(story())


def test_a_ledger_that_fails_for_a_while_makes_no_letter_arrive_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.recovery.ledger.insisting._WAITS", (0.0,) * 3)

    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill([("crm",)] * 6)
        source = await open_queue_source(bench.sqs, bench.dead, wait_seconds=0)
        async with open_sqlite_ledger(bench.path) as ledger:
            made = await draft(source, ledger, lambda _: True, bench.act(bench.sqs), 10)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            record, failures = ledger.record, 3

            async def fails_for_a_while(entries: Any) -> Any:
                nonlocal failures
                if failures and any(entry.targets for entry in entries):
                    failures -= 1
                    raise LedgerUnavailable("throttled")
                return await record(entries)

            ledger.record = fails_for_a_while  # type: ignore[method-assign]
            runner = Runner(source=source, ledger=ledger, act=bench.act(bench.sqs), plan="p", by="jo")
            assert (await runner.run(made, asyncio.Event())).done == 6
        await source.aclose()
        assert bench.left() == 0
        assert set(bench.got("crm").values()) == {1}

    asyncio.run(story())


def test_letters_pass_at_the_rate_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        pace, never = Pace(50), asyncio.Event()
        begun = loop.time()
        for _ in range(6):
            await pace(1, never)
        assert loop.time() - begun >= 0.1
        slow, stop = Pace(0.001), asyncio.Event()
        await slow(1, stop)
        stop.set()
        async with asyncio.timeout(15):
            await slow(1, stop)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("done", "failed", "percent", "expected"),
    [(0, 2, 20, False), (0, 3, 20, True), (80, 20, 20, False), (80, 21, 20, True), (0, 1, 0, True), (9, 9, 100, False)],
)
def test_failures_are_counted_against_what_was_tried(done: int, failed: int, percent: float, expected: bool) -> None:
    assert Tally(done=done, failed=failed).too_many_failures(percent) is expected


def test_fifo_targets_are_sent_to_in_order(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, ["crm.fifo"])
        await bench.fill([("crm.fifo",)] * 15)
        assert (await bench.process()).done == 15
        ids = [stored.message.body for stored in bench.sqs.messages(bench.targets["crm.fifo"])]
        assert [body.split('"event-')[1].split('"')[0] for body in ids] == [str(n) for n in range(15)]

    asyncio.run(story())


def test_a_run_config_has_the_bounds_that_are_documented() -> None:
    assert (RunConfig().rate, RunConfig().max_failures) == (20.0, 20.0)


def test_what_was_dealt_with_is_acted_on_again_only_when_that_is_asked_for(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        await bench.fill([("crm",), ("crm",)])
        assert (await bench.process(plan="first")).done == 2
        # The same letters, as a source of which nothing can be taken out would list them.
        async with open_sqlite_ledger(bench.path) as ledger:
            ids = [record.letter async for record in ledger.find("dead")]
            letters = [read_letter(shapes.own(owed=("crm",)) | {"MessageId": each}) for each in ids]
            for again, expected in ((False, 2), (True, 4)):
                source = Listed(letters)
                act = bench.act(bench.sqs)
                made = await draft(source, ledger, lambda _: True, act, 10, again=again)
                assert (len(made.works), len(made.finishing)) == ((2, 0) if again else (0, 2))
                plan = Plan(f"again-{again}", Action.RETRY, "dead", "jo", 1)
                await ledger.save_plan(plan, made.items)
                config = RunConfig(1_000, again=again)
                runner = Runner(source=source, ledger=ledger, act=act, plan=plan.id, by="jo", config=config)
                assert (await runner.run(made, asyncio.Event())).done == 2
                assert bench.got("crm").total() == expected
                assert {item.state for item in await ledger.items(plan.id)} == {ItemState.RESOLVED}
            records = await ledger.records(ids)
            assert {record.attempts for record in records.values()} == {2}

    asyncio.run(story())


def test_of_what_is_to_be_dealt_with_again_a_line_that_a_dead_process_left_out_keeps_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(bench.path) as ledger:
            await ledger.see([Sighting.of(letter)], by="jo")
            # It died before it could say that the letter is resolved.
            await sent_to_crm(ledger, "jo")
            source, act = Listed([letter]), bench.act(bench.sqs)
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            config = RunConfig(1_000, again=True)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            assert (await runner.run(made, asyncio.Event())).done == 1
            assert bench.got("crm").total() == 1

    asyncio.run(story())


@pytest.mark.parametrize("resolves", [False, True])
def test_what_another_has_dealt_with_since_a_plan_was_made_is_not_dealt_with_again(
    tmp_path: Path, resolves: bool
) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(bench.path) as ledger:
            source, act = Listed([letter]), bench.act(bench.sqs)
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            await ledger.see([Sighting.of(letter)], by="another")
            await sent_to_crm(ledger, "another", resolved=resolves)
            config = RunConfig(1_000, again=True)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            tally = await runner.run(made, asyncio.Event())
            assert (tally.done, tally.skipped) == ((0, 1) if resolves else (1, 0))
            assert bench.got("crm").total() == 0

    asyncio.run(story())


def test_what_another_run_of_the_plan_delivers_while_a_letter_is_being_noted_is_not_delivered_again(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        letter = read_letter(shapes.own(owed=("crm", "audit")) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(bench.path) as ledger:
            source, act, record = Listed([letter]), bench.act(bench.sqs), ledger.record
            made = await draft(source, ledger, lambda _: True, act, 10)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)

            async def slowly(entries: Sequence[Entry]) -> Mapping[str, Record]:
                if entries[0].phase is Phase.STARTED:
                    await record(entries)
                    await record([Entry("m-1", Action.RETRY, Phase.FAILED, "jo", targets=("crm",), plan="p")])
                return await record(entries)

            ledger.record = slowly  # type: ignore[method-assign]
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo")
            assert (await runner.run(made, asyncio.Event())).done == 1
            assert (bench.got("crm").total(), bench.got("audit").total()) == (0, 1)

    asyncio.run(story())


class Waiting:
    """An act that takes its time, and keeps what it was given. `begun` is set when it is asked, `may_end` ends it."""

    action = Action.RETRY
    batch = 1
    ordered = False
    missing = NONE_MISSING

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.asked: list[Work] = []

    def aims(self, work: Work) -> tuple[str, ...]:
        return () if "crm" in work.reached else ("crm",)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        self.asked += works
        self.begun.set()
        await self.may_end.wait()
        return [Outcome(self.aims(work)) for work in works]


@pytest.mark.parametrize("again", [False, True])
def test_two_runs_of_one_plan_that_are_alive_at_once_send_each_letter_once(tmp_path: Path, again: bool) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            if again:
                await ledger.see([Sighting.of(letter)], by="before")
                await sent_to_crm(ledger, "before", resolved=True)
            source, act = Listed([letter]), Waiting()
            made = await draft(source, ledger, lambda _: True, act, 10, again=again)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            config = RunConfig(again=again)

            def runner(by: str) -> Runner:
                return Runner(source=source, ledger=ledger, act=act, plan="p", by=by, config=config)

            first = asyncio.create_task(runner("one").run(made, asyncio.Event()))
            await act.begun.wait()
            async with asyncio.timeout(15):
                second = await runner("two").run(made, asyncio.Event())
            act.may_end.set()
            assert ((await first).done, second.done, second.skipped) == (1, 0, 1)
            assert len(act.asked) == 1

    asyncio.run(story())


@pytest.mark.parametrize("resolved", [False, True])
def test_a_plan_that_goes_on_while_its_run_is_alive_sends_nothing_that_is_being_sent_once_more(
    tmp_path: Path, resolved: bool
) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            await ledger.see([Sighting.of(letter)], by="before")
            await sent_to_crm(ledger, "before", resolved=resolved)
            source, act, config = Listed([letter]), Waiting(), RunConfig(again=True)

            def runner(by: str) -> Runner:
                return Runner(source=source, ledger=ledger, act=act, plan="p", by=by, config=config)

            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            first = asyncio.create_task(runner("one").run(made, asyncio.Event()))
            await act.begun.wait()
            made = await draft_again(source, ledger, await ledger.items("p"), act, 10, again=True)
            second = asyncio.create_task(runner("two").run(made, asyncio.Event()))
            async with asyncio.timeout(15):
                await asyncio.wait({second}, timeout=0.5)  # it does not wait for the first one
                act.may_end.set()
                assert ((await first).done, (await second).done, (await second).skipped) == (1, 0, 1)
            assert len(act.asked) == 1
            again = await ledger.claim(["m-1"], by="another", lease_seconds=1, resolved=True)
            assert set(again) == {"m-1"}, "whoever is done with a letter lets go of it"

    asyncio.run(story())


def test_two_runs_that_begin_at_once_with_what_is_to_be_dealt_with_again_send_it_once(tmp_path: Path) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            await ledger.see([Sighting.of(letter)], by="before")
            await ledger.record([Entry("m-1", Action.RESOLVE, Phase.DONE, "before")])
            source, act, record = Listed([letter]), Waiting(), ledger.record
            act.may_end.set()
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)

            async def after_another(entries: Sequence[Entry]) -> Mapping[str, Record]:
                if entries[0].phase is Phase.STARTED:
                    await record([msgspec.structs.replace(entry, by="another") for entry in entries])
                return await record(entries)

            ledger.record = after_another  # type: ignore[method-assign]
            config = RunConfig(again=True)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            assert (await runner.run(made, asyncio.Event())).skipped == 1
            assert act.asked == []

    asyncio.run(story())


def test_a_claim_is_renewed_while_its_letter_is_under_way_and_ends_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.recovery.running.runner.LEASE_SECONDS", 0.3)

    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            source, act, claim, renewals = Listed([letter]), Waiting(), ledger.claim, 0
            made = await draft(source, ledger, lambda _: True, act, 10)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)

            async def counted(
                letters: Collection[str], *, by: str, lease_seconds: float, resolved: bool = False
            ) -> Mapping[str, Record]:
                nonlocal renewals
                granted = await claim(letters, by=by, lease_seconds=lease_seconds, resolved=resolved)
                if granted and act.begun.is_set():
                    renewals += 1
                    if renewals == 4:  # after more than the lease
                        assert await claim(["m-1"], by="another", lease_seconds=1) == {}
                        act.may_end.set()
                return granted

            ledger.claim = counted  # type: ignore[method-assign]
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo")
            async with asyncio.timeout(20):
                assert (await runner.run(made, asyncio.Event())).done == 1
            assert renewals >= 4

    asyncio.run(story())


def test_a_run_that_the_ledger_stops_lets_go_of_what_it_had_claimed(tmp_path: Path) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            source, act, record = Listed([letter]), Waiting(), ledger.record
            made = await draft(source, ledger, lambda _: True, act, 10)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)

            async def fails_to_begin(entries: Sequence[Entry]) -> Mapping[str, Record]:
                if any(entry.phase is Phase.STARTED for entry in entries):
                    raise LedgerUnavailable("not now")
                return await record(entries)

            ledger.record = fails_to_begin  # type: ignore[method-assign]
            with pytest.raises(LedgerUnavailable):
                await Runner(source=source, ledger=ledger, act=act, plan="p", by="jo").run(made, asyncio.Event())
            assert set(await ledger.claim(["m-1"], by="another", lease_seconds=1)) == {"m-1"}

    asyncio.run(story())


def test_a_run_that_was_frozen_delivers_nothing_that_another_had_meanwhile(tmp_path: Path) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            source, act, record, ahead = Listed([letter]), Waiting(), ledger.record, 0.0
            act.may_end.set()
            made = await draft(source, ledger, lambda _: True, act, 10)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)

            async def frozen_afterwards(entries: Sequence[Entry]) -> Mapping[str, Record]:
                nonlocal ahead
                known = await record(entries)
                if entries[0].phase is Phase.STARTED:
                    ahead = LEASE_SECONDS + 1
                    await ledger.release(["m-1"], by="jo")  # as the end of the lease does
                    assert await ledger.claim(["m-1"], by="another", lease_seconds=60)
                return known

            ledger.record = frozen_afterwards  # type: ignore[method-assign]
            clock = asyncio.get_running_loop().time
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", clock=lambda: clock() + ahead)
            assert (await runner.run(made, asyncio.Event())).skipped == 1
            assert act.asked == []

    asyncio.run(story())


@pytest.mark.parametrize("resolved", [False, True])
def test_what_a_run_that_died_was_sending_once_more_is_sent_when_its_plan_goes_on(
    tmp_path: Path, resolved: bool
) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            await ledger.see([Sighting.of(letter)], by="before")
            await sent_to_crm(ledger, "before", resolved=resolved)
            source, act, config = Listed([letter]), Waiting(), RunConfig(again=True)
            act.may_end.set()
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            # It dies between the two lines of its attempt.
            await ledger.record([Entry("m-1", Action.RETRY, Phase.STARTED, "dead", 2, plan="p")])
            items = await ledger.items("p")
            made = await draft_again(source, ledger, items, act, 10, again=True)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            assert (await runner.run(made, asyncio.Event())).done == 1
            assert [work.reached for work in act.asked] == [()]
            assert [item.state for item in await ledger.items("p")] == [ItemState.RESOLVED]

    asyncio.run(story())


@pytest.mark.parametrize("last", [Phase.STARTED, Phase.FAILED])
@pytest.mark.parametrize("plan", ["new", "older"])
def test_what_another_run_had_begun_to_send_once_more_is_sent_by_the_next_one(
    tmp_path: Path, last: Phase, plan: str
) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            source, act, config = Listed([letter]), Waiting(), RunConfig(again=True)
            act.may_end.set()
            await ledger.see([Sighting.of(letter)], by="before")
            # Its deletion was never noted, or did not succeed.
            await sent_to_crm(ledger, "before", at_ms=1_000)
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 2_000), made.items)
            for phase in dict.fromkeys((Phase.STARTED, last)):
                await ledger.record([Entry("m-1", Action.RETRY, phase, "another", 2, at_ms=3_000)])
            if plan == "new":
                made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            else:
                made = await draft_again(source, ledger, await ledger.items("p"), act, 10, again=True, made_ms=2_000)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            assert (await runner.run(made, asyncio.Event())).done == 1
            assert [work.reached for work in act.asked] == [()]

    asyncio.run(story())


def test_what_another_has_sent_once_more_since_a_plan_was_made_is_not_sent_again_though_it_died_then(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            source, act, config = Listed([letter]), Waiting(), RunConfig(again=True)
            act.may_end.set()
            await ledger.see([Sighting.of(letter)], by="before")
            await ledger.record([Entry("m-1", Action.RESOLVE, Phase.DONE, "before", at_ms=1_000)])
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 2_000), made.items)
            await sent_to_crm(ledger, "another", at_ms=3_000)
            made = await draft_again(source, ledger, await ledger.items("p"), act, 10, again=True, made_ms=2_000)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            assert (await runner.run(made, asyncio.Event())).done == 1
            assert act.asked == []

    asyncio.run(story())


def test_what_another_has_dealt_with_and_taken_out_since_is_not_missing_from_a_plan_that_deals_with_it_once_more(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        gone, hidden = (read_letter(shapes.own(owed=("crm",)) | {"MessageId": f"m-{n}"}) for n in range(2))
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            act, config = Waiting(), RunConfig(again=True)
            await ledger.see([Sighting.of(gone), Sighting.of(hidden)], by="before")
            for letter in (gone, hidden):
                await ledger.record([Entry(letter.id, Action.RESOLVE, Phase.DONE, "before", at_ms=1_000)])
            made = await draft(Listed([gone, hidden]), ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 2_000), made.items)
            await ledger.record([Entry(gone.id, Action.RESOLVE, Phase.DONE, "another", 2, at_ms=3_000)])
            source = Listed([])
            made = await draft_again(source, ledger, await ledger.items("p"), act, 10, again=True, made_ms=2_000)
            assert (made.gone, made.absent) == ((gone.id,), (hidden.id,))
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            await runner.run(made, asyncio.Event())
            assert [item.state for item in await ledger.items("p")] == [ItemState.RESOLVED, ItemState.PENDING]

    asyncio.run(story())


@pytest.mark.parametrize("since", [(Action.RETRY, Phase.DONE), (Action.RESOLVE, Phase.DONE)])
def test_what_another_has_only_taken_out_since_a_plan_was_made_is_still_sent_once_more_where_it_is_listed(
    tmp_path: Path, since: tuple[Action, Phase]
) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            source, act, config = Listed([letter]), Waiting(), RunConfig(again=True)
            act.may_end.set()
            await ledger.see([Sighting.of(letter)], by="before")
            await sent_to_crm(ledger, "before", at_ms=1_000)
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 2_000), made.items)
            # It was not asked to send again what has arrived, and so it sent nothing.
            await ledger.record([Entry("m-1", *since, "another", 2, at_ms=3_000)])
            made = await draft_again(source, ledger, await ledger.items("p"), act, 10, again=True, made_ms=2_000)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            assert (await runner.run(made, asyncio.Event())).done == 1
            assert len(act.asked) == 1

    asyncio.run(story())


def test_what_failed_in_another_run_of_the_plan_since_this_one_looked_is_not_sent_once_more_by_it(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm", "audit")) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            source, act, config = Listed([letter]), Waiting(), RunConfig(again=True)
            act.may_end.set()
            await ledger.see([Sighting.of(letter)], by="before")
            await ledger.record([Entry("m-1", Action.RESOLVE, Phase.DONE, "before")])
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            await ledger.record([Entry("m-1", Action.RETRY, Phase.STARTED, "another", plan="p")])
            made = await draft_again(source, ledger, await ledger.items("p"), act, 10, again=True)
            half = Entry("m-1", Action.RETRY, Phase.FAILED, "another", targets=("crm",), plan="p")
            await ledger.record([half])
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            tally = await runner.run(made, asyncio.Event())
            assert (tally.done, tally.skipped, act.asked) == (0, 1, [])

    asyncio.run(story())


def test_what_a_frozen_run_says_late_has_arrived_since_this_one_looked_is_not_sent_once_more_by_it(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm", "audit")) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            source, act, config = Listed([letter]), Waiting(), RunConfig(again=True)
            act.may_end.set()
            await ledger.see([Sighting.of(letter)], by="before")
            await ledger.record([Entry("m-1", Action.RESOLVE, Phase.DONE, "before")])
            await ledger.record([Entry("m-1", Action.RETRY, Phase.STARTED, "frozen")])
            await ledger.record([Entry("m-1", Action.RETRY, Phase.STARTED, "another", 2)])
            await ledger.record([Entry("m-1", Action.RETRY, Phase.FAILED, "another", 2)])
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            # As many attempts as before, and the same status: only what has arrived is new.
            await ledger.record([Entry("m-1", Action.RETRY, Phase.FAILED, "frozen", targets=("crm",))])
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            tally = await runner.run(made, asyncio.Event())
            assert (tally.done, tally.skipped, act.asked) == (0, 1, [])

    asyncio.run(story())


def test_what_had_arrived_of_an_open_letter_is_not_sent_once_more_when_a_plan_goes_on_after_a_crash(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm", "audit")) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            await ledger.see([Sighting.of(letter)], by="before")
            await ledger.record([Entry("m-1", Action.RETRY, Phase.STARTED, "before")])
            await ledger.record([Entry("m-1", Action.RETRY, Phase.FAILED, "before", targets=("crm",))])
            source, act, config = Listed([letter]), Waiting(), RunConfig(again=True)
            act.may_end.set()
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            await ledger.record([Entry("m-1", Action.RETRY, Phase.STARTED, "dead", 2, plan="p")])
            made = await draft_again(source, ledger, await ledger.items("p"), act, 10, again=True)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            assert (await runner.run(made, asyncio.Event())).done == 1
            assert [work.reached for work in act.asked] == [("crm",)]

    asyncio.run(story())


def test_what_another_has_dealt_with_since_a_plan_was_made_is_not_dealt_with_again_when_it_goes_on(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        before, since = (read_letter(shapes.own(owed=("crm",)) | {"MessageId": f"m-{n}"}) for n in range(2))
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:

            async def deals_with(letter: Letter, at_ms: int) -> None:
                for action, phase in [(Action.RETRY, Phase.STARTED), (Action.RETRY, Phase.DONE)]:
                    await ledger.record([Entry(letter.id, action, phase, "work", at_ms=at_ms, targets=("crm",))])
                await ledger.record([Entry(letter.id, Action.RESOLVE, Phase.DONE, "work", at_ms=at_ms)])

            await ledger.see([Sighting.of(before), Sighting.of(since)], by="work")
            await deals_with(before, 1_000)
            source, act = Listed([before, since]), Waiting()
            act.may_end.set()
            made = await draft(source, ledger, lambda _: True, act, 10, again=True)
            plan = Plan("p", Action.RETRY, "dead", "jo", 2_000)
            await ledger.save_plan(plan, made.items)
            await deals_with(since, 3_000)
            items = await ledger.items("p")
            made = await draft_again(source, ledger, items, act, 10, again=True, made_ms=plan.created_ms)
            config = RunConfig(again=True)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            assert (await runner.run(made, asyncio.Event())).done == 2
            assert [work.letter.id for work in act.asked] == [before.id]

    asyncio.run(story())


def test_what_a_run_that_died_was_archiving_is_archived_when_its_plan_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        letter = read_letter(shapes.own(owed=("crm",)) | {"MessageId": "m-1"})
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            store = MemoryArchive()
            source, act = Listed([letter]), Archiving(store, KeyTemplate("{event_id}"), by="jo")
            made = await draft(source, ledger, lambda _: True, act, 10)
            await ledger.save_plan(Plan("p", Action.ARCHIVE, "dead", "jo", 1), made.items)
            await ledger.see([Sighting.of(letter)], by="dead")
            await ledger.record([Entry("m-1", Action.ARCHIVE, Phase.STARTED, "dead", plan="p")])
            made = await draft_again(source, ledger, await ledger.items("p"), act, 10)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo")
            assert (await runner.run(made, asyncio.Event())).done == 1
            assert len(store.documents) == 1

    asyncio.run(story())


class Listed:
    """A source of which nothing can be taken out."""

    name = url = "listed"
    undeliverable = ""
    keeps = False
    unseen = unreadable = 0
    retention_seconds = None
    notes = ()

    def __init__(self, letters: list[Letter]) -> None:
        self._letters = letters

    async def letters(self, limit: int | None = None) -> AsyncIterator[Letter]:
        for letter in self._letters:
            yield letter

    async def give_back(self, letters: Collection[Letter]) -> None: ...

    async def delete(self, letters: Collection[Letter]) -> Mapping[str, str]:
        return {}

    async def aclose(self) -> None: ...


def grouped(number: int, group: str, queue: str = "dead.fifo") -> Letter:
    message = shapes.own(body=json.dumps(shapes.EVENT | {"id": f"event-{number}"}), owed=("crm",))
    attributes = message["Attributes"] | {"MessageGroupId": group, "SequenceNumber": f"{number:020}"}
    return read_letter(message | {"MessageId": f"m-{number}", "Attributes": attributes}, queue=queue)


def test_whoever_waits_for_the_rate_is_not_passed_by_those_who_come_while_the_loop_is_late() -> None:
    async def story() -> list[int]:
        pace, stop, passed = Pace(100.0), asyncio.Event(), []

        async def come(number: int) -> None:
            await pace(1, stop)
            passed.append(number)

        tasks = [asyncio.create_task(come(number)) for number in range(2)]
        await asyncio.sleep(0)
        time.sleep(0.03)  # noqa: ASYNC251 - the loop is held up, until the turn of the second is over
        tasks += [asyncio.create_task(come(number)) for number in range(2, 4)]
        await asyncio.gather(*tasks)
        return passed

    assert asyncio.run(story()) == [0, 1, 2, 3]


async def carried_out(
    bench: Bench, letters: list[Letter], held: str = "", act: Act | None = None
) -> tuple[Tally, dict[str, ItemState]]:
    async with open_sqlite_ledger(bench.path) as ledger:
        source, act = Listed(letters), act or bench.act(bench.sqs)
        made = await draft(source, ledger, lambda _: True, act, 10)
        await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
        if held:
            await ledger.see([Sighting(held, "dead")], by="other")
            await ledger.claim([held], by="other", lease_seconds=LEASE_SECONDS)
        runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=RunConfig(10_000, 100.0))
        tally = await runner.run(made, asyncio.Event())
        return tally, {item.letter: item.state for item in await ledger.items("p")}


def test_in_a_group_of_a_fifo_queue_nothing_passes_a_letter_that_failed(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Picky(tmp_path)
        bench.refuses = {"event-1"}
        tally, states = await carried_out(bench, [grouped(n, "ab"[n % 2]) for n in range(6)])
        assert (tally.done, tally.failed, tally.behind, tally.ended) == (3, 1, 2, 6)
        assert sorted(bench.got("crm")) == ["event-0", "event-2", "event-4"]
        assert states["m-1"] is ItemState.FAILED
        assert states["m-3"] is states["m-5"] is ItemState.PENDING, "they are left to the plan"

    asyncio.run(story())


def test_in_a_group_of_a_fifo_queue_nothing_passes_a_letter_that_another_process_holds(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        tally, _ = await carried_out(bench, [grouped(n, "a") for n in range(3)], held="m-1")
        assert (tally.done, tally.skipped, tally.behind) == (1, 1, 1)

    asyncio.run(story())


@pytest.mark.parametrize("again", [False, True])
def test_in_a_group_of_a_fifo_queue_nothing_passes_a_letter_that_another_run_was_quicker_with(
    tmp_path: Path, again: bool
) -> None:
    async def story() -> None:
        letters = [grouped(n, "a") for n in range(2)]
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            if again:
                await ledger.see([Sighting.of(letter) for letter in letters], by="before")
                await ledger.record([Entry(each.id, Action.RESOLVE, Phase.DONE, "before") for each in letters])
            source, act = Listed(letters), Waiting()
            act.may_end.set()
            made = await draft(source, ledger, lambda _: True, act, 10, again=again)
            await ledger.save_plan(Plan("p", Action.RETRY, "dead", "jo", 1), made.items)
            begun = Entry("m-0", Action.RETRY, Phase.STARTED, "another", plan="p")
            record = ledger.record
            step: Any = ledger.claim if again else record

            async def after_another(subject: Collection[Any], **options: Any) -> Any:
                if again or (isinstance(subject, list) and subject[0].phase is Phase.STARTED):
                    await record([begun])
                return await step(subject, **options)

            # What is dealt with once more is compared when it is claimed, anything else when its attempt is noted.
            setattr(ledger, "claim" if again else "record", after_another)
            config = RunConfig(again=again)
            runner = Runner(source=source, ledger=ledger, act=act, plan="p", by="jo", config=config)
            tally = await runner.run(made, asyncio.Event())
            assert (tally.done, tally.skipped, tally.behind, act.asked) == (0, 1, 1, [])

    asyncio.run(story())


def test_letters_of_a_standard_queue_pass_one_that_failed_also_where_they_name_a_group(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Picky(tmp_path)
        bench.refuses = {"event-1"}
        tally, _ = await carried_out(bench, [grouped(n, "a", "dead") for n in range(3)])
        assert (tally.done, tally.failed, tally.behind) == (2, 1, 0)

    asyncio.run(story())


def test_an_archive_keeps_no_order(tmp_path: Path) -> None:
    class Failing(MemoryArchive):
        async def put(self, key: str, document: bytes, identity: str) -> Stored:
            if "event-1" in document.decode():
                raise ArchiveError("not today", code="AccessDenied", fault=Fault.CONFIG, place=key)
            return await super().put(key, document, identity)

    async def story() -> None:
        act = Archiving(Failing(), KeyTemplate("{event_id}"), by="jo")
        tally, _ = await carried_out(Bench(tmp_path), [grouped(n, "a") for n in range(3)], act=act)
        assert (tally.done, tally.failed, tally.behind) == (2, 1, 0)

    asyncio.run(story())
