"""What the status page says: snapshots and history put into the words and numbers that the templates show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from turnout import __version__
from turnout.rules import Ruleset
from turnout.rules.model import Mode
from turnout.service.health import alive, ready
from turnout.service.page.history import History, Window
from turnout.telemetry.histogram import Counted
from turnout.telemetry.snapshot import LetterSnapshot, RulesSnapshot, Snapshot, SourceSnapshot, TargetSnapshot

__all__ = ["Card", "Content", "LetterRow", "RuleRow", "SourceRow", "TargetRow", "content", "number", "span"]

_MOST_ROWS = 100
_MOST_LETTERS = 20
_MOST_IDS = 2
_NOTHING = "\u2013"
"""Where there is no figure yet."""
_SPARK_WIDTH, _SPARK_HEIGHT = 240, 40

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


class RuleRow(msgspec.Struct, frozen=True):
    """One rule."""

    id: str
    description: str
    condition: str
    send: Sequence[str]
    remark: str
    matches: int
    minute: int
    last: str


class LetterRow(msgspec.Struct, frozen=True):
    """Recent letters that say the same."""

    reason: str
    message: str
    """Without what looks like contact data."""
    owed: Sequence[str]
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


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the live part of the page shows."""

    version: str
    tone: str
    headline: str
    reasons: Sequence[str]
    uptime: str
    rules: RulesSnapshot
    loaded: str
    cards: Sequence[Card]
    sparkline: str
    """Points of an SVG polyline in a box of 240 by 40."""
    peak: str
    sources: Sequence[SourceRow]
    targets: Sequence[TargetRow]
    rule_rows: Sequence[RuleRow]
    rules_wanted: str
    rules_hidden: int
    reasons_of_letters: Sequence[tuple[str, int]]
    letters: Sequence[LetterRow]
    letters_seen: int
    """How many recent letters `letters` was made of."""
    settled: Sequence[tuple[str, int]]
    received: int
    in_flight: int


def content(
    snapshot: Snapshot, history: History, ruleset: Ruleset, *, silent: str, wanted: str, redact: Redact
) -> Content:
    """The page for a snapshot.

    `silent` says why there is no newer one (empty: it is new); `wanted` is what the rules shown must have in their id.
    """
    window = history.window()
    now = snapshot.taken_at
    tone, headline, reasons = _verdict(snapshot, silent)
    rows, hidden = _rules(snapshot, history, ruleset, wanted.strip().lower())
    rates = history.received_rates()
    return Content(
        version=__version__,
        tone=tone,
        headline=headline,
        reasons=reasons,
        uptime=span(now - snapshot.started_at),
        rules=snapshot.rules,
        loaded=ago(now, snapshot.rules.loaded_at),
        cards=tuple(_cards(snapshot, window)),
        sparkline=_sparkline(rates),
        peak=number(max(rates, default=0.0)),
        sources=tuple(_source(source, now) for source in snapshot.sources),
        targets=tuple(_target(target, window) for target in snapshot.targets),
        rule_rows=rows,
        rules_wanted=wanted,
        rules_hidden=hidden,
        reasons_of_letters=sorted(snapshot.letters.items(), key=lambda item: -item[1]),
        letters=_letters(snapshot.recent_letters, now, redact),
        letters_seen=len(snapshot.recent_letters),
        settled=[(outcome.replace("_", " "), count) for outcome, count in snapshot.settled.items()],
        received=snapshot.received,
        in_flight=snapshot.in_flight,
    )


def _verdict(snapshot: Snapshot, silent: str) -> tuple[str, str, Sequence[str]]:
    if silent:
        return "bad", "Not answering", (silent,)
    for health, headline in ((alive(snapshot), "Stalled"), (ready(snapshot), _unready(snapshot))):
        if not health.ok:
            return "warn" if snapshot.draining else "bad", headline, health.reasons
    troubles = tuple(_troubles(snapshot))
    if troubles:
        return "warn", "Working, with trouble", troubles
    return "good", "Working", ()


def _unready(snapshot: Snapshot) -> str:
    return "Draining" if snapshot.draining else "Not ready"


