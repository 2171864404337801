"""Explains an event against a whole ruleset: the rules that match it, or the ones that come nearest to matching."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping

import msgspec

from turnout.rules.decode import decode
from turnout.rules.explain.explain import explain
from turnout.rules.explain.finding import Finding
from turnout.rules.model import Mode, Rejection, Rule
from turnout.rules.ruleset import Match, Ruleset
from turnout.rules.showing import printable

__all__ = ["EventExplanation", "RuleExplanation", "explain_event"]

_MISSES = 3


class RuleExplanation(msgspec.Struct, frozen=True):
    """One rule and one event. `place` is `file:line:col`.

    `remark` says why a rule whose condition is true does not send, or why one was not tried: it is disabled, in shadow
    mode, or stands behind a rule that says `stop`.
    """

    id: str
    place: str
    send: tuple[str, ...]
    matched: bool
    remark: str
    condition: Finding


class EventExplanation(msgspec.Struct, frozen=True):
    """What the rules say about one event, and why.

    `rules`, `shadow`, `targets` and `rejected` are those of `Match`. `explained` holds the rules that were asked for;
    else those that match and, when none does, the nearest misses, the nearest one first.
    """

    event_id: str | None
    event_type: str | None
    fingerprint: str
    rules: tuple[str, ...]
    shadow: tuple[str, ...]
    targets: tuple[str, ...]
    unmatched: str
    rejected: Rejection | None
    explained: tuple[RuleExplanation, ...]
    unexplained: int = 0
    """Rules that would belong there, but were not looked at because the time was over."""


def explain_event(
    ruleset: Ruleset,
    body: str | bytes,
    metadata: Mapping[str, object] | None = None,
    *,
    only: Collection[str] = (),
    misses: int = _MISSES,
    seconds: float = math.inf,
) -> EventExplanation:
    """Explain the rules whose ids are in `only`; without any, those that match or else the `misses` nearest ones.

    After `seconds` no further rule is begun: a huge event and thousands of rules take minutes. Never raises. An id that
    no rule has is ignored. Values of the event are shown as they are.
    """
    match = ruleset.match(body, metadata)
    event = None if match.rejected else decode(body)
    explained: list[RuleExplanation] = []
    unexplained = 0
    if isinstance(event, dict):
        until = time.monotonic() + seconds
        for rule, stopped in _wanted(ruleset, match, only):
            if time.monotonic() >= until:
                unexplained += 1
                continue
            finding = explain(rule.condition, event, metadata, source=rule.source)
            explained.append(_rule(rule, finding, stopped))
    return EventExplanation(
        event_id=_printable(match.event_id),
        event_type=_printable(match.event_type),
        fingerprint=ruleset.fingerprint,
        rules=match.rules,
        shadow=match.shadow,
        targets=match.targets,
        unmatched=ruleset.unmatched,
        rejected=match.rejected,
        explained=tuple(explained if only or match.rules else _nearest(explained, misses)),
        unexplained=unexplained,
    )


def _printable(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _wanted(ruleset: Ruleset, match: Match, only: Collection[str]) -> Iterator[tuple[Rule, str]]:
    """The rules to explain, each with the rule before it that ended the matching (empty: none)."""
    hits = {*match.rules, *match.shadow}
    stopped = ""
    for rule in ruleset.rules:
        # Without a match every rule that was tried may be a near miss.
        if rule.id in only if only else rule.id in hits or (not match.rules and rule.enabled):
            yield rule, stopped
        if rule.stop and rule.id in match.rules:
            stopped = rule.id


def _nearest(explained: list[RuleExplanation], misses: int) -> list[RuleExplanation]:
    """Those that match in shadow, and of the others those that come nearest to it."""
    in_shadow = [rule for rule in explained if rule.matched]
    near = [rule for rule in explained if not rule.matched]
    near.sort(key=lambda rule: rule.condition.nearness, reverse=True)
    return in_shadow + near[:misses]


def _rule(rule: Rule, finding: Finding, stopped: str) -> RuleExplanation:
    if not rule.enabled:
        remark = "it is disabled"
    elif stopped:
        remark = f"it was not tried, because '{stopped}' matches and says stop"
    elif rule.mode is Mode.SHADOW:
        remark = "it is in shadow mode: counted, nothing sent"
    else:
        remark = ""
    return RuleExplanation(rule.id, str(rule.place), rule.send, finding.verdict, remark, finding)
