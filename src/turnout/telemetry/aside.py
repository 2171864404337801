"""Calls of exporters that may block for half a minute on a dead collector, made so that they hold nothing up."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from turnout.telemetry.records import SpanSink

__all__ = ["aside", "shut_down"]

_log = logging.getLogger(__name__)


async def aside(blocking: Callable[[], None], name: str, timeout_seconds: float, defect: Callable[[str], None]) -> bool:
    """Whether the call ended in time. It runs in a daemon thread, which outlives neither loop nor process.

    `defect` is called, with `name`, within the handling of what the call raised.
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def call() -> None:
        try:
            blocking()
        except Exception:  # noqa: BLE001 - what a foreign exporter may raise is not known; nothing ends for it
            defect(name)
        finally:
            if not loop.is_closed():
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=call, name=f"turnout-aside-{name}", daemon=True).start()
    try:
        async with asyncio.timeout(timeout_seconds):
            await done.wait()
    except TimeoutError:
        return False
    return True


async def shut_down(sink: SpanSink, timeout_seconds: float, defect: Callable[[str], None]) -> None:
    """Let a sink send what is waiting and stop; what it has not sent in time is given up, and that is told."""
    if not await aside(sink.shutdown, "shutdown", timeout_seconds, defect):
        sink.abandon()
        _log.warning(
            "The trace collector did not take the last spans within %.1f s; they are lost. "
            "Check OTEL_EXPORTER_OTLP_ENDPOINT and the collector.",
            timeout_seconds,
        )
