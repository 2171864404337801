"""How it is found out that stores may be written to, without writing. On emulators: tests/e2e/test_doctor.py."""

from __future__ import annotations

import asyncio
from typing import Any

from botocore.exceptions import ClientError
from tests.unit.doctor.facts import ACCOUNT, CALLER

from turnout.doctor.asking.iam import Iam
from turnout.doctor.asking.using import ask_use_of_bucket, ask_use_of_table
from turnout.doctor.facts import Permits, Silence, Why
from turnout.doctor.stores import ARCHIVE_ACTIONS, IDEMPOTENCY, LEDGER, TablePlan

ROLE = f"arn:aws:iam::{ACCOUNT}:role/turnout-worker"


class Aws:
    """Stands in for `AwsClients` and for every client: answers operations by these codes, and notes what was asked."""

    def __init__(self, **codes: str) -> None:
        self.codes = codes
        self.requests: list[tuple[str, dict[str, Any]]] = []

    async def get(self, service: str, region: str | None) -> Any:
        return self

    def __getattr__(self, operation: str) -> Any:
        async def call(**request: Any) -> Any:
            self.requests.append((operation, request))
            if operation == "get_role":
                return {"Role": {"Arn": ROLE}}
            if code := self.codes.get(operation):
                raise ClientError({"Error": {"Code": code, "Message": "so it said"}}, operation)
            actions = request.get("ActionNames", ())
            return {"EvaluationResults": [{"EvalActionName": each, "EvalDecision": "allowed"} for each in actions]}

        return call

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [request for name, request in self.requests if name == operation]


def use_of(aws: Any, plan: TablePlan) -> Permits | Silence:
    asking = ask_use_of_table(aws, CALLER, Iam(aws, CALLER), "seen", plan.keys, plan.indexes, plan.actions)
    return asyncio.run(asking)


HELD = "ConditionalCheckFailedException"


def test_a_write_whose_condition_fails_is_permitted() -> None:
    aws = Aws(update_item=HELD)
    found = use_of(aws, IDEMPOTENCY)
    assert isinstance(found, Permits)
    assert found.allowed == {"dynamodb:GetItem", "dynamodb:UpdateItem"}
    assert found.denied == {}
    assert aws.asked("simulate_principal_policy") == [], "nothing is left to ask"


def test_no_write_is_tried_that_could_hold() -> None:
    aws = Aws(update_item=HELD, put_item=HELD)
    use_of(aws, LEDGER)
    writes = aws.asked("update_item") + aws.asked("put_item")
    assert len(writes) == 2
    for request in writes:
        assert request["ConditionExpression"] == "attribute_exists(#key)"
        assert request["ExpressionAttributeNames"]["#key"] == "pk"
        assert "turnout-doctor-" in str(request)
    assert {name for name, _ in aws.requests} == {
        "get_item", "update_item", "put_item", "query", "get_role", "simulate_principal_policy",
    }  # fmt: skip


def test_a_write_that_is_refused_is_told_with_its_action() -> None:
    found = use_of(Aws(update_item="AccessDeniedException"), IDEMPOTENCY)
    assert isinstance(found, Permits)
    assert found.denied["dynamodb:UpdateItem"].message == "so it said"
    assert found.allowed == {"dynamodb:GetItem"}


def test_what_cannot_be_tried_is_asked_of_iam_for_the_table() -> None:
    aws = Aws(update_item=HELD, put_item=HELD)
    found = use_of(aws, LEDGER)
    assert isinstance(found, Permits)
    (asked,) = aws.asked("simulate_principal_policy")
    assert asked["ActionNames"] == ["dynamodb:BatchWriteItem"]
    assert asked["ResourceArns"] == [f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/seen"]
    assert found.decisions == {"dynamodb:BatchWriteItem": "allowed"}


def test_the_index_may_be_read_as_well_as_the_table() -> None:
    aws = Aws(update_item=HELD, put_item=HELD)
    use_of(aws, LEDGER)
    assert [request.get("IndexName") for request in aws.asked("query")] == [None, "shelves"]
    assert aws.asked("query")[1]["ExpressionAttributeNames"] == {"#key": "shelf"}


def test_a_table_that_is_not_there_is_told_by_whoever_may_use_tables() -> None:
    found = use_of(Aws(get_item="ResourceNotFoundException"), IDEMPOTENCY)
    assert isinstance(found, Silence)
    assert found.why is Why.MISSING


def use_of_bucket(aws: Any) -> Permits:
    asking = ask_use_of_bucket(aws, CALLER, Iam(aws, CALLER), "letters", "dlq/archives/", ARCHIVE_ACTIONS)
    return asyncio.run(asking)


def test_a_part_of_no_upload_is_all_that_the_archive_is_sent() -> None:
    aws = Aws(upload_part="NoSuchUpload")
    found = use_of_bucket(aws)
    assert (found.allowed, found.denied) == (frozenset(), {})
    assert found.decisions == dict.fromkeys(ARCHIVE_ACTIONS, "allowed")
    (sent,) = aws.asked("upload_part")
    assert sent["Body"] == b""
    assert sent["Key"].startswith("dlq/archives/turnout-doctor-")
    (asked,) = aws.asked("simulate_principal_policy")
    assert asked["ResourceArns"] == [f"arn:aws:s3:::letters/{sent['Key']}"]


def test_an_archive_that_refuses_the_part_refuses_letters() -> None:
    assert use_of_bucket(Aws(upload_part="AccessDenied")).denied.keys() == {"s3:PutObject"}
