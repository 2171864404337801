"""The interface through which Turnout talks to SQS, and the records it passes.

Every implementation passes the one contract suite in tests/contract. Whole-call failures are raised as
`turnout.errors.SqsError`; failures of single entries are returned, by index, beside the entries that succeeded.
Implementations do not retry: backoff belongs to the callers, who know what is at stake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from turnout.errors import Fault
from turnout.message import Message, OutgoingMessage

__all__ = [
    "MAX_BATCH_BYTES",
    "MAX_BATCH_ENTRIES",
    "MAX_MESSAGE_ATTRIBUTES",
    "MAX_MESSAGE_BYTES",
    "MAX_VISIBILITY_SECONDS",
    "MAX_WAIT_SECONDS",
    "EntryFailure",
    "OutgoingMessage",
    "SentBatch",
    "Sqs",
]

# Service quotas (Amazon SQS developer guide, "Amazon SQS message quotas"; the 1 MiB limit dates from August 2025).
MAX_BATCH_ENTRIES = 10
MAX_BATCH_BYTES = 1_048_576
MAX_MESSAGE_BYTES = 1_048_576
MAX_MESSAGE_ATTRIBUTES = 10
MAX_VISIBILITY_SECONDS = 43_200
MAX_WAIT_SECONDS = 20


class EntryFailure(msgspec.Struct, frozen=True):
    """One entry of a batch that SQS did not accept. `index` is its place in the sequence that was passed.

    `code` is in the short spelling; `fault` and `retryable` are derived from it and from SenderFault by
    `turnout.sqs.codes`.
    """

    index: int
    code: str
    message: str
    fault: Fault
    retryable: bool


class SentBatch(msgspec.Struct, frozen=True):
    """What became of a SendMessageBatch: the SQS message id per index (None where it failed), and the failures."""

    message_ids: tuple[str | None, ...]
    failures: tuple[EntryFailure, ...] = ()


class Sqs(Protocol):
    """SQS, as far as Turnout needs it. Queues are named by URL. All methods raise `SqsError` and nothing else.

    Cancelling a call is safe: the connection it used is not reused, and what the call asked for may or may not
    have happened.
    """

    async def receive(
        self, queue: str, *, max_messages: int = 10, wait_seconds: int = 20, visibility_seconds: int | None = None
    ) -> list[Message]:
        """Up to `max_messages` (1 to 10), with all user and system attributes; empty after `wait_seconds` (0 to 20).

        `visibility_seconds` None leaves the queue's own setting in force.
        """
        ...

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """SendMessageBatch of 1 to 10 messages, together at most `MAX_BATCH_BYTES`."""
        ...

    async def delete(self, queue: str, handles: Sequence[str]) -> tuple[EntryFailure, ...]:
        """DeleteMessageBatch of 1 to 10 receipt handles; returns the entries that failed."""
        ...

    async def change_visibility(self, queue: str, handles: Sequence[str], seconds: int) -> tuple[EntryFailure, ...]:
        """ChangeMessageVisibilityBatch of 1 to 10 receipt handles, all to `seconds` from now (0 hands back).

        Returns the entries that failed.
        """
        ...

    async def queue_attributes(self, queue: str) -> Mapping[str, str]:
        """GetQueueAttributes with `All`: the attribute names and string values that SQS returns."""
        ...

    async def aclose(self) -> None:
        """Close all connections. Calls under way fail with `SqsUnavailable`."""
        ...
