"""Single attempts at deliveries for the processor, by the actions that the commands have."""

from __future__ import annotations

import asyncio

from turnout.dlq.acts import To, delivering, rerouting
from turnout.dlq.services import Services
from turnout.dlq.sources import Place
from turnout.recovery.deliver.api import Act, Outcome, Unfit, Work
from turnout.recovery.ledger.records import Action
from turnout.recovery.letter import Letter, Origin
from turnout.recovery.processor.effects import NotDeliverable

__all__ = ["Deliveries", "deliveries"]


class Deliveries:
    """Implements `turnout.recovery.processor.effects.Deliver`: letters go to what they are owed.

    What SQS has moved to its dead-letter queue, because a consumer failed, goes back to the queue it came from.
    Neither `owed` nor `back` may wait or try on by itself: each call is one attempt.
    """

    action = Action.RETRY

    def __init__(self, owed: Act, back: Act) -> None:
        self._owed = owed
        self._back = back

    def aims(self, letter: Letter, reached: tuple[str, ...]) -> tuple[str, ...]:
        """See `Deliver.aims`."""
        try:
            return self._act(letter).aims(Work(letter, reached))
        except Unfit as error:
            raise NotDeliverable(str(error)) from error

    async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
        """See `Deliver.__call__`."""
        (made,) = await self._act(letter)([Work(letter, reached, cut=cut)])
        return made

    def _act(self, letter: Letter) -> Act:
        given_up_by_a_consumer = letter.origin in (Origin.SQS_REDRIVE, Origin.LAMBDA_RECORD)
        return self._back if letter.delivery is None and given_up_by_a_consumer else self._owed


async def deliveries(services: Services, place: Place) -> Deliveries:
    """What the processor delivers the letters of a queue or a file by. Raises `SqsError`."""
    return Deliveries(
        await delivering(services, place, To()),
        # Its name is the same in all processes: one may repeat what another has begun.
        await rerouting(services, place, "work", automatic=True),
    )
