"""Many workers as one: adds up snapshots, so that a supervisor shows what its workers do together.

Counters, histograms and backlogs are added; a target's breaker is as bad as the worst of its breakers; of what cannot
be added (the rules' fingerprint, say) the oldest worker's counts. Of workers that have ended counters are left, and
of those what the living still have: their targets and rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeVar

import msgspec

from turnout.account import Outcome
from turnout.telemetry import semconv
from turnout.telemetry.snapshot import (
    CallsSnapshot,
    LoopSnapshot,
    PlaceSnapshot,
    RulesSnapshot,
    Snapshot,
    SourceSnapshot,
    TargetSnapshot,
    TracingSnapshot,
)

__all__ = ["ended", "merged"]

S = TypeVar("S", bound=msgspec.Struct)
K = TypeVar("K")

_RECENT_LETTERS = 20
_BREAKERS = ("closed", "probing", "open")  # from good to bad


def merged(snapshots: Sequence[Snapshot], gone: Snapshot | None = None) -> Snapshot:
    """One snapshot for one or more, with the counters of those that have ended (as `ended` left them, merged)."""
    living = reduce(_two, snapshots)
    return living if gone is None else _two(living, _known(gone, living))


def ended(last: Snapshot) -> Snapshot:
    """What is left of a worker that has ended: its counters. What it held, SQS hands out again."""
    settled = dict(last.settled)
    settled[Outcome.HANDED_BACK] = settled.get(Outcome.HANDED_BACK, 0) + last.in_flight
    return msgspec.structs.replace(
        last,
        settled=settled,
        in_flight=0,
        in_flight_limit=0,
        in_flight_bytes=0,
        resident_bytes=0,
        sources=tuple(msgspec.structs.replace(source, pollers=()) for source in last.sources),
        targets=tuple(
            msgspec.structs.replace(target, backlog=0, breaker="closed", fault="", probe_seconds=0.0)
            for target in last.targets
        ),
        running=True,
        draining=False,
        # Whether it could use the rule files of its day says nothing of those that are there now.
        rules=msgspec.structs.replace(last.rules, reload_success=True, reload_error=""),
    )


def _known(gone: Snapshot, living: Snapshot) -> Snapshot:
    """Without targets and rules that a reload has taken away since: a worker forgets them as well.

    Kept, they would be shown as if they were active; and what the living counted of them would be missing in the sums.
    """
    targets = set(map(_target_key, living.targets))
    places = {(place.system, place.name) for place in living.places}
    matches = {rule: count for rule, count in gone.rules.matches.items() if rule in living.rules.matches}
    return msgspec.structs.replace(
        gone,
        targets=tuple(target for target in gone.targets if _target_key(target) in targets),
        places=tuple(place for place in gone.places if (place.system, place.name) in places),
        calls=tuple(
            call for call in gone.calls if call.operation != semconv.SEND or (call.system, call.destination) in places
        ),
        rules=msgspec.structs.replace(gone.rules, matches=matches),
    )


def _two(one: Snapshot, other: Snapshot) -> Snapshot:
    letters = sorted((*one.recent_letters, *other.recent_letters), key=lambda letter: letter.at, reverse=True)
    return msgspec.structs.replace(
        one,
        **_sums(
            one,
            other,
            "received in_flight in_flight_limit in_flight_bytes redelivered unmatched polls poll_errors extensions "
            "expired suppressed store_errors attributes_dropped processing queue_age latency cpu_user_seconds "
            "cpu_system_seconds resident_bytes",
        ),
        taken_at=max(one.taken_at, other.taken_at),
        started_at=min(one.started_at, other.started_at),
        running=one.running and other.running,
        draining=one.draining or other.draining,
        settled=_added(one.settled, other.settled),
        letters=_added(one.letters, other.letters),
        recent_letters=tuple(letters[:_RECENT_LETTERS]),
        sources=_by(one.sources, other.sources, lambda source: source.queue, _source),
        targets=_by(one.targets, other.targets, _target_key, _target),
        places=_by(one.places, other.places, lambda place: (place.system, place.name), _place),
        calls=_by(one.calls, other.calls, _calls_key, _calls),
        rules=_rules(one.rules, other.rules),
        loop=LoopSnapshot(**_sums(one.loop, other.loop, "blocked blocked_seconds")),
        tracing=TracingSnapshot(**_sums(one.tracing, other.tracing, " ".join(TracingSnapshot.__struct_fields__))),
    )


def _source(one: SourceSnapshot, other: SourceSnapshot) -> SourceSnapshot:
    return msgspec.structs.replace(one, received=one.received + other.received, pollers=(*one.pollers, *other.pollers))


def _target(one: TargetSnapshot, other: TargetSnapshot) -> TargetSnapshot:
    worst = max(one, other, key=lambda target: _BREAKERS.index(target.breaker))
    return msgspec.structs.replace(
        one,
        **_sums(one, other, "sent failed retried backlog"),
        errors=_added(one.errors, other.errors),
        breaker=worst.breaker,
        fault=worst.fault,
        probe_seconds=worst.probe_seconds,
    )


def _place(one: PlaceSnapshot, other: PlaceSnapshot) -> PlaceSnapshot:
    return msgspec.structs.replace(one, sent=one.sent + other.sent, errors=_added(one.errors, other.errors))


def _target_key(target: TargetSnapshot) -> tuple[bool, str]:
    return target.is_dead_letter_queue, target.name


def _calls_key(calls: CallsSnapshot) -> tuple[str, str, str, str]:
    return calls.operation, calls.system, calls.destination, calls.error


def _calls(one: CallsSnapshot, other: CallsSnapshot) -> CallsSnapshot:
    return msgspec.structs.replace(one, durations=one.durations + other.durations)


def _rules(one: RulesSnapshot, other: RulesSnapshot) -> RulesSnapshot:
    return msgspec.structs.replace(
        one,
        matches=_added(one.matches, other.matches),
        loaded_at=max(one.loaded_at, other.loaded_at),
        reload_success=one.reload_success and other.reload_success,
        reload_error=one.reload_error or other.reload_error,
    )


def _sums(one: S, other: S, fields: str) -> dict[str, Any]:
    return {field: getattr(one, field) + getattr(other, field) for field in fields.split()}


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {**one, **{name: one.get(name, 0) + count for name, count in other.items()}}


def _by(one: Iterable[S], other: Iterable[S], key: Callable[[S], K], merge: Callable[[S, S], S]) -> tuple[S, ...]:
    """Merge the records that have the same key; the order is that of their first appearance."""
    found = {key(record): record for record in one}
    for record in other:
        place = key(record)
        found[place] = merge(found[place], record) if place in found else record
    return tuple(found.values())
