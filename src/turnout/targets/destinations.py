"""From a target of the rules to its destination: which kind it is, and the clients that all of a kind share."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from turnout.errors import Fault, SettingsError, TargetError
from turnout.queues import queue_url
from turnout.rules import Target
from turnout.rules.model import Kind
from turnout.sqs.api import Sqs
from turnout.targets.api import Destination
from turnout.targets.certificates import ClientCertificate, Renewing, client_certificate
from turnout.targets.http import HttpDestination
from turnout.targets.queue import QueueDestination, arn_queue_url
from turnout.targets.ways import proxy_for, trusted_authorities

if TYPE_CHECKING:
    from turnout.targets.aws import AwsClients

__all__ = ["Destinations", "open_destinations"]

log = logging.getLogger(__name__)


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
        self._http: dict[tuple[str, ClientCertificate | None], httpx.AsyncClient] = {}
        """By the URL of the proxy that they go through, and what they show of ours."""
        self._aws: AwsClients | None = None

    def __call__(self, target: Target) -> Destination:
        """The destination of a target. Raises `TargetError` where the environment leaves no way to it."""
        if target.kind is Kind.QUEUE:
            return self.queue(target.address)
        if target.kind is Kind.URL:
            with _no_way(target.address):
                shown = client_certificate(target, self._environ)
            return self.endpoint(target.address, self._secret(target) if target.secret_from else "", shown)
        # Imported on demand: most rules send to queues only.
        from turnout.targets import aws

        match target.kind:
            case Kind.TOPIC:
                return aws.TopicDestination(self._clients(), target.address)
            case Kind.BUS:
                return aws.BusDestination(self._clients(), target.address)
            case Kind.STATE_MACHINE:
                return aws.StateMachineDestination(self._clients(), target.address)

    def _secret(self, target: Target) -> str:
        secret = self._environ.get(target.secret_from, "")
        if not secret:
            log.warning(
                "%s is not set: what is sent to %s is not signed, set it to the secret that the endpoint knows",
                target.secret_from, target.name,
                extra={"target": target.name},
            )  # fmt: skip
        return secret

    def queue(self, name_or_url: str) -> Destination:
        """A queue."""
        return QueueDestination(self._sqs, queue_url(name_or_url, beside=self._beside))

    def endpoint(self, url: str, secret: str = "", shown: ClientCertificate | None = None) -> Destination:
        """An HTTP(S) endpoint; it is shown a certificate, and what is sent there is signed, where one is given.

        Raises `TargetError` when the environment says how to reach it, and that cannot be done.
        """
        with _no_way(url):
            client = self._http_client(proxy_for(url, self._environ), shown)
        return HttpDestination(client, url, secret=secret)

    def at_arn(self, arn: str) -> Destination:
        """What an ARN names. Raises `TargetError` when nothing can be sent there: a rule, an API destination, a stream.

        An API destination keeps its URL and its credentials to itself.
        """
        service, resource = (arn.split(":", 5) + [""] * 6)[2:6:3]
        if service == "sqs":
            return QueueDestination(self._sqs, arn_queue_url(arn, beside=self._beside))
        from turnout.targets import aws

        if service == "lambda":
            return aws.FunctionDestination(self._clients(), arn)
        if service == "sns":
            return aws.TopicDestination(self._clients(), arn)
        if service == "states" and resource.startswith("stateMachine:"):
            return aws.StateMachineDestination(self._clients(), arn)
        if service == "events" and resource.startswith("event-bus/"):
            return aws.BusDestination(self._clients(), arn)
        what = "an API destination" if resource.startswith("api-destination/") else f"{service or 'nothing known'}"
        raise TargetError(
            f"nothing can be sent to {what} by its ARN: choose a target or an endpoint",
            code="UnsupportedTarget",
            fault=Fault.CONFIG,
            retryable=False,
            target=arn,
        )

    def _clients(self) -> AwsClients:
        from turnout.targets.aws import AwsClients

        if self._aws is None:
            self._aws = AwsClients()
            self._open.push_async_callback(self._aws.aclose)
        return self._aws

    async def aclose(self) -> None:
        """Close what was opened."""
        await self._open.aclose()

    def _http_client(self, proxy: str, shown: ClientCertificate | None) -> httpx.AsyncClient:
        client = self._http.get((proxy, shown))
        if client is None:
            trusted = trusted_authorities(self._environ)
            # httpx makes the next request even where redirects are not followed, and raises where it cannot.
            hooks: dict[str, list[Callable[[Any], Awaitable[None]]]] = {"response": [_forget_location]}
            by_proxy = httpx.Proxy(proxy, ssl_context=trusted) if proxy.startswith("https:") else proxy or None
            if shown is not None:
                trusted = trusted_authorities(self._environ)  # another one: the proxy is shown nothing
                hooks["request"] = [_looking(Renewing(shown, trusted))]
            client = self._http[proxy, shown] = httpx.AsyncClient(
                follow_redirects=False,
                trust_env=False,  # it is read above, from the environment that was given
                verify=trusted,
                proxy=by_proxy,
                event_hooks=hooks,
                # Who sends bounds the calls, over all targets. httpx's own bounds would let many endpoints shake hands
                # again for each event, and tell a busy one that another has no answer.
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
                # Cookies that are kept would be sent to the endpoint with every later event, and be ever more of them.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            )
            self._open.push_async_callback(client.aclose)
        return client


@contextlib.contextmanager
def _no_way(url: str) -> Iterator[None]:
    """What is wrong with the environment is about endpoints alone: what goes elsewhere can be sent."""
    try:
        yield
    except SettingsError as error:
        raise TargetError(
            str(error), code="NoWay", fault=Fault.CONFIG, retryable=False, target=urlsplit(url).hostname or ""
        ) from error


async def _forget_location(response: httpx.Response) -> None:
    response.headers.pop("location", None)


def _looking(renewing: Renewing) -> Callable[[httpx.Request], Awaitable[None]]:
    async def look(_: httpx.Request) -> None:
        renewing.look()

    return look
