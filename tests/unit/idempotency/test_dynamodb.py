"""What the idempotency store asks of its table, with a table that answers in a certain order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from turnout.idempotency.api import StoreUnavailable
from turnout.idempotency.dynamodb import DynamoStore


class SlowTable:
    """Refuses one event at once, and takes the others when that was told."""

    def __init__(self) -> None:
        self.refused = asyncio.Event()
        self.taken: list[str] = []

    async def update_item(self, **request: Any) -> dict[str, Any]:
        key = request["Key"]["key"]["S"]
        if key == "refused":
            self.refused.set()
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "UpdateItem")
        await self.refused.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        self.taken.append(key)
        return {"ResponseMetadata": {"RequestId": "1"}}


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.record({key: ("me", frozenset({"crm"})) for key in ("a", "refused", "b")}),
        lambda store: store.renew(dict.fromkeys(("a", "refused", "b"), "me"), 30),
    ],
    ids=["record", "renew"],
)
def test_that_one_event_was_refused_is_told_when_the_others_are_written(
    call: Callable[[DynamoStore], Awaitable[None]],
) -> None:
    async def main() -> None:
        table = SlowTable()
        with pytest.raises(StoreUnavailable, match="ThrottlingException"):
            await call(DynamoStore(table, "events", 15))
        assert sorted(table.taken) == ["a", "b"]

    asyncio.run(main())
