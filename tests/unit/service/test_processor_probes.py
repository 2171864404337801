"""Whether the processor of dead letters is alive: by how long nothing has happened, on no clock that is set."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, cast

import pytest

from turnout.recovery.processor.counts import Counts
from turnout.recovery.processor.rounds import Processor
from turnout.service.health import Health
from turnout.service.processor import ProcessorProbes
from turnout.service.watchdog import Watchdog


class Stub(NamedTuple):
    """What the probes ask of a processor."""

    counts: Counts
    resting: tuple[str, ...] = ()


def alive(counts: Counts) -> Health:
    async def main() -> Health:
        return await ProcessorProbes(cast("Processor", Stub(counts)), Watchdog(60), "dead").alive()

    return asyncio.run(main())


def test_a_processor_that_got_somewhere_lately_is_alive_whatever_the_clock_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = Counts(time.time(), running=True)
    assert alive(counts).ok
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert alive(counts).ok


def test_a_processor_that_hangs_is_not_though_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(time.time(), running=True)
    counts.beat_at -= 301
    before = time.time() - 3600
    monkeypatch.setattr(time, "time", lambda: before)
    found = alive(counts)
    assert not found.ok
    assert found.reasons == ("nothing has happened for 301 s",)
