"""Signed exchanges with one endpoint: which connection, which answer is an error, and what is sent a second time.

A request goes out twice in three cases only. A kept connection turned out to be closed, and the operation is harmless
to repeat, which is all but a send; should the next kept one be closed as well, on the one after it, up to a new one.
The answer says that the credentials are expired, and there are newer ones; or that our clock is wrong, and its `Date`
agrees: then SQS has refused the request, so that even a send cannot happen twice, and it goes out once more, not
again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from email.utils import parsedate_to_datetime

import msgspec

from turnout.errors import SqsError, SqsUnavailable
from turnout.queues import queue_name
from turnout.sqs.codes import CLOCK_SKEWED, CREDENTIALS_EXPIRED, call_error
from turnout.sqs.credentials import Credentials, CredentialsKeeper
from turnout.sqs.session import AwsConfig, retry_after_seconds
from turnout.sqs.wire.codec import error_code
from turnout.sqs.wire.connection import Answer, Broken
from turnout.sqs.wire.endpoint import Endpoint
from turnout.sqs.wire.pool import Pool
from turnout.sqs.wire.sign import CONTENT_TYPE, Signer

__all__ = ["Operation", "Route"]

SKEW_SECONDS = 30.0
"""A clock that is off by less is not what SQS complains about: it tolerates five minutes."""


class Operation(msgspec.Struct, frozen=True):
    """An API call. `polls`: it may take as long as it is told to wait. `repeatable`: doing it twice does no harm."""

    name: str
    polls: bool = False
    repeatable: bool = True


class Route:
    """The way to SQS at one endpoint. Long polls have connections of their own, so that nothing waits behind them."""

    def __init__(self, endpoint: Endpoint, region: str, credentials: CredentialsKeeper, config: AwsConfig) -> None:
        self._credentials = credentials
        self._signer = Signer(region, endpoint.authority, endpoint.path)
        self._clock_offset = 0.0
        self._loop = asyncio.get_running_loop()
        self._head = (
            f"POST {endpoint.path} HTTP/1.1\r\nHost: {endpoint.authority}\r\nUser-Agent: {config.user_agent}\r\n"
            f"Content-Type: {CONTENT_TYPE}\r\nX-Amzn-Query-Mode: true\r\n"
        )
        self._polls, self._calls = (
            Pool(
                endpoint.address,
                config.max_connections,
                connect_seconds=config.connect_seconds,
                wait_seconds=config.answer_seconds,
            )
            for _ in range(2)
        )

    async def call(
        self, operation: Operation, queue: str, body: bytes, seconds: float, body_sha256: str | None = None
    ) -> bytes:
        """Do `operation` and return the body of SQS's answer, at most `seconds` after the request was sent.

        `queue` is a URL. Raises `SqsError`.
        """
        digest = body_sha256 or hashlib.sha256(body).hexdigest()
        credentials = self._credentials.at_hand() or await self._credentials.get()
        clock_offset = self._clock_offset
        try:
            answer = await self._exchange(operation, body, digest, credentials, seconds)
            if answer.status != 200:
                error = _error(answer, operation, queue)
                if not await self._cured(error, answer, credentials, clock_offset):
                    raise error
                credentials = await self._credentials.get()
                answer = await self._exchange(operation, body, digest, credentials, seconds)
                if answer.status != 200:
                    raise _error(answer, operation, queue)
        except Broken as broken:
            raise SqsUnavailable(
                str(broken), code=broken.code, operation=operation.name, queue=queue_name(queue)
            ) from broken
        return answer.body

    def close(self) -> None:
        """Close all connections."""
        self._polls.close()
        self._calls.close()

    async def _exchange(
        self, operation: Operation, body: bytes, digest: str, credentials: Credentials, seconds: float
    ) -> Answer:
        pool = self._polls if operation.polls else self._calls
        connection = pool.idle() or await pool.acquire()
        while True:
            kept = connection.requests > 0
            request = self._request(operation, body, digest, credentials)
            try:
                answer = await connection.exchange(request, self._loop.time() + seconds)
            except asyncio.CancelledError:
                connection.abort()
                raise
            except Broken as broken:
                if not (kept and broken.silent and operation.repeatable):
                    raise
                connection = await pool.acquire()
            else:
                pool.release(connection)
                return answer

    def _request(self, operation: Operation, body: bytes, digest: str, credentials: Credentials) -> bytes:
        target = f"AmazonSQS.{operation.name}"
        signed = self._signer.headers(target, digest, credentials, time.time() + self._clock_offset)
        head = f"{self._head}X-Amz-Target: {target}\r\nContent-Length: {len(body)}\r\n{signed}\r\n"
        return head.encode() + body

    async def _cured(self, error: SqsError, answer: Answer, credentials: Credentials, clock_offset: float) -> bool:
        """Whether what SQS complained about is repaired now, by us or by a call beside, so that repeating it may do.

        It was signed with `credentials` by a clock that was off by `clock_offset`, as far as was known.
        """
        if error.code in CREDENTIALS_EXPIRED:
            return await self._credentials.renew(credentials)
        if error.code in CLOCK_SKEWED:
            return self._corrected_clock(answer.header(b"date")) or self._clock_offset != clock_offset
        return False

    def _corrected_clock(self, date: str) -> bool:
        try:
            offset = parsedate_to_datetime(date).timestamp() - time.time()
        except (ValueError, OverflowError):
            return False
        if abs(offset - self._clock_offset) < SKEW_SECONDS:
            return False
        self._clock_offset = offset
        return True


def _error(answer: Answer, operation: Operation, queue: str) -> SqsError:
    found = error_code(answer.body, answer.header(b"x-amzn-query-error"))
    code, message = found or ("BadAnswer", f"an answer with HTTP status {answer.status} that is not SQS's")
    headers = {name: answer.header(name.encode()) for name in ("x-amz-retry-after", "retry-after")}
    return call_error(
        code,
        message,
        status=answer.status,
        operation=operation.name,
        queue=queue_name(queue),
        retry_after=retry_after_seconds(headers),
    )
