"""An action of which conversations are told what becomes of letters about them: before it, and after it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from turnout.errors import CallError
from turnout.recovery.deliver.api import Act, Outcome, Work
from turnout.recovery.processor.effects import Conversations, Told

__all__ = ["Telling"]

log = logging.getLogger(__name__)


class Telling:
    """Implements `turnout.recovery.deliver.api.Act` by another one. That something cannot be told stops nothing.

    Who acts tells when: of the end not before the ledger knows of it, since telling may take minutes.
    """

    def __init__(self, act: Act, conversations: Conversations) -> None:
        self._act = act
        self._conversations = conversations
        self.action = act.action
        self.batch = act.batch

    @property
    def ordered(self) -> bool:
        """See `Act.ordered`."""
        return self._act.ordered

    @property
    def missing(self) -> Mapping[str, str]:
        """See `Act.missing`."""
        return self._act.missing

    def aims(self, work: Work) -> tuple[str, ...]:
        """See `Act.aims`."""
        return self._act.aims(work)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        """See `Act.__call__`."""
        return await self._act(works)

    async def begin(self, works: Iterable[Work]) -> None:
        """Tell that these are about to be acted on."""
        for work in works:
            await self._tell(work, Told.RETRYING)

    async def end(self, ended: Iterable[tuple[Work, Outcome]]) -> None:
        """Tell what came of these."""
        for work, outcome in ended:
            await self._tell(work, Told.REPLAY_SUCCESSFUL if outcome.done else Told.REPLAY_FAILED)

    async def _tell(self, work: Work, told: Told) -> None:
        if not work.letter.conversation_id:
            return
        try:
            await self._conversations.tell(work.letter, told, work.attempt)
        except CallError as error:
            log.warning("a conversation was not told of its letter (%s): %s", told.value, error)
