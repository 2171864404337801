"""Replay by a service: an API is asked to publish events again, by their ids, up to 100 of them a call.

What the API is, and that its calls are spaced, is the business of whoever composes this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from turnout.errors import TurnoutError
from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Unfit, Work
from turnout.recovery.ledger.records import Action
from turnout.recovery.letter import Letter, Origin

__all__ = ["Answered", "Requesting", "replay_id"]


class Answered(Protocol):
    """One call of the API: the ids it was for, and why it failed, if it did."""

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The distinct ids of the call."""
        ...

    @property
    def error(self) -> TurnoutError | None:
        """None: accepted."""
        ...


class Requesting:
    """Implements `turnout.recovery.deliver.api.Act`. `ask` sends the ids; `label` is what ledgers call the API."""

    action = Action.REPLAY
    batch = 100
    missing = NONE_MISSING
    ordered = False

    def __init__(self, ask: Callable[[Sequence[str]], AsyncIterator[Answered]], label: str) -> None:
        self._ask = ask
        self._label = label

    def aims(self, work: Work) -> tuple[str, ...]:
        """See `Act.aims`."""
        if not replay_id(work.letter):
            raise Unfit("it has no event id by which the API could replay it")
        return () if self._label in work.reached else (self._label,)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        """See `Act.__call__`. Several letters of one event are one id, and fare alike."""
        left = [replay_id(work.letter) for work in works if self._label not in work.reached]
        said: dict[str, str | None] = {}
        why = "the API was not asked"
        try:
            async for answer in self._ask(list(dict.fromkeys(left))):
                said |= dict.fromkeys(answer.event_ids, None if answer.error is None else str(answer.error))
        except TurnoutError as error:
            why = str(error)
        failed = {each: reason for each in left if (reason := said.get(each, why)) is not None}
        return [self._outcome(work, failed) for work in works]

    def _outcome(self, work: Work, failed: dict[str, str]) -> Outcome:
        if self._label in work.reached:
            return Outcome()
        why = failed.get(replay_id(work.letter))
        return Outcome((), {self._label: why}) if why is not None else Outcome((self._label,))


def replay_id(letter: Letter) -> str:
    """The id by which the service that listed a failed event knows it; else that of the event."""
    listed = next((layer.event_id for layer in letter.chain if layer.origin is Origin.FAILED_EVENT), "")
    return listed or letter.event_id
