"""The interface of an action on letters, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import msgspec

from turnout.errors import TurnoutError
from turnout.recovery.deliver.sending import Refused, Repeated
from turnout.recovery.ledger.records import Action, Record
from turnout.recovery.letter import Letter

__all__ = ["NONE_MISSING", "Act", "Outcome", "Unfit", "Work"]


NONE_MISSING: Mapping[str, str] = MappingProxyType({})
"""`Act.missing` of an act that goes to no place which there might not be."""


class Unfit(TurnoutError):
    """This action is not for this letter. `str()` says why, for an operator, without naming the letter."""


class Work(msgspec.Struct, frozen=True):
    """One letter to act on."""

    letter: Letter
    reached: tuple[str, ...] = ()
    """Targets that earlier attempts of recovery have delivered it to: nothing is sent to them again."""
    attempt: int = 1
    """Of recovery, this one included."""
    cut: asyncio.Event | None = None
    """Set when time is up: what several targets are sent is cut short then, and those that have it are told of."""

    @classmethod
    def of(cls, letter: Letter, record: Record | None = None, cut: asyncio.Event | None = None) -> Work:
        """The work that is left of a letter, as far as the ledger knows."""
        if record is None:
            return cls(letter, cut=cut)
        return cls(letter, record.reached, record.attempts + 1, cut)


class Outcome(msgspec.Struct, frozen=True):
    """What became of one letter. It is done when nothing failed."""

    reached: tuple[str, ...] = ()
    """What has the letter now and confirmed it: names of targets, ARNs, URLs, the key of an archive."""
    failures: Mapping[str, str] = {}
    """Why, by target, for those that did not take it. Without secrets; an error may hold personal data."""
    note: str = ""
    again: bool = False
    """When something failed: whether time may help."""
    retry_after: float | None = None
    """Seconds that a service asked us to wait."""
    config: bool = False
    """When something failed: whether somebody can repair a target, which is missing or denies us."""
    lasting: tuple[str, ...] = ()
    """Of the failures those that time does not help, where it helps others."""
    repeated: str = ""
    """Why something that has the letter now may have got it more than once; empty when it has not."""

    @classmethod
    def of(cls, refusals: Mapping[str, Refused | Repeated | None], note: str = "") -> Outcome:
        """The outcome of sending to several: None for those that have confirmed it."""
        refused = {label: each for label, each in refusals.items() if isinstance(each, Refused)}
        repeated = [_named(label, each.why) for label, each in refusals.items() if isinstance(each, Repeated)]
        again = any(each.again for each in refused.values())
        return cls(
            tuple(label for label in refusals if label not in refused),
            {label: each.why for label, each in refused.items()},
            note,
            again,
            max((each.retry_after for each in refused.values() if each.retry_after is not None), default=None),
            any(each.config for each in refused.values()),
            tuple(label for label, each in refused.items() if again and not each.again),
            f"may have arrived more than once: {'; '.join(repeated)}" if repeated else "",
        )

    @property
    def done(self) -> bool:
        """Whether nothing is left to do, so that the letter may be deleted."""
        return not self.failures

    @property
    def sentence(self) -> str:
        """The outcome as the ledger notes it; each target is named once, also where the reason begins with its name."""
        return "; ".join(_named(*failed) for failed in self.failures.items()) or self.note or self.repeated


def _named(name: str, why: str) -> str:
    return why if why.startswith(f"{name}: ") else f"{name}: {why}"


class Act(Protocol):
    """One kind of action with its options."""

    @property
    def action(self) -> Action:
        """Under which name the ledger keeps it."""
        ...

    @property
    def batch(self) -> int:
        """Letters in one call, at most."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether letters must be acted on one after the other, in the order in which they were sent (FIFO)."""
        ...

    @property
    def missing(self) -> Mapping[str, str]:
        """Of what `aims` has named so far, that for which there is no place, and why: to deliver to it will fail."""
        ...

    def aims(self, work: Work) -> tuple[str, ...]:
        """What the letter would be delivered to; empty when all have it already. Does nothing.

        Raises `Unfit`; other `TurnoutError` when no letter at all can be acted on (the rules cannot be read).
        """
        ...

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        """Act on 1 to `batch` letters that are fit; one outcome each, in order. Raises nothing of its own."""
        ...
