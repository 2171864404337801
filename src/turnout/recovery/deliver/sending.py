"""Sends one message until its destination has confirmed it, or it is clear that it will not: backoff and attempts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import msgspec

from turnout.errors import CallError
from turnout.sqs.api import OutgoingMessage
from turnout.targets.api import Destination

__all__ = ["Patience", "send"]


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


async def send(
    destination: Destination,
    message: OutgoingMessage,
    patience: Patience,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """Send it. Returns why the destination did not take it; empty when it has confirmed it. Raises nothing."""
    if (size := message.size()) > destination.max_message_bytes:
        return f"{size} bytes with its attributes; {destination.name} takes {destination.max_message_bytes}"
    attempt = 1
    while True:
        try:
            sent = await destination.send([message])
        except CallError as error:
            why, again, asked = str(error), error.retryable, error.retry_after
        else:
            if not sent.failures:
                return ""
            failure = sent.failures[0]
            why, again, asked = f"{failure.code}: {failure.message}", failure.retryable, None
        wait = patience.wait(attempt, asked) if again else None
        if wait is None:
            return f"{why} (after {attempt} attempts)" if attempt > 1 else why
        await sleep(wait)
        attempt += 1
