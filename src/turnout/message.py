"""What flows through the worker: messages, the deliveries they become, and the account that holds them together.

These are plain records. They decide nothing and do no I/O; the pipeline changes them, telemetry reads them.
Times are nanoseconds since the epoch (`time.time_ns()`); 0 means "has not happened".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from turnout.errors import Fault

__all__ = [
    "REPLAY",
    "Account",
    "Attribute",
    "Call",
    "Delivery",
    "Failure",
    "Message",
    "Outcome",
    "OutgoingMessage",
    "Reason",
    "Retry",
    "State",
    "sendable",
]


REPLAY = "Turnout.Replay"
"""Message attribute that marks a message which is replayed on purpose; its value is the replay's id."""

# SQS API reference, SendMessage: #x9 #xA #xD #x20-#xD7FF #xE000-#xFFFD #x10000-#x10FFFF.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def sendable(text: str) -> str:
    """The text of an attribute as SQS takes it: in place of each character that it refuses stands U+FFFD."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


class Attribute(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A message attribute as SQS carries it: `data_type` is `String`, `Number` or `Binary`, maybe with `.label`.

    Exactly one of `text` and `data` is set; `data` goes with `Binary`. In JSON it is SQS's `MessageAttributeValue`.
    """

    data_type: str = msgspec.field(name="DataType")
    text: str | None = msgspec.field(name="StringValue", default=None)
    data: bytes | None = msgspec.field(name="BinaryValue", default=None)

    def size(self, name: str) -> int:
        """Bytes that count towards the size limit: name, type and value."""
        text = self.text
        if text is not None and text.isascii() and name.isascii():  # known without looking at the text
            return len(name) + len(self.data_type) + len(text)
        value = len(self.data or b"") if text is None else len(text.encode("utf-8", "surrogatepass"))
        return len(name.encode("utf-8", "surrogatepass")) + len(self.data_type) + value


class Message(msgspec.Struct, frozen=True):
    """One received SQS message. `body` is exactly the text that was sent; `queue` is the URL it came from.

    `system` holds the system attributes (`SentTimestamp`, `ApproximateReceiveCount`, `MessageGroupId`,
    `AWSTraceHeader`, ...) as the strings that SQS returns.
    """

    id: str
    handle: str
    body: str
    queue: str
    attributes: Mapping[str, Attribute] = {}
    system: Mapping[str, str] = {}
    body_md5: str | None = None
    """MD5 of the body in hexadecimal, as SQS says and the client has verified; None where SQS said nothing."""

    @property
    def receive_count(self) -> int:
        """How often SQS has handed this message out, this time included; 0 when SQS did not say."""
        return _integer(self.system.get("ApproximateReceiveCount"))

    @property
    def sent_ms(self) -> int:
        """When the message was sent to the queue, in milliseconds since the epoch; 0 when SQS did not say."""
        return _integer(self.system.get("SentTimestamp"))

    @property
    def lane(self) -> str:
        """In which line it stands: its FIFO queue and message group. Empty where there is no order to keep."""
        return f"{self.queue} {self.system.get('MessageGroupId', '')}" if self.queue.endswith(".fifo") else ""

    @property
    def sent_as(self) -> str | None:
        """By what its FIFO queue tells it from others (`MessageDeduplicationId`); None from a standard queue."""
        return self.system.get("MessageDeduplicationId")

    @property
    def replay(self) -> str:
        """The id of the replay that brought the message; empty for one that came for the first time."""
        attribute = self.attributes.get(REPLAY)
        return (attribute.text or "") if attribute is not None else ""


