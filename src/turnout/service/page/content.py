"""What the status page says: snapshots, history and rules put into what the templates show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from turnout import __version__
from turnout.rules import Ruleset
from turnout.rules.model import Mode
from turnout.service.history import History
from turnout.service.summary import (
    Card,
    LetterRow,
    SourceRow,
    TargetRow,
    ago,
    cards,
    letter_rows,
    number,
    source_row,
    span,
    target_row,
    telling,
    verdict,
    workers,
)
from turnout.telemetry.snapshot import RulesSnapshot, Snapshot

__all__ = ["Content", "RuleRow", "content"]

_MOST_ROWS = 100
_SPARK_WIDTH, _SPARK_HEIGHT = 240, 40

Redact = Callable[[str], str]


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


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the live part of the page shows."""

    version: str
    tone: str
    headline: str
    reasons: Sequence[str]
    uptime: str
    taken: str
    """When it was so, as ISO 8601 says it, in UTC."""
    rules: RulesSnapshot
    loaded: str
    workers: str
    """How many of the supervisor's processes run; empty for one alone."""
    cards: Sequence[Card]
    sparkline: str
    """Points of an SVG polyline in a box of 240 by 40."""
    peak: str
    sources: Sequence[SourceRow]
    targets: Sequence[TargetRow]
    targets_hidden: int
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
    tone, headline, reasons = verdict(snapshot, silent)
    rows, hidden = _rules(snapshot, history, ruleset, wanted.strip().lower())
    targets = telling(snapshot.targets, _MOST_ROWS)
    rates = history.received_rates()
    return Content(
        version=__version__,
        tone=tone,
        headline=headline,
        reasons=reasons,
        uptime=span(now - snapshot.started_at),
        taken=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        rules=snapshot.rules,
        loaded=ago(now, snapshot.rules.loaded_at),
        workers=workers(snapshot),
        cards=tuple(cards(snapshot, window)),
        sparkline=_sparkline(rates),
        peak=number(max(rates, default=0.0)),
        sources=tuple(source_row(source, now) for source in snapshot.sources),
        targets=tuple(target_row(target, window) for target in targets),
        targets_hidden=len(snapshot.targets) - len(targets),
        rule_rows=rows,
        rules_wanted=wanted,
        rules_hidden=hidden,
        reasons_of_letters=sorted(snapshot.letters.items(), key=lambda item: -item[1]),
        letters=letter_rows(snapshot.recent_letters, now, redact),
        letters_seen=len(snapshot.recent_letters),
        settled=[(outcome.replace("_", " "), count) for outcome, count in snapshot.settled.items()],
        received=snapshot.received,
        in_flight=snapshot.in_flight,
    )


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


def _sparkline(rates: Sequence[float]) -> str:
    if len(rates) < 2:
        return ""
    peak = max(rates) or 1.0
    step = _SPARK_WIDTH / (len(rates) - 1)
    height = _SPARK_HEIGHT - 4
    return " ".join(
        f"{index * step:.1f},{_SPARK_HEIGHT - 2 - rate / peak * height:.1f}" for index, rate in enumerate(rates)
    )
