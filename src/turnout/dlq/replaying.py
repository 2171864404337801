"""Deliveries by the replay API of the tutorials: what is asked for within a moment goes in calls of up to 100 ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from turnout.errors import GenesysError
from turnout.genesys.profiles.api import ReplayBatch
from turnout.recovery.deliver.api import Outcome
from turnout.recovery.deliver.requesting import replay_id
from turnout.recovery.ledger.records import Action
from turnout.recovery.letter import Letter
from turnout.recovery.processor.effects import NotDeliverable

__all__ = ["ReplayRequests"]

_GATHER_SECONDS = 0.2


class ReplayRequests:
    """Implements `turnout.recovery.processor.effects.Deliver`. `aclose` it.

    `replay` asks for events by their ids, in calls that are spaced; `label` is what the ledger calls the API.
    """

    action = Action.REPLAY

    def __init__(self, replay: Callable[[Iterable[str]], AsyncIterator[ReplayBatch]], label: str) -> None:
        self._replay = replay
        self._label = label
        self._waiting: dict[str, list[asyncio.Future[Outcome]]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def aims(self, letter: Letter, reached: tuple[str, ...]) -> tuple[str, ...]:
        """See `Deliver.aims`."""
        if not replay_id(letter):
            raise NotDeliverable("it has no id by which the API could replay it")
        return () if self._label in reached else (self._label,)

    async def __call__(self, letter: Letter, reached: tuple[str, ...], cut: asyncio.Event) -> Outcome:
        """See `Deliver.__call__`."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if not self._waiting:
            task = asyncio.create_task(self._send(), name="replay-request")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        self._waiting.setdefault(replay_id(letter), []).append(answer)
        return await answer

    async def aclose(self) -> None:
        """Give up what is under way."""
        for task in self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending)

    async def _send(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        waiting, self._waiting = self._waiting, {}
        error: GenesysError | None = None
        try:
            async for batch in self._replay(list(waiting)):
                for event_id in batch.event_ids:
                    self._answer(waiting.pop(event_id, []), batch.error)
        except GenesysError as failure:
            error = failure
        finally:
            for answers in waiting.values():
                self._answer(answers, error, "the API was not asked")

    def _answer(self, answers: Iterable[asyncio.Future[Outcome]], error: GenesysError | None, why: str = "") -> None:
        if error is not None:
            made = Outcome((), {self._label: str(error)}, again=error.retryable, retry_after=error.retry_after)
        else:
            made = Outcome((), {self._label: why}, again=True) if why else Outcome((self._label,))
        for answer in answers:
            if not answer.done():
                answer.set_result(made)
