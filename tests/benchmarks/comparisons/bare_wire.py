"""For comparison: what the SQS calls alone cost through the product's own client. No routing; nothing is decoded.

The same loop as `bare`, on `WireSqs`: what a row of the worker costs more than this is the pipeline's. As in the
worker, the digest of a body is not computed again for each queue it goes to.
"""

from __future__ import annotations

import asyncio
import os
import sys

import uvloop

from turnout.sqs.api import OutgoingMessage, Sqs
from turnout.sqs.wire.client import open_wire_sqs

POLLERS = 4


async def work(targets: int) -> None:
    """Poll until killed."""
    source = os.environ["TURNOUT_SOURCE_QUEUE_URL"]
    queues = [os.environ[f"{name}_QUEUE_URL"] for name in ("STANDARD", "HIGH", "CRITICAL")][:targets]
    async with open_wire_sqs() as sqs:
        await asyncio.gather(*(_poll(sqs, source, queues) for _ in range(POLLERS)))


async def _poll(sqs: Sqs, source: str, queues: list[str]) -> None:
    while True:
        messages = await sqs.receive(source)
        if messages:
            entries = [OutgoingMessage(message.body, body_md5=message.body_md5) for message in messages]
            await asyncio.gather(*(sqs.send(queue, entries) for queue in queues))
            await sqs.delete(source, [message.handle for message in messages])


if __name__ == "__main__":
    uvloop.run(work(int(sys.argv[1])))
