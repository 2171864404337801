"""Asks DynamoDB about tables and S3 about the archive's bucket."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from turnout.doctor.asking.answers import Answer, ask_service
from turnout.doctor.facts import BucketFacts, Silence, TableFacts, Why
from turnout.sqs.foreign_answers import BAD_ANSWER
from turnout.targets.aws import AwsClients

__all__ = ["ask_bucket", "ask_table"]


async def ask_table(clients: AwsClients, region: str, name: str) -> TableFacts | Silence:
    """What a table is like; why not when it cannot be told."""
    ask = partial(ask_service, clients, "dynamodb", region, TableName=name)
    answer = await ask("describe_table", "dynamodb:DescribeTable")
    if isinstance(answer, Silence):
        return answer
    ttl = await ask("describe_time_to_live", "dynamodb:DescribeTimeToLive")
    backups = await ask("describe_continuous_backups", "dynamodb:DescribeContinuousBackups")
    try:
        return _table(answer, ttl, backups)
    except BAD_ANSWER:
        return Silence(Why.FAILED, "BadAnswer", "the answer is not DynamoDB's", "dynamodb:DescribeTable")


async def ask_bucket(clients: AwsClients, region: str, name: str) -> BucketFacts | Silence:
    """What a bucket is like; why not when it cannot be told."""
    ask = partial(ask_service, clients, "s3", region, Bucket=name)
    found = await ask("head_bucket", "s3:ListBucket")
    if isinstance(found, Silence):
        return found
    encryption = await ask("get_bucket_encryption", "s3:GetEncryptionConfiguration")
    public = await ask("get_public_access_block", "s3:GetBucketPublicAccessBlock")
    return BucketFacts(_encryption(encryption), _public(public))


def _table(answer: Answer, ttl: Answer | Silence, backups: Answer | Silence) -> TableFacts:
    table = answer["Table"]
    types = {each["AttributeName"]: each["AttributeType"] for each in table.get("AttributeDefinitions", ())}
    return TableFacts(
        status=str(table.get("TableStatus", "")),
        keys=_keys(table, types),
        indexes={
            index["IndexName"]: " ".join(f"{kind}={attribute}" for kind, attribute in _keys(index, types).items())
            for index in table.get("GlobalSecondaryIndexes") or ()
        },
        ttl=ttl if isinstance(ttl, Silence) else _ttl(ttl),
        recovery=backups if isinstance(backups, Silence) else _recovery(backups),
    )


def _keys(described: Answer, types: Mapping[str, str]) -> dict[str, str]:
    return {
        each["KeyType"]: f"{each['AttributeName']}:{types.get(each['AttributeName'], '?')}"
        for each in described.get("KeySchema", ())
    }


def _ttl(answer: Answer) -> str:
    about = answer.get("TimeToLiveDescription", {})
    on = about.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return str(about.get("AttributeName", "")) if on else ""


def _recovery(answer: Answer) -> bool:
    about = answer.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    return bool(about.get("PointInTimeRecoveryStatus") == "ENABLED")


def _encryption(answer: Answer | Silence) -> str | Silence:
    if isinstance(answer, Silence):
        missing = answer.code == "ServerSideEncryptionConfigurationNotFoundError"
        return "" if missing else answer
    for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", ()):
        if name := rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm"):
            return str(name)
    return ""


def _public(answer: Answer | Silence) -> bool | Silence:
    if isinstance(answer, Silence):
        missing = answer.code == "NoSuchPublicAccessBlockConfiguration" or answer.why is Why.MISSING
        return False if missing else answer
    settings = answer.get("PublicAccessBlockConfiguration", {})
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return all(bool(settings.get(name)) for name in names)
