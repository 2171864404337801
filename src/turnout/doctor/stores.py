"""Judges what Turnout remembers things in: DynamoDB tables and the S3 archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from turnout.doctor.facts import BucketFacts, Caller, Silence, TableFacts
from turnout.doctor.findings import Finding, error, fine, silent, unknown, warning

__all__ = ["ARCHIVE_ACTIONS", "IDEMPOTENCY", "LEDGER", "TablePlan", "judge_bucket", "judge_table"]


class TablePlan(msgspec.Struct, frozen=True):
    """What a table must look like. `setting` names the variable that names it."""

    purpose: str
    setting: str
    keys: Mapping[str, str]
    actions: tuple[str, ...]
    """The actions of IAM that Turnout needs on it."""
    indexes: Mapping[str, str] = {}
    ttl: str = "expires"
    keeps_history: bool = False
    """Whether its contents are worth a recovery to a point in time."""


IDEMPOTENCY = TablePlan(
    "idempotency table",
    "TURNOUT_IDEMPOTENCY_TABLE",
    {"HASH": "key:S"},
    ("dynamodb:GetItem", "dynamodb:UpdateItem"),
)
LEDGER = TablePlan(
    "ledger",
    "TURNOUT_DLQ_LEDGER",
    {"HASH": "pk:S", "RANGE": "sk:S"},
    ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query", "dynamodb:BatchWriteItem"),
    {"shelves": "HASH=shelf:S RANGE=changed:N"},
    keeps_history=True,
)

ARCHIVE_ACTIONS = ("s3:PutObject", "s3:GetObject")
"""The actions of IAM that recovery needs on archived letters."""


def judge_table(name: str, table: TableFacts | Silence, plan: TablePlan, caller: Caller) -> Iterator[Finding]:
    """Whether the table exists, has the right keys, forgets what is old and can be recovered."""
    if isinstance(table, Silence):
        yield silent("table", name, plan.purpose, table, f"create it, or correct {plan.setting} or AWS_REGION")
        return
    if table.status not in ("ACTIVE", "UPDATING"):
        yield error(
            "table", name, f"the {plan.purpose} is {table.status}", "wait until it is ACTIVE, or create it anew"
        )
    if dict(table.keys) != dict(plan.keys):
        yield error(
            "table",
            name,
            f"the {plan.purpose} has the key {_keys(table.keys)} and needs {_keys(plan.keys)}",
            f"create another table with that key, and name it in {plan.setting}",
        )
    else:
        yield fine("table", name, f"{plan.purpose} with the key {_keys(table.keys)}")
    for index, keys in plan.indexes.items():
        if table.indexes.get(index) != keys:
            yield error(
                "table", name, f"the {plan.purpose} has no index {index} ({keys})", "add that global secondary index"
            )
    if isinstance(table.ttl, str) and table.ttl not in ("", plan.ttl):
        yield error("ttl", name, f"items expire by {table.ttl}, not by {plan.ttl}", f"set TTL to {plan.ttl}")
    else:
        forever = warning("ttl", name, "nothing expires: the table grows for ever", f"enable TTL on {plan.ttl}")
        yield _told(table.ttl, f"items expire by {plan.ttl}", forever)
    if plan.keeps_history and not caller.emulator:
        what = f"off: a {plan.purpose} that is deleted by mistake is gone"
        off = warning("point-in-time-recovery", name, what, "enable point-in-time recovery")
        yield _told(table.recovery, "on", off)


def judge_bucket(name: str, bucket: BucketFacts | Silence, caller: Caller) -> Iterator[Finding]:
    """Whether the archive exists, is encrypted and is closed to the public."""
    if isinstance(bucket, Silence):
        yield silent("bucket", name, "archive", bucket, "create it, or correct TURNOUT_DLQ_ARCHIVE_BUCKET")
        return
    yield fine("bucket", name, "the archive is there")
    if caller.emulator:
        return
    bare = warning("encryption", name, "no default encryption is set", "set default encryption (AES256 or aws:kms)")
    yield _told(bucket.encryption, str(bucket.encryption), bare)
    public = "public access is not blocked, and letters hold contact data"
    advice = "turn on all four settings of Block Public Access"
    yield _told(bucket.public_blocked, "blocked", error("public-access", name, public, advice))


def _told(fact: str | bool | Silence, well: str, otherwise: Finding) -> Finding:
    """What is to be said of a fact that is well where it is true, else as in `otherwise`, or that may not be read."""
    if isinstance(fact, Silence):
        message = f"it may not be read ({fact.code})"
        return unknown(otherwise.check, otherwise.subject, message, f"allow {fact.action}")
    return fine(otherwise.check, otherwise.subject, well) if fact else otherwise


def _keys(keys: Mapping[str, str]) -> str:
    return " ".join(keys[kind] for kind in ("HASH", "RANGE") if kind in keys) or "none"
