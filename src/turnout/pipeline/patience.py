"""How long a delivery is tried: after how many attempts, or how much time, it is given up.

While the target works, attempts are counted; while it fails as a whole, they say nothing about one delivery, and time
does. Arithmetic only: time comes in as an argument, and which delivery is meant is the sender's business.
"""

from __future__ import annotations

from collections.abc import Callable

from turnout.account import Delivery
from turnout.errors import Fault
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.breaker import Breaker, BreakerState
from turnout.sqs.api import EntryFailure

__all__ = ["Patience"]

# Right after a deployment a queue or a permission can be missing for a moment; so much for one delivery alone.
_CONFIG_ATTEMPTS = 3


class Patience:
    """With the deliveries to one target, whose breaker this is. `since` says from when on a delivery counts as held;
    `try_seconds` later no attempt that has failed is made again, whatever its target does.
    """

    def __init__(
        self,
        breaker: Breaker,
        backoff: Backoff,
        hold_seconds: float,
        try_seconds: float,
        since: Callable[[Delivery], float],
    ) -> None:
        self._breaker = breaker
        self._backoff = backoff
        self._hold_seconds = hold_seconds
        self._try_seconds = try_seconds
        self._since = since

    def exhausted(self, delivery: Delivery, failure: EntryFailure, now: float) -> bool:
        """Whether a delivery that has failed so is not tried again."""
        if failure.fault is Fault.CONFIG:
            if self._breaker.state is not BreakerState.CLOSED:
                return True
            return delivery.attempts >= min(self._backoff.attempts, _CONFIG_ATTEMPTS)
        if not failure.retryable or now - self._since(delivery) >= self._try_seconds:
            return True
        if self._breaker.state is BreakerState.CLOSED:
            return delivery.attempts >= self._backoff.attempts
        return self.held_too_long(delivery, now)

    def held_too_long(self, delivery: Delivery, now: float) -> bool:
        """Whether it has waited for a target that fails as long as it may."""
        return now - self._since(delivery) > self._hold_seconds

    def rest_left(self, delivery: Delivery, now: float) -> float:
        """Seconds for which the target may still ask to be left alone with a delivery; negative when that is over.

        Twelve attempts, each after a quarter of an hour, would hold it for hours, whatever the operator allows for.
        """
        return self._hold_seconds - (now - delivery.calls[0].at)
