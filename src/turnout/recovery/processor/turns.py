"""What the turns of one round's letters share: room, results, and the order within groups of FIFO queues."""

from __future__ import annotations

import asyncio

import msgspec

from turnout.errors import TurnoutError
from turnout.recovery.letter import Letter
from turnout.recovery.processor.counts import Result

__all__ = ["Group", "Turns"]


class Group:
    """Letters of one group of a FIFO queue: one after the other, and none past one that has to wait."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()  # fair: in the order in which turns were begun
        self.waits = False


class Turns(msgspec.Struct):
    """The turns of one round's letters."""

    room: asyncio.Semaphore
    results: list[Result] = []
    groups: dict[str, Group] = {}
    problem: TurnoutError | None = None
    """What keeps the round from going on."""

    def group(self, letter: Letter) -> Group:
        """The group of a letter; one of its own where there is no order to keep."""
        name = letter.message.system.get("MessageGroupId", "") if letter.queue.endswith(".fifo") else ""
        return self.groups.setdefault(name, Group()) if name else Group()
