"""The records that rules are made of and that matching returns: targets, rules, what to send, what matched.

Plain data only. Loading builds them (files/load.py), `Ruleset` uses them (ruleset.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import msgspec

from turnout.failures import Reason
from turnout.message import Attribute
from turnout.rules.condition.ast import Condition, Path, Scalar

__all__ = [
    "NOTHING_EXTRA",
    "Example",
    "Json",
    "Kind",
    "Mode",
    "Place",
    "Rejection",
    "Rule",
    "Send",
    "Target",
    "Unmatched",
]

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""What a JSON document decodes to."""


class Place(msgspec.Struct, frozen=True):
    """A place in a rule file: `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Unmatched(StrEnum):
    """What `unmatched` may say besides a target's name."""

    DROP = "drop"
    DEAD_LETTER = "dead-letter"


class Mode(StrEnum):
    """Whether a rule acts on what it matches."""

    ACTIVE = "active"
    SHADOW = "shadow"
    """Matches are counted, nothing is sent."""


class Kind(StrEnum):
    """What kind of thing a target is; the name of the field that holds its address."""

    QUEUE = "queue"
    """An SQS queue: URL, or name of a queue beside the source queue."""
    URL = "url"
    """An HTTP(S) endpoint."""
    TOPIC = "topic"
    """An SNS topic's ARN."""
    BUS = "bus"
    """An EventBridge bus: name or ARN."""
    STATE_MACHINE = "state_machine"
    """A Step Functions state machine's ARN."""


class Target(msgspec.Struct, frozen=True):
    """A named destination. `address` is what its `kind` says, after environment references were replaced.

    `priority` 0 is the most urgent. `unresolved` names the environment variables that `address` needs and that are not
    set; matching works without them, sending does not, and `address` is then the text as written. `per_second` limits
    the messages sent there (0: no limit). `secret_from` names the variable that holds the secret for signing (`url`
    only), `client_certificate_from` and `client_key_from` those that name the files with the certificate that we show
    an endpoint; secrets and keys themselves are never part of the rules.
    """

    name: str
    address: str
    priority: int = 5
    kind: Kind = Kind.QUEUE
    per_second: int = 0
    secret_from: str = ""
    client_certificate_from: str = ""
    client_key_from: str = ""
    description: str = ""
    unresolved: tuple[str, ...] = ()
    place: Place | None = None


class Example(msgspec.Struct, frozen=True):
    """One of a rule's own examples: does the rule's condition match this event?

    `event` is None when the event is in a `file`, named relative to the rule file.
    """

    event: dict[str, Json] | None
    match: bool
    place: Place
    metadata: dict[str, Json] | None = None
    description: str = ""
    file: str = ""


class Send(msgspec.Struct, frozen=True):
    """What a rule adds to the message that goes to a target: FIFO or fair-queue group, deduplication id, delay in
    seconds, and message attributes. None: the rule says nothing about it."""

    group: str | None = None
    deduplicate: str | None = None
    delay: int | None = None
    attributes: Mapping[str, Attribute] = {}


NOTHING_EXTRA = Send()


class Rejection(msgspec.Struct, frozen=True):
    """Why an event cannot be routed at all. `message` names a position or a field, never what the body contains."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as written, with its compiled condition's tree."""

    id: str
    condition: Condition
    send: tuple[str, ...]
    place: Place
    source: str = ""
    """The expression's text, or the pattern as JSON text."""
    description: str = ""
    enabled: bool = True
    mode: Mode = Mode.ACTIVE
    stop: bool = False
    group: Path | None = None
    deduplicate: Path | None = None
    delay: int | None = None
    attributes: Mapping[str, Path | Scalar] = field(default_factory=dict)
    owner: str = ""
    tags: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def shapes_messages(self) -> bool:
        """Whether the rule says anything about the message it sends, beyond where it goes."""
        return bool(self.group or self.deduplicate or self.delay is not None or self.attributes)
