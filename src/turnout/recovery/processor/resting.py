"""Leaves a target alone that fails: its letters keep their attempts for when it is back.

After five failures in a row only one letter tries, now and then; when that arrives, all do. Without this, an outage of
an hour would use up every attempt of every letter within minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from turnout.recovery.processor.policy import Policy

__all__ = ["Resting"]

_FAILURES = 5


class _Target(msgspec.Struct):
    failures: int = 0
    until: float = 0.0


class Resting:
    """Targets by their label. `clock` tells monotonic seconds."""

    def __init__(self, policy: Policy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._targets: dict[str, _Target] = {}

    def among(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Those of these targets that are left alone now; whoever asked is the one that tries the others."""
        now = self._clock()
        known = {name: self._targets[name] for name in targets if name in self._targets}
        alone = tuple(name for name, target in known.items() if target.until > now)
        for name, target in known.items():
            if name not in alone and target.failures >= _FAILURES:
                # One tries; the others wait until it is known what came of it, or for as long as a try may take.
                target.until = now + self._policy.cap_seconds
        return alone

    def worked(self, target: str) -> None:
        """It took a letter."""
        self._targets.pop(target, None)

    def failed(self, target: str, asked: float | None) -> None:
        """It did not. `asked` is for how long it wants to be left alone, if it said so."""
        state = self._targets.setdefault(target, _Target())
        state.failures += 1
        rest = self._policy.wait(state.failures, asked) if state.failures >= _FAILURES else asked or 0.0
        state.until = self._clock() + rest

    @property
    def resting(self) -> tuple[str, ...]:
        """Targets that are left alone now."""
        now = self._clock()
        return tuple(name for name, target in self._targets.items() if target.until > now)