def _troubles(snapshot: Snapshot) -> Iterator[str]:
    for target in snapshot.targets:
        if target.breaker != "closed":
            yield f"target {target.name} fails: {_breaker(target)}"
    if not snapshot.rules.reload_success:
        yield "the rule files have changed to something that cannot be used; the rules from before are active"
    if snapshot.in_flight >= snapshot.in_flight_limit:
        yield "as many messages are in flight as may be: nothing more is received until some are settled"


def _cards(snapshot: Snapshot, window: Window | None) -> Iterator[Card]:
    if window is None:
        yield Card("Received", _NOTHING, "measuring")
    else:
        yield Card("Received", f"{number(window.received)}/s", f"settled {number(window.settled)}/s, last minute")
    share = snapshot.in_flight / snapshot.in_flight_limit
    tone = "bad" if share >= 1 else "warn" if share > 0.8 else ""
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
    for bound, count in zip(counted.bounds, counted.counts, strict=False):
        below += count
        if below >= wanted:
            return f"≤ {span(bound)}"
    return f"> {span(counted.bounds[-1])}"


def _source(source: SourceSnapshot, now: float) -> SourceRow:
    doing: dict[str, int] = {}
    for poller in source.pollers:
        phase = poller.phase.replace("_", " ")
        doing[phase] = doing.get(phase, 0) + 1
    failing = [poller for poller in source.pollers if poller.errors]
    return SourceRow(
        source.queue,
        source.received,
        ago(now, source.read_at),
        ", ".join(f"{count} {phase}" for phase, count in doing.items()),
        f"{len(failing)} of {len(source.pollers)} pollers fail: {failing[0].error}" if failing else "",
    )


def _target(target: TargetSnapshot, window: Window | None) -> TargetRow:
    rate = number(window.sent.get(target.name, 0.0)) if window else _NOTHING
    errors = ", ".join(f"{code} \u00d7 {number(count)}" for code, count in sorted(target.errors.items()))
    tone = "good" if target.breaker == "closed" else "bad"
    return TargetRow(target, rate, _breaker(target), tone, errors)


def _breaker(target: TargetSnapshot) -> str:
    if target.breaker == "closed":
        return "working"
    if target.breaker == "probing":
        return "being tried again"
    act = "to be repaired by you" if target.fault == "config" else "left alone"
    return f"{act}, next try in {span(target.probe_seconds)}"


def _rules(snapshot: Snapshot, history: History, ruleset: Ruleset, wanted: str) -> tuple[Sequence[RuleRow], int]:
    rows: list[RuleRow] = []
    hidden = 0
    for rule in ruleset.rules:
        if wanted and wanted not in rule.id.lower():
            continue
        if len(rows) == _MOST_ROWS:
            hidden += 1
            continue
        last = history.last_match.get(rule.id, 0.0)
        matches = snapshot.rules.matches.get(rule.id, 0)
        remark = "disabled" if not rule.enabled else "shadow" if rule.mode is Mode.SHADOW else ""
        rows.append(
            RuleRow(
                rule.id,
                rule.description,
                rule.source,
                rule.send,
                remark,
                matches,
                history.matched(rule.id),
                ago(snapshot.taken_at, last) if last else "before this page was watched" if matches else "never",
            )
        )
    return rows, hidden


def _letters(letters: Sequence[LetterSnapshot], now: float, redact: Redact) -> Sequence[LetterRow]:
    alike: dict[tuple[str, str, tuple[str, ...]], list[LetterSnapshot]] = {}
    for letter in letters:
        alike.setdefault((letter.reason, redact(letter.message), letter.owed), []).append(letter)
    return tuple(
        LetterRow(
            reason,
            message,
            owed,
            len(group),
            ago(now, group[0].at),
            tuple(letter.event_id or letter.message_id for letter in group[:_MOST_IDS]),
        )
        for (reason, message, owed), group in list(alike.items())[:_MOST_LETTERS]
    )


def _sparkline(rates: Sequence[float]) -> str:
    if len(rates) < 2:
        return ""
    peak = max(rates) or 1.0
    step = _SPARK_WIDTH / (len(rates) - 1)
    height = _SPARK_HEIGHT - 4
    return " ".join(
        f"{index * step:.1f},{_SPARK_HEIGHT - 2 - rate / peak * height:.1f}" for index, rate in enumerate(rates)
    )


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