class OutgoingMessage(msgspec.Struct, frozen=True):
    """One entry of a SendMessageBatch.

    `group_id` and `deduplication_id` go with FIFO queues (a group alone also with standard queues: fair queues);
    `delay_seconds` (1 to 900; 0 leaves the queue's own delay in force) with standard queues only; `trace_header` is
    the `AWSTraceHeader` system attribute, which counts neither towards the ten attributes nor towards the size.
    `body_md5` is the body's MD5 where it is known already, from `Message.body_md5`, and saves computing it again;
    `body_json` is the body as a JSON string where it is written already, and saves writing it again.
    """

    body: str
    attributes: Mapping[str, Attribute] = {}
    delay_seconds: int = 0
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None
    body_md5: str | None = None
    body_json: msgspec.Raw | None = None
    event_type: str | None = None
    """The event's `detail-type`, for destinations that want one; SQS does not carry it."""

    def size(self) -> int:
        """Bytes that count towards the message and batch size limits: body and user attributes.

        Never raises: a lone surrogate, which SQS refuses, counts as three bytes.
        """
        size = len(self.body.encode("utf-8", "surrogatepass"))
        for name, attribute in self.attributes.items():
            size += attribute.size(name)
        return size


def _integer(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


class Reason(StrEnum):
    """Why a message became a letter. The names are part of the letter format and of the metrics."""

    INVALID_JSON = "INVALID_JSON"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    TOO_DEEP = "TOO_DEEP"
    MISSING_FIELD = "MISSING_FIELD"
    UNMATCHED = "UNMATCHED"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    MESSAGE_REJECTED = "MESSAGE_REJECTED"
    ACCESS_DENIED = "ACCESS_DENIED"
    QUEUE_MISSING = "QUEUE_MISSING"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    LETTER_UNREADABLE = "LETTER_UNREADABLE"
    """It is a letter that another version of Turnout wrote: who has the event already, only that one knows."""
    INTERNAL_ERROR = "INTERNAL_ERROR"


class Failure(msgspec.Struct, frozen=True):
    """Why something failed for good: a reason, who must act, and a sentence for the operator.

    `code` is the service's own error code where one was given (it becomes `error.type` on spans).
    """

    reason: Reason
    fault: Fault
    message: str
    code: str = ""


class Retry(msgspec.Struct, frozen=True):
    """One attempt that failed and will be repeated: when, why, and after how many seconds."""

    at_ns: int
    code: str
    delay_seconds: float


class State(StrEnum):
    """Where one delivery stands."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class Outcome(StrEnum):
    """How a message's stay in this process ended. Every received message gets exactly one."""

    DELIVERED = "delivered"
    """Every delivery was accepted by its target; deleted from the source."""
    DEAD_LETTERED = "dead_lettered"
    """Its letter was accepted by the dead-letter queue; deleted from the source."""
    DROPPED = "dropped"
    """No rule matched and the policy says drop; deleted from the source."""
    HANDED_BACK = "handed_back"
    """Left in the source queue, to be received again."""


class Call:
    """One batch call to SQS, shared by the messages that travelled in it, so that spans can be built later."""

    __slots__ = ("at", "count", "end_ns", "error", "operation", "queue", "span", "start_ns")

    def __init__(self, operation: str, queue: str, start_ns: int) -> None:
        self.operation = operation
        """`receive`, `send` or `delete`."""
        self.queue = queue
        """The queue's URL."""
        self.start_ns = start_ns
        self.at = 0.0
        """Event-loop time at which a receive brought its messages, or a send began. How long something is held is
        measured by it: the clock of the others may be set meanwhile."""
        self.end_ns = 0
        self.count = 0
        """Messages in the batch."""
        self.error = ""
        """The error code when the whole call failed."""
        self.span: object = None
        """Set by telemetry once the call's own span exists."""


# To name a member of an enumeration takes 50 ns: the hot path names it once.
_PENDING = State.PENDING


class Delivery:
    """One message on its way to one target (or, as a letter, to the dead-letter queue)."""

    __slots__ = (
        "account",
        "attempts",
        "calls",
        "failure",
        "message",
        "message_id",
        "queue",
        "queued_ns",
        "retries",
        "settled_ns",
        "size",
        "span_id",
        "state",
        "target",
    )

    message: OutgoingMessage
    """What is sent, composed once so that every attempt sends the same: there once a sender has taken this over."""
    size: int
    """Bytes of that which count towards the size limits."""

    def __init__(self, account: Account, target: str, queued_ns: int) -> None:
        self.account = account
        self.target = target
        """The target's name; the dead-letter queue's name for a letter."""
        self.queue = ""
        """The URL of the queue it goes to."""
        self.queued_ns = queued_ns
        self.settled_ns = 0
        self.message_id = ""
        """The id that SQS gave the message when it was accepted."""
        self.state = _PENDING
        self.attempts = 0
        self.failure: Failure | None = None
        self.retries: tuple[Retry, ...] = ()
        self.calls: tuple[Call, ...] = ()
        """The batch calls this delivery took part in, oldest first."""
        self.span_id = 0
        """Id of this delivery's own span, given out early so that it can travel with the message; 0: not traced."""


class Account:
    """Everything owed and paid for one received message, from receive to settle.

    A message is *accounted for* when no delivery is pending. The pipeline's event loop is the only writer.
    """

    __slots__ = (
        "body_bytes",
        "body_json",
        "delete",
        "deletes",
        "deliveries",
        "evaluated_ns",
        "failure",
        "fingerprint",
        "handle",
        "handle_at",
        "key",
        "letter",
        "letter_at",
        "match",
        "message",
        "outcome",
        "owed",
        "receive",
        "received_ns",
        "routed_ns",
        "settled_ns",
        "span_id",
        "taken",
        "trace",
        "visible_at",
    )

    letter_at: float
    """Event-loop time at which the letter was written: there once it is."""

    def __init__(self, message: Message, receive: Call, received_ns: int, visible_at: float = 0.0) -> None:
        self.message = message
        self.handle = message.handle
        """The newest receipt handle known for this message."""
        self.body_bytes = len(message.body) if message.body.isascii() else len(message.body.encode("utf-8", "replace"))
        self.body_json: msgspec.Raw | None = None
        """The body as a JSON string, once it was written for the first of several targets."""
        self.visible_at = visible_at
        """Event-loop time at which the message becomes visible to other consumers again, unless extended."""
        self.handle_at = receive.at
        """Event-loop time at which SQS gave that handle out: its 12 hours count from there."""
        self.receive = receive
        self.received_ns = received_ns
        self.routed_ns = 0
        """Rule evaluation started."""
        self.evaluated_ns = 0
        """Rule evaluation ended."""
        self.match: object = None
        """What the rules said (`turnout.rules.Match`), once routed."""
        self.fingerprint = ""
        """The fingerprint of the ruleset that said so."""
        self.deliveries: Sequence[Delivery] = ()
        self.taken: frozenset[str] = frozenset()
        """Targets that took the event before this receive; it is not sent to them again."""
        self.key = ""
        """Under which the idempotency store knows the event while we hold it; empty: not claimed."""
        self.owed = 0
        """Deliveries that are still pending."""
        self.failure: Failure | None = None
        """Why the message as a whole must become a letter, when that is known before or without any delivery."""
        self.letter: Delivery | None = None
        self.delete: Call | None = None
        self.deletes = 0
        """Attempts to delete the message."""
        self.outcome: Outcome | None = None
        self.settled_ns = 0
        self.trace: object = None
        """Telemetry's own record (trace id, parent, sampled or not)."""
        self.span_id = 0
        """Id of the `process` span, once telemetry needs one; 0 until then."""

    def forget_cycles(self) -> None:
        """Make the deliveries forget this account, once it is settled and nobody works on it any more.

        Then counting references frees them all. Otherwise the garbage collector has to find every single message,
        which was measured to cost a fifth of the CPU time of routing.
        """
        for delivery in self.deliveries:
            del delivery.account
        if self.letter is not None:
            del self.letter.account
