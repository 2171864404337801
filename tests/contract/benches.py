"""What a contract test works on: an open implementation, queues made to measure, and a way to let time pass."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import aioboto3

from turnout.sqs.aio import open_aio_sqs
from turnout.sqs.api import MAX_MESSAGE_BYTES, Sqs
from turnout.sqs.memory import MemorySqs
from turnout.sqs.session import AwsConfig
from turnout.sqs.wire.client import open_wire_sqs

__all__ = ["BENCHES", "Bench", "open_bench"]

REGION = "us-east-1"

# name -> (implementation, server)
BENCHES = {
    "memory": ("memory", ""),
    "aio-ministack": ("aio", "ministack"),
    "aio-moto": ("aio", "moto"),
    "aio-roto": ("aio", "roto"),
    "wire-ministack": ("wire", "ministack"),
    "wire-moto": ("wire", "moto"),
    "wire-roto": ("wire", "roto"),
}

OPENERS: dict[str, Callable[[AwsConfig], AbstractAsyncContextManager[Sqs]]] = {
    "aio": open_aio_sqs,
    "wire": open_wire_sqs,
}

_numbers = itertools.count(1)


class Bench(Protocol):
    """One implementation on one server."""

    sqs: Sqs
    missing: str
    """URL of a queue that does not exist."""

    async def queue(
        self,
        *,
        fifo: bool = False,
        visibility_seconds: int = 30,
        delay_seconds: int = 0,
        max_message_bytes: int | None = None,
        content_based_deduplication: bool = False,
        dead_letter_queue: str | None = None,
        max_receive_count: int = 3,
    ) -> str:
        """Create a queue and return its URL."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let at least `seconds` pass for the queues."""
        ...


class MemoryBench:
    """The in-memory queue; its time is moved, not waited for."""

    def __init__(self, sqs: MemorySqs) -> None:
        self.sqs: Sqs = sqs
        self._memory = sqs
        self.missing = "http://sqs.memory/000000000000/missing"

    async def queue(
        self,
        *,
        fifo: bool = False,
        visibility_seconds: int = 30,
        delay_seconds: int = 0,
        max_message_bytes: int | None = None,
        content_based_deduplication: bool = False,
        dead_letter_queue: str | None = None,
        max_receive_count: int = 3,
    ) -> str:
        return self._memory.create_queue(
            _name(fifo),
            visibility_seconds=visibility_seconds,
            delay_seconds=delay_seconds,
            max_message_bytes=max_message_bytes or MAX_MESSAGE_BYTES,
            content_based_deduplication=content_based_deduplication,
            dead_letter_queue=dead_letter_queue,
            max_receive_count=max_receive_count,
        )

    async def pass_time(self, seconds: float) -> None:
        self._memory.advance(seconds)


class ServerBench:
    """A client on an emulator. `admin` is a bare aioboto3 client that creates queues."""

    def __init__(self, sqs: Sqs, admin: Any, missing: str) -> None:
        self.sqs = sqs
        self.missing = missing
        self._admin = admin

    async def queue(
        self,
        *,
        fifo: bool = False,
        visibility_seconds: int = 30,
        delay_seconds: int = 0,
        max_message_bytes: int | None = None,
        content_based_deduplication: bool = False,
        dead_letter_queue: str | None = None,
        max_receive_count: int = 3,
    ) -> str:
        attributes = {"VisibilityTimeout": str(visibility_seconds), "DelaySeconds": str(delay_seconds)}
        if fifo:
            attributes["FifoQueue"] = "true"
            attributes["ContentBasedDeduplication"] = str(content_based_deduplication).lower()
        if max_message_bytes is not None:
            attributes["MaximumMessageSize"] = str(max_message_bytes)
        if dead_letter_queue is not None:
            found = await self._admin.get_queue_attributes(QueueUrl=dead_letter_queue, AttributeNames=["QueueArn"])
            policy = {"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": max_receive_count}
            attributes["RedrivePolicy"] = json.dumps(policy)
        created = await self._admin.create_queue(QueueName=_name(fifo), Attributes=attributes)
        url: str = created["QueueUrl"]
        return url

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds + 0.1)


@asynccontextmanager
async def open_bench(implementation: str, server: str, url: str) -> AsyncIterator[Bench]:
    if implementation == "memory":
        yield MemoryBench(MemorySqs())
        return
    session = aioboto3.Session(region_name=REGION)
    async with (
        OPENERS[implementation](AwsConfig(region=REGION, endpoint_url=url)) as sqs,
        session.client("sqs", endpoint_url=url) as admin,
    ):
        yield ServerBench(sqs, admin, f"{url}/000000000000/missing")


def _name(fifo: bool) -> str:
    # The servers live on across tests, and across processes of one test session.
    return f"contract-{os.getpid()}-{next(_numbers)}" + (".fifo" if fifo else "")
