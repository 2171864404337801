"""Restore: an archived letter becomes a letter in a dead-letter queue again, exactly as it was found there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Unfit, Work
from turnout.recovery.deliver.composing import compose_as_found
from turnout.recovery.deliver.sending import Patience, send
from turnout.recovery.ledger.records import RESTORED, Action
from turnout.recovery.letter import Letter
from turnout.targets.api import Destination

__all__ = ["Restoring"]


class Restoring:
    """Implements `turnout.recovery.deliver.api.Act`: to `queue`, else to the queue in which each letter was found.

    `door` makes the destination of a queue's URL.
    """

    action = Action.REPLAY
    batch = 1
    missing = NONE_MISSING

    def __init__(
        self, door: Callable[[str], Destination], *, queue: str = "", patience: Patience | None = None
    ) -> None:
        self._door = door
        self._queue = queue
        self._patience = patience or Patience()
        self.ordered = False

    def aims(self, work: Work) -> tuple[str, ...]:
        """See `Act.aims`."""
        queue = self._home(work.letter)
        if "://" not in queue:
            raise Unfit("it was not found in a queue: name one with --to-queue")
        self.ordered |= queue.endswith(".fifo")
        return () if queue in work.reached else (queue,)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        """See `Act.__call__`."""
        return [await self._restore(work) for work in works]

    async def _restore(self, work: Work) -> Outcome:
        queue = self._home(work.letter)
        if queue in work.reached:
            return Outcome()
        message = compose_as_found(work.letter, queue, ())
        return Outcome.of({queue: await send(self._door(queue), message, self._patience)}, RESTORED)

    def _home(self, letter: Letter) -> str:
        return self._queue or letter.queue
