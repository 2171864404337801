"""What the turns of one round's letters share: room, results, and the order within groups of FIFO queues."""

from __future__ import annotations

import asyncio

import msgspec

from turnout.errors import TurnoutError
from turnout.recovery.groups import Groups
from turnout.recovery.processor.counts import Result

__all__ = ["Turns"]


class Turns(msgspec.Struct):
    """The turns of one round's letters."""

    room: asyncio.Semaphore
    results: dict[str, Result] = {}
    """How the turn of each letter ended, by its id."""
    groups: Groups = msgspec.field(default_factory=Groups)
    read: int = 0
    """Letters that were read, selected or not."""
    behind: bool = False
    """Whether letters have left that others were behind: of their message group, or of a round that was full."""
    progress: bool = False
    """Whether anything was done with any of them."""
    unseen: int = 0
    """About how many letters somebody else held when the round began."""
    problem: TurnoutError | None = None
    """Why not all of it could be done."""
    left: int = 0
    """Letters that were left for the next round, because the ledger failed."""
    over: bool = False
    """Whether nothing more is to begin, because of the problem."""
