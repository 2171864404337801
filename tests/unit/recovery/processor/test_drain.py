"""At the end of a drain what has arrived is settled, and nothing holds up the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest
from tests.unit.recovery.processor.bench import FAILED, Bench, Delivery, on_bench, transient

from turnout.recovery import Letter
from turnout.recovery.deliver.api import Outcome
from turnout.recovery.deliver.sending import LATE
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.insisting import note_outcomes
from turnout.recovery.ledger.records import Entry, Record
from turnout.recovery.processor import handling, rounds
from turnout.recovery.processor.rounds import Processor


class Half(Delivery):
    """One of two targets takes the letter at once, the other one when it is asked again."""

    hangs = False
    takes: tuple[str, ...] = ("crm",)

    def __init__(self, diary: list[str]) -> None:
        super().__init__(diary)
        self.begun = asyncio.Event()

    def aims(self, letter: Letter, reached: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each for each in ("crm", "audit") if each not in reached)

    async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
        self.diary.append(f"asked {', '.join(self.aims(letter, reached))}")
        if reached:
            return Outcome(self.aims(letter, reached))
        self.begun.set()
        try:
            await (asyncio.Event() if self.hangs else cut).wait()
        finally:
            self.diary.append("ended")
        return Outcome(self.takes, {each: LATE for each in ("crm", "audit") if each not in self.takes}, again=True)


async def stopped(bench: Bench, delivery: Half, drain: float, attempts: int = 4) -> Processor:
    bench.delivery = delivery
    processor = bench.make(attempts=attempts, drain_seconds=drain)
    stop = asyncio.Event()
    running = asyncio.create_task(processor.run(stop))
    await delivery.begun.wait()
    stop.set()
    async with asyncio.timeout(20):
        await running
    return processor


async def cut_short(bench: Bench, delivery: Half, attempts: int = 4) -> Processor:
    """A stop, and at once the end of what deliveries have of the drain; for what follows a busy machine has 5 s."""
    bench.delivery = delivery
    processor = bench.make(attempts=attempts, drain_seconds=25.0)
    stop = asyncio.Event()
    running = asyncio.create_task(processor.run(stop))
    await delivery.begun.wait()
    stop.set()
    while not processor.counts.draining:
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    real = loop.time
    loop.time = lambda: real() + 20.0  # type: ignore[method-assign]
    try:
        await running
    finally:
        loop.time = real  # type: ignore[method-assign]
    return processor


def test_what_has_arrived_at_one_target_is_known_when_the_other_takes_longer_than_the_drain(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        processor = await cut_short(bench, Half(bench.diary))
        assert processor.counts.results == {"put_off": 1}
        record = (await bench.ledger.records(["m-1"]))["m-1"]
        assert (record.status, record.reached) == ("failed_retry", ("crm",))
        assert await bench.once("worker-2") == {"delivered": 1}
        assert bench.diary == ["asked crm, audit", "ended", "asked audit", "delete m-1"]

    on_bench(tmp_path, story, transient(1))


@pytest.mark.parametrize("ends", [True, False])
def test_an_attempt_that_a_drain_cuts_short_costs_the_letter_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    monkeypatch.setattr(handling, "_LET_GO_SECONDS", 0.01)

    async def story(bench: Bench) -> None:
        for times in (1, 2):  # deployments
            delivery = Half(bench.diary)
            delivery.takes, delivery.hangs = (), not ends
            processor = await cut_short(bench, delivery, attempts=1)
            assert processor.counts.results == {"put_off": 1}
            record = (await bench.ledger.records(["m-1"]))["m-1"]
            assert (record.status, record.attempts, record.cut) == ("failed_retry", times, times)
        bench.delivery = Delivery(bench.diary)
        bench.delivery.answers = [FAILED]
        assert await bench.once(attempts=1) == {"exhausted": 1}
        record = (await bench.ledger.records(["m-1"]))["m-1"]
        assert record.note.startswith("1 attempt has failed: ")

    on_bench(tmp_path, story, transient(1))


def test_an_attempt_that_has_failed_of_itself_when_a_drain_cuts_others_short_counts(tmp_path: Path) -> None:
    class Refused(Half):
        async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
            made = await super().__call__(letter, reached, cut)
            return Outcome((), {"crm": "busy", **made.failures}, again=True)

    async def story(bench: Bench) -> None:
        processor = await cut_short(bench, Refused(bench.diary), attempts=1)
        assert processor.counts.results == {"exhausted": 1}

    on_bench(tmp_path, story, transient(1))


def test_what_arrives_before_the_drain_is_over_is_not_cut_short(tmp_path: Path) -> None:
    class InItsTime(Half):
        async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
            self.begun.set()
            await asyncio.sleep(0.1)
            late = Outcome(("crm",), {"audit": LATE}, again=True)
            return late if cut.is_set() else Outcome(("crm", "audit"))

    async def story(bench: Bench) -> None:
        processor = await stopped(bench, InItsTime(bench.diary), 5)
        assert processor.counts.results == {"delivered": 1}

    on_bench(tmp_path, story, transient(1))


def test_an_attempt_that_does_not_end_when_it_is_cut_short_is_known_to_have_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "_LET_GO_SECONDS", 0.01)

    async def story(bench: Bench) -> None:
        delivery = Half(bench.diary)
        delivery.hangs = True
        await cut_short(bench, delivery)
        assert await bench.status("m-1") == "failed_retry"
        assert bench.diary == ["asked crm, audit", "ended"], "what counts as failed does not go on"
        claimed = await bench.ledger.claim(["m-1"], by="somebody else", lease_seconds=1)
        assert "m-1" in claimed, "the claim was released"

    on_bench(tmp_path, story, transient(1))


def test_an_attempt_that_does_not_end_when_it_is_cut_short_has_ended_before_it_is_noted_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Half):
        hangs = True

        async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
            try:
                return await super().__call__(letter, reached, cut)
            finally:
                for _ in range(3):  # a connection takes a few turns of the loop to close
                    await asyncio.sleep(0)
                self.diary.append("closed")

    async def note(ledger: Ledger, entries: Sequence[Entry]) -> Mapping[str, Record]:
        noted_after.extend(delivery.diary)
        return await note_outcomes(ledger, entries)

    noted_after: list[str] = []
    monkeypatch.setattr(handling, "_LET_GO_SECONDS", 0.5)
    monkeypatch.setattr(handling, "note_outcomes", note)
    delivery = Slow([])

    async def story(bench: Bench) -> None:
        await cut_short(bench, delivery)
        assert noted_after == ["asked crm, audit", "ended", "closed"]

    on_bench(tmp_path, story, transient(1))


def test_what_arrives_when_time_is_up_is_deleted(tmp_path: Path) -> None:
    class AtTheLastMoment(Half):
        async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
            self.begun.set()
            await cut.wait()
            return Outcome(self.aims(letter, reached))

    async def story(bench: Bench) -> None:
        processor = await cut_short(bench, AtTheLastMoment(bench.diary))
        assert processor.counts.results == {"delivered": 1}
        assert not bench.place.here
        assert await bench.status("m-1") == "retried"

    on_bench(tmp_path, story, transient(1))


def test_a_place_that_takes_nothing_back_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rounds, "_CLOSE_SECONDS", 0.05)

    async def story(bench: Bench) -> None:
        open_place = bench.place.open

        @contextlib.asynccontextmanager
        async def open_for_ever() -> AsyncIterator[object]:
            async with open_place() as place:
                yield place
                await asyncio.Event().wait()

        bench.place.open = open_for_ever  # type: ignore[method-assign, assignment]
        await stopped(bench, Half(bench.diary), 0.2)
        assert "the drain is over" in caplog.text

    on_bench(tmp_path, story, transient(1))


def test_what_could_not_be_given_back_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rounds, "_CLOSE_SECONDS", 0.05)

    async def story(bench: Bench) -> None:
        open_place = bench.place.open
        may_end = asyncio.Event()

        @contextlib.asynccontextmanager
        async def open_for_ever() -> AsyncIterator[object]:
            async with open_place() as place:
                try:
                    yield place
                finally:
                    while not may_end.is_set():
                        with contextlib.suppress(asyncio.CancelledError):
                            await may_end.wait()

        bench.place.open = open_for_ever  # type: ignore[method-assign, assignment]
        await stopped(bench, Half(bench.diary), 0.2)
        may_end.set()

    on_bench(tmp_path, story, transient(1))
    assert "not everything could be given back; it comes back by itself" in caplog.messages


def test_nothing_is_said_of_an_end_at_which_all_was_given_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(bench: Bench) -> None:
        await cut_short(bench, Half(bench.diary))

    on_bench(tmp_path, story, transient(1))
    assert "given back" not in caplog.text
    assert "the drain is over" not in caplog.text
