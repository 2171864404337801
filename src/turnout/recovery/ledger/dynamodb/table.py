"""The calls that the ledger makes to its DynamoDB table. What they are for is in `ledger`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.sqs.foreign_answers import BAD_ANSWER, bad_answer, dynamodb_answer
from turnout.sqs.place import configured_region

__all__ = ["INDEX", "TRIES", "Attributes", "ConditionFailed", "Table", "TransactionLost", "key", "open_table"]

T = TypeVar("T")

Attributes = dict[str, Any]
"""An item, or a part of a request, as DynamoDB's client takes and returns them."""

INDEX = "shelves"
TRIES = 12
"""How often a call is repeated while others are in the way."""
_BATCH = 25
"""BatchWriteItem takes so many."""
_CALL_TIMES = 10
"""botocore bounds connecting and each read alone, so an answer that comes letter by letter would never end. Four
attempts that connect and read, and the pauses between them, take less than this many times the one bound."""

_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingError",
        "ThrottlingException",
    }
)
_NEVER = frozenset({"ItemCollectionSizeLimitExceeded", "ValidationError"})
"""Reasons for which a transaction is cancelled each time: an item too large, an attribute of another type."""
_MORE_CAPACITY = "raise its capacity, or go on later"
_ADVICE = {
    "AccessDeniedException": "docs/recovery.md lists what a ledger needs, below Permissions",
    "ResourceNotFoundException": "it is not there, in this account and region: create it as deploy/terraform does, or "
    "correct TURNOUT_DLQ_LEDGER",
    "ValidationException": "turnout doctor says whether its keys and index are those of a ledger",
    **dict.fromkeys(_THROTTLED, _MORE_CAPACITY),
}
"""What an operator can do, by DynamoDB's code."""


class ConditionFailed(Exception):
    """The condition of a single write does not hold."""


class TransactionLost(Exception):
    """A transaction did not happen. `failed` tells the operations whose condition does not hold, by their index.

    None of them: somebody else was changing the same items, or (`throttled`) the table takes too little.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(", ".join(reasons))
        self.failed = frozenset(n for n, reason in enumerate(reasons) if reason == "ConditionalCheckFailed")
        self.throttled = not _THROTTLED.isdisjoint(reasons)


@contextlib.asynccontextmanager
async def open_table(name: str, *, ttl_days: float, region: str | None, timeout_seconds: float) -> AsyncIterator[Table]:
    """The table of that name; AWS's own settings say where and as whom."""
    config = AioConfig(
        connect_timeout=timeout_seconds,
        read_timeout=timeout_seconds,
        retries={"total_max_attempts": 4, "mode": "standard"},
    )
    with _foreign_errors(name):
        session = aioboto3.Session(region_name=region or configured_region(os.environ))
        client = await session.client("dynamodb", config=config).__aenter__()
    table = Table(client, name, ttl_days, call_seconds=_CALL_TIMES * timeout_seconds)
    try:
        yield table
    finally:
        await table.aclose()


