"""Holds received messages: keeps them invisible to others until they are deleted or given back.

One background task extends them all, long before they would become visible. A process that dies lets go of them after
`visibility_seconds` at the latest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from turnout.errors import SqsError
from turnout.queues import queue_name
from turnout.sqs.api import MAX_BATCH_ENTRIES, Sqs

__all__ = ["Holding"]

log = logging.getLogger(__name__)

_CALLS = 4
"""Changes of visibility under way at a time."""


class Holding:
    """The messages of one queue that are held, by message id, with their newest receipt handles."""

    def __init__(self, sqs: Sqs, queue: str, visibility_seconds: int) -> None:
        self.visibility_seconds = visibility_seconds
        self._sqs = sqs
        self._queue = queue
        self._handles: dict[str, str] = {}
        self._extending: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._handles)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._handles

    def hold(self, message_id: str, handle: str) -> None:
        """Hold a message that was just received; one that came again is held by its newest handle."""
        self._handles[message_id] = handle
        if self._extending is None:
            self._extending = asyncio.create_task(self._extend(), name="extend-letters")

    async def give_back(self, message_ids: Iterable[str]) -> None:
        """Make messages visible at once. One that cannot be becomes so by itself."""
        handles = [handle for each in message_ids if (handle := self._handles.pop(each, None)) is not None]

        async def give_back(batch: Sequence[str]) -> None:
            with contextlib.suppress(SqsError):
                await self._sqs.change_visibility(self._queue, batch, 0)

        await _several_at_a_time(give_back, handles)

    async def delete(self, message_ids: Collection[str]) -> Mapping[str, str]:
        """Delete messages. Returns, by id, why those that could not be deleted stay; they are still held."""
        failed = {each: "it is no longer held" for each in message_ids if each not in self._handles}
        for batch in _batches([each for each in message_ids if each in self._handles]):
            try:
                failures = await self._sqs.delete(self._queue, [self._handles[each] for each in batch])
                refused = {batch[failure.index]: f"{failure.code}: {failure.message}" for failure in failures}
            except SqsError as error:
                refused = dict.fromkeys(batch, str(error))
            failed |= refused
            for each in batch:
                if each not in refused:
                    del self._handles[each]
        return failed

    async def aclose(self) -> None:
        """Give everything back."""
        if self._extending is not None:
            self._extending.cancel()
            await asyncio.wait([self._extending])
            self._extending = None
        await self.give_back(list(self._handles))

    async def _extend(self) -> None:
        while True:
            await asyncio.sleep(self.visibility_seconds / 3)
            try:
                await _several_at_a_time(self._extend_batch, list(self._handles))
            except Exception:  # a defect of ours must not let go of all letters, and nobody know
                log.exception("letters of %s were not extended, please report this", queue_name(self._queue))

    async def _extend_batch(self, batch: Sequence[str]) -> None:
        extended = [each for each in batch if each in self._handles]
        if not extended:
            return
        handles = [self._handles[each] for each in extended]
        try:
            answer = await self._sqs.change_visibility(self._queue, handles, self.visibility_seconds)
        except SqsError as error:
            log.warning("letters of %s may become visible to others: %s", queue_name(self._queue), error)
            return
        # What was deleted or given back meanwhile cannot be extended, and need not be.
        failures = [failure for failure in answer if extended[failure.index] in self._handles]
        if failures:
            # Twelve hours after its receive a message cannot be held any longer (SQS quotas).
            first = failures[0]
            log.warning(
                "letters of %s that are no longer held: %d: %s", queue_name(self._queue), len(failures), first.message
            )


async def _several_at_a_time(call: Callable[[Sequence[str]], Awaitable[None]], entries: Sequence[str]) -> None:
    """One call for each ten entries, a few of them at a time."""
    calls = asyncio.Semaphore(_CALLS)

    async def bounded(batch: Sequence[str]) -> None:
        async with calls:
            await call(batch)

    async with asyncio.TaskGroup() as tasks:
        for batch in _batches(entries):
            tasks.create_task(bounded(batch), name="visibility-of-letters")


def _batches(entries: Sequence[str]) -> Iterable[Sequence[str]]:
    return (entries[first : first + MAX_BATCH_ENTRIES] for first in range(0, len(entries), MAX_BATCH_ENTRIES))
