"""What a worker looks like at one moment: the record that metrics, health, the status page and `turnout top` read.

Whoever knows the worker fills it (`turnout.service.observer`); nothing here does. All of it was true at the same time,
between two steps of the event loop, so that the books balance exactly: `received` is the sum of `settled` and
`in_flight`. Times are seconds since the epoch, 0 for "never", durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnout.telemetry.histogram import Counted

__all__ = [
    "CallsSnapshot",
    "FleetSnapshot",
    "LetterSnapshot",
    "LoopSnapshot",
    "PlaceSnapshot",
    "PollerSnapshot",
    "RulesSnapshot",
    "Snapshot",
    "SourceSnapshot",
    "TargetSnapshot",
    "TracingSnapshot",
]


class CallsSnapshot(msgspec.Struct, frozen=True):
    """Durations of one kind of call to one place. `error` is the error code, empty for calls that went through."""

    operation: str
    destination: str
    error: str
    durations: Counted
    system: str = "aws_sqs"


class PollerSnapshot(msgspec.Struct, frozen=True):
    """One poller. `seconds` is for how long it has been at what it is at."""

    phase: str
    seconds: float
    read_at: float
    """When a poll of it last succeeded."""
    errors: int
    """Polls that have failed since then."""
    error: str


class SourceSnapshot(msgspec.Struct, frozen=True):
    """One source queue."""

    queue: str
    """The queue's name; server and account as well, where several have that name."""
    received: int
    wait_seconds: int
    pollers: tuple[PollerSnapshot, ...]

    @property
    def read_at(self) -> float:
        """When a poll last succeeded."""
        return max((poller.read_at for poller in self.pollers), default=0.0)


class TargetSnapshot(msgspec.Struct, frozen=True):
    """One target. The dead-letter queue is one as well, with `is_dead_letter_queue` set."""

    name: str
    system: str
    """`aws_sqs`, or what else the messaging conventions call it."""
    queue: str
    """The name of the queue, or of what else it is."""
    priority: int
    sent: int
    failed: int
    retried: int
    errors: Mapping[str, int]
    """Attempts that failed, by error code."""
    backlog: int
    """Deliveries that wait; those in a call under way are not counted."""
    breaker: str
    """`closed`, `open` or `probing`."""
    fault: str
    """Whose turn it is while the breaker is not closed: `config` (an operator's) or `system` (time's)."""
    probe_seconds: float
    """Until it is tried again, while the breaker is open."""
    is_dead_letter_queue: bool = False


class PlaceSnapshot(msgspec.Struct, frozen=True):
    """What was sent to one place, by whichever targets. One of the active rules leads there; others may have before."""

    system: str
    name: str
    sent: int
    errors: Mapping[str, int]
    """Attempts that failed, by error code."""


class LetterSnapshot(msgspec.Struct, frozen=True):
    """One letter that was accepted by the dead-letter queue."""

    at: float
    reason: str
    message: str
    message_id: str
    event_id: str
    owed: tuple[str, ...]


class RulesSnapshot(msgspec.Struct, frozen=True):
    """The active rules. `matches` has every rule, those that never matched included, in the order they are tried."""

    fingerprint: str
    matches: Mapping[str, int]
    shadow: frozenset[str]
    disabled: frozenset[str]
    loaded_at: float
    reload_success: bool
    """False when the files have changed to something that cannot be used, and older rules are active therefore."""
    reload_error: str = ""


class LoopSnapshot(msgspec.Struct, frozen=True):
    """How often and how long the event loop was blocked for longer than the watchdog allows."""

    blocked: int = 0
    blocked_seconds: float = 0.0


class TracingSnapshot(msgspec.Struct, frozen=True):
    """Counters of tracing itself; see `turnout.telemetry.records.TracingCounts`."""

    exported: int = 0
    export_failed: int = 0
    spans_dropped: int = 0
    context_dropped: int = 0


class FleetSnapshot(msgspec.Struct, frozen=True):
    """The worker processes of one supervisor. One that runs has told how it is at least once."""

    processes: int
    running: int
    restarts: int = 0
    """Workers started again after they ended without being asked to."""
    last_end: str = ""
    """Of the last of these: which, and how, as in `worker 1 ended with exit code 1`."""
    last_end_at: float = 0.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One worker process at one moment."""

    taken_at: float
    started_at: float
    running: bool
    draining: bool
    sources: tuple[SourceSnapshot, ...]
    targets: tuple[TargetSnapshot, ...]
    """Those of the active rules, and the dead-letter queue last."""
    places: tuple[PlaceSnapshot, ...]
    """Where these lead."""
    rules: RulesSnapshot
    received: int
    settled: Mapping[str, int]
    """By outcome, all four of them."""
    in_flight: int
    in_flight_limit: int
    in_flight_bytes: int
    redelivered: int
    unmatched: int
    letters: Mapping[str, int]
    recent_letters: tuple[LetterSnapshot, ...]
    """Newest first."""
    polls: int
    poll_errors: int
    extensions: int
    expired: int
    suppressed: int
    store_errors: int
    attributes_dropped: int
    calls: tuple[CallsSnapshot, ...]
    processing: Counted
    queue_age: Counted
    latency: Counted
    loop: LoopSnapshot = LoopSnapshot()
    tracing: TracingSnapshot = TracingSnapshot()
    cpu_user_seconds: float = 0.0
    cpu_system_seconds: float = 0.0
    resident_bytes: int = 0
    """0 where the system does not say it."""
    fleet: FleetSnapshot | None = None
    """Of several processes together; None of one alone."""