class Table:
    """One table. All methods raise `LedgerUnavailable`."""

    def __init__(self, client: Any, name: str, ttl_days: float, *, call_seconds: float) -> None:
        self._client = client
        self._call_seconds = call_seconds
        self.name = name
        self._ttl = ttl_days * 86_400

    async def aclose(self) -> None:
        """Close the client's connections."""
        await self._client.close()

    def row(self, pk: str, sk: str, **values: Attributes) -> Attributes:
        """An item that expires."""
        return {**key(pk, sk), "expires": self.expires(), **values}

    def expires(self) -> Attributes:
        """When an item that is written now expires."""
        return {"N": str(int(time.time() + self._ttl))}

    async def get(self, pk: str, sk: str) -> Attributes:
        """An item as it is now; empty when there is none."""
        with _foreign_errors(self.name):
            request = self._client.get_item(TableName=self.name, Key=key(pk, sk), ConsistentRead=True)
            return dict((await self._answer(request)).get("Item", {}))

    async def add(self, row: Attributes) -> None:
        """Write an item that is not there yet. Raises `ConditionFailed` when it is."""

        async def put() -> None:
            request = self._client.put_item(
                TableName=self.name, Item=row, ConditionExpression="attribute_not_exists(pk)"
            )
            await self._answer(request)

        await self._alone(put)

    async def update(self, pk: str, sk: str, update: str, condition: str, values: Attributes) -> Attributes | None:
        """The item after the update; None when the condition does not hold."""

        async def change() -> Attributes:
            request = self._client.update_item(
                TableName=self.name,
                Key=key(pk, sk),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
            return dict((await self._answer(request))["Attributes"])

        try:
            return await self._alone(change)
        except ConditionFailed:
            return None

    async def query(self, **query: Any) -> AsyncIterator[Attributes]:
        """All items of a query, page by page."""
        start: Attributes = {}
        while True:
            with _foreign_errors(self.name):
                page = await self._answer(self._client.query(TableName=self.name, **query, **start))
                items = page["Items"]
            for item in items:
                yield item
            if not page.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def write(self, rows: Sequence[Attributes]) -> None:
        """Write items, over what is there."""
        for first in range(0, len(rows), _BATCH):
            await self._write([{"PutRequest": {"Item": row}} for row in rows[first : first + _BATCH]])

    async def transact(self, operations: Sequence[Attributes]) -> None:
        """All of these writes or none. Raises `TransactionLost` when it was none."""
        with _foreign_errors(self.name):
            await self._answer(self._client.transact_write_items(TransactItems=operations))

    async def _answer(self, request: Awaitable[Attributes]) -> Attributes:
        """DynamoDB's answer, in time."""
        async with asyncio.timeout(self._call_seconds):
            return await dynamodb_answer(request)

    async def _alone(self, write: Callable[[], Awaitable[T]]) -> T:
        """The answer to a write of one item. While a transaction has that item, DynamoDB refuses it."""
        for attempt in range(TRIES):
            try:
                with _foreign_errors(self.name):
                    return await write()
            except TransactionLost:
                await asyncio.sleep(0.01 * 2 ** min(attempt, 6))
        raise LedgerUnavailable(f"an item of the ledger's table {self.name} is changed by too many at once; try again")

    async def _write(self, requests: list[Attributes]) -> None:
        pending: Attributes = {self.name: requests}
        for attempt in range(TRIES):
            with _foreign_errors(self.name):
                response = await self._answer(self._client.batch_write_item(RequestItems=pending))
            pending = response.get("UnprocessedItems") or {}
            if not pending:
                return
            await asyncio.sleep(0.05 * 2 ** min(attempt, 6))
        raise self.takes_too_little()

    def takes_too_little(self) -> LedgerUnavailable:
        """What to raise when it was throttled for too long."""
        return LedgerUnavailable(f"the ledger's table {self.name} takes too little: {_MORE_CAPACITY}")


def key(pk: str, sk: str) -> Attributes:
    """The primary key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


@contextlib.contextmanager
def _foreign_errors(table: str) -> Iterator[None]:
    """botocore's and the network's errors become `LedgerUnavailable`; conditions that do not hold our own."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "Unknown")
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed from error
        if code == "TransactionCanceledException":
            reasons = error.response.get("CancellationReasons", ())
            for reason in reasons:
                if reason.get("Code") in _NEVER:
                    said = f"{reason['Code']}: {reason.get('Message') or 'refused'}"
                    raise LedgerUnavailable(f"the ledger's table {table} does not take this: {said}") from error
            raise TransactionLost([reason.get("Code", "") for reason in reasons]) from error
        if code in ("TransactionConflictException", "TransactionInProgressException"):
            raise TransactionLost(()) from error
        said = f"{code}: {error.response.get('Error', {}).get('Message') or error}"
        advice = f" ({_ADVICE[code]})" if code in _ADVICE else ""
        raise LedgerUnavailable(f"the ledger's table {table} cannot be used: {said}{advice}") from error
    except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
        why = str(error) or "no answer in time"
        raise LedgerUnavailable(f"the ledger's table {table} cannot be reached: {why}") from error
    except BAD_ANSWER as error:
        why = bad_answer(error, "DynamoDB")
        raise LedgerUnavailable(f"the ledger's table {table} cannot be reached: {why}") from error
