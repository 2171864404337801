"""The plain facts that checks judge: what AWS, the network and Genesys answered, or why they did not."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec

__all__ = [
    "Attributes",
    "BucketFacts",
    "Caller",
    "KeyFacts",
    "MappingFacts",
    "Permits",
    "QueueFacts",
    "Role",
    "Silence",
    "TableFacts",
    "Why",
]


class Why(StrEnum):
    """Why a question got no answer."""

    DENIED = "denied"
    """We may not ask (or, for a probe, not do it)."""
    UNKNOWN_CALLER = "unknown-caller"
    """There are no credentials, or AWS does not accept them: it answers nothing to anybody like that."""
    MISSING = "missing"
    """What was asked about does not exist."""
    THROTTLED = "throttled"
    """AWS was asked too much at once, by us or by others: nothing is known."""
    SETTINGS = "settings"
    """It was not asked, for what the environment says about the way there cannot be used."""
    FAILED = "failed"
    """Anything else: no connection, no such operation at this server, an internal error."""


class Silence(msgspec.Struct, frozen=True):
    """A question that got no answer. `action` is the IAM action of the question."""

    why: Why
    code: str
    message: str
    action: str = ""


Attributes: TypeAlias = Mapping[str, str]


class Role(StrEnum):
    """What a queue is to Turnout."""

    SOURCE = "source"
    DEAD_LETTER = "dead-letter"
    TARGET = "target"


class Caller(msgspec.Struct, frozen=True):
    """Whom AWS takes us for, and what time it is there.

    `ahead_seconds` says how far our clock is ahead of AWS's; None when it did not tell the time.
    """

    account: str
    arn: str
    region: str
    endpoint: str
    emulator: bool
    """Whether the endpoint is not Amazon's."""
    ahead_seconds: float | None = None
    silence: Silence | None = None
    """Why it is not known whom AWS takes us for."""


class KeyFacts(msgspec.Struct, frozen=True):
    """A KMS key: `state` is `Enabled` or what else KMS says; `manager` is `AWS` or `CUSTOMER`."""

    state: str
    manager: str
    decisions: Mapping[str, str] | Silence | None = None
    """As in `QueueFacts`, of what we do with the key when we use the queue."""


class MappingFacts(msgspec.Struct, frozen=True):
    """A Lambda event source mapping on a queue, and its function's timeout (None: not known)."""

    function: str
    enabled: bool
    window_seconds: int
    reports_failures: bool
    timeout_seconds: int | None


class QueueFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One queue. `targets` names the rules' targets that it is."""

    name: str
    url: str
    role: Role
    targets: tuple[str, ...] = ()
    attributes: Attributes | Silence
    redrive_to: Attributes | Silence | None = None
    """The attributes of the queue that its redrive policy names."""
    key: KeyFacts | Silence | None = None
    denied: Mapping[str, Silence] = {}
    """Actions that were refused when tried with an empty batch."""
    decisions: Mapping[str, str] | Silence | None = None
    """IAM's own simulation, by action: `allowed`, `implicitDeny`, `explicitDeny`. None: not asked."""
    mappings: tuple[MappingFacts, ...] | Silence | None = None


class Permits(msgspec.Struct, frozen=True):
    """What we may do with a table or a bucket, by action of IAM."""

    allowed: frozenset[str] = frozenset()
    """What was tried, and is permitted beyond doubt."""
    denied: Mapping[str, Silence] = {}
    """What was tried and refused for want of permission."""
    decisions: Mapping[str, str] | Silence | None = None
    """As in `QueueFacts`."""


class TableFacts(msgspec.Struct, frozen=True):
    """One DynamoDB table. `keys` is its key schema, `HASH` and `RANGE` to attribute name and type (`pk:S`)."""

    status: str
    keys: Mapping[str, str]
    indexes: Mapping[str, str]
    """Global secondary indexes: name to key schema, as in `HASH=shelf:S RANGE=changed:N`."""
    ttl: str | Silence
    """The attribute that items expire by; empty when none does."""
    recovery: bool | Silence
    """Whether point-in-time recovery is on."""


class BucketFacts(msgspec.Struct, frozen=True):
    """One S3 bucket."""

    encryption: str | Silence
    """`AES256` or `aws:kms`; empty: none is set."""
    public_blocked: bool | Silence
    """Whether all four settings of Block Public Access are on."""
