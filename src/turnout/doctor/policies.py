"""What a queue's policies say: who may send to it, and where SQS moves what fails. Pure reading of their JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from turnout.doctor.facts import Attributes

__all__ = ["Grant", "allows_account", "grants", "redrive_policy"]

EVENTBRIDGE = "events.amazonaws.com"

# Conditions that tie a grant to somebody: whose rule, whose account, whose organisation, which network.
_TIES = ("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourcevpce", "aws:sourcevpc", "aws:principal")


class Grant(msgspec.Struct, frozen=True):
    """One statement that lets somebody send."""

    eventbridge: bool
    """Whether EventBridge is meant, by name or among everybody."""
    everybody: bool
    sources: tuple[str, ...]
    """The `aws:SourceArn` values it is limited to."""
    tied: bool
    """Whether any condition says on whose behalf."""


def grants(policy: str) -> list[Grant]:
    """Every statement of a policy that allows `sqs:SendMessage`. A policy that is no JSON grants nothing."""
    return [_grant(statement) for statement in _statements(policy) if _allows_sending(statement)]


def redrive_policy(attributes: Attributes) -> tuple[str, int] | None:
    """The ARN of the queue to which SQS moves what fails, and after how many receives; None when there is none."""
    try:
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
        return str(policy["deadLetterTargetArn"]), int(policy["maxReceiveCount"])
    except (ValueError, KeyError, TypeError):
        return None


def allows_account(policy: str, account: str, arn: str) -> bool:
    """Whether a policy names this account or caller at all, so that IAM's own policies may not be the last word."""
    role = arn.replace(":sts:", ":iam:").replace("assumed-role", "role").rpartition("/")[0] or arn
    partition = arn.partition(":")[2].partition(":")[0]
    names = ("*", account, f"arn:{partition}:iam::{account}:root", arn, role)
    for statement in _statements(policy):
        if statement.get("Effect") == "Allow":
            for _, principal in _principals(statement):
                if principal in names or _without_path(principal) == role:
                    return True
    return False


def _without_path(principal: str) -> str:
    """The ARN of a role as its sessions tell it, which leave its path out."""
    head, role, name = principal.partition(":role/")
    return f"{head}{role}{name.rpartition('/')[2]}"


def _grant(statement: Mapping[str, Any]) -> Grant:
    principals = list(_principals(statement))
    everybody = any(name == "*" for _, name in principals)
    conditions = [
        (key.lower(), value)
        for tests in _mapping(statement.get("Condition")).values()
        for key, value in _mapping(tests).items()
    ]
    sources = tuple(str(each) for key, value in conditions if key == "aws:sourcearn" for each in _list(value))
    tied = any(key.startswith(_TIES) for key, _ in conditions)
    named = any(kind == "Service" and name == EVENTBRIDGE for kind, name in principals)
    return Grant(named or everybody, everybody, sources, tied)


def _statements(policy: str) -> Iterator[Mapping[str, Any]]:
    try:
        document = json.loads(policy)
    except (ValueError, RecursionError):
        return
    for statement in _list(_mapping(document).get("Statement")):
        if isinstance(statement, Mapping):
            yield statement


def _allows_sending(statement: Mapping[str, Any]) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    actions = [str(action).lower() for action in _list(statement.get("Action"))]
    return any(fnmatchcase("sqs:sendmessage", action.replace("[", "[[]")) for action in actions)


def _principals(statement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    principal = statement.get("Principal")
    if isinstance(principal, str):
        yield "", principal
    for kind, names in _mapping(principal).items():
        for name in _list(names):
            yield str(kind), str(name)


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
