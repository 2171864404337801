"""An SQS queue as a destination: the common case."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from turnout.message import queue_name
from turnout.sqs.api import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_MESSAGE_BYTES, OutgoingMessage, SentBatch, Sqs

__all__ = ["QueueDestination", "arn_queue_url"]


class QueueDestination:
    """The queue with this URL, standard or FIFO (its name ends in `.fifo`)."""

    max_entries = MAX_BATCH_ENTRIES
    max_message_bytes = MAX_MESSAGE_BYTES
    max_batch_bytes = MAX_BATCH_BYTES

    def __init__(self, sqs: Sqs, url: str) -> None:
        self._sqs = sqs
        self.url = url
        self.name = queue_name(url)
        self.ordered = url.endswith(".fifo")

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """SendMessageBatch; raises `SqsError`."""
        return await self._sqs.send(self.url, messages)


def arn_queue_url(arn: str, *, beside: str) -> str:
    """The URL of the queue with this ARN. Where the queue `beside` is not at Amazon's (an emulator), so is this one."""
    _, partition, _, region, account, name = arn.split(":", 5)
    host = urlsplit(beside).hostname or ""
    if host and ".amazonaws.com" not in host and not host.endswith((".api.aws", ".amazonaws.eu")):
        parts = urlsplit(beside)
        return f"{parts.scheme}://{parts.netloc}/{account}/{name}"
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{region}.{suffix}/{account}/{name}"
