"""An SQS between the worker and the in-memory one: it takes time, loses answers when told to, and keeps a ledger."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import TypeVar

from turnout.errors import SqsUnavailable
from turnout.letter import LetterAttribute, read_letter_attribute
from turnout.message import Message
from turnout.queues import queue_name
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch
from turnout.sqs.memory import MemorySqs

__all__ = ["LedgerSqs"]

T = TypeVar("T")

_LATENCIES = (0.0, 0.0, 0.001, 0.01, 0.2)


class LedgerSqs:
    """Implements `turnout.sqs.api.Sqs` over a `MemorySqs`.

    `on_delete` is asked, before each delete, about the body of every message that is to be deleted. `on_accept` is told
    queue name and body of every message that a queue takes, at that moment.
    """

    def __init__(
        self, memory: MemorySqs, seed: int, on_delete: Callable[[str], None], on_accept: Callable[[str, str], None]
    ) -> None:
        self._memory = memory
        self._random = Random(seed)
        self._on_delete = on_delete
        self._on_accept = on_accept
        self._losing: Counter[tuple[str, str]] = Counter()
        self.handles: dict[str, str] = {}
        """Receipt handle to message id."""
        self.bodies: dict[str, str] = {}
        """Message id to body."""
        self.arrivals: Counter[str] = Counter()
        """How often each message, by its id, reached the worker."""
        self.handed_out: Counter[str] = Counter()
        """How often each message, by its body, was handed out, whether it reached the worker or not."""
        self.order: list[str] = []
        """The bodies in the order in which they reached the worker."""
        self.accepted: Counter[tuple[str, str]] = Counter()
        """Queue name and body of every send that was accepted, also of those that a FIFO queue knows and drops."""
        self.told: set[tuple[str, str]] = set()
        """Queue name and body of every send that the worker was told had been accepted."""
        self.untold: Counter[tuple[str, str]] = Counter()
        """The same, of every send that was accepted and the worker does not know."""
        self.letters: dict[str, list[LetterAttribute]] = defaultdict(list)
        """The letters that the worker was told had been accepted, by body."""

    def lose_answers(self, queue: str, operation: str, times: int) -> None:
        """Let the next calls have their effect, and their caller see a broken connection."""
        self._losing[queue, operation] += times

    async def receive(
        self, queue: str, *, max_messages: int = 10, wait_seconds: int = 20, visibility_seconds: int | None = None
    ) -> list[Message]:
        received: list[Message] = []

        async def effect() -> list[Message]:
            received[:] = await self._memory.receive(
                queue, max_messages=max_messages, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds
            )
            for message in received:
                self.handles[message.handle] = message.id
                self.bodies[message.id] = message.body
                self.handed_out[message.body] += 1
            return received

        await self._call(queue, "ReceiveMessage", effect)
        for message in received:
            self.arrivals[message.id] += 1
            self.order.append(message.body)
        return received

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        name = queue_name(queue)
        sent: list[SentBatch] = []

        async def effect() -> SentBatch:
            sent.append(await self._memory.send(queue, messages))
            for message in _accepted(messages, sent):
                self._on_accept(name, message.body)
                self.accepted[name, message.body] += 1
            return sent[0]

        try:
            await self._call(queue, "SendMessageBatch", effect)
        except (SqsUnavailable, asyncio.CancelledError):
            self.untold.update((name, message.body) for message in _accepted(messages, sent))
            raise
        for message in _accepted(messages, sent):
            self.told.add((name, message.body))
            letter = read_letter_attribute(message.attributes)
            if letter is not None:
                self.letters[message.body].append(letter)
        return sent[0]

    async def delete(self, queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
        for handle in handles:
            self._on_delete(self.bodies[self.handles[handle]])
        return await self._call(queue, "DeleteMessageBatch", lambda: self._memory.delete(queue, handles))

    async def change_visibility(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
        return await self._call(
            queue, "ChangeMessageVisibilityBatch", lambda: self._memory.change_visibility(queue, handles, seconds)
        )

    async def queue_attributes(self, queue: str) -> Mapping[str, str]:
        return await self._memory.queue_attributes(queue)

    async def aclose(self) -> None:
        """The queues stay."""

    async def _call(self, queue: str, operation: str, effect: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(self._random.choice(_LATENCIES))
        result = await effect()
        await asyncio.sleep(self._random.choice(_LATENCIES))
        key = (queue_name(queue), operation)
        if self._losing[key]:
            self._losing[key] -= 1
            raise SqsUnavailable("the answer was lost", code="ConnectionResetError", operation=operation)
        return result


def _accepted(messages: Sequence[OutgoingMessage], sent: Sequence[SentBatch]) -> list[OutgoingMessage]:
    if not sent:
        return []
    return [message for message, message_id in zip(messages, sent[0].message_ids, strict=True) if message_id]
