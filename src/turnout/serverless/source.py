"""A batch that Lambda has received, in the place of the source queue: the pipeline reads it as it reads SQS.

Receiving hands the batch out; deleting and handing back are only noted, because Lambda does both itself, by what the
function answers. Of a FIFO queue, each group's next message is handed out when the one before it is accounted for, and
none after one that is not: order holds, and those behind are reported as failed, too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from turnout.account import Account, Outcome
from turnout.message import Message
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch, Sqs
from turnout.telemetry.tracing import Tracing

__all__ = ["BatchSource", "Settlements"]


class BatchSource:
    """Implements `turnout.sqs.api.Sqs` for one batch: its own messages, and everything else through `sqs`."""

    def __init__(self, sqs: Sqs, messages: Sequence[Message]) -> None:
        self._sqs = sqs
        self._messages = {message.id: message for message in messages}
        self._ready: dict[str, deque[Message]] = {message.queue: deque() for message in messages}
        self._behind: dict[str, deque[Message]] = {}
        self._left: list[deque[Message]] = []
        """Those behind a failure in their group."""
        self._done: set[str] = set()
        self._failed: set[str] = set()
        self._changed = asyncio.Event()
        self._closed = False
        self.finished = asyncio.Event()
        """Set when every message is accounted for or has failed."""
        for message in messages:
            group = message.lane
            if group in self._behind:
                self._behind[group].append(message)
                continue
            if group:
                self._behind[group] = deque()
            self._ready[message.queue].append(message)

    @property
    def queues(self) -> tuple[str, ...]:
        """URLs of the queues that the batch is from."""
        return tuple(self._ready)

    @property
    def failed(self) -> list[str]:
        """Ids of the messages that are not accounted for, in the order of the batch."""
        return [message_id for message_id in self._messages if message_id not in self._done]

    @property
    def unseen(self) -> int:
        """How many messages were never handed out."""
        return sum(map(len, (*self._ready.values(), *self._behind.values(), *self._left)))

    def settled(self, account: Account) -> None:
        """Note how a message's stay ended."""
        message = account.message
        if account.outcome is None or account.outcome is Outcome.HANDED_BACK:
            self._failed.add(message.id)
            behind = self._behind.pop(message.lane, deque())
            self._left.append(behind)
            self._failed.update(each.id for each in behind)
        else:
            self._done.add(message.id)
            waiting = self._behind.get(message.lane)
            if waiting:
                self._ready[message.queue].append(waiting.popleft())
        self._look()

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
        self._changed.set()

    def _look(self) -> None:
        self._changed.set()
        if len(self._done) + len(self._failed) >= len(self._messages):
            self.finished.set()

    async def receive(
        self, queue: str, *, max_messages: int = 10, wait_seconds: int = 20, visibility_seconds: int | None = None
    ) -> list[Message]:
        """The next messages of the batch; waits until there are some, or nothing more will come."""
        ready = self._ready[queue]
        while not ready and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        if self._closed:
            await asyncio.sleep(0)  # the poller asks again until it is told to stop: let that happen
            return []
        return [ready.popleft() for _ in range(min(max_messages, len(ready)))]

    async def delete(self, queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
        """Lambda deletes what the function does not report."""
        return ()

    async def change_visibility(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
        """Lambda's poller has made the messages invisible for longer than the function can run."""
        return ()

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """See `Sqs.send`."""
        return await self._sqs.send(queue, messages)

    async def queue_attributes(self, queue: str) -> Mapping[str, str]:
        """See `Sqs.queue_attributes`."""
        return await self._sqs.queue_attributes(queue)

    async def aclose(self) -> None:
        """Nothing of its own to close."""


class Settlements:
    """Tells a batch how its messages' stays end: it stands in the worker's place for tracing, and passes all on."""

    def __init__(self, tracing: Tracing, source: BatchSource) -> None:
        self._tracing = tracing
        self._source = source
        self.received = tracing.received
        self.inject = tracing.inject
        self.aclose = tracing.aclose

    def settled(self, accounts: Sequence[Account]) -> None:
        """As `Tracing.settled`, and tell the batch."""
        self._tracing.settled(accounts)
        for account in accounts:
            self._source.settled(account)
