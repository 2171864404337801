"""Retry: a letter is delivered to what it is still owed, and to nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from turnout.errors import TargetError, TurnoutError
from turnout.queues import queue_key
from turnout.recovery.deliver.address import Address, Kind, owed_addresses, refuse_incomplete
from turnout.recovery.deliver.api import Outcome, Unfit, Work
from turnout.recovery.deliver.composing import compose
from turnout.recovery.deliver.sending import LATE, Patience, Refused, Repeated, send
from turnout.recovery.ledger.records import Action
from turnout.rules import Ruleset
from turnout.targets.api import Destination

__all__ = ["Delivering", "Doors"]

_LATE = Refused(LATE, again=True)
_SAME_QUEUE = (
    "that is the queue in which it was found, where it would lie without saying why it failed: name another "
    "(what was archived is brought back by turnout dlq archive --restore)"
)


class Doors(Protocol):
    """Makes destinations of addresses."""

    def __call__(self, address: Address) -> Destination:
        """The destination. Raises `TargetError` when there is none, other `TurnoutError` when that cannot be told."""
        ...


class Delivering:
    """Implements `turnout.recovery.deliver.api.Act`: deliveries to the owed targets, or to chosen ones.

    `rules` shape what goes to their targets, as the worker's do. With `replay`, the replay's id, deliveries are marked
    as replays, and deduplicated by it; else they are retries.
    With `whole`, a letter that cannot go to all that it is owed to is not fit, as another act takes it then.
    """

    batch = 1

    def __init__(
        self,
        doors: Doors,
        *,
        rules: Callable[[], Ruleset] | None = None,
        chosen: Address | None = None,
        patience: Patience | None = None,
        replay: str = "",
        whole: bool = False,
    ) -> None:
        self._doors = doors
        self._rules = rules
        self._chosen = chosen
        self._patience = patience or Patience()
        self._replay = replay
        self._whole = whole
        self.action = Action.REPLAY if replay else Action.RETRY
        self.ordered = False
        self.missing: dict[str, str] = {}

    def aims(self, work: Work) -> tuple[str, ...]:
        """See `Act.aims`. With a place that there is for one of them, those for which there is none are among them.

        To these the delivery fails, so that the letter stays owed to them, while the others get it.
        """
        addresses = self._addresses(work)
        missing: dict[str, TargetError] = {}
        for address in addresses:
            try:
                destination = self._doors(address)
            except TargetError as error:
                missing[address.label] = error
                continue
            if _is_queue(destination.url, work.letter.queue):
                raise Unfit(_SAME_QUEUE)
            self.ordered |= destination.ordered
        if missing and (self._whole or len(missing) == len(addresses)):
            first = next(iter(missing.values()))
            raise Unfit(str(first)) from first
        self.missing |= {label: str(error) for label, error in missing.items()}
        return tuple(address.label for address in addresses)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        """See `Act.__call__`."""
        return [await self._deliver(work) for work in works]

    def _addresses(self, work: Work) -> tuple[Address, ...]:
        if self._chosen is None:
            return owed_addresses(work)
        refuse_incomplete(work.letter)
        return () if self._chosen.label in work.reached else (self._chosen,)

    async def _deliver(self, work: Work) -> Outcome:
        addresses = self._addresses(work)
        async with asyncio.TaskGroup() as tasks:
            sends = {
                address.label: tasks.create_task(self._send(work, address), name=f"deliver-{address.label}")
                for address in addresses
            }
            if sends and work.cut is not None:
                cutting = tasks.create_task(_cut(work.cut, sends.values()), name="cut-deliveries")
                await asyncio.wait(sends.values())
                cutting.cancel()
        return Outcome.of({label: _LATE if task.cancelled() else task.result() for label, task in sends.items()})

    async def _send(self, work: Work, address: Address) -> Refused | Repeated | None:
        try:
            destination = self._doors(address)
        except TurnoutError as error:
            return Refused(str(error))
        rules = self._rules() if self._rules is not None and address.kind is Kind.TARGET else None
        message = compose(work.letter, address, destination, rules, replay=self._replay)
        return await send(destination, message, self._patience)


def _is_queue(url: str, queue: str) -> bool:
    """Whether a destination is the queue, however either is spelled."""
    return url == queue or (url.startswith(("http://", "https://")) and queue_key(url) == queue_key(queue))


async def _cut(cut: asyncio.Event, sends: Collection[asyncio.Task[Refused | Repeated | None]]) -> None:
    await cut.wait()
    for task in sends:
        task.cancel()
