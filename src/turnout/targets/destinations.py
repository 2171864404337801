"""From a target of the rules to its destination: which kind it is, and the clients that all of a kind share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping

import httpx

from turnout.message import queue_url
from turnout.rules import Target
from turnout.rules.model import Kind
from turnout.sqs.api import Sqs
from turnout.targets.api import Destination
from turnout.targets.http import HttpDestination
from turnout.targets.queue import QueueDestination

__all__ = ["Destinations", "open_destinations"]


@contextlib.asynccontextmanager
async def open_destinations(
    sqs: Sqs, *, beside: str, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Destinations]:
    """Destinations whose connections are closed on leaving. `beside` is the source queue, for bare queue names."""
    destinations = Destinations(sqs, beside=beside, environ=os.environ if environ is None else environ)
    try:
        yield destinations
    finally:
        await destinations.aclose()


class Destinations:
    """Makes destinations. Clients other than SQS's are made when the first target needs them."""

    def __init__(self, sqs: Sqs, *, beside: str, environ: Mapping[str, str]) -> None:
        self._sqs = sqs
        self._beside = beside
        self._environ = environ
        self._open = contextlib.AsyncExitStack()
        self._http: httpx.AsyncClient | None = None
        self._aws: object = None

    def __call__(self, target: Target) -> Destination:
        """The destination of a target."""
        if target.kind is Kind.QUEUE:
            return QueueDestination(self._sqs, queue_url(target.address, beside=self._beside))
        if target.kind is Kind.URL:
            secret = self._environ.get(target.secret_from, "") if target.secret_from else ""
            return HttpDestination(self._http_client(), target.address, secret=secret)
        # Imported on demand: most rules send to queues only.
        from turnout.targets.aws import AwsClients, BusDestination, StateMachineDestination, TopicDestination

        if not isinstance(self._aws, AwsClients):
            self._aws = AwsClients()
            self._open.push_async_callback(self._aws.aclose)
        if target.kind is Kind.TOPIC:
            return TopicDestination(self._aws, target.address)
        if target.kind is Kind.BUS:
            return BusDestination(self._aws, target.address)
        return StateMachineDestination(self._aws, target.address)

    async def aclose(self) -> None:
        """Close what was opened."""
        await self._open.aclose()

    def _http_client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(follow_redirects=False, trust_env=False)
            self._open.push_async_callback(self._http.aclose)
        return self._http
