"""The store of many processes: one DynamoDB table with the string key `key` and TTL on `expires`.

One item an event: `done` (set of target names), `owner` and `lease_until` (epoch seconds) while somebody holds it, and
`expires`. Every claim is one conditional UpdateItem, so two workers never both get a yes.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from typing import Any

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from turnout.idempotency.api import Claim, StoreUnavailable
from turnout.sqs.foreign_answers import BAD_ANSWER, bad_answer, dynamodb_answer
from turnout.sqs.place import configured_region

__all__ = ["DynamoStore", "open_dynamo_store"]

_CLAIM = "SET #o = :owner, lease_until = :until, expires = :expires"
_FREE = "attribute_not_exists(#o) OR #o = :owner OR lease_until < :now"

# botocore bounds connecting and each read alone, so an answer that comes letter by letter would never end. Two attempts
# that connect and read, and the pause between them, take less than this many times the one bound.
_CALL_TIMES = 5

_CONNECTIONS = 50


@contextlib.asynccontextmanager
async def open_dynamo_store(
    table: str, *, ttl_days: float, region: str | None = None, timeout_seconds: float = 2.0
) -> AsyncIterator[DynamoStore]:
    """A store on the table of that name; AWS's own settings say where and as whom."""
    config = AioConfig(
        connect_timeout=timeout_seconds,
        read_timeout=timeout_seconds,
        max_pool_connections=_CONNECTIONS,
        # One quick repetition evens out a hiccup; beyond that the worker's own policy decides.
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    with _foreign_errors():
        session = aioboto3.Session(region_name=region or configured_region(os.environ))
        client = await session.client("dynamodb", config=config).__aenter__()
    try:
        yield DynamoStore(client, table, ttl_days, call_seconds=_CALL_TIMES * timeout_seconds)
    finally:
        await client.close()


class DynamoStore:
    """Implements `turnout.idempotency.api.IdempotencyStore`; `client` is an aioboto3 DynamoDB client."""

    def __init__(
        self,
        client: Any,
        table: str,
        ttl_days: float,
        *,
        call_seconds: float = 10.0,
    ) -> None:
        self._client = client
        self._call_seconds = call_seconds
        self._table = table
        self._ttl = ttl_days * 86_400

    async def claim(self, keys: Mapping[str, str], lease_seconds: float) -> Mapping[str, Claim]:
        """See `IdempotencyStore.claim`."""
        calls = [self._claim(key, owner, lease_seconds) for key, owner in keys.items()]
        claims: dict[str, Claim] = {}
        failures: list[StoreUnavailable] = []
        for key, claim in zip(keys, await asyncio.gather(*calls, return_exceptions=True), strict=True):
            if isinstance(claim, StoreUnavailable):
                # What the table said of the others holds: some of them are claimed now, and some were done before.
                failures.append(claim)
                claims[key] = Claim(unavailable=str(claim))
            elif isinstance(claim, BaseException):
                raise claim
            else:
                claims[key] = claim
        if failures and len(failures) == len(claims):
            raise failures[0]
        return claims

    async def renew(
        self, keys: Mapping[str, str], lease_seconds: float, done: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        """See `IdempotencyStore.renew`."""
        calls = [self._renew(key, owner, lease_seconds, (done or {}).get(key)) for key, owner in keys.items()]
        await _together(calls)

    async def record(self, done: Mapping[str, tuple[str, frozenset[str]]]) -> None:
        """See `IdempotencyStore.record`."""
        await _together([self._record(key, owner, targets) for key, (owner, targets) in done.items()])

    async def _claim(self, key: str, owner: str, lease_seconds: float) -> Claim:
        now = time.time()
        values = {
            ":owner": {"S": owner},
            ":until": _number(now + lease_seconds),
            ":now": _number(now),
            ":expires": _seconds(now + self._ttl),
        }
        item = await self._update(key, _CLAIM, _FREE, values, answer="ALL_NEW")
        if item is not None:
            return Claim(_targets(item))
        held = await self._get(key)
        until = float(held.get("lease_until", {}).get("N", "0"))
        return Claim(_targets(held), max(1.0, until - now))

    async def _renew(self, key: str, owner: str, lease_seconds: float, targets: frozenset[str] | None) -> None:
        add, done = _adding(targets)
        values = {":owner": {"S": owner}, ":until": _number(time.time() + lease_seconds), **done}
        await self._update(key, f"SET lease_until = :until{add}", "#o = :owner", values)

    async def _record(self, key: str, owner: str, targets: frozenset[str]) -> None:
        add, done = _adding(targets)
        values = {":expires": _seconds(time.time() + self._ttl), **done}
        mine = "attribute_not_exists(#o) OR #o = :owner"
        released = await self._update(
            key, f"SET expires = :expires REMOVE #o, lease_until{add}", mine, {**values, ":owner": {"S": owner}}
        )
        if released is None and targets:
            # Somebody else holds the event by now. What we did is true all the same; the lease is not ours to end.
            await self._update(key, f"SET expires = :expires{add}", None, values)

    async def _update(
        self,
        key: str,
        update: str,
        condition: str | None,
        values: Mapping[str, object],
        *,
        answer: str = "NONE",
    ) -> dict[str, Any] | None:
        """One UpdateItem; None when its condition does not hold."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": {"key": {"S": key}},
            "UpdateExpression": update,
            "ExpressionAttributeValues": values,
            "ReturnValues": answer,
        }
        if condition is not None:
            request["ConditionExpression"] = condition
            request["ExpressionAttributeNames"] = {"#o": "owner"}  # every condition is about it
        with _foreign_errors():
            try:
                response = await self._answer(self._client.update_item(**request))
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                    return None
                raise
        return dict(response.get("Attributes", {}))

    async def _get(self, key: str) -> dict[str, Any]:
        with _foreign_errors():
            response = await self._answer(
                self._client.get_item(TableName=self._table, Key={"key": {"S": key}}, ConsistentRead=True)
            )
        return dict(response.get("Item", {}))

    async def _answer(self, request: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        """DynamoDB's answer, in time. An answer that says nothing would count an event as claimed."""
        async with asyncio.timeout(self._call_seconds):
            return await dynamodb_answer(request)


async def _together(calls: list[Any]) -> None:
    """Run the calls at once; when some fail, wait for the others, then raise the first failure."""
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _adding(targets: frozenset[str] | None) -> tuple[str, Mapping[str, object]]:
    """What adds targets to those that are done: the end of an update's expression, and its values."""
    return (" ADD done :done", {":done": {"SS": sorted(targets)}}) if targets else ("", {})


def _number(value: float) -> dict[str, str]:
    return {"N": f"{value:.3f}"}


def _seconds(time: float) -> dict[str, str]:
    """What DynamoDB's TTL wants: whole seconds since the epoch."""
    return {"N": str(math.ceil(time))}


def _targets(item: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(item.get("done", {}).get("SS", ()))


@contextlib.contextmanager
def _foreign_errors() -> Iterator[None]:
    """botocore's and the network's errors become `StoreUnavailable`."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "Unknown")
        raise StoreUnavailable(f"the idempotency table cannot be used: {code}: {error}") from error
    except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
        why = str(error) or "no answer in time"
        raise StoreUnavailable(f"the idempotency table cannot be reached: {why}") from error
    except BAD_ANSWER as error:
        why = bad_answer(error, "DynamoDB")
        raise StoreUnavailable(f"the idempotency table cannot be reached: {why}") from error
