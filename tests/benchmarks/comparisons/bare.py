"""For comparison: what the SQS calls alone cost through aioboto3. No routing, no error handling, nothing is decoded.

Long polls of ten; each batch is sent as it is to the first TARGETS queues, then deleted. With `tuned`, the clients
are set up as the product's are.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import aioboto3
import uvloop
from aiobotocore.config import AioConfig

POLLERS = 4


async def work(targets: int, tuned: bool) -> None:
    """Poll until killed."""
    source = os.environ["TURNOUT_SOURCE_QUEUE_URL"]
    queues = [os.environ[f"{name}_QUEUE_URL"] for name in ("STANDARD", "HIGH", "CRITICAL")][:targets]
    config = AioConfig(max_pool_connections=64)
    if tuned:
        config = AioConfig(max_pool_connections=64, parameter_validation=False, user_agent="bare/1")
    session = aioboto3.Session()
    async with session.client("sqs", config=config) as sqs:
        await asyncio.gather(*(_poll(sqs, source, queues) for _ in range(POLLERS)))


async def _poll(sqs: Any, source: str, queues: list[str]) -> None:
    while True:
        answer = await sqs.receive_message(
            QueueUrl=source,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=20,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            continue
        entries = [{"Id": str(n), "MessageBody": message["Body"]} for n, message in enumerate(messages)]
        await asyncio.gather(*(sqs.send_message_batch(QueueUrl=queue, Entries=entries) for queue in queues))
        handles = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
        await sqs.delete_message_batch(QueueUrl=source, Entries=handles)


if __name__ == "__main__":
    uvloop.run(work(int(sys.argv[1]), "tuned" in sys.argv))
