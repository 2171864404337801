"""The worker's books: plain counters of what came in and how each message's stay ended.

At any moment `received == delivered + dead_lettered + dropped + handed_back + in flight`. Counters are plain integers
because adding to a metrics instrument costs more than routing a message; telemetry reads them from outside.
"""

from __future__ import annotations

from collections import Counter, deque

import msgspec

from turnout.account import Call, Outcome
from turnout.telemetry.histogram import AGE_BOUNDS, CALL_BOUNDS, PROCESS_BOUNDS, Histogram

__all__ = ["Books", "Calls", "LetterNote", "PlaceBooks", "SourceBooks", "TargetBooks"]

_NOTES = 50
"""Letters remembered one by one, for people to look at."""


class Calls:
    """How long one kind of call to one queue took, by error code (empty: it went through)."""

    __slots__ = ("by_error",)

    def __init__(self) -> None:
        self.by_error: dict[str, Histogram] = {}

    def add(self, call: Call) -> None:
        """Count a call that has ended."""
        durations = self.by_error.get(call.error)
        if durations is None:
            durations = self.by_error[call.error] = Histogram(CALL_BOUNDS)
        durations.add(call.end_ns - call.start_ns)


class SourceBooks:
    """What happened at one source queue."""

    __slots__ = ("deletes", "received", "receives")

    def __init__(self) -> None:
        self.received = 0
        """Messages taken in, as in `Books.received`."""
        self.receives = Calls()
        """Polls that brought messages or failed; an empty one says nothing but how long it was told to wait."""
        self.deletes = Calls()


class TargetBooks:
    """What happened to the deliveries of one target."""

    __slots__ = ("errors", "failed", "retried", "sent")

    def __init__(self) -> None:
        self.sent = 0
        """Deliveries that the target accepted."""
        self.failed = 0
        """Deliveries given up."""
        self.retried = 0
        """Attempts that failed and were repeated."""
        self.errors: Counter[str] = Counter()
        """Attempts that failed, by error code."""


class PlaceBooks:
    """What was sent to one place, a queue say, by whichever targets lead there.

    Apart from theirs, since rules may give a target another place, and a place other targets: then nothing that was
    counted of one place may become another's, or go away.
    """

    __slots__ = ("calls", "errors", "sent")

    def __init__(self) -> None:
        self.sent = 0
        """Messages that it accepted."""
        self.errors: Counter[str] = Counter()
        """Attempts that failed, by error code."""
        self.calls = Calls()


class LetterNote(msgspec.Struct, frozen=True):
    """One letter that was accepted, as people are told of it. `message` is the sentence in the letter."""

    at_ns: int
    reason: str
    message: str
    message_id: str
    event_id: str = ""
    owed: tuple[str, ...] = ()


class Books:
    """Counters of one worker process since its start. Only the event loop's thread writes them."""

    def __init__(self) -> None:
        self.received = 0
        """Messages taken in. A message handed out again while still held here is counted in `redelivered` only."""
        self.redelivered = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.unmatched = 0
        self.letters: Counter[str] = Counter()
        """Letters accepted by the dead-letter queue, by reason."""
        self.letter_notes: deque[LetterNote] = deque(maxlen=_NOTES)
        """The latest of them."""
        self.matches: Counter[str] = Counter()
        """Messages that each rule matched, by rule id; shadow rules included."""
        self.targets: dict[str, TargetBooks] = {}
        self.places: dict[tuple[str, str], PlaceBooks] = {}
        """By system and name, as the messaging conventions tell them apart."""
        self.sources: dict[str, SourceBooks] = {}
        """By queue URL."""
        self.processing = Histogram(PROCESS_BOUNDS)
        """From receive to settle, of every message."""
        self.queue_age = Histogram(AGE_BOUNDS)
        """From send to receive, of the first message of every receive."""
        self.latency = Histogram(AGE_BOUNDS)
        """From the event's own time to its delivery to all targets, of the first message of every delete."""
        self.polls = 0
        self.poll_errors = 0
        self.extensions = 0
        """Visibility timeouts extended."""
        self.expired = 0
        """Messages whose visibility could not be kept; each may be received again."""
        self.suppressed = 0
        """Deliveries not made because the target had taken the event before."""
        self.store_errors = 0
        """Failed calls to the idempotency store."""
        self.attributes_dropped = 0
        """Message attributes left behind because a message carries ten at most."""

    def target(self, name: str) -> TargetBooks:
        """The books of one target, opened at first use."""
        books = self.targets.get(name)
        if books is None:
            books = self.targets[name] = TargetBooks()
        return books

    def place(self, system: str, name: str) -> PlaceBooks:
        """The books of one place, opened at first use."""
        books = self.places.get((system, name))
        if books is None:
            books = self.places[system, name] = PlaceBooks()
        return books

    def source(self, queue: str) -> SourceBooks:
        """The books of one source queue, opened at first use."""
        books = self.sources.get(queue)
        if books is None:
            books = self.sources[queue] = SourceBooks()
        return books

    @property
    def settled(self) -> int:
        """Messages whose stay here has ended, however it ended."""
        return self.outcomes.total()

    @property
    def in_flight(self) -> int:
        """Messages received and not yet settled, by the books alone."""
        return self.received - self.settled

    def balance(self, held: int) -> str:
        """The equation of the books as people read it. `held` is what the register of held messages has, not the rest
        by these books, so that a message of which nobody knows would show."""
        ended = " + ".join(f"{self.outcomes[outcome]} {outcome.replace('_', ' ')}" for outcome in Outcome)
        return f"{self.received} received = {ended} + {held} in flight"
