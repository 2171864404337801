"""An archive in an S3 bucket.

Objects are written only where there is none yet (`If-None-Match: *`), encrypted, and with a SHA-256 that S3 checks on
arrival. Needs `s3:PutObject` on the keys; `s3:GetObject` for telling a repeated letter from another one and for
bringing letters back; `s3:ListBucket` on the bucket for bringing back by prefix; with a key of your own, named here or
by the bucket, `kms:GenerateDataKey` and `kms:Decrypt`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, ParamValidationError

from turnout.errors import ArchiveError, Fault
from turnout.recovery.archive.store import Stored, unmistakable
from turnout.sqs.foreign_answers import BAD_ANSWER, bad_answer
from turnout.sqs.place import configured_region

__all__ = ["S3Archive", "open_s3_archive"]

_IDENTITY = "turnout-letter"
"""The object's own metadata that says which letter it is."""
_TRIES = 3
"""How often a write is repeated while somebody else writes the same key (409, S3 user guide on conditional writes)."""
_LARGEST = 64 * 1024 * 1024
"""Others' objects are not read into memory to find out what they are. A letter of 1 MiB, escaped twice, has less."""
_CALL_TIMES = 6
"""botocore bounds connecting and each read alone, so an answer that comes letter by letter would never end. Four
attempts that connect and read, and the pauses between them, take less than this many times the one bound."""

_EXPIRED = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
"""Credentials that have come to their end: S3's own words do not say what to do."""
_CONFIG = _EXPIRED | frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "InvalidAccessKeyId",
        "InvalidBucketName",
        "KMS.DisabledException",
        "KMS.KMSInvalidStateException",
        "KMS.NotFoundException",
        "NoSuchBucket",
        "PermanentRedirect",
        "SignatureDoesNotMatch",
    }
)
_DATA = frozenset({"EntityTooLarge", "InvalidObjectState", "InvalidRequest", "KeyTooLongError", "NoSuchKey"})
_PASSING = frozenset({"KMS.ThrottlingException", "RequestTimeout", "ThrottlingException"})
"""What passes by itself although its status is 400: a connection that stalled, a key that is asked for too often."""


@contextlib.asynccontextmanager
async def open_s3_archive(
    bucket: str, *, kms_key: str = "", region: str | None = None, timeout_seconds: float = 20.0
) -> AsyncIterator[S3Archive]:
    """The archive in this bucket; AWS's own settings say where and as whom.

    `kms_key` is the id or ARN of the KMS key to encrypt with; without one S3 encrypts as the bucket
    says, by default with keys of its own (SSE-S3).
    """
    config = AioConfig(
        connect_timeout=5.0, read_timeout=timeout_seconds, retries={"total_max_attempts": 4, "mode": "standard"}
    )
    session = aioboto3.Session(region_name=region or configured_region(os.environ))
    async with contextlib.AsyncExitStack() as stack:
        with _foreign_errors(f"s3://{bucket}"):
            client = await stack.enter_async_context(session.client("s3", config=config))
        yield S3Archive(client, bucket, kms_key, call_seconds=_CALL_TIMES * timeout_seconds)


