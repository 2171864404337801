"""For comparison: how tutorials do it. boto3, one message at a time, one call per send and per delete, and conditions
kept as text that is parsed anew for every event. Written for this benchmark; nothing of it is anybody's code.
"""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from jsonpath_ng.parser import parse

RULES = (
    ("detail.tags.priority == 'critical'", "CRITICAL_QUEUE_URL"),
    ("detail.tags.priority == 'high' or detail.duration_ms > 120000", "HIGH_QUEUE_URL"),
    ("detail.channel == 'voice' and detail.outcome == 'completed'", "STANDARD_QUEUE_URL"),
)


def evaluate(condition: str, event: dict[str, Any]) -> bool:
    """Whether the event meets the condition: comparisons joined by `or` and `and`."""
    return any(
        all(_compare(comparison, event) for comparison in alternative.split(" and "))
        for alternative in condition.split(" or ")
    )


def _compare(comparison: str, event: dict[str, Any]) -> bool:
    path, operator, literal = comparison.split(" ", 2)
    found = parse(path).find(event)
    if not found:
        return False
    wanted = json.loads(literal.replace("'", '"'))
    return bool(found[0].value == wanted if operator == "==" else found[0].value > wanted)


def main() -> None:
    """Poll until killed."""
    sqs = boto3.client("sqs")
    source = os.environ["TURNOUT_SOURCE_QUEUE_URL"]
    while True:
        answer = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        for message in answer.get("Messages", []):
            event = json.loads(message["Body"])
            for condition, queue in RULES:
                if evaluate(condition, event):
                    sqs.send_message(QueueUrl=os.environ[queue], MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    main()
