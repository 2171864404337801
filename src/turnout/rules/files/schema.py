"""The fields of rule files and of the tables of tests beside them: what the readers check against, and editors know.

What the values mean beyond their type is in targets.py, rules.py and trials/cases.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from turnout.failures import Reason
from turnout.rules.expression.paths import METADATA_FIELDS

__all__ = [
    "ALIASES",
    "ATTRIBUTE",
    "CASE",
    "EXAMPLE",
    "FILE",
    "METADATA",
    "NAME",
    "OPPOSITES",
    "RULE",
    "SENT",
    "TABLE",
    "TABLES_FOLDER",
    "TARGET",
    "Field",
    "Type",
]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")
"""Ids of rules and names of targets."""


class Type(Enum):
    """What a field holds, in the words of error messages."""

    TEXT = "text"
    NAME = "a name: letters, digits, '-', '_' and '.', 100 at most"
    BOOLEAN = "true or false"
    INTEGER = "a whole number"
    EXPRESSION = "an expression, such as detail.channel == 'voice'"
    PATH = "a path, such as detail.queueId"
    NAMES = "a list, such as [critical]"
    LIST = "a list"
    MAPPING = "a mapping"
    ANY = "a value"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its type, what it is for, and its bounds."""

    type: Type
    description: str
    required: bool = False
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 0
    unit: str = ""
    """Of a whole number: what it counts, in the words of error messages."""


ALIASES = {
    "name": "id",
    "if": "when",
    "where": "when",
    "condition": "when",
    "expression": "when",
    "to": "send",
    "target": "send",
    "targets": "send",
    "send_to": "send",
    "delay_seconds": "delay",
    "expect": "match",
    "expected": "match",
    "result": "match",
    "input": "event",
    "rate": "per_second",
}
"""What people call fields of rules, targets and examples elsewhere."""

OPPOSITES = dict.fromkeys(("disabled", "disable", "inactive", "skip"), "enabled: false")
"""Fields that people write elsewhere and that say the opposite of one of ours: what to write."""

FILE: Mapping[str, Field] = {
    "targets": Field(Type.MAPPING, "Where events can go: a name, and what it stands for."),
    "unmatched": Field(Type.TEXT, "What happens to an event that no rule matches: drop, dead-letter, or a target."),
    "rules": Field(Type.LIST, "The rules, in the order they are tried."),
}

TARGET: Mapping[str, Field] = {
    "queue": Field(Type.TEXT, "URL or name of an SQS queue; ${NAME} reads the environment."),
    "url": Field(Type.TEXT, "URL of an HTTP(S) endpoint that events are posted to."),
    "topic": Field(Type.TEXT, "ARN of an SNS topic."),
    "bus": Field(Type.TEXT, "Name or ARN of an EventBridge bus."),
    "state_machine": Field(Type.TEXT, "ARN of a Step Functions state machine; each event starts an execution."),
    "priority": Field(Type.INTEGER, "0 is the most urgent; 5 when left out.", most=99),
    "per_second": Field(Type.INTEGER, "Messages a second, at most; no limit when left out.", least=1, most=1_000_000),
    "secret_from": Field(Type.TEXT, "Environment variable with the secret that requests to a url are signed with."),
    "client_certificate_from": Field(
        Type.TEXT, "Environment variable that names the PEM file with the certificate to show to a url (mTLS)."
    ),
    "client_key_from": Field(
        Type.TEXT, "Environment variable that names the PEM file with its key; left out when one file holds both."
    ),
    "description": Field(Type.TEXT, "What the target is for."),
}

RULE: Mapping[str, Field] = {
    "id": Field(Type.NAME, "The rule's name in metrics, logs and letters.", required=True),
    "description": Field(Type.TEXT, "What the rule is for."),
    "when": Field(Type.EXPRESSION, "The condition, as an expression."),
    "pattern": Field(Type.MAPPING, "The condition, as an EventBridge event pattern."),
    "send": Field(Type.NAMES, "The targets that a matching event goes to.", required=True),
    "enabled": Field(Type.BOOLEAN, "false: the rule is checked but not tried."),
    "mode": Field(Type.TEXT, "shadow: matches are counted, nothing is sent.", choices=("active", "shadow")),
    "stop": Field(Type.BOOLEAN, "true: when this rule matches, later ones are not tried."),
    "group": Field(Type.PATH, "Where the message group of FIFO and fair queues comes from."),
    "deduplicate": Field(Type.PATH, "Where the deduplication id of FIFO queues comes from."),
    "delay": Field(Type.INTEGER, "Seconds before the message becomes visible in its target.", most=900, unit="seconds"),
    # SQS takes ten; one is for the trace context.
    "attributes": Field(Type.MAPPING, "Message attributes: a name, and a path or {value: constant}.", most=9),
    "owner": Field(Type.TEXT, "Who to ask about the rule."),
    "tags": Field(Type.NAMES, "Words to find rules by."),
    "examples": Field(Type.LIST, "Events that the rule must match, and events that it must not."),
}

EXAMPLE: Mapping[str, Field] = {
    "event": Field(Type.MAPPING, "The event."),
    "file": Field(Type.TEXT, "The event, as a JSON file beside the rules; `turnout check` and `rules test` read it."),
    "match": Field(Type.BOOLEAN, "Whether the rule's condition matches it.", required=True),
    "metadata": Field(Type.MAPPING, "What @ paths see."),
    "description": Field(Type.TEXT, "What the example shows."),
}

METADATA: Mapping[str, Field] = dict.fromkeys(METADATA_FIELDS, Field(Type.ANY, "What @ and this name find."))

ATTRIBUTE: Mapping[str, Field] = {
    "path": Field(Type.PATH, "Where the attribute's value comes from."),
    "value": Field(Type.ANY, "A constant: text, a number, true or false."),
}

TABLES_FOLDER = "tests"
"""Where tables of tests lie, in the directory of rules."""

TABLE: Mapping[str, Field] = {
    "tests": Field(Type.LIST, "Events, and what the rules as a whole make of each.", required=True),
}

CASE: Mapping[str, Field] = {
    "name": Field(Type.TEXT, "What the test shows."),
    "event": Field(Type.MAPPING, "The event."),
    "file": Field(Type.TEXT, "The event, as a JSON file below the directory of rules."),
    "body": Field(Type.TEXT, "The body of the message as text, for what is no event."),
    "metadata": Field(Type.MAPPING, "What @ paths see."),
    "rules": Field(Type.NAMES, "The rules that match, all of them, in any order; those in shadow mode left out."),
    "shadow": Field(Type.NAMES, "The rules in shadow mode that match, all of them."),
    "targets": Field(Type.ANY, "The targets it goes to, all of them: a list, or a mapping to what each one gets."),
    "rejected": Field(
        Type.TEXT,
        "Why it cannot be routed, such as INVALID_JSON.",
        choices=(Reason.INVALID_JSON, Reason.NOT_AN_OBJECT, Reason.TOO_DEEP, Reason.MISSING_FIELD),
    ),
}

SENT: Mapping[str, Field] = {
    "group": Field(Type.TEXT, "The message group; null for none."),
    "deduplicate": Field(Type.TEXT, "The deduplication id; null for none."),
    "delay": Field(Type.INTEGER, "Seconds of delay; null for none.", most=900),
    "attributes": Field(Type.MAPPING, "Message attributes and their values; null for one that must not be there."),
}
