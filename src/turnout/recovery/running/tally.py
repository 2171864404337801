"""What a run has done so far, counted."""

from __future__ import annotations

from collections import Counter

import msgspec

__all__ = ["Tally"]

_FEWEST_TRIED = 10
"""Before so many letters were tried, failures count as if so many had been: one of one is no trend."""


class Tally(msgspec.Struct):
    """Counts of letters. Each letter of a run ends in exactly one of the first five."""

    done: int = 0
    """The outcome is durable, and the letter is deleted."""
    failed: int = 0
    """Some of these are `foreseen`."""
    undeleted: int = 0
    """The outcome is durable; the letter is still in its queue, and only its deletion is to be repeated."""
    skipped: int = 0
    """Another process holds it, or has dealt with it."""
    behind: int = 0
    """Not tried: before it in its message group one failed, or is held by another process. It stays in the plan."""
    total: int = 0
    foreseen: int = 0
    """Of those that failed: they arrived everywhere but where the plan said that there is no such place."""
    failures: Counter[str] = msgspec.field(default_factory=Counter)
    """How often each sentence was the reason, or says that what is done may have arrived more than once."""

    @property
    def ended(self) -> int:
        """Letters whose turn is over."""
        return self.done + self.failed + self.undeleted + self.skipped + self.behind

    def too_many_failures(self, percent: float) -> bool:
        """Whether more than so many percent of the letters that were tried have failed, and nobody knew before."""
        tried = self.done + self.failed + self.undeleted
        return self.failed - self.foreseen > percent / 100 * max(tried, _FEWEST_TRIED)