class S3Archive:
    """Implements `turnout.recovery.archive.store.ArchiveStore`. Make it with `open_s3_archive`."""

    def __init__(self, client: Any, bucket: str, kms_key: str = "", *, call_seconds: float = 120.0) -> None:
        self.name = f"s3://{bucket}"
        self._client = client
        self._bucket = bucket
        self._call_seconds = call_seconds
        # To name SSE-S3 here would overrule the key that the bucket itself encrypts with.
        self._encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key, "BucketKeyEnabled": True} if kms_key else {}
        )

    async def put(self, key: str, document: bytes, identity: str) -> Stored:
        """See `ArchiveStore.put`."""
        if await self._write(key, document, identity):
            return Stored(key, True)
        if await self._identity(key) == identity:
            return Stored(key, False)
        key = unmistakable(key, identity)
        return Stored(key, await self._write(key, document, identity))

    async def get(self, key: str) -> bytes:
        """See `ArchiveStore.get`."""
        async with self._call(key):
            answer = await _answer(self._client.get_object(Bucket=self._bucket, Key=key))
            if answer.get("ContentLength", 0) > _LARGEST:
                answer["Body"].close()
                said = f"{answer['ContentLength']:,} bytes are more than any archived letter has"
                raise ArchiveError(said, code="EntityTooLarge", fault=Fault.DATA, place=f"{self.name}/{key}")
            document: bytes = await answer["Body"].read()
        return document

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """See `ArchiveStore.keys`."""
        start: dict[str, str] = {}
        while True:
            async with self._call(prefix):
                page = await self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **start)
                more = page["IsTruncated"]
            for found in page.get("Contents", ()):
                yield found["Key"]
            if not more:
                return
            start = {"ContinuationToken": page["NextContinuationToken"]}

    async def _write(self, key: str, document: bytes, identity: str) -> bool:
        """Whether the object was written; False when the key is taken."""
        tries = 0
        while True:
            tries += 1
            try:
                async with self._call(key):
                    request = self._client.put_object(
                        Bucket=self._bucket,
                        Key=key,
                        Body=document,
                        ContentType="application/json",
                        IfNoneMatch="*",
                        ChecksumAlgorithm="SHA256",
                        ChecksumSHA256=base64.b64encode(hashlib.sha256(document).digest()).decode(),
                        Metadata={_IDENTITY: identity},
                        **self._encryption,
                    )
                    await _answer(request)
            except ArchiveError as error:
                if error.code == "PreconditionFailed":
                    return False
                if error.code != "ConditionalRequestConflict" or tries == _TRIES:
                    raise
            else:
                return True

    async def _identity(self, key: str) -> str:
        """Which letter an object is; empty when that cannot be known."""
        try:
            async with self._call(key):
                answer = await _answer(self._client.head_object(Bucket=self._bucket, Key=key))
        except ArchiveError as error:
            if error.fault is Fault.SYSTEM:
                raise
            return ""  # not ours, or not for us to read: then it counts as another letter
        return str(answer.get("Metadata", {}).get(_IDENTITY, ""))

    @contextlib.asynccontextmanager
    async def _call(self, key: str) -> AsyncIterator[None]:
        """A call, in time. Raises `ArchiveError`."""
        with _foreign_errors(f"{self.name}/{key}"):
            async with asyncio.timeout(self._call_seconds):
                yield


async def _answer(request: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """S3's answer about an object. Raises KeyError when it is not: S3's has the object's ETag.

    botocore takes a page of HTML with status 200 for an answer that says nothing, a letter to be deleted for stored.
    """
    answer = await request
    answer["ETag"]
    return answer


@contextlib.contextmanager
def _foreign_errors(place: str) -> Iterator[None]:
    """botocore's and the network's errors become `ArchiveError`."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(details.get("Code") or f"HTTP {status}")
        # A HEAD has no body, so that its code is the bare status.
        config = code in _CONFIG or (status in (301, 401, 403) and code not in _DATA)
        data = not config and (code in _DATA or status == 404)
        fault = Fault.CONFIG if config else Fault.DATA if data else Fault.SYSTEM
        retryable = fault is Fault.SYSTEM and (code in _PASSING or status not in (400, 412))
        message = str(details.get("Message") or "refused")
        if code in _EXPIRED:
            message += " (renew the credentials)"
        raise ArchiveError(message, code=code, fault=fault, retryable=retryable, place=place) from error
    except (NoCredentialsError, NoRegionError, ParamValidationError) as error:
        raise ArchiveError(str(error), code=type(error).__name__, fault=Fault.CONFIG, place=place) from error
    except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
        code, message = type(error).__name__, str(error) or "no answer"
        raise ArchiveError(message, code=code, fault=Fault.SYSTEM, retryable=True, place=place) from error
    except BAD_ANSWER as error:
        message = bad_answer(error, "S3")
        raise ArchiveError(message, code="BadAnswer", fault=Fault.SYSTEM, retryable=True, place=place) from error
