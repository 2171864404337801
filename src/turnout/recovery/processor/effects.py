"""What the processor needs done, as interfaces: delivering, and telling a conversation what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from turnout.recovery.deliver.api import Outcome
from turnout.recovery.ledger.records import Action
from turnout.recovery.letter import Letter
from turnout.recovery.report.model import Interaction

__all__ = ["Conversations", "Deliver", "NotDeliverable", "Told"]


class NotDeliverable(Exception):
    """There is nowhere to deliver this letter to. `str()` says why, in a sentence."""


class Deliver(Protocol):
    """Delivers letters to where they did not arrive. Each call is one attempt: waiting and trying on is not its own."""

    @property
    def action(self) -> Action:
        """Under which name the ledger keeps it: RETRY or REPLAY."""
        ...

    def aims(self, letter: Letter, reached: tuple[str, ...]) -> tuple[str, ...]:
        """What it would be delivered to, without what has it already. Raises `NotDeliverable`. Does nothing."""
        ...

    async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
        """One attempt; when `cut` is set, it ends and tells what has the letter by then. Raises nothing of its own."""
        ...


class Told(StrEnum):
    """What a conversation is told of a letter about it: the four statuses of the tutorials."""

    RETRYING = "retrying"
    REPLAY_SUCCESSFUL = "replay_successful"
    REPLAY_FAILED = "replay_failed"
    EXHAUSTED_RETRIES = "exhausted_retries"


class Conversations(Protocol):
    """Whoever knows the conversations that letters are about."""

    @property
    def correlates(self) -> bool:
        """Whether conversations are looked up before something is delivered."""
        ...

    async def look_ahead(self, letters: Sequence[Letter]) -> None:
        """These are looked up next: ask for what can be asked for at once. Raises nothing."""
        ...

    async def correlate(self, letter: Letter) -> Interaction:
        """Its conversation. Raises nothing."""
        ...

    async def tell(self, letter: Letter, told: Told, attempt: int) -> None:
        """Tell its conversation, when that is wanted. Raises `turnout.errors.CallError`."""
        ...
