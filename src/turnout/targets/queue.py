"""An SQS queue as a destination: the common case."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from turnout.errors import SqsError
from turnout.message import queue_name
from turnout.sqs.api import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_MESSAGE_BYTES, OutgoingMessage, SentBatch, Sqs

__all__ = ["QueueDestination"]

log = logging.getLogger(__name__)


class QueueDestination:
    """The queue with this URL, standard or FIFO (its name ends in `.fifo`).

    `max_message_bytes` is SQS's limit until the first send has asked the queue for its own, which may be lower.
    """

    max_entries = MAX_BATCH_ENTRIES
    max_batch_bytes = MAX_BATCH_BYTES

    def __init__(self, sqs: Sqs, url: str) -> None:
        self._sqs = sqs
        self._asked = False
        self.url = url
        self.name = queue_name(url)
        self.ordered = url.endswith(".fifo")
        self.max_message_bytes = MAX_MESSAGE_BYTES

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """SendMessageBatch; raises `SqsError`."""
        if not self._asked:
            self._asked = True
            await self._ask()
        return await self._sqs.send(self.url, messages)

    async def _ask(self) -> None:
        try:
            attributes = await self._sqs.queue_attributes(self.url)
        except SqsError as error:
            # Whoever may only send is fine too: SQS then refuses what is too large, entry by entry.
            log.debug("limits of %s not known: %s", self.name, error)
            return
        limit = attributes.get("MaximumMessageSize", "")
        if limit.isascii() and limit.isdigit():
            self.max_message_bytes = min(int(limit), MAX_MESSAGE_BYTES)
