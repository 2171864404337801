"""Finds out whether tables and the archive may be read and written, without leaving anything in them.

- DynamoDB is asked for an item that is not there, and for a write that holds only if the item is there: it looks at the
  condition after permissions and keys, so that a condition that fails proves that the write is permitted.
- S3 is sent a part of an upload that nobody began: there is nothing that it could become a part of, however lenient the
  server is. That S3 refuses it for want of permission is proof; that it knows no such upload is none.

What cannot be tried like that (BatchWriteItem, GetObject, keys) is left to IAM's simulation.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from turnout.doctor.asking.answers import ask_service
from turnout.doctor.asking.iam import Iam
from turnout.doctor.facts import Caller, Permits, Silence, Why
from turnout.targets.aws import AwsClients

__all__ = ["ask_use_of_bucket", "ask_use_of_table"]

_HELD = "ConditionalCheckFailedException"

Trial = tuple[str, str, Mapping[str, Any]]
"""An action of IAM, the operation that tries it, and its request."""


async def ask_use_of_table(
    clients: AwsClients,
    caller: Caller,
    iam: Iam,
    name: str,
    keys: Mapping[str, str],
    indexes: Mapping[str, str],
    actions: Sequence[str],
) -> Permits | Silence:
    """What we may do with the table of that name; why not when there is none. Its keys are told as in `TablePlan`."""
    allowed: set[str] = set()
    denied: dict[str, Silence] = {}
    for action, operation, request in _trials(keys, indexes):
        if action not in actions:
            continue
        answer = await ask_service(clients, "dynamodb", caller.region, operation, action, TableName=name, **request)
        if not isinstance(answer, Silence) or answer.code == _HELD:
            allowed.add(action)
        elif answer.why is Why.MISSING and "IndexName" not in request:
            return answer
        elif answer.why is Why.DENIED:
            denied[action] = answer
    arn = name if name.startswith("arn:") else f"{_arn(caller, 'dynamodb')}:table/{name}"
    decisions = await iam.decisions([action for action in actions if action not in allowed], [arn])
    return Permits(frozenset(allowed - denied.keys()), denied, decisions)


async def ask_use_of_bucket(
    clients: AwsClients, caller: Caller, iam: Iam, name: str, beginning: str, actions: Sequence[str]
) -> Permits:
    """What we may do with objects of the bucket whose keys begin like that."""
    key = f"{beginning}turnout-doctor-{uuid.uuid4()}"
    request = {"Bucket": name, "Key": key, "UploadId": "turnout-doctor", "PartNumber": 1, "Body": b""}
    answer = await ask_service(clients, "s3", caller.region, "upload_part", "s3:PutObject", **request)
    refused = isinstance(answer, Silence) and answer.why is Why.DENIED
    denied = {"s3:PutObject": answer} if isinstance(answer, Silence) and refused else {}
    partition = caller.arn.split(":")[1] if ":" in caller.arn else "aws"
    return Permits(frozenset(), denied, await iam.decisions(actions, [f"arn:{partition}:s3:::{name}/{key}"]))


def _trials(keys: Mapping[str, str], indexes: Mapping[str, str]) -> list[Trial]:
    nobody = f"turnout-doctor-{uuid.uuid4()}"
    names = {kind: key.partition(":")[0] for kind, key in keys.items()}
    key = {name: {"S": nobody} for name in names.values()}
    there = {"ConditionExpression": "attribute_exists(#key)", "ExpressionAttributeNames": {"#key": names["HASH"]}}
    # A server that heeds no conditions is left with an item that its TTL removes.
    now = {"N": str(int(time.time()))}
    update = {"UpdateExpression": "SET expires = :now", "ExpressionAttributeValues": {":now": now}}
    trials: list[Trial] = [
        ("dynamodb:GetItem", "get_item", {"Key": key}),
        ("dynamodb:UpdateItem", "update_item", {"Key": key, **update, **there}),
        ("dynamodb:PutItem", "put_item", {"Item": {**key, "expires": now}, **there}),
        ("dynamodb:Query", "query", _query(names["HASH"], nobody)),
    ]
    for index, schema in indexes.items():
        name = schema.partition("HASH=")[2].partition(":")[0]
        trials.append(("dynamodb:Query", "query", {"IndexName": index, **_query(name, nobody)}))
    return trials


def _query(name: str, value: str) -> Mapping[str, Any]:
    return {
        "KeyConditionExpression": "#key = :key",
        "ExpressionAttributeNames": {"#key": name},
        "ExpressionAttributeValues": {":key": {"S": value}},
        "Limit": 1,
    }


def _arn(caller: Caller, service: str) -> str:
    partition = caller.arn.split(":")[1] if ":" in caller.arn else "aws"
    return f"arn:{partition}:{service}:{caller.region}:{caller.account}"
