"""Replay to the source queue: an event is routed again, by the rules of today, to the targets that do not have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from turnout.message import REPLAY
from turnout.queues import queue_key
from turnout.recovery.deliver.address import refuse_incomplete, refuse_unknown_done, source_queue
from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Unfit, Work
from turnout.recovery.deliver.composing import compose_for_source
from turnout.recovery.deliver.sending import Patience, send
from turnout.recovery.ledger.records import Action
from turnout.recovery.letter import Letter
from turnout.sqs.api import OutgoingMessage
from turnout.targets.api import Destination

__all__ = ["Rerouting"]


class Rerouting:
    """Implements `turnout.recovery.deliver.api.Act`. `replay` is the replay's id, `queues` are known source queues.

    `door` makes the destination of a queue's URL. With `automatic`, when nobody asked for it, each letter is a replay
    of its own: an event that comes back once more must not pass for the one that was replayed minutes ago, or SQS and
    the worker's idempotency would take it and drop it. And none is replayed twice: an event that always fails would go
    round for ever, each time as a new message of which nobody knows how often it has failed.
    """

    action = Action.REPLAY
    batch = 1
    missing = NONE_MISSING

    def __init__(
        self,
        door: Callable[[str], Destination],
        *,
        replay: str,
        automatic: bool = False,
        queues: tuple[str, ...] = (),
        patience: Patience | None = None,
    ) -> None:
        self._door = door
        self._replay = replay
        self._automatic = automatic
        self._queues = queues
        self._patience = patience or Patience()
        self.ordered = False

    def aims(self, work: Work) -> tuple[str, ...]:
        """See `Act.aims`."""
        refuse_incomplete(work.letter)
        refuse_unknown_done(work.letter)
        queue = source_queue(work.letter, self._queues)
        if queue_key(queue) == queue_key(work.letter.queue):
            raise Unfit("its source queue is the queue it lies in: name another with --source-queue")
        if self._automatic and _was_replayed(work.letter):
            raise Unfit("it was replayed before and has failed again")
        self._compose(work, queue)
        self.ordered |= queue.endswith(".fifo")
        return () if queue in work.reached else (queue,)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        """See `Act.__call__`."""
        return [await self._reroute(work) for work in works]

    async def _reroute(self, work: Work) -> Outcome:
        queue = source_queue(work.letter, self._queues)
        if queue in work.reached:
            return Outcome()
        message = self._compose(work, queue)
        return Outcome.of({queue: await send(self._door(queue), message, self._patience)})

    def _compose(self, work: Work, queue: str) -> OutgoingMessage:
        replay = f"{self._replay}:{work.letter.id}" if self._automatic else self._replay
        return compose_for_source(work.letter, queue, replay, work.reached)


def _was_replayed(letter: Letter) -> bool:
    found = (letter.message.attributes, letter.attributes, *(layer.attributes for layer in letter.chain))
    return any(REPLAY in attributes for attributes in found)
