"""Decides when a failing target is left alone for a while, and when it is tried again. Time comes in as an argument."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from turnout.errors import Fault

__all__ = ["Breaker", "BreakerConfig", "BreakerState"]


class BreakerState(StrEnum):
    """Closed: traffic flows. Open: nothing is sent. Probing: one batch is under way to find out."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class BreakerConfig(msgspec.Struct, frozen=True):
    """When a breaker opens and how often it probes."""

    failures: int = 5
    """Calls that must fail in a row before it opens."""
    config_failures: int = 3
    """The same for failures that an operator has to repair: a missing queue, a missing permission."""
    probe_seconds: float = 1.0
    """From opening to the first probe; doubles with each probe that fails."""
    probe_cap_seconds: float = 30.0


class Breaker:
    """The breaker of one target. Only calls count of which nothing was taken, and not for the message's fault."""

    def __init__(self, config: BreakerConfig) -> None:
        self._config = config
        self._failed: dict[Fault, int] = {}
        self._probes = 0
        self._rest_until = 0.0
        self.state = BreakerState.CLOSED
        self.fault: Fault | None = None
        """Why it is open: `config` is for an operator to repair, `system` may pass."""
        self.probe_at = 0.0
        """Event-loop time of the next probe while open."""

    def start(self) -> None:
        """A call begins: when the breaker is open, this is the probe."""
        if self.state is BreakerState.OPEN:
            self.state = BreakerState.PROBING

    def succeeded(self) -> bool:
        """The target took something, or refused it for what it is; True when that closed the breaker."""
        closed = self.state is not BreakerState.CLOSED
        self._failed.clear()
        self._probes = 0
        self._rest_until = 0.0
        self.state = BreakerState.CLOSED
        self.fault = None
        return closed

    def failed(self, fault: Fault, now: float, rest: float = 0.0) -> bool:
        """A call failed as a whole, or in all its entries; True when that opened a closed breaker.

        `rest` is for how long the target asked to be left alone: no probe comes before that is over, unless it is for
        an operator to repair, who asks for nothing.
        """
        if fault is Fault.DATA:
            return False
        config = self._config
        was_closed = self.state is BreakerState.CLOSED
        if rest:
            self._rest_until = max(self._rest_until, now + rest)
        if self.state is BreakerState.OPEN:  # a call that was under way when it opened
            if self.fault is not Fault.CONFIG:
                self.probe_at = max(self.probe_at, self._rest_until)
            return False
        if was_closed:
            # The two kinds are counted apart: three times "denied" among throttles is not a confirmation.
            count = self._failed.get(fault, 0) + 1
            self._failed = {fault: count}
            if count < (config.config_failures if fault is Fault.CONFIG else config.failures):
                return False
        else:
            self._probes += 1
        self.state = BreakerState.OPEN
        self.fault = fault
        self.probe_at = now + min(config.probe_cap_seconds, config.probe_seconds * 2.0 ** min(self._probes, 30))
        if fault is not Fault.CONFIG:
            self.probe_at = max(self.probe_at, self._rest_until)
        return was_closed
