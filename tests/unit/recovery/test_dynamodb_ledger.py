"""The ledger in a DynamoDB table asks a few things at once, and leaves nothing under way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.pipeline.virtual_time import run

from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.dynamodb.ledger import DynamoLedger


class Slow:
    """A table that has nothing and takes a second to say so; what `fails` is in the name of fails at once."""

    def __init__(self, fails: str = "none") -> None:
        self.now = self.most = self.ended = 0
        self._fails = fails

    async def get(self, pk: str, sk: str) -> Mapping[str, Any]:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if self._fails in pk:
                raise LedgerUnavailable("no answer")
            await asyncio.sleep(1)
        finally:
            self.now -= 1
            self.ended += 1
        return {}


def test_of_many_letters_ten_are_asked_for_at_once_so_that_none_waits_in_line_until_its_time_is_over() -> None:
    table: Any = Slow()

    async def story() -> float:
        assert await DynamoLedger(table).records([f"m-{n}" for n in range(95)]) == {}
        return asyncio.get_running_loop().time()

    assert run(story()) == 10
    assert (table.most, table.ended) == (10, 95)


def test_when_one_of_many_fails_that_is_told_after_all_have_ended() -> None:
    table: Any = Slow(fails="m-3")

    async def story() -> None:
        with pytest.raises(LedgerUnavailable):
            await DynamoLedger(table).records([f"m-{n}" for n in range(25)])
        assert (table.now, table.ended) == (0, 25)

    run(story())
