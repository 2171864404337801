"""The watchdog notices a blocked event loop, shows where it hangs, and tells when it goes on."""

import asyncio
import logging
import threading
import time

import pytest

from turnout.service.watchdog import Watchdog


def an_endless_calculation(until: threading.Event) -> None:
    until.wait(30)


async def _until(condition: object, seconds: float = 15) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def test_a_blocked_loop_is_noticed_with_the_stack_that_blocks_it(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Watchdog:
        watchdog = Watchdog(0.3)
        began = time.monotonic()
        watchdog.start()
        released = threading.Event()
        seen: list[float] = []

        def release_when_noticed() -> None:
            while "has been blocked" not in caplog.text:
                time.sleep(0.005)
            seen.append(watchdog.blocked_seconds)
            released.set()

        thread = threading.Thread(target=release_when_noticed)
        thread.start()
        an_endless_calculation(released)
        await _until(lambda: watchdog.counts.blocked)
        thread.join()
        assert seen[0] > 0.3
        assert watchdog.blocked_seconds == 0
        assert 0.3 < watchdog.counts.blocked_seconds <= time.monotonic() - began
        watchdog.stop()
        return watchdog

    with caplog.at_level(logging.WARNING):
        watchdog = asyncio.run(main())
    assert "an_endless_calculation" in caplog.text
    assert "until.wait(30)" in caplog.text
    assert "goes on after" in caplog.text
    assert watchdog.counts.blocked == 1


def test_a_loop_that_comes_round_is_left_in_peace(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Watchdog:
        watchdog = Watchdog(0.5)
        began = time.monotonic()
        watchdog.start()
        while time.monotonic() - began < 1.2:  # a loop that is not seen to come round would be blamed twice
            time.sleep(0.02)  # noqa: ASYNC251 - a short block
            await asyncio.sleep(0.01)
        watchdog.stop()
        return watchdog

    assert asyncio.run(main()).counts.blocked == 0
    assert not caplog.records


def test_a_process_that_stood_still_as_a_whole_is_not_said_to_have_a_blocked_loop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [0.0]
    monkeypatch.setattr("turnout.service.watchdog.time.monotonic", lambda: clock[0])
    watchdog = Watchdog(1.0)
    pauses = [0.25, 3_600.0, 0.25]  # in the second one the machine is suspended

    def wait(_seconds: float) -> bool:
        if not pauses:
            return True
        clock[0] += pauses.pop(0)
        if len(pauses) != 1:  # when the machine goes on, the thread comes first
            watchdog._beat_at = clock[0]
        return False

    monkeypatch.setattr(watchdog._stopped, "wait", wait)
    watchdog._watch()
    assert not caplog.records
    assert watchdog.counts.blocked == 0


def test_a_stopped_watchdog_says_nothing_any_more() -> None:
    async def main() -> Watchdog:
        watchdog = Watchdog(0.1)
        watchdog.start()
        watchdog.stop()
        return watchdog

    watchdog = asyncio.run(main())
    time.sleep(0.15)
    assert watchdog.blocked_seconds == 0
    assert not any(thread.name == "turnout-watchdog" for thread in threading.enumerate())
