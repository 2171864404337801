"""Records of tracing: what it remembers of a message and of a call, what a finished span holds, what it counts.

No decisions here: when spans are built is in `tracing`, what they say in `spans`, where they go in `setup`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from random import getrandbits
from typing import Protocol

import msgspec

from turnout.account import Account
from turnout.telemetry.propagation import Context

__all__ = [
    "CallTrace",
    "Event",
    "Kind",
    "Link",
    "Matched",
    "Span",
    "SpanSink",
    "Trace",
    "TracingCounts",
    "Value",
    "new_span_id",
    "new_trace",
    "process_span_id",
]

Value = str | int | float | bool | Sequence[str]


class Kind(IntEnum):
    """Span kinds, numbered as in OTLP."""

    INTERNAL = 1
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Matched(Protocol):
    """What is read from `turnout.rules.Match`."""

    @property
    def rules(self) -> Sequence[str]:
        """Ids of the rules that matched."""

    @property
    def event_id(self) -> str | None:
        """The event's own id."""

    @property
    def conversation_id(self) -> str | None:
        """The conversation or interaction that the event is about."""

    @property
    def event_type(self) -> str | None:
        """The event's `detail-type`."""


class Trace(msgspec.Struct, gc=False):
    """What tracing remembers of one message while it is under way."""

    id: str
    """The trace id, 32 hex digits. Trace ids are kept as the text in which they come and go."""
    root: str
    """The same with the dash of an `AWSTraceHeader`: to cut it for each target takes as long as to make the rest."""
    parent: str
    """Span id of the creation context that came with the message; empty: there was none, `process` is a root."""
    sampled: bool
    state: str = ""
    replayed: Context | None = None
    """The context that came with a message which is replayed: its trace is over, the replay's links to it."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """A pointer to a span of another trace. `message_id` says which message it stands for, where there are several."""

    trace: str
    span_id: int
    message_id: str = ""
    remote: bool = False


class Event(msgspec.Struct, frozen=True):
    """Something that happened within a span, at a time in nanoseconds since the epoch."""

    name: str
    at_ns: int
    attributes: Mapping[str, Value]


class Span(msgspec.Struct):
    """A finished span. Times are nanoseconds since the epoch; `parent` 0 makes it a root, `trace` is 32 hex digits."""

    name: str
    kind: Kind
    trace: str
    span_id: int
    parent: int
    start_ns: int
    end_ns: int
    attributes: dict[str, Value]
    links: Sequence[Link] = ()
    events: Sequence[Event] = ()
    error: str | None = None
    """The description of status ERROR; None leaves the status unset."""
    remote_parent: bool = False
    state: str = ""


class CallTrace:
    """The context of one batch call's own span, and the links gathered for it until it is built."""

    __slots__ = ("built", "contexts", "links", "message_id", "parent", "seen", "span_id", "trace")

    def __init__(self, trace: str, span_id: int, parent: int = 0) -> None:
        self.trace = trace
        self.span_id = span_id
        self.parent = parent
        self.links: list[Link] = []
        """A batch send's: to the `create` spans it carried."""
        self.message_id = ""
        """Of a send call of one message: the id that the message got."""
        self.contexts: list[tuple[Context, str]] = []
        """A receive call's: the creation contexts of the messages it brought, and the messages' ids."""
        self.seen = 0
        """Messages of the call that have been settled and traced."""
        self.built = False


class TracingCounts:
    """Plain counters of tracing itself. Each is written by one thread only; anybody may read them."""

    __slots__ = ("context_dropped", "errors", "export_failed", "exported", "messages", "spans_dropped")

    def __init__(self) -> None:
        self.messages = 0
        """Messages whose spans were built."""
        self.spans_dropped = 0
        """Spans not built, or built and thrown away, because too many wait for the collector."""
        self.context_dropped = 0
        """Messages sent without `traceparent`, because ten attributes were there already."""
        self.errors = 0
        """Failures inside tracing itself (defects)."""
        self.exported = 0
        """Spans that the collector accepted."""
        self.export_failed = 0
        """Spans lost because the collector refused them, was away, or was too slow."""


class SpanSink(Protocol):
    """Where finished spans go. `room` and `emit` never block."""

    def room(self) -> int:
        """How many more spans can wait."""
        ...

    def emit(self, finished: Sequence[Span]) -> None:
        """Take these spans; there is room for them."""
        ...

    def flush(self) -> None:
        """Export what is waiting. Blocks, maybe for long; called from a thread of its own."""
        ...

    def shutdown(self) -> None:
        """Export what is waiting, then stop. Blocks, maybe for long; called from a thread of its own."""
        ...

    def abandon(self) -> None:
        """Give up what is still waiting: the time for `shutdown` is over. Does not block."""
        ...


def new_trace() -> str:
    """A random trace id, 32 hex digits, never all zeros. The generator is seeded anew in a forked child."""
    return (getrandbits(128) or 1).to_bytes(16, "big").hex()  # half the price of formatting


def new_span_id() -> int:
    """A random span id, never 0."""
    return getrandbits(64) or 1


def process_span_id(account: Account) -> int:
    """The id of a message's `process` span. It does not travel, so most messages never need one."""
    if not account.span_id:
        account.span_id = new_span_id()
    return account.span_id
