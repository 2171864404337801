"""What a dead letter is, whoever wrote it: the original event, every failure on its way here, and what it is owed.

Plain records. How they are read from messages is in `reading` and `shapes`, what the failures mean in `classify`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from turnout.message import Attribute, Message
from turnout.queues import queue_name
from turnout.recovery.causes import Cause, Disposition, Verdict

__all__ = ["Evidence", "Kind", "Layer", "Letter", "Origin", "Payload"]


class Origin(StrEnum):
    """Who put a message where it was found, or wrapped it."""

    TURNOUT = "turnout"
    EVENTBRIDGE_RULE = "eventbridge-rule"
    EVENTBRIDGE_BUS = "eventbridge-bus"
    """The dead-letter queue of a bus, which could not process the event itself (its encryption key failed)."""
    EVENTBRIDGE_PIPE = "eventbridge-pipe"
    EVENTBRIDGE_SCHEDULER = "eventbridge-scheduler"
    EVENTBRIDGE_BUS_V2 = "eventbridge-bus-v2"
    LAMBDA_ASYNC = "lambda-async"
    """The dead-letter queue of a function's asynchronous invocations."""
    LAMBDA_DESTINATION = "lambda-destination"
    """A function's on-failure destination, directly or through EventBridge."""
    LAMBDA_STREAM = "lambda-stream"
    """The on-failure destination of a function that reads a stream."""
    LAMBDA_RECORD = "lambda-record"
    """A `Records` list with one message in it, as SNS and SQS invoke functions."""
    SNS = "sns"
    SQS_REDRIVE = "sqs-redrive"
    APPLICATION = "application"
    """An application's own envelope: `{original_message, error, ...}`."""
    MESSAGE_KEY = "message-key"
    """`{"Message": "<event>"}`, which some applications write."""
    FAILED_EVENT = "failed-event"
    """An entry of the tutorial profile's failed-events API."""
    EVENT = "event"
    """Nothing wraps it: an EventBridge event, and nothing that says why it is here."""
    UNKNOWN = "unknown"
    """Nothing wraps it, and it is no EventBridge event."""


class Payload(StrEnum):
    """Whether the original is still there."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    """Its end is missing; it cannot be delivered again."""
    ABSENT = "absent"
    """There is only a pointer to it (`Layer.pointer`): a stretch of a stream, ids of events."""


class Kind(StrEnum):
    """Where evidence was found; the earlier kinds are the stronger ones."""

    ATTRIBUTE = "attribute"
    ENVELOPE = "envelope"
    EVENT = "event"
    """A field of the event itself that says what went wrong (`detail.errorMessage`)."""


class Evidence(msgspec.Struct, frozen=True):
    """What somebody said about a failure, as they said it.

    `vocabulary` says whose code `code` is (a section of `codes` in causes.yaml). `status` is an HTTP status that was
    given as such, 0 when none was. `fault` is Turnout's own (`data`, `config`, `system`). `details` holds whatever else
    was said, by its own name. `target` is the one that it is about, where it is one of several that failed.
    """

    kind: Kind
    vocabulary: str
    code: str = ""
    message: str = ""
    status: int = 0
    fault: str = ""
    details: Mapping[str, str] = {}
    target: str = ""


class Layer(msgspec.Struct, frozen=True):
    """One stage of a letter's way: a delivery that failed, or a wrapper that was put around it.

    `body` and `attributes` are what that delivery carried, exactly: to repeat it, send these.
    """

    origin: Origin
    body: str
    attributes: Mapping[str, Attribute]
    evidence: tuple[Evidence, ...] = ()
    payload: Payload = Payload.WHOLE
    pointer: Mapping[str, str] = {}
    """Where a payload is that the letter does not carry: stream, shard and sequence numbers; ids of events."""
    source: str = ""
    """Where the message was when delivery failed: a queue's name or ARN, a topic's, a schedule's, a bus's."""
    target: str = ""
    """ARN of what did not take it."""
    rules: tuple[str, ...] = ()
    """Turnout's rule ids, or the ARN of the EventBridge rule."""
    owed: tuple[str, ...] = ()
    """Turnout targets that did not get it."""
    failures: Mapping[str, str] = {}
    """Of several of them, why each did not: name to reason and sentence."""
    done: tuple[str, ...] = ()
    """Turnout targets that got it."""
    done_unknown: str = ""
    """Of a letter of ours that does not say which those are: why, and what to do. Empty where it says so."""
    attempts: int = 0
    first_failure: datetime | None = None
    last_failure: datetime | None = None
    event_id: str = ""
    """The event's id where the wrapper says it."""
    event_type: str = ""
    ruleset: str = ""
    trace_id: str = ""


