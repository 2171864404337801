"""A snapshot and its history in words and figures, for people: what the status page and `turnout top` both say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from turnout.pipeline.poller import Phase
from turnout.service.health import alive, ready
from turnout.service.history import Window
from turnout.telemetry.histogram import Counted
from turnout.telemetry.snapshot import LetterSnapshot, Snapshot, SourceSnapshot, TargetSnapshot
from turnout.words import count

__all__ = [
    "Card",
    "LetterRow",
    "SourceRow",
    "TargetRow",
    "ago",
    "cards",
    "letter_rows",
    "number",
    "source_row",
    "span",
    "target_row",
    "telling",
    "verdict",
    "workers",
]

_MOST_FAILING = 5
"""Targets that the headline names; one outage may stop hundreds, and what else is wrong is to be seen as well."""
_FULL_SECONDS = 1.0
_MOST_LETTERS = 20
_MOST_IDS = 2
_MOST_OWED = 5
_RECENTLY_SECONDS = 600.0
_NOTHING = "\u2013"
"""Where there is no figure yet."""
_ATTEMPTS = re.compile(r" \(after \d+ attempts\)\Z")
"""What a letter's sentence may end with; how often it was tried makes no difference to why."""

Redact = Callable[[str], str]


class Card(msgspec.Struct, frozen=True):
    """One figure. `tone` is empty, `good`, `warn` or `bad`."""

    label: str
    value: str
    note: str
    tone: str = ""


class TargetRow(msgspec.Struct, frozen=True):
    """One target."""

    target: TargetSnapshot
    rate: str
    state: str
    tone: str
    trouble: str


class LetterRow(msgspec.Struct, frozen=True):
    """Recent letters that say the same."""

    reason: str
    message: str
    """Without what looks like contact data."""
    owed: str
    count: int
    last: str
    ids: Sequence[str]
    """Of some of their events, or of their messages where an event has none; the newest first."""


class SourceRow(msgspec.Struct, frozen=True):
    """One source queue."""

    queue: str
    received: int
    read: str
    doing: str
    trouble: str


def verdict(snapshot: Snapshot, silent: str) -> tuple[str, str, Sequence[str]]:
    """Tone, headline, and what is wrong. `silent` says why there is no newer snapshot (empty: it is new)."""
    if silent:
        return "bad", "Not answering", (silent,)
    troubles = tuple(_troubles(snapshot))
    for health, headline in ((alive(snapshot), "Stalled"), (ready(snapshot), _unready(snapshot))):
        if not health.ok:
            return "warn" if snapshot.draining else "bad", headline, (*health.reasons, *troubles)
    if troubles:
        return "warn", "Working, with trouble", troubles
    return "good", "Working", ()


def _unready(snapshot: Snapshot) -> str:
    return "Draining" if snapshot.draining else "Not ready"


def _troubles(snapshot: Snapshot) -> Iterator[str]:
    failing = [target for target in snapshot.targets if target.breaker != "closed"]
    failing.sort(key=lambda target: target.fault != "config")  # what nothing but a repair ends comes first
    for target in failing[:_MOST_FAILING]:
        yield f"target {target.name} fails: {_breaker(target)}"
    if len(failing) > _MOST_FAILING:
        hidden = len(failing) - _MOST_FAILING
        yield f"{number(hidden)} more target{' fails' if hidden == 1 else 's fail'}"
    if not snapshot.rules.reload_success:
        why = f": {snapshot.rules.reload_error}" if snapshot.rules.reload_error else ""
        yield f"the rule files have changed to something that cannot be used, and the rules from before are active{why}"
    fleet = snapshot.fleet
    if fleet is not None and fleet.last_end:
        ended = f"{fleet.last_end}, {ago(snapshot.taken_at, fleet.last_end_at)}; it is started again each time"
        missing = fleet.processes - fleet.running
        if missing > 0:
            yield f"{missing} of {fleet.processes} workers {'is' if missing == 1 else 'are'} not running: {ended}"
        elif snapshot.taken_at - fleet.last_end_at < _RECENTLY_SECONDS:
            yield f"{ended} ({number(fleet.restarts)} in all). The log says why"
    if _full(snapshot) and not snapshot.draining:
        yield "as many messages or bytes are in flight as may be: nothing more is received until some are settled"


def _full(snapshot: Snapshot) -> bool:
    """Whether nothing is received for want of room: a poll asks for ten places, and none is left when bytes run out."""
    pollers = [poller for source in snapshot.sources for poller in source.pollers]
    waits = [poller.seconds for poller in pollers if poller.phase == Phase.NO_ROOM]
    receiving = any(poller.phase in (Phase.POLLING, Phase.HANDING_OVER) for poller in pollers)
    # At full load all pollers wait for room now and then, and soon have it.
    waiting = bool(waits) and min(waits) >= _FULL_SECONDS and not receiving
    return waiting or snapshot.in_flight >= snapshot.in_flight_limit


