"""The first signal asks, the second ends the process."""

import asyncio
import errno
import io
import os
import signal
import sys

import pytest

from turnout.service.signals import stop_on_signals


class _Deserted(io.StringIO):
    """A pipe whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def test_a_second_signal_ends_the_process_also_where_nobody_reads_its_log_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[str | int] = []

    async def twice() -> None:
        stop, exited = asyncio.Event(), asyncio.Event()

        def note(code: int) -> None:
            ended.append(code)
            exited.set()

        monkeypatch.setattr(os, "_exit", note)
        with stop_on_signals(stop, at_once=lambda: ended.append("workers killed")):
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(20):
                await stop.wait()
                os.kill(os.getpid(), signal.SIGTERM)
                await exited.wait()

    monkeypatch.setattr(sys, "stderr", _Deserted())
    asyncio.run(twice())
    assert ended == ["workers killed", 128 + signal.SIGTERM]
