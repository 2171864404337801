"""Finds comparisons of metadata with values of another type than it has, which are never true.

Unlike the members of an event, each has one type: attributes, the queue and the ids are texts, the others numbers. An
example does not settle it: it may say that an attribute is a number, and no message has such a one.
"""

from __future__ import annotations

from turnout.rules.condition.ast import (
    Bound,
    Key,
    Kind,
    Literal,
    OneOf,
    Path,
    Predicate,
    Range,
    Root,
    Test,
    literal,
    walk,
)
from turnout.rules.lint.placing import Findings
from turnout.rules.model import Rule
from turnout.rules.problems import Code

__all__ = ["warn_of_metadata"]

_TEXTS = {"attributes": 2, "queue": 1, "message_id": 1, "group_id": 1}
_NUMBERS = {"receive_count": 1, "sent_timestamp": 1}
"""By the metadata's name, how many steps lead to the value."""


def warn_of_metadata(rule: Rule, findings: Findings) -> None:
    """A warning per comparison that the type of metadata makes false."""
    for condition in walk(rule.condition):
        if not isinstance(condition, Test) or not isinstance(condition.term, Path):
            continue
        wanted, compared = _kind(condition.term), _compared(condition.predicate)
        if wanted is None or not compared or any(item.kind in (wanted, Kind.NULL) for item in compared):
            continue
        value = str(compared[0].value)
        if wanted is Kind.NUMBER:
            message = f"this is never true: {condition.term.text} is a number; write it without quotes"
        elif isinstance(condition.predicate, Range):
            message = (
                f"this is never true: {condition.term.text} is a text, in any case; "
                f"name the texts that fit: in ['{value}', ...]"
            )
        else:
            message = f"this is never true: {condition.term.text} is a text, in any case; write '{value}'"
        findings.condition(Code.NEVER_TRUE, message, rule, condition)


def _kind(path: Path) -> Kind | None:
    """The type of the metadata that the path finds; None for what is no metadata, or not known."""
    first = path.segments[0] if path.root is Root.METADATA and path.segments else None
    if not isinstance(first, Key):
        return None
    if _TEXTS.get(first.name) == len(path.segments):
        return Kind.STRING
    return Kind.NUMBER if _NUMBERS.get(first.name) == len(path.segments) else None


def _compared(predicate: Predicate) -> list[Literal]:
    """What the value is compared with; nothing when the predicate is another one, or is true of other types."""
    match predicate:
        case OneOf(items=items):
            return [*items]
        case Range(low=low, high=high):
            return [literal(bound.value) for bound in (low, high) if isinstance(bound, Bound)]
    return []