def cards(snapshot: Snapshot, window: Window | None) -> Iterator[Card]:
    """The figures that matter most."""
    if window is None:
        yield Card("Received", _NOTHING, "measuring")
    else:
        yield Card("Received", f"{number(window.received)}/s", f"settled {number(window.settled)}/s, last minute")
    share = snapshot.in_flight / max(1, snapshot.in_flight_limit)
    tone = "bad" if _full(snapshot) else "warn" if share > 0.8 else ""
    yield Card("In flight", number(snapshot.in_flight), f"of {number(snapshot.in_flight_limit)} at most", tone)
    for label, what, counted in (
        ("Queue age", "of receives", window.queue_age if window else None),
        ("Processing", "of messages, receive to delete", window.processing if window else None),
        ("Latency", "of events, their time to delivery", window.latency if window else None),
    ):
        yield Card(label, _most(counted), f"95 % {what}, last minute")
    letters = window.letters if window else 0
    yield Card(
        "Letters",
        number(letters),
        f"last minute, {number(sum(snapshot.letters.values()))} in all",
        "warn" if letters else "",
    )


def _most(counted: Counted | None) -> str:
    """Within which bound 95 % of the values lie."""
    if counted is None or not counted.count:
        return _NOTHING
    wanted, below = 0.95 * counted.count, 0
    for bound, values in zip(counted.bounds, counted.counts, strict=False):
        below += values
        if below >= wanted:
            return f"≤ {span(bound)}"
    return f"> {span(counted.bounds[-1])}"


def source_row(source: SourceSnapshot, now: float) -> SourceRow:
    """A source queue in words."""
    doing: dict[str, int] = {}
    for poller in source.pollers:
        phase = poller.phase.replace("_", " ")
        doing[phase] = doing.get(phase, 0) + 1
    failing = [poller for poller in source.pollers if poller.errors]
    return SourceRow(
        source.queue,
        source.received,
        ago(now, source.read_at),
        ", ".join(f"{pollers} {phase}" for phase, pollers in doing.items()),
        f"{len(failing)} of {count(len(source.pollers), 'poller')} failing: {failing[0].error}" if failing else "",
    )


def telling(targets: Sequence[TargetSnapshot], most: int) -> Sequence[TargetSnapshot]:
    """The targets to show where there is room for so many, in their order: those that fail, then where most waits.

    The dead-letter queue is always one of them.
    """
    if len(targets) <= most:
        return targets

    def rank(index: int) -> tuple[bool, bool, int]:
        target = targets[index]
        return not target.is_dead_letter_queue, target.breaker == "closed", -target.backlog

    return tuple(targets[index] for index in sorted(sorted(range(len(targets)), key=rank)[:most]))


def target_row(target: TargetSnapshot, window: Window | None) -> TargetRow:
    """A target in words."""
    rate = number(window.sent.get(target.name, 0.0)) if window else _NOTHING
    errors = ", ".join(f"{code} \u00d7 {number(times)}" for code, times in sorted(target.errors.items()))
    tone = "good" if target.breaker == "closed" else "bad"
    return TargetRow(target, rate, _breaker(target), tone, errors)


def workers(snapshot: Snapshot) -> str:
    """How many of a supervisor's worker processes run, as in `3 of 4`; empty where there is no supervisor."""
    fleet = snapshot.fleet
    return f"{fleet.running} of {fleet.processes}" if fleet is not None else ""


def _breaker(target: TargetSnapshot) -> str:
    if target.breaker == "closed":
        return "working"
    if target.breaker == "probing":
        return "being tried again"
    act = "to be repaired by you" if target.fault == "config" else "left alone"
    if target.probe_seconds <= 0:
        return f"{act}, tried again with its next message"
    return f"{act}, next try in {span(target.probe_seconds)}"


def letter_rows(letters: Sequence[LetterSnapshot], now: float, redact: Redact) -> Sequence[LetterRow]:
    """Recent letters, newest first, those that say the same together."""
    alike: dict[tuple[str, str, tuple[str, ...]], list[LetterSnapshot]] = {}
    for letter in letters:
        said = _ATTEMPTS.sub("", letter.message)
        alike.setdefault((letter.reason, redact(said), letter.owed), []).append(letter)
    return tuple(
        LetterRow(
            reason,
            message,
            _owed(owed),
            len(group),
            ago(now, group[0].at),
            tuple(redact(letter.event_id) or letter.message_id for letter in group[:_MOST_IDS]),
        )
        for (reason, message, owed), group in list(alike.items())[:_MOST_LETTERS]
    )


def _owed(targets: Sequence[str]) -> str:
    named = ", ".join(targets[:_MOST_OWED])
    return f"{named} and {len(targets) - _MOST_OWED} more" if len(targets) > _MOST_OWED else named


def number(value: float) -> str:
    """A count or a rate, as people read it."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def span(seconds: float) -> str:
    """A duration, as people read it."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms" if seconds > 0 else "0 s"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 and seconds != int(seconds) else f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def ago(now: float, then: float) -> str:
    """How long ago something was."""
    if not then:
        return "never"
    seconds = now - then
    return "just now" if seconds < 3 else f"{span(int(seconds))} ago"