class Letter(msgspec.Struct, frozen=True):
    """A dead letter. Times are in UTC.

    `chain` is who wrapped or failed to deliver it, the last one (the outermost) first; empty when nobody says.
    """

    id: str
    """The id of the SQS message; for a message without one, a digest of its body. The ledger knows it by this."""
    message: Message
    """The message as it was found, wrappers and all; `message.handle` deletes it."""
    origin: Origin
    """Of the outermost layer."""
    chain: tuple[Layer, ...]
    body: str | None
    """The original body inside all wrappers, exactly as it was; None when the letter does not carry it."""
    attributes: Mapping[str, Attribute]
    """The message attributes the original had."""
    payload: Payload
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    """Everything that was said about failures, the outermost first; of several targets the one that can be helped
    first."""
    event_id: str = ""
    event_type: str = ""
    """`detail-type`, or what stands for it in other shapes."""
    event_source: str = ""
    event_time: datetime | None = None
    conversation_id: str = ""
    """The conversation (in tutorials: the interaction) the event is about."""
    sent: datetime | None = None
    """When it was sent to the queue; a redrive by SQS does not change that (on standard queues)."""
    notes: tuple[str, ...] = ()
    """What an operator should know about how this letter was read."""

    @property
    def cause(self) -> Cause:
        """Why it failed."""
        return self.verdict.cause

    @property
    def disposition(self) -> Disposition:
        """What would help."""
        return self.verdict.disposition

    @property
    def queue(self) -> str:
        """The URL (or, inside a Lambda function, the ARN) of the queue it was found in; may be empty."""
        return self.message.queue

    @property
    def queue_name(self) -> str:
        """The name of that queue, whether a URL or an ARN names it."""
        return queue_name(self.queue).rpartition(":")[2]

    @property
    def receive_count(self) -> int:
        """How often SQS has handed it out, this time included; 0 when SQS did not say."""
        return self.message.receive_count

    @property
    def delivery(self) -> Layer | None:
        """The outermost delivery that failed at a known place: a Turnout target or an ARN. To retry it is to repeat it.

        None when nothing says where the letter should go, or when nobody knows who has it already.
        """
        found = next((layer for layer in self.chain if layer.owed or layer.target or layer.done_unknown), None)
        return found if found is None or not found.done_unknown else None

    @property
    def done_unknown(self) -> str:
        """Why nobody here knows which Turnout targets have it already, and what to do; empty when that is known."""
        return next((layer.done_unknown for layer in self.chain if layer.origin is Origin.TURNOUT), "")

    @property
    def owed(self) -> tuple[str, ...]:
        """Turnout targets that did not get it; nothing is owed to the others."""
        return next((layer.owed for layer in self.chain if layer.origin is Origin.TURNOUT), ())

    @property
    def failures(self) -> Mapping[str, str]:
        """Of several Turnout targets that did not get it, why each did not. It may hold personal data."""
        return next((layer.failures for layer in self.chain if layer.origin is Origin.TURNOUT), {})

    @property
    def done(self) -> tuple[str, ...]:
        """Turnout targets that got it."""
        return next((layer.done for layer in self.chain if layer.origin is Origin.TURNOUT), ())

    @property
    def rules(self) -> tuple[str, ...]:
        """Turnout's rule ids, or the ARN of the EventBridge rule, of the outermost layer that knows any."""
        return next((layer.rules for layer in self.chain if layer.rules), ())

    @property
    def attempts(self) -> int:
        """Attempts of the outermost delivery that counted them."""
        return next((layer.attempts for layer in self.chain if layer.attempts), 0)

    @property
    def code(self) -> str:
        """The code of the outermost failure that has one."""
        return next((evidence.code for evidence in self.evidence if evidence.code), "")

    @property
    def error(self) -> str:
        """The sentence of the outermost failure that has one. It may hold personal data."""
        return next((evidence.message for evidence in self.evidence if evidence.message), "")

    @property
    def first_failure(self) -> datetime | None:
        """When it first failed, as far as anybody says."""
        return min((at for layer in self.chain for at in (layer.first_failure, layer.last_failure) if at), default=None)

    @property
    def last_failure(self) -> datetime | None:
        """When it last failed, as far as anybody says."""
        return max((at for layer in self.chain for at in (layer.first_failure, layer.last_failure) if at), default=None)

    def age_seconds(self, now: datetime) -> float | None:
        """How long ago it first failed; else how long ago it was sent, or happened. None when nothing says."""
        since = self.first_failure or self.sent or self.event_time
        return max(0.0, (now - since).total_seconds()) if since else None
