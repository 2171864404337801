"""Sessions and clients of aioboto3: AWS's own settings, and the errors of its libraries mapped to our error tree.

It knows how to get a client and what may go wrong, not what SQS's calls are.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import aioboto3
import aiohttp
import msgspec
from aiobotocore.config import AioConfig
from botocore import exceptions as boto
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from turnout import __version__
from turnout.errors import SqsDenied, SqsError, SqsMisconfigured, SqsUnavailable
from turnout.queues import queue_name
from turnout.sqs.codes import call_error
from turnout.sqs.credentials import Credentials
from turnout.sqs.foreign_answers import BAD_ANSWER, LENT_EXPIRED, bad_answer, lent_expired
from turnout.sqs.place import Place, configured_region, find_place

__all__ = ["AwsConfig", "AwsSession", "foreign_errors", "retry_after_seconds", "trusting"]

_LENDING_SECONDS = 60.0
"""How long credentials are waited for. botocore gives a `credential_process` any time, and STS minutes."""

_LENDER = "what is to lend credentials (a credential_process or STS, for instance)"

Client = Any  # aiobotocore builds its clients at run time: they have no static type


def trusting(ca_bundle: str) -> ssl.SSLContext:
    """TLS with the certificate authorities in this file. Raises `SqsMisconfigured` when it cannot be read."""
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError as error:
        message = f"the certificate authorities in {ca_bundle} cannot be read: {error}"
        raise SqsMisconfigured(message, code="InvalidCaBundle") from error


class AwsConfig(msgspec.Struct, frozen=True):
    """What the clients need beyond AWS's own settings (`AWS_PROFILE`, `AWS_ENDPOINT_URL`, roles, ...).

    `region` and `endpoint_url` override AWS's settings. `connect_seconds` bounds opening a connection,
    `answer_seconds` an answer (a long poll's own wait comes on top). Long polls have `max_connections` of their own and
    all other calls have as many again, so that polls never hold back sends.
    """

    region: str | None = None
    endpoint_url: str | None = None
    connect_seconds: float = 5.0
    answer_seconds: float = 10.0
    max_connections: int = 64
    user_agent: str = f"turnout/{__version__}"
    """What the clients call themselves."""


class AwsSession:
    """An aioboto3 session with its configuration; makes SQS clients for places."""

    def __init__(self, config: AwsConfig) -> None:
        self.config = config
        with foreign_errors("Connect"):
            self.aioboto3 = aioboto3.Session(region_name=config.region or configured_region(os.environ))
            self.region: str | None = self.aioboto3.region_name
            """Where whatever names no region of its own is: as configured, or as the profile says."""

    def place(self, queue: str) -> Place:
        """Where the queue with this URL lives, with a region; raises `SqsMisconfigured` when there is none."""
        place = find_place(queue, self.config.region, os.environ)
        if place.region is None:
            place = Place(self.region, place.origin)
        if not place.region:
            message = "no region is known for this queue: set AWS_REGION"
            raise SqsMisconfigured(message, code="NoRegion", queue=queue_name(queue))
        return place

    async def client(self, place: Place, *, read_seconds: float | None = None) -> Client:
        """Open a client for SQS at `place`; the caller closes it with its `close()`.

        `read_seconds` bounds each read, for who has no bound for whole calls. The client never retries, checks no
        parameters (we build them) and sends a constant user agent (building botocore's takes an eighth of a call's CPU
        time).
        """
        config = AioConfig(
            connect_timeout=self.config.connect_seconds,
            read_timeout=read_seconds,
            max_pool_connections=self.config.max_connections,
            retries={"total_max_attempts": 1},
            parameter_validation=False,
            user_agent=self.config.user_agent,
        )
        client = await self._open(place.region, self.config.endpoint_url, config)
        if self.config.endpoint_url is None and place.origin is not None and _is_default(client):
            await client.close()
            client = await self._open(place.region, place.origin, config)
        return client

    async def endpoint_url(self, place: Place) -> str:
        """The URL that botocore would speak to for SQS at `place`, custom, FIPS and dual-stack endpoints included."""
        client = await self.client(place)
        try:
            return str(client.meta.endpoint_url)
        finally:
            await client.close()

    async def credentials(self, anew: bool = False) -> Credentials:
        """The current credentials; temporary ones are renewed in time. `anew` looks for them from the beginning."""
        async with _lending():
            if anew:
                self.aioboto3 = aioboto3.Session(region_name=self.aioboto3.region_name)
            found = await self._found()
        if found is None:
            raise _no_credentials()
        return found

    async def _found(self) -> Credentials | None:
        found = await self.aioboto3.get_credentials()
        if found is None:
            return None
        frozen = await found.get_frozen_credentials()
        for text in (frozen.access_key, frozen.secret_key, frozen.token or ""):
            if not (isinstance(text, str) and text.isascii() and text.isprintable()):  # it would end up in a header
                message = "the credentials are no text, or contain characters that they cannot have"
                raise SqsDenied(message, code="InvalidCredentials", operation="Credentials")
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or None)

    def ca_bundle(self) -> str:
        """The file of certificate authorities to trust: `AWS_CA_BUNDLE`, the profile's, or the one botocore uses."""
        return str(self._configured_bundle() or get_cert_path(True))

    def proxied(self, url: str) -> bool:
        """Whether the environment asks for a proxy on the way to `url`."""
        return urlsplit(url).scheme in get_environ_proxies(url)

    def _configured_bundle(self) -> str | None:
        bundle: str | None = self.aioboto3._session.get_config_variable("ca_bundle")
        return bundle

    async def _open(self, region: str | None, endpoint_url: str | None, config: AioConfig) -> Client:
        if self.aioboto3.region_name is None:  # then STS is asked there as well, when it is to lend credentials
            self.aioboto3 = aioboto3.Session(region_name=region)
        async with _lending():  # first, so that what is wrong with them is not told of the endpoint
            await self._found()
        context = self.aioboto3.client("sqs", region_name=region, endpoint_url=endpoint_url, config=config)
        with foreign_errors("Connect"):
            try:
                client = await context.__aenter__()
            except boto.InvalidRegionError:  # a ValueError as well
                raise
            except ValueError as error:  # botocore's for "Invalid endpoint"
                raise self._no_endpoint(error, endpoint_url) from error
        # Neither is looked at by botocore, which then fails at each call as if time would help.
        try:
            parts = urlsplit(client.meta.endpoint_url)
            parts.port  # noqa: B018
            if parts.scheme == "https" and (bundle := self._configured_bundle()):
                trusting(bundle)
        except ValueError as error:
            await client.close()
            raise self._no_endpoint(error, endpoint_url) from error
        except SqsMisconfigured:
            await client.close()
            raise
        return client

    def _no_endpoint(self, error: ValueError, given: str | None) -> SqsMisconfigured:
        """`given` is the URL that was ours to choose, if there was one."""
        said = str(error)
        if given is None:
            names = ("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL")
            name = next((name for name in names if os.environ.get(name)), "endpoint_url of the AWS profile")
            said += f": {name} must look like https://host or http://localhost:4566"
        return SqsMisconfigured(said, code="InvalidEndpoint")


def _is_default(client: Client) -> bool:
    """Whether no endpoint is configured anywhere, so that botocore took Amazon's own for the region."""
    endpoint = find_place(client.meta.endpoint_url, None, {})
    return endpoint.region is not None and ".vpce." not in (endpoint.origin or "")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait a server asks for: `x-amz-retry-after` (milliseconds) or `retry-after` (seconds)."""
    for name, unit in (("x-amz-retry-after", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "")
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text) / unit
    return None


# Somebody has to act; everything else that is not an answer may pass.
_DENIED = (boto.UnauthorizedSSOTokenError, boto.SSOTokenLoadError)
_MISCONFIGURED = (
    boto.PartialCredentialsError,
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.InvalidConfigError,
    boto.NoRegionError,
    boto.InvalidRegionError,
    boto.EndpointVariantError,
    boto.EndpointProviderError,
    boto.ProfileNotFound,
    boto.UnknownCredentialError,
    boto.InvalidEndpointDiscoveryConfigurationError,
    boto.InvalidProxiesConfigError,
)


def _no_credentials() -> SqsDenied:
    advice = "give this machine or pod a role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return SqsDenied(f"there are no credentials for AWS: {advice}", code="NoCredentialsError", operation="Credentials")


@asynccontextmanager
async def _lending() -> AsyncIterator[None]:
    """As `foreign_errors`, while credentials are looked for: what lends them may be anybody's program."""
    with foreign_errors("Credentials"):
        try:
            async with asyncio.timeout(_LENDING_SECONDS):
                yield
        except TimeoutError as error:
            message = f"{_LENDER} is silent for {_LENDING_SECONDS:g} s"
            raise SqsUnavailable(message, code="TimeoutError", operation="Credentials") from error
        except (ValueError, AttributeError, KeyError, TypeError, FileNotFoundError, PermissionError) as error:
            message = f"{_LENDER} gives none: {error}"
            raise SqsMisconfigured(message, code="InvalidCredentials", operation="Credentials") from error


@contextmanager
def foreign_errors(operation: str, queue: str = "") -> Iterator[None]:
    """Turn whatever aioboto3 and the libraries below it raise into an `SqsError`. `queue` is a URL."""
    try:
        yield
    except SqsError:
        raise
    except boto.ClientError as error:
        raise _answered(error, operation, queue) from error
    except boto.NoCredentialsError as error:
        raise _no_credentials() from error
    except _MISCONFIGURED as error:
        message, code = str(error), type(error).__name__
        raise SqsMisconfigured(message, code=code, operation=operation, queue=queue_name(queue)) from error
    except _DENIED as error:
        raise SqsDenied(str(error), code=type(error).__name__, operation=operation, queue=queue_name(queue)) from error
    except (boto.BotoCoreError, aiohttp.ClientError, OSError) as error:
        message, code = str(error) or "no answer", type(error).__name__
        raise SqsUnavailable(message, code=code, operation=operation, queue=queue_name(queue)) from error
    except BAD_ANSWER as error:
        if lent_expired(error):
            raise SqsDenied(LENT_EXPIRED, code="ExpiredToken", operation=operation, queue=queue_name(queue)) from error
        message = bad_answer(error, "SQS")
        raise SqsUnavailable(message, code="BadAnswer", operation=operation, queue=queue_name(queue)) from error


def _answered(error: boto.ClientError, operation: str, queue: str) -> SqsError:
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code = details.get("QueryErrorCode") or details.get("Code") or ""
    message = details.get("Message") or ""
    status = metadata.get("HTTPStatusCode", 0)
    # Where an answer has no code, because it is not one of SQS's, botocore makes one of the HTTP status, and a message
    # of all that came: a proxy's page.
    if code.isdigit() or not code:
        code, message = "BadAnswer", f"an answer with HTTP status {status} that is not SQS's"
    return call_error(
        code,
        message,
        status=status,
        operation=operation,
        queue=queue_name(queue),
        retry_after=retry_after_seconds(metadata.get("HTTPHeaders", {})),
    )
