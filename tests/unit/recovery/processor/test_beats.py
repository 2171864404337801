"""The probe that restarts a processor which hangs looks at `beat_at`: it moves whenever the processor gets on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.recovery.processor.bench import Bench, Delivery, on_bench, transient

from turnout.recovery import Letter
from turnout.recovery.deliver.api import Outcome
from turnout.recovery.processor import rounds


def test_a_processor_whose_letters_come_slowly_is_alive(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        read = bench.place.letters
        beats: list[float] = []

        async def slowly(limit: int | None = None) -> AsyncIterator[Letter]:
            async for one in read(limit):
                bench.processor.counts.beat_at = 0.0
                yield one
                beats.append(bench.processor.counts.beat_at)

        bench.place.letters = slowly  # type: ignore[method-assign]
        await bench.once()
        assert len(beats) == 3
        assert min(beats) > 0

    on_bench(tmp_path, story, *(transient(number) for number in range(3)))


def test_a_processor_that_is_done_with_a_letter_is_alive_though_another_takes_long(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        slow = asyncio.Event()
        begun: set[str] = set()

        class OneSlow(Delivery):
            async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
                begun.add(letter.id)
                if letter.id == "m-2":
                    await slow.wait()
                while len(begun) < 2:
                    await asyncio.sleep(0)
                bench.processor.counts.beat_at = 0.0
                return await super().__call__(letter, reached, cut)

        bench.delivery = OneSlow(bench.diary)
        running = asyncio.create_task(bench.once())
        async with asyncio.timeout(10):
            while len(begun) < 2 or bench.processor.counts.held != 1:
                await asyncio.sleep(0.001)
        assert bench.processor.counts.beat_at > 0
        slow.set()
        assert await running == {"delivered": 2}

    on_bench(tmp_path, story, transient(1), transient(2))


def test_a_processor_that_waits_for_its_next_round_is_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_BEAT_SECONDS", 0.01)

    async def story(bench: Bench) -> None:
        processor, stop = bench.make(interval_seconds=3600), asyncio.Event()
        running = asyncio.create_task(processor.run(stop))
        async with asyncio.timeout(10):
            while not processor.counts.rounds:
                await asyncio.sleep(0.001)
            processor.counts.beat_at = 0.0
            while not processor.counts.beat_at:
                await asyncio.sleep(0.001)
        stop.set()
        await running

    on_bench(tmp_path, story)
