"""Facts for tests of the judges: a deployment in which all is well, to be spoilt one fact at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from turnout.doctor.facts import Caller, QueueFacts, Role
from turnout.doctor.findings import Finding, Severity
from turnout.settings import Settings, load_settings

ACCOUNT = "123456789012"
BASE = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}"
RULE = f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/aws.partner/genesys.com/cloud/x/y/all"

CALLER = Caller(
    ACCOUNT,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/turnout-worker/task",
    "eu-west-1",
    "https://sqs.eu-west-1.amazonaws.com",
    emulator=False,
    ahead_seconds=0.4,
)
EMULATOR = Caller("000000000000", "arn:aws:iam::000000000000:root", "us-east-1", "http://127.0.0.1:4566", emulator=True)


def policy(**statement: Any) -> str:
    whole = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": RULE}},
    } | statement
    return json.dumps({"Version": "2012-10-17", "Statement": [{k: v for k, v in whole.items() if v is not None}]})


def redrive(receives: object = 5, queue: str = "letters") -> str:
    arn = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{queue}"
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receives})


LETTERS = {
    "QueueArn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:letters",
    "MessageRetentionPeriod": "1209600",
    "MaximumMessageSize": "1048576",
    "SqsManagedSseEnabled": "true",
}
EVENTS = {
    "QueueArn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:events",
    "MessageRetentionPeriod": "345600",
    "MaximumMessageSize": "1048576",
    "VisibilityTimeout": "300",
    "SqsManagedSseEnabled": "true",
    "RedrivePolicy": redrive(),
    "Policy": policy(),
}
TARGET = {"QueueArn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:critical", "SqsManagedSseEnabled": "true"}


def source(changed: Mapping[str, str] = {}, **facts: Any) -> QueueFacts:
    name = facts.pop("name", "events")
    given: dict[str, Any] = {"redrive_to": LETTERS, "attributes": {**EVENTS, **changed}}
    return QueueFacts(name=name, url=f"{BASE}/{name}", role=Role.SOURCE, **(given | facts))


def letters(changed: Mapping[str, str] = {}, **facts: Any) -> QueueFacts:
    given: dict[str, Any] = {"attributes": {**LETTERS, **changed}}
    return QueueFacts(name="letters", url=f"{BASE}/letters", role=Role.DEAD_LETTER, **(given | facts))


def target(changed: Mapping[str, str] = {}, **facts: Any) -> QueueFacts:
    name = facts.pop("name", "critical")
    given: dict[str, Any] = {"attributes": {**TARGET, **changed}, "targets": ("critical",)}
    return QueueFacts(name=name, url=f"{BASE}/{name}", role=Role.TARGET, **(given | facts))


def settings(**given: object) -> Settings:
    needed = {"source_queue_url": f"{BASE}/events", "dead_letter_queue_url": f"{BASE}/letters"}
    return load_settings({**needed, **given})


def worst(findings: Iterable[Finding], check: str) -> Severity:
    order = list(Severity)
    return min((each.severity for each in findings if each.check == check), key=order.index)


def bad(findings: Iterable[Finding]) -> list[Finding]:
    return [each for each in findings if each.severity is not Severity.OK]
