"""The pulse of a supervised worker: one JSON line a second, from the worker's event loop to its supervisor.

It proves that the loop comes round, and carries the worker's snapshot. When nobody listens any more the supervisor is
gone, and the worker stops by itself instead of running on unseen.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

import msgspec

__all__ = ["PULSE_FD", "PULSE_SECONDS", "Pulse", "beat"]

log = logging.getLogger(__name__)

PULSE_FD = "TURNOUT_PULSE_FD"
"""Environment variable with the file descriptor to write to; set by the supervisor for its workers."""
PULSE_SECONDS = 1.0


class Pulse(msgspec.Struct, frozen=True):
    """One beat. `reloads` counts the attempts to reload, by which the supervisor sees that a SIGHUP was heard."""

    reloads: int = 0
    snapshot: msgspec.Raw = msgspec.Raw(b"null")


async def beat(descriptor: int, pulse: Callable[[], Pulse], stop: asyncio.Event) -> None:
    """Write a line every second until cancelled; sets `stop` when the supervisor is gone."""
    os.set_blocking(descriptor, False)
    rest = b""
    while True:
        # A line that the pipe took in part is finished first: the next one would be unreadable.
        data = rest or _line(pulse)
        try:
            rest = data[os.write(descriptor, data) :]
        except BlockingIOError:
            rest = data
        except BrokenPipeError:
            log.error("the supervisor is gone, stopping")
            stop.set()
            return
        # A pipe takes 64 KiB at a time, a snapshot of thousands of rules has more.
        await asyncio.sleep(0.01 if rest else PULSE_SECONDS)


def _line(pulse: Callable[[], Pulse]) -> bytes:
    """A beat to write. A defect of ours in what is told costs the telling: the worker lives, and must not be killed."""
    try:
        return msgspec.json.encode(pulse()) + b"\n"
    except Exception:
        log.exception("the supervisor cannot be told how this worker is, please report this")
        return msgspec.json.encode(Pulse()) + b"\n"
