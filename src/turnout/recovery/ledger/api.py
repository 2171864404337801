"""The interface of a ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from turnout.errors import TurnoutError
from turnout.recovery.ledger.records import Entry, Item, Plan, PlanState, Record, Sighting

__all__ = ["Ledger", "LedgerError", "LedgerUnavailable", "PlanExists", "UnknownPlan"]


class LedgerError(TurnoutError):
    """The ledger did not do what it was asked."""


class LedgerUnavailable(LedgerError):
    """The ledger cannot be read or written now. Nothing may be taken out of a queue until it can."""


class UnknownPlan(LedgerError):
    """There is no such plan, or the letter is not in it."""


class PlanExists(LedgerError):
    """A plan of that id is there already."""


class Ledger(Protocol):
    """What has returned is durable, and survives the process and the machine's power. Raises `LedgerError` only.

    The order of work is what makes a crash harmless: record STARTED, act, record DONE, delete from the queue, record
    RESOLVE. Whatever step a process dies at, the next one finds what may have happened and what has not.
    """

    async def see(self, sightings: Sequence[Sighting], *, by: str) -> Mapping[str, Record]:
        """Note letters that were found in a queue. Returns the record of each.

        One that is named twice in a call was found once, as the last of them says.
        """
        ...

    async def record(self, entries: Sequence[Entry]) -> Mapping[str, Record]:
        """Add to histories, in this order. Returns the record of each letter after it.

        An entry, its effect on the letter's record and on its plan's item become durable together or not at all;
        several entries need not. Raises `UnknownPlan` when an entry's plan does not have its letter.
        """
        ...

    async def records(self, letters: Collection[str]) -> Mapping[str, Record]:
        """The records of these letters; those never heard of are left out."""
        ...

    async def history(self, letter: str) -> list[Entry]:
        """All entries of a letter, the oldest first."""
        ...

    def find(self, queue: str) -> AsyncIterator[Record]:
        """The records of a queue (by name), in no particular order."""
        ...

    async def claim(
        self, letters: Collection[str], *, by: str, lease_seconds: float, resolved: bool = False
    ) -> Mapping[str, Record]:
        """Take hold of letters, so that no other worker acts on them until the lease ends or they are released.

        Returns the records of those that were granted: seen, not held by anybody else, and not resolved. With
        `resolved` those are granted too: they are to be dealt with once more.
        """
        ...

    async def release(self, letters: Collection[str], *, by: str) -> None:
        """Let go of letters. Who resolves a letter also lets go of it."""
        ...

    async def save_plan(self, plan: Plan, items: Sequence[Item]) -> None:
        """Write a new plan, all of it or nothing. A letter is in it once. Raises `PlanExists`."""
        ...

    async def plan(self, plan_id: str) -> Plan | None:
        """A plan; None when there is none of that id."""
        ...

    async def plans(self) -> list[Plan]:
        """All plans, the newest first."""
        ...

    async def items(self, plan_id: str) -> list[Item]:
        """The items of a plan, in its order; none when there is no such plan.

        To go on with a plan is to go on with those neither failed nor resolved.
        """
        ...

    async def end_plan(self, plan_id: str, state: PlanState, *, note: str = "") -> None:
        """Say how a plan ended (or, with OPEN, that it goes on). Raises `UnknownPlan`."""
        ...
