"""Says whether a worker is alive and whether it is ready, and why not. Judges snapshots; asks nobody, knows no HTTP.

Alive: restarting it would not help. Ready: it reads its source queues. A target that fails concerns neither: the worker
is there to cope with that.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from turnout.pipeline.poller import Phase
from turnout.telemetry.snapshot import Snapshot, SourceSnapshot
from turnout.words import count

__all__ = ["Health", "alive", "ready"]

# Beyond the wait of a long poll: what connecting and answering may take until the client itself gives up (35 s, since
# one client waits for the answer of any poll as long as the longest may take), and some.
_POLL_MARGIN_SECONDS = 45.0


class Health(msgspec.Struct, frozen=True):
    """A verdict. `reasons` has one sentence for everything that is wrong, and `checks` what was looked at."""

    ok: bool
    reasons: Sequence[str] = ()
    checks: dict[str, object] = {}


def alive(snapshot: Snapshot) -> Health:
    """Whether every poller still gets somewhere. One that waits for room, because targets fail, is not stalled."""
    reasons = []
    pollers = []
    for source in snapshot.sources:
        limit = source.wait_seconds + _POLL_MARGIN_SECONDS
        for number, poller in enumerate(source.pollers):
            pollers.append(
                {"queue": source.queue, "poller": number, "phase": poller.phase, "seconds": round(poller.seconds, 1)}
            )
            if poller.phase == Phase.POLLING and poller.seconds > limit:
                reasons.append(
                    f"poller {number} of {source.queue} has stalled: its poll has been under way for "
                    f"{poller.seconds:.0f} s, {limit:.0f} s at most are to be expected"
                )
    return Health(not reasons, tuple(reasons), {"pollers": pollers})


def ready(snapshot: Snapshot) -> Health:
    """Whether it reads from all its source queues, with rules, and is not about to stop."""
    reasons = []
    if not snapshot.running:
        reasons.append("starting: polling has not begun")
    if not snapshot.rules.matches or not snapshot.rules.fingerprint:
        reasons.append("no rules are loaded")
    if snapshot.draining:
        reasons.append(f"draining: it was told to stop, {count(snapshot.in_flight, 'message')} still in flight")
    elif snapshot.running:
        reasons += filter(None, map(_unreadable, snapshot.sources))
    return Health(
        not reasons,
        tuple(reasons),
        {
            "ruleset": snapshot.rules.fingerprint,
            "rules": len(snapshot.rules.matches),
            "reload_success": snapshot.rules.reload_success,
            "sources": [{"queue": source.queue, "read_at": round(source.read_at, 3)} for source in snapshot.sources],
        },
    )


def _unreadable(source: SourceSnapshot) -> str:
    # Who rests polls nothing: that its last poll went well, an hour ago maybe, says nothing of now.
    pollers = [poller for poller in source.pollers if poller.phase != Phase.RESTING] or source.pollers
    if any(poller.read_at and not poller.errors for poller in pollers):
        return ""
    errors = [poller.error for poller in pollers if poller.errors]
    if errors:
        return f"{source.queue} cannot be read: {errors[-1]}; the log has the details"
    return f"starting: no poll of {source.queue} has been answered yet"
