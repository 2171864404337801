"""The order within message groups of FIFO queues: one letter after the other, and none past one that has to wait."""

from __future__ import annotations

import asyncio

from turnout.recovery.letter import Letter

__all__ = ["Group", "Groups", "group_of"]


def group_of(letter: Letter) -> str:
    """The message group in which a letter lies; empty where there is no order to keep."""
    return letter.message.system.get("MessageGroupId", "") if letter.queue.endswith(".fifo") else ""


class Group:
    """Letters of one group: one after the other, and none past one that has to wait."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()  # fair: in the order in which turns were begun
        self.waits = False


class Groups:
    """The groups that are known so far."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}

    def of(self, letter: Letter) -> Group:
        """The group of a letter; one of its own where there is no order to keep."""
        name = group_of(letter)
        return self._groups.setdefault(name, Group()) if name else Group()
