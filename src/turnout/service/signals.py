"""Turns signals into calls: SIGTERM and SIGINT stop (the first asks, the second does not), SIGHUP reloads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator

__all__ = ["call_on_hangup", "stop_on_signals"]

log = logging.getLogger(__name__)


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event, *, at_once: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Within this context the first SIGTERM or SIGINT sets `stop`; a second ends the process at once.

    The second exit is by `os._exit` with 128 plus the signal's number: nothing is awaited, SQS hands out again what
    was held. `at_once` is called before it.
    """
    loop = asyncio.get_running_loop()

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            at_once()
            with contextlib.suppress(OSError):  # nobody reads it any more, or its disk is full
                sys.stderr.write(f"second {number.name}: exiting at once, without finishing\n")
                sys.stderr.flush()
            os._exit(128 + number)
        log.info("%s: stopping; send it again to exit at once", number.name)
        stop.set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def call_on_hangup(call: Callable[[], None]) -> Iterator[None]:
    """Within this context SIGHUP calls `call` in the event loop."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, call)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
