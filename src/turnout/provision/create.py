"""Makes planned queues through aioboto3. What exists is left as it is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from turnout.errors import SqsQueueMissing
from turnout.provision.plan import MAX_RECEIVES, QueuePlan
from turnout.sqs.place import find_place
from turnout.sqs.session import AwsConfig, AwsSession, foreign_errors

__all__ = ["Made", "Maker", "open_maker"]


class Made(msgspec.Struct, frozen=True):
    """A queue that is there now; `new` when it was not there before."""

    plan: QueuePlan
    url: str
    new: bool


@asynccontextmanager
async def open_maker() -> AsyncIterator[Maker]:
    """A maker for the account and region of AWS's own settings. Raises `SqsError` when they cannot be used."""
    session = AwsSession(AwsConfig())
    client = await session.client(session.place(""), read_seconds=10.0)
    try:
        yield Maker(client)
    finally:
        await client.close()


class Maker:
    """Makes queues at one place. All methods raise `SqsError`."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.endpoint = str(client.meta.endpoint_url)
        self.emulator = find_place(self.endpoint, None, {}).region is None
        """Whether the endpoint is not Amazon's."""

    async def make(self, plans: Iterable[QueuePlan]) -> AsyncIterator[Made]:
        """Make each queue that is not there yet, in the order of the plans."""
        arns: dict[str, str] = {}
        for plan in plans:
            url = await self._find(plan.name)
            new = url is None
            if url is None:
                url = await self._create(plan, arns.get(plan.redrive_to, ""))
            arns[plan.name] = await self._arn(url)
            yield Made(plan, url, new)

    async def _find(self, name: str) -> str | None:
        try:
            with foreign_errors("GetQueueUrl", name):
                return str((await self._client.get_queue_url(QueueName=name))["QueueUrl"])
        except SqsQueueMissing:
            return None

    async def _create(self, plan: QueuePlan, redrive_to: str) -> str:
        attributes = dict(plan.attributes)
        if redrive_to:
            policy = {"deadLetterTargetArn": redrive_to, "maxReceiveCount": MAX_RECEIVES}
            attributes["RedrivePolicy"] = json.dumps(policy)
        with foreign_errors("CreateQueue", plan.name):
            return str((await self._client.create_queue(QueueName=plan.name, Attributes=attributes))["QueueUrl"])

    async def _arn(self, url: str) -> str:
        with foreign_errors("GetQueueAttributes", url):
            answer = await self._client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            return str(answer["Attributes"]["QueueArn"])
