"""How records, entries, plans and items stand in the table: read from its rows, and written in one transaction.

Which row stands under which key is told by the package, when each is read or written in `ledger`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.dynamodb.table import Attributes, Table, key
from turnout.recovery.ledger.records import Entry, Item, ItemState, Plan, Record, item_state

__all__ = ["as_text", "entry_in", "item_in", "number_in", "plan_in", "record_in", "writes_of_change"]

T = TypeVar("T")

_to_record = msgspec.json.Decoder(Record).decode
_to_entry = msgspec.json.Decoder(Entry).decode
_to_plan = msgspec.json.Decoder(Plan).decode
_to_targets = msgspec.json.Decoder(tuple[str, ...]).decode


def as_text(value: object) -> str:
    """A value as it stands in a row."""
    return msgspec.json.encode(value).decode()


def record_in(row: Attributes) -> Record:
    """The record that stands in a row."""
    return _read(_to_record, row)


def entry_in(row: Attributes) -> Entry:
    """The entry that stands in a row."""
    return _read(_to_entry, row)


def plan_in(row: Attributes) -> Plan:
    """The plan that stands in a row."""
    return _read(_to_plan, row)


def item_in(row: Attributes) -> Item:
    """The item of a plan that stands in a row."""
    letter = row["sk"]["S"].removeprefix("item#")
    return Item(letter, _read(_to_targets, row, "targets"), _read(ItemState, row, "state"))


def number_in(row: Attributes, name: str) -> int:
    """A number that stands in a row: a record's `version`, an entry's `number`, an item's `position`."""
    return _read(int, row, name, "N")


def _read(decode: Callable[[str], T], row: Attributes, name: str = "body", kind: str = "S") -> T:
    try:
        return decode(row[name][kind])
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        where = f"{row['pk']['S']} {row['sk']['S']}"
        raise LedgerUnavailable(f"the ledger holds what this Turnout cannot read, under {where}: {error}") from error


def writes_of_change(
    table: Table, record: Record, version: int, entry: Entry | None, *, lets_go: bool
) -> list[Attributes]:
    """The record if it is still as it was, the entry if it is new, and the item of its plan if there is one.

    In this order. `version` is the record's before the change, 0 when there was none; with `lets_go` nobody holds it
    thereafter, and the change holds only if who makes it does before.
    """
    set_all = "version = :after, shelf = :shelf, changed = :changed, resolved = :resolved, expires = :expires"
    of_record = {
        "TableName": table.name,
        "Key": key(f"letter#{record.letter}", "record"),
        "UpdateExpression": f"SET body = :body, {set_all}{' REMOVE holder, held_until' if lets_go else ''}",
        "ConditionExpression": ("version = :before" if version else "attribute_not_exists(pk)")
        + (" AND holder = :by" if lets_go else ""),
        "ExpressionAttributeValues": {
            ":body": {"S": as_text(record)},
            ":after": {"N": str(version + 1)},
            ":shelf": {"S": f"queue#{record.queue}"},
            ":changed": {"N": str(record.changed_ms)},
            ":resolved": {"BOOL": bool(record.resolved_ms)},
            ":expires": table.expires(),
            **({":before": {"N": str(version)}} if version else {}),
            **({":by": {"S": record.by}} if lets_go else {}),
        },
    }
    operations: list[Attributes] = [{"Update": of_record}]
    if entry is None:
        return operations
    row = table.row(
        f"letter#{record.letter}", f"entry#{entry.identity}", number={"N": str(version)}, body={"S": as_text(entry)}
    )
    new = {"TableName": table.name, "Item": row, "ConditionExpression": "attribute_not_exists(pk)"}
    operations.append({"Put": new})
    if entry.plan and (state := item_state(entry)):
        of_item = {
            "TableName": table.name,
            "Key": key(f"plan#{entry.plan}", f"item#{entry.letter}"),
            "UpdateExpression": "SET #state = :state",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":state": {"S": state}},
        }
        operations.append({"Update": of_item})
    return operations
