"""The ledger in a DynamoDB table. What stands where in the table is told by the package, and how by `rows`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from turnout.recovery.ledger.api import LedgerUnavailable, PlanExists, UnknownPlan
from turnout.recovery.ledger.dynamodb.rows import (
    as_text,
    entry_in,
    item_in,
    number_in,
    plan_in,
    record_in,
    writes_of_change,
)
from turnout.recovery.ledger.dynamodb.table import INDEX, TRIES, ConditionFailed, Table, TransactionLost, open_table
from turnout.recovery.ledger.records import Entry, Item, Plan, PlanState, Record, Sighting, changed, resolves, seen

__all__ = ["DynamoLedger", "open_dynamo_ledger"]

K = TypeVar("K")
T = TypeVar("T")

_AT_ONCE = 10


@contextlib.asynccontextmanager
async def open_dynamo_ledger(
    table: str,
    *,
    ttl_days: float,
    region: str | None = None,
    timeout_seconds: float = 5.0,
) -> AsyncIterator[DynamoLedger]:
    """The ledger in the table of that name; AWS's own settings say where and as whom.

    Items expire `ttl_days` after their last change, which should be well beyond the retention of the queues.
    """
    async with open_table(table, ttl_days=ttl_days, region=region, timeout_seconds=timeout_seconds) as opened:
        yield DynamoLedger(opened)


class DynamoLedger:
    """Implements `turnout.recovery.ledger.api.Ledger`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def see(self, sightings: Sequence[Sighting], *, by: str) -> Mapping[str, Record]:
        """See `Ledger.see`."""
        latest = {sighting.letter: sighting for sighting in sightings}

        async def see(letter: str) -> Record:
            at_ms = _now_ms()
            return await self._change(letter, lambda record: seen(record, latest[letter], by, at_ms))

        return await _each(latest, see)

    async def record(self, entries: Sequence[Entry]) -> Mapping[str, Record]:
        """See `Ledger.record`."""
        by_letter: dict[str, list[Entry]] = {}
        for entry in entries:
            entry = msgspec.structs.replace(entry, at_ms=entry.at_ms or _now_ms())
            by_letter.setdefault(entry.letter, []).append(entry)

        async def add_all(letter: str) -> Record:
            for entry in by_letter[letter]:
                record = await self._add(entry)
            return record

        return await _each(by_letter, add_all)

    async def records(self, letters: Collection[str]) -> Mapping[str, Record]:
        """See `Ledger.records`."""
        found = await _each(letters, self._record_of)
        return {letter: record for letter, record in found.items() if record is not None}

    async def history(self, letter: str) -> list[Entry]:
        """See `Ledger.history`."""
        rows = self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :entry)",
            ExpressionAttributeValues={":pk": {"S": f"letter#{letter}"}, ":entry": {"S": "entry#"}},
            ConsistentRead=True,
        )
        numbered = [(number_in(row, "number"), entry_in(row)) async for row in rows]
        return [entry for _, entry in sorted(numbered, key=lambda pair: pair[0])]

    async def find(self, queue: str) -> AsyncIterator[Record]:
        """See `Ledger.find`. The index follows a change within a second or so."""
        rows = self._table.query(
            IndexName=INDEX,
            KeyConditionExpression="shelf = :shelf",
            ExpressionAttributeValues={":shelf": {"S": f"queue#{queue}"}},
        )
        async for row in rows:
            yield record_in(row)

    async def claim(
        self, letters: Collection[str], *, by: str, lease_seconds: float, resolved: bool = False
    ) -> Mapping[str, Record]:
        """See `Ledger.claim`."""
        eligible = "attribute_exists(resolved)" if resolved else "resolved = :no"

        async def claim(letter: str) -> Record | None:
            now = time.time()
            row = await self._table.update(
                f"letter#{letter}",
                "record",
                "SET holder = :by, held_until = :until",
                f"{eligible} AND (attribute_not_exists(holder) OR holder = :by OR held_until < :now)",
                {
                    ":by": {"S": by},
                    ":until": {"N": f"{now + lease_seconds:.3f}"},
                    ":now": {"N": f"{now:.3f}"},
                    **({} if resolved else {":no": {"BOOL": False}}),
                },
            )
            return record_in(row) if row else None

        granted = await _each(letters, claim)
        return {letter: record for letter, record in granted.items() if record is not None}

    async def release(self, letters: Collection[str], *, by: str) -> None:
        """See `Ledger.release`."""

        async def release(letter: str) -> None:
            await self._table.update(
                f"letter#{letter}", "record", "REMOVE holder, held_until", "holder = :by", {":by": {"S": by}}
            )

        await _each(letters, release)

    async def save_plan(self, plan: Plan, items: Sequence[Item]) -> None:
        """See `Ledger.save_plan`."""
        taken = PlanExists(f"there is a plan {plan.id} already")
        if await self.plan(plan.id) is not None:
            raise taken
        # First the name is taken, so that nobody else writes items under it. Until all are there, it is no plan.
        try:
            await self._table.add(
                self._table.row(f"plan#{plan.id}", "plan", body={"S": as_text(plan)}, writing={"BOOL": True})
            )
        except ConditionFailed as error:
            # Ours, when the answer to its first writing was lost and the call repeated.
            row = await self._table.get(f"plan#{plan.id}", "plan")
            if not row or plan_in(row) != plan:
                raise taken from error
        await self._table.write(
            [
                self._table.row(
                    f"plan#{plan.id}",
                    f"item#{item.letter}",
                    position={"N": str(position)},
                    state={"S": item.state},
                    targets={"S": as_text(item.targets)},
                )
                for position, item in enumerate(items)
            ]
        )
        await self._table.update(
            f"plan#{plan.id}",
            "plan",
            "SET shelf = :shelf, changed = :changed REMOVE writing",
            "attribute_exists(pk)",
            {":shelf": {"S": "plans"}, ":changed": {"N": str(plan.created_ms)}},
        )

    async def plan(self, plan_id: str) -> Plan | None:
        """See `Ledger.plan`."""
        row = await self._table.get(f"plan#{plan_id}", "plan")
        return plan_in(row) if row and "writing" not in row else None

    async def plans(self) -> list[Plan]:
        """See `Ledger.plans`. The index follows a change within a second or so."""
        rows = self._table.query(
            IndexName=INDEX,
            KeyConditionExpression="shelf = :shelf",
            ExpressionAttributeValues={":shelf": {"S": "plans"}},
            ScanIndexForward=False,
        )
        return [plan_in(row) async for row in rows]

    async def items(self, plan_id: str) -> list[Item]:
        """See `Ledger.items`."""
        if await self.plan(plan_id) is None:
            return []
        rows = self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :item)",
            ExpressionAttributeValues={":pk": {"S": f"plan#{plan_id}"}, ":item": {"S": "item#"}},
            ConsistentRead=True,
        )
        found = [(number_in(row, "position"), item_in(row)) async for row in rows]
        return [item for _, item in sorted(found, key=lambda pair: pair[0])]

    async def end_plan(self, plan_id: str, state: PlanState, *, note: str = "") -> None:
        """See `Ledger.end_plan`."""
        plan = await self.plan(plan_id)
        if plan is None:
            raise UnknownPlan(f"there is no plan {plan_id}")
        ended = msgspec.structs.replace(plan, state=state, note=note)
        values = {":body": {"S": as_text(ended)}}
        await self._table.update(f"plan#{plan_id}", "plan", "SET body = :body", "attribute_exists(pk)", values)

    async def _record_of(self, letter: str) -> Record | None:
        row = await self._table.get(f"letter#{letter}", "record")
        return record_in(row) if row else None

    async def _add(self, entry: Entry) -> Record:
        return await self._change(entry.letter, lambda record: (changed(record, entry), entry))

    async def _change(self, letter: str, change: Callable[[Record | None], tuple[Record, Entry | None]]) -> Record:
        """Change a letter's record, and add the entry that comes with it, until nobody else was quicker."""
        throttled = False
        for attempt in range(TRIES):
            row = await self._table.get(f"letter#{letter}", "record")
            version = number_in(row, "version") if row else 0
            after, entry = change(record_in(row) if row else None)
            holder = row.get("holder", {}).get("S", "") if row else ""
            # Who resolves a letter lets go of it, and of nobody else's hold.
            lets_go = entry is not None and resolves(entry) and holder == entry.by
            try:
                await self._table.transact(writes_of_change(self._table, after, version, entry, lets_go=lets_go))
            except TransactionLost as lost:
                if 1 in lost.failed and (written := await self._record_of(letter)):
                    return written  # the entry is there already
                if entry is not None and 2 in lost.failed and 0 not in lost.failed:
                    message = f"there is no plan {entry.plan} with the letter {entry.letter}"
                    raise UnknownPlan(message) from lost
                throttled = lost.throttled
                await asyncio.sleep((0.05 if throttled else 0.01) * 2 ** min(attempt, 6))
            else:
                return after
        if throttled:
            raise self._table.takes_too_little()
        raise LedgerUnavailable(f"the letter {letter} is changed by too many at once; try again")


def _now_ms() -> int:
    return int(time.time() * 1000)


async def _each(keys: Iterable[K], call: Callable[[K], Awaitable[T]]) -> dict[K, T]:
    """The result of the call for every key, a few calls at once; all have ended when this returns or raises."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(each: K) -> T:
        async with slots:
            return await call(each)

    wanted = list(dict.fromkeys(keys))
    results = await asyncio.gather(*map(one, wanted), return_exceptions=True)
    answers: dict[K, T] = {}
    for each, result in zip(wanted, results, strict=True):
        if isinstance(result, BaseException):
            raise result
        answers[each] = result
    return answers
