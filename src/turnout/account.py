"""What the worker keeps of one received message: its account, the deliveries it became, the calls they travelled in.

These are plain records. They decide nothing and do no I/O; the pipeline changes them, telemetry reads them.
Times are nanoseconds since the epoch (`time.time_ns()`); 0 means "has not happened".
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from turnout.failures import Failure
from turnout.message import Message, OutgoingMessage

__all__ = ["Account", "Call", "Delivery", "Outcome", "Retry", "State"]


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
