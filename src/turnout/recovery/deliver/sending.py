"""Sends one message until its destination has confirmed it, or it is clear that it will not: backoff and attempts."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

import msgspec

from turnout.errors import CallError, Fault
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.codes import THROTTLED
from turnout.targets.api import Destination

__all__ = ["LATE", "Patience", "Refused", "Repeated", "send"]

log = logging.getLogger(__name__)

LATE = "no time left; it may have arrived"
"""Why a delivery failed that was cut short."""


class Patience(msgspec.Struct, frozen=True):
    """How often a delivery is attempted, and how long the waits between attempts are, in seconds."""

    attempts: int = 4
    base_seconds: float = 2.0
    cap_seconds: float = 60.0

    def wait(self, attempt: int, asked: float | None) -> float | None:
        """Seconds before the attempt after this one (counted from 1); None when it was the last.

        Doubles each time, with jitter. A service that asks for more gets it; for more than the cap is no waiting.
        """
        if attempt >= self.attempts or (asked or 0.0) > self.cap_seconds:
            return None
        longest = min(self.cap_seconds, self.base_seconds * 2.0 ** (attempt - 1))
        return max(asked or 0.0, random.uniform(longest / 2, longest))  # noqa: S311 - no secret


class Refused(msgspec.Struct, frozen=True):
    """A destination did not take a message."""

    why: str
    again: bool = False
    """Whether it may take it later."""
    retry_after: float | None = None
    """Seconds that it asked us to wait."""
    config: bool = False
    """Whether somebody can repair that: there is no such destination, or it denies us."""
    unclear: bool = False
    """Whether it may have taken it all the same: there was no answer, or none that rules that out."""


class Repeated(msgspec.Struct, frozen=True):
    """A destination has confirmed a message, and may have taken it before: why that was not clear."""

    why: str


async def send(
    destination: Destination,
    message: OutgoingMessage,
    patience: Patience,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Refused | Repeated | None:
    """Send it. None: the destination has confirmed it, at once or after clear refusals. Raises nothing."""
    if (size := message.size()) > destination.max_message_bytes:
        return Refused(f"{size} bytes with its attributes; {destination.name} takes {destination.max_message_bytes}")
    attempt, unclear = 1, ""
    while refused := await _attempt(destination, message):
        wait = patience.wait(attempt, refused.retry_after) if refused.again else None
        if wait is None:
            why = f"{refused.why} (after {attempt} attempts)" if attempt > 1 else refused.why
            return msgspec.structs.replace(refused, why=why)
        unclear = refused.why if refused.unclear else unclear
        await sleep(wait)
        attempt += 1
    # A FIFO queue takes it once, however often it is sent.
    return Repeated(unclear) if unclear and not destination.ordered else None


async def _attempt(destination: Destination, message: OutgoingMessage) -> Refused | None:
    try:
        sent = await destination.send([message])
    except CallError as error:
        clear = error.retry_after is not None or error.code in THROTTLED
        return Refused(str(error), error.retryable, error.retry_after, error.fault is Fault.CONFIG, not clear)
    except Exception as error:  # a bug in one destination costs one delivery, not the whole run
        log.error("sending to %s failed in an unforeseen way, please report this", destination.name, exc_info=error)
        return Refused(f"sending failed in an unforeseen way: {type(error).__name__}")
    if not sent.failures:
        return None
    failure = sent.failures[0]
    config = failure.fault is Fault.CONFIG
    return Refused(f"{failure.code}: {failure.message}", failure.retryable, config=config)
