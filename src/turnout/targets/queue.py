"""An SQS queue as a destination: the common case."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from turnout.errors import Fault, SqsError, SqsRejected, TargetError
from turnout.queues import queue_name
from turnout.sqs.api import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ENTRIES,
    MAX_MESSAGE_BYTES,
    EntryFailure,
    OutgoingMessage,
    SentBatch,
    Sqs,
)
from turnout.sqs.place import amazons_url, is_amazons
from turnout.targets.api import MESSAGE_TOO_LONG

__all__ = ["QueueDestination", "arn_queue_url"]

_ARN = re.compile(r"arn:[a-z0-9-]+:sqs:[a-z0-9-]+:[0-9]+:[A-Za-z0-9_-]{1,80}(?:\.fifo)?")
_LIMIT_SECONDS = 60.0
"""How long the queue's answer about its limit is good for: changes of attributes take as long to spread."""

# What SQS says of a message over the queue's own limit, alone or in a batch, among other things that it says so.
_MAYBE_TOO_LONG = frozenset({"InvalidParameterValue", "BatchRequestTooLong"})


class QueueDestination:
    """The queue with this URL, standard or FIFO (its name ends in `.fifo`).

    `max_message_bytes` is what SQS takes. A queue's own limit may be lower (`MaximumMessageSize`): it is asked for when
    the queue has refused a message, so that the failure can say why. It is not asked for before, and nothing is kept
    from a queue because of it: whoever raises the limit need not tell us, and whoever may only send is fine, too.
    """

    max_entries = MAX_BATCH_ENTRIES
    max_message_bytes = MAX_MESSAGE_BYTES
    max_batch_bytes = MAX_BATCH_BYTES

    def __init__(self, sqs: Sqs, url: str) -> None:
        self._sqs = sqs
        self._limit = MAX_MESSAGE_BYTES
        self._limit_until = 0.0
        self.url = url
        self.name = queue_name(url)
        self.ordered = url.endswith(".fifo")

    @property
    def own_limit(self) -> int:
        """What the queue last said that it takes; what SQS takes, as long as it has not been asked."""
        return self._limit

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """SendMessageBatch; raises `SqsError`."""
        try:
            sent = await self._sqs.send(self.url, messages)
        except SqsRejected as error:
            if len(messages) > 1 or error.code not in _MAYBE_TOO_LONG:
                raise
            refused = EntryFailure(0, error.code, str(error), error.fault, error.retryable)
            explained = await self._explained(refused, messages[0])
            if explained is refused:
                raise
            return SentBatch((None,), (explained,))
        if not sent.failures:
            return sent
        failures = [await self._explained(failure, messages[failure.index]) for failure in sent.failures]
        return SentBatch(sent.message_ids, tuple(failures))

    async def _explained(self, failure: EntryFailure, message: OutgoingMessage) -> EntryFailure:
        """The failure, with a code that says so when the message was too long for this queue."""
        if failure.code not in _MAYBE_TOO_LONG:
            return failure
        size, limit = message.size(), await self._asked_limit()
        if size <= limit:
            return failure
        text = f"{size} bytes with its attributes; {self.name} takes {limit}"
        return msgspec.structs.replace(failure, code=MESSAGE_TOO_LONG, message=text, fault=Fault.DATA, retryable=False)

    async def _asked_limit(self) -> int:
        now = time.monotonic()
        if now >= self._limit_until:
            self._limit_until = now + _LIMIT_SECONDS
            try:
                limit = (await self._sqs.queue_attributes(self.url)).get("MaximumMessageSize", "")
            except SqsError:
                limit = ""  # then the failure has SQS's own sentence, which says it as well
            self._limit = int(limit) if limit.isascii() and limit.isdigit() else MAX_MESSAGE_BYTES
        return self._limit


def arn_queue_url(arn: str, *, beside: str) -> str:
    """The URL of the queue with this ARN. Where the queue `beside` is not at Amazon's (an emulator), so is this one.

    Raises `TargetError` when it is the ARN of no queue: letters hold what anybody wrote, and the region becomes a
    part of the host that a signed request is sent to.
    """
    if not _ARN.fullmatch(arn):
        raise TargetError(
            "nothing can be sent to what is the ARN of no queue: choose a target or an endpoint",
            code="UnsupportedTarget",
            fault=Fault.CONFIG,
            retryable=False,
            target=arn,
        )
    parts = urlsplit(beside)
    if not parts.hostname or is_amazons(parts.hostname):
        return amazons_url(arn)
    account, name = arn.split(":", 5)[4:]
    return f"{parts.scheme}://{parts.netloc}/{account}/{name}"
