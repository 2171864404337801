"""Asks somebody what became of the conversations that letters are about. Who answers is wired above this package.

One look-up that fails says so for its own conversation; the others are not stopped by it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from turnout.errors import CallError
from turnout.recovery.letter import Letter
from turnout.recovery.report.model import Interaction

__all__ = ["FAILED", "Correlate", "correlated"]

FAILED = "failed"


class Correlate(Protocol):
    """Whoever knows conversations."""

    def __call__(self, conversations: Mapping[str, Sequence[datetime | None]]) -> AsyncIterator[Interaction]:
        """Look conversations up (id to times of the event, the best first): one result each, in any order.

        A failure is a result with presence `failed`. What is raised all the same must be a `CallError`.
        """
        ...


async def correlated(letters: Iterable[Letter], correlate: Correlate) -> dict[str, Interaction]:
    """What is known of the conversations of these letters, by their id; each is asked for once."""
    wanted: dict[str, list[datetime | None]] = {}
    for letter in letters:
        if letter.conversation_id:
            wanted.setdefault(letter.conversation_id, []).extend((letter.event_time, letter.sent))
    found: dict[str, Interaction] = {}
    error = "nobody answered"
    try:
        async for interaction in correlate(wanted):
            found[interaction.id] = interaction
    except CallError as failure:
        error = str(failure)
    return {id_: found.get(id_) or Interaction(id=id_, presence=FAILED, error=error) for id_ in wanted}
