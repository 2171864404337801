"""Letters in an SQS queue.

SQS has no way to look that leaves no trace: a look is a receive, which counts, and hides the message for its time. So
each pass receives every message once, holds it (which ends the pass: nothing comes round again), and gives back what
was not deleted.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Collection, Mapping

from turnout.errors import SqsRejected
from turnout.message import Message
from turnout.queues import queue_name
from turnout.recovery.causes import CauseTable
from turnout.recovery.letter import Letter
from turnout.recovery.messages import message_id
from turnout.recovery.reading import read_letter
from turnout.recovery.sources.holding import Holding
from turnout.sqs.api import MAX_BATCH_ENTRIES, Sqs

__all__ = ["QueueSource", "open_queue_source", "unseen_note"]

_EMPTY_ANSWERS = 2
"""SQS asks a part of its servers, so that one empty answer does not mean an empty queue."""
_FEWEST_RECEIVES = 3
"""A queue that gives messages away after fewer receives is not looked into."""
_CHANGING_SECONDS = 3_600
"""A change of a queue's retention takes up to 15 minutes, and until then it is not known for how long it keeps what."""


async def open_queue_source(
    sqs: Sqs, queue: str, *, causes: CauseTable | None = None, visibility_seconds: int = 300, wait_seconds: int = 1
) -> QueueSource:
    """The letters of the queue with this URL; `aclose` it. `visibility_seconds` bounds how long a crash hides them.

    `wait_seconds` is how long one receive waits before the queue counts as empty.

    Raises `SqsError`; `SqsRejected` also when looking could push letters into a dead-letter queue of this queue.
    """
    attributes = await sqs.queue_attributes(queue)
    notes = []
    receives, further = _redrive(attributes)
    if receives is not None:
        if receives < _FEWEST_RECEIVES:
            message = (
                f"this queue gives a message to {further} after {receives} receive{'' if receives == 1 else 's'}, "
                "and each look counts as one: raise maxReceiveCount in its redrive policy, or remove the policy"
            )
            raise SqsRejected(message, code="RedrivePolicy", operation="ReceiveMessage", queue=queue_name(queue))
        notes.append(
            f"This queue has a redrive policy of its own: after {receives} receives, and each look counts as one, "
            f"a letter moves on to {further}."
        )
    unseen = int(attributes.get("ApproximateNumberOfMessagesNotVisible") or 0)
    if queue.endswith(".fifo"):
        lie = int(attributes.get("ApproximateNumberOfMessages") or 0) + unseen
        notes.append(
            "This is a FIFO queue: of each message group only the first letters can be seen, until those are gone; "
            f"it holds about {lie:,}."
        )
    return QueueSource(
        sqs,
        queue,
        Holding(sqs, queue, visibility_seconds),
        causes,
        receives,
        notes,
        unseen,
        _retention(attributes),
        wait_seconds,
    )


def unseen_note(unseen: int) -> str:
    """What an operator should know of letters that somebody else holds."""
    them, they_come = ("it", "It comes") if unseen == 1 else ("them", "They come")
    return (
        f"About {unseen:,} more cannot be seen now: somebody has received {them}, another run or a consumer. "
        f"{they_come} back when the visibility timeout ends, unless deleted before."
    )


def _retention(attributes: Mapping[str, str]) -> float | None:
    """For how many seconds the queue keeps a message; None while that is not sure."""
    try:
        seconds = float(attributes["MessageRetentionPeriod"])
        changed = float(attributes.get("LastModifiedTimestamp") or 0)
    except (ValueError, KeyError):
        return None
    return seconds if changed + _CHANGING_SECONDS < time.time() else None


def _redrive(attributes: Mapping[str, str]) -> tuple[int | None, str]:
    """After how many receives the queue's messages go to which other queue; None for never."""
    try:
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
        receives = int(policy["maxReceiveCount"])
    except (ValueError, TypeError, KeyError):
        return None, ""
    return receives, str(policy.get("deadLetterTargetArn", "")).rpartition(":")[2] or "another queue"


class QueueSource:
    """Implements `turnout.recovery.sources.api.Source`. Make it with `open_queue_source`."""

    undeliverable = ""
    keeps = False
    unreadable = 0

    def __init__(
        self,
        sqs: Sqs,
        queue: str,
        holding: Holding,
        causes: CauseTable | None,
        max_receives: int | None,
        notes: list[str],
        unseen: int,
        retention_seconds: float | None,
        wait_seconds: int,
    ) -> None:
        self.url = queue
        self.name = queue_name(queue)
        self.unseen = unseen
        self.retention_seconds = retention_seconds
        self._sqs = sqs
        self._holding = holding
        self._causes = causes
        self._max_receives = max_receives
        self._notes = notes
        self._wait_seconds = wait_seconds
        self._last_receive = 0
        self._looked = False
        """Whether all that could be seen then was seen."""

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Source.notes`."""
        notes = [*([unseen_note(self.unseen)] if self.unseen else []), *self._notes]
        if self._last_receive:
            move = (
                "moves on to that queue when it is"
                if self._last_receive == 1
                else "move on to that queue when they are"
            )
            notes.append(f"{self._last_receive} of these letters {move} received again.")
        return tuple(notes)

    async def letters(self, limit: int | None = None) -> AsyncIterator[Letter]:
        """See `Source.letters`."""
        count = empty = 0
        while empty < _EMPTY_ANSWERS and (limit is None or count < limit):
            wanted = MAX_BATCH_ENTRIES if limit is None else min(MAX_BATCH_ENTRIES, limit - count)
            fresh = await self.receive(wanted, self._wait_seconds)
            empty = 0 if fresh else empty + 1
            for letter in fresh:
                count += 1
                if self._looked and self.unseen:  # somebody has let go of it since
                    self.unseen -= 1
                yield letter
        self._looked = self._looked or empty >= _EMPTY_ANSWERS

    async def receive(self, most: int = MAX_BATCH_ENTRIES, wait_seconds: int = 20) -> list[Letter]:
        """Up to `most` letters (1 to 10) of one receive, held; those held already are left out. Raises `SqsError`."""
        found = await self._sqs.receive(
            self.url,
            max_messages=most,
            wait_seconds=wait_seconds,
            visibility_seconds=self._holding.visibility_seconds,
        )
        fresh = []
        for message in found:  # one by one: a standard queue may hand a message out twice in one answer
            if message_id(message) not in self._holding:
                fresh.append(message)
            self._holding.hold(message_id(message), message.handle)
        return [self._read(message) for message in fresh]

    async def give_back(self, letters: Collection[Letter]) -> None:
        """See `Source.give_back`."""
        await self._holding.give_back([letter.id for letter in letters])

    async def delete(self, letters: Collection[Letter]) -> Mapping[str, str]:
        """See `Source.delete`."""
        return await self._holding.delete([letter.id for letter in letters])

    async def aclose(self) -> None:
        """See `Source.aclose`."""
        await self._holding.aclose()

    def _read(self, message: Message) -> Letter:
        if self._max_receives is not None and message.receive_count >= self._max_receives:
            self._last_receive += 1
        return read_letter(message, queue=self.url, causes=self._causes)
