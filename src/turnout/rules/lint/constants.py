"""Finds conditions, and parts of them, that are true for no event or for every event."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from turnout.rules.condition.ast import And, Compare, Condition, Constant, Every, Lower, Or, Some, Test, children
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.reasoning import Claim, Patience, always, never, possible
from turnout.rules.lint.texts import has_capitals
from turnout.rules.model import Rule
from turnout.rules.problems import Code

__all__ = ["warn_of_constants"]

_MOST_PAIRS = 40
"""Terms of one `and` that are looked at two by two, to tell which of them exclude each other."""
_NEVER_SURE = Test | Compare | Some | Every
"""They are false where there is no value."""


def warn_of_constants(rule: Rule, findings: Findings, patience: Patience) -> bool:
    """One warning for each part that makes no difference, the largest ones; for a whole rule that never matches, or
    always does, just that. False when it never matches.
    """
    whole = rule.condition
    if never(whole, patience):
        _warn_never(rule, whole, findings, patience, "this rule never matches")
        return False
    if always(whole, patience):
        message = "this rule matches every event; for those that no rule matches there is 'unmatched'"
        findings.condition(Code.ALWAYS_TRUE, message, rule, whole)
    else:
        for part, value in _constant_parts(whole, patience):
            if value:
                message = f"this is always true{_named(rule, part, findings)}; leave it out"
                findings.condition(Code.ALWAYS_TRUE, message, rule, part)
            else:
                _warn_never(rule, part, findings, patience, "this is never true")
    return True


def _constant_parts(condition: Condition, patience: Patience) -> Iterator[tuple[Condition, bool]]:
    """The largest parts of a condition, itself not constant, that are always or never true, and which it is.

    What is never true cannot be a part of an `and` that is sometimes true, nor of `any(...)`; what is always true
    cannot be a part of an `or` that is sometimes false.
    """
    for part in children(condition):
        if not isinstance(condition, And | Some) and never(part, patience):
            yield part, False
        elif not isinstance(condition, Or) and not isinstance(part, _NEVER_SURE) and always(part, patience):
            yield part, True
        else:
            yield from _constant_parts(part, patience)


def _warn_never(rule: Rule, part: Condition, findings: Findings, patience: Patience, what: str) -> None:
    core, reason = _core(rule, part, findings, patience)
    findings.condition(Code.NEVER_TRUE, what + reason, rule, core)


def _core(rule: Rule, part: Condition, findings: Findings, patience: Patience) -> tuple[Condition, str]:
    """What of a condition that is never true makes it so, and why."""
    while True:
        if isinstance(part, And):
            alone = next((item for item in part.items if never(item, patience)), None)
            if alone is None:
                return _pair(rule, part, findings, patience)
            part = alone
        elif isinstance(part, Or):
            part = part.items[0]
        else:
            return part, _reason(rule, part, findings)


def _pair(rule: Rule, part: And, findings: Findings, patience: Patience) -> tuple[Condition, str]:
    for first, second in combinations(part.items[:_MOST_PAIRS], 2):
        if not possible(Claim(first), Claim(second), patience=patience):
            texts = findings.text(rule, first), findings.text(rule, second)
            if all(texts) and texts[0] != texts[1]:
                return second, f": {texts[0]} and {texts[1]} exclude each other"
            return second, ": its parts exclude each other"
    return part, ": its parts exclude each other"


def _reason(rule: Rule, part: Condition, findings: Findings) -> str:
    if isinstance(part, Test) and isinstance(part.term, Lower) and has_capitals(part.predicate):
        return ": lower() leaves no capital letters"
    text = findings.text(rule, part)
    return f": {text} is false for every value" if text and not isinstance(part, Constant) else ""


def _named(rule: Rule, part: Condition, findings: Findings) -> str:
    text = findings.text(rule, part)
    return f": {text}" if text and len(text) <= 60 else ""
