"""Explains an event against a whole ruleset: the rules that match it, or the ones that come nearest to matching."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from turnout.rules.decode import decode
from turnout.rules.explain.explain import Finding, Redact, explain
from turnout.rules.model import Json, Mode, Rejection, Rule
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


def explain_event(
    ruleset: Ruleset,
    body: str | bytes,
    metadata: Mapping[str, object] | None = None,
    *,
    only: Collection[str] = (),
    misses: int = _MISSES,
    redact: Redact | None = None,
) -> EventExplanation:
    """Explain the rules whose ids are in `only`; without any, those that match or else the `misses` nearest ones.

    Never raises. An id that no rule has is ignored; `redact` is asked about every value that is shown.
    """
    match = ruleset.match(body, metadata)
    event = None if match.rejected else decode(body)
    explained: tuple[RuleExplanation, ...] = ()
    if isinstance(event, dict):
        explained = tuple(_explained(ruleset, match, event, metadata, only, misses, redact))
    return EventExplanation(
        event_id=_printable(match.event_id),
        event_type=_printable(match.event_type),
        fingerprint=ruleset.fingerprint,
        rules=match.rules,
        shadow=match.shadow,
        targets=match.targets,
        unmatched=ruleset.unmatched,
        rejected=match.rejected,
        explained=explained,
    )


def _printable(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _explained(
    ruleset: Ruleset,
    match: Match,
    event: Json,
    metadata: object,
    only: Collection[str],
    misses: int,
    redact: Redact | None,
) -> list[RuleExplanation]:
    hits = {*match.rules, *match.shadow}
    explained: list[RuleExplanation] = []
    stopped = ""
    for rule in ruleset.rules:
        # Without a match every rule that was tried may be a near miss.
        wanted = rule.id in only if only else rule.id in hits or (not match.rules and rule.enabled)
        if wanted:
            finding = explain(rule.condition, event, metadata, source=rule.source, redact=redact)
            explained.append(_rule(rule, finding, stopped))
        if rule.stop and rule.id in match.rules:
            stopped = rule.id
    if only or match.rules:
        return explained
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
