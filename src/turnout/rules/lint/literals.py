"""Finds texts that are compared as they stand and hardly meant so.

A `*` is any run of characters in `wildcard` alone, a path in quotes is a text, and so is `${` that begins no reference.
An example whose event holds such a text shows that it is meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.rules.condition import wildcards
from turnout.rules.condition.ast import (
    Contains,
    Except,
    Kind,
    Literal,
    OneOf,
    Path,
    Predicate,
    Prefix,
    Spread,
    Suffix,
    Test,
    literal,
    walk,
)
from turnout.rules.condition.render import render_literal, render_term
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.showing import shown_by
from turnout.rules.lookalikes import BROKEN_REFERENCE, looks_like_path, looks_like_reference
from turnout.rules.model import Rule
from turnout.rules.problems import Code

__all__ = ["warn_of_literals"]


def warn_of_literals(rule: Rule, findings: Findings) -> None:
    """A warning per text in the condition that looks like a wildcard, a path or a reference, and is none."""
    shown = shown_by(rule)
    if shown is None:
        return
    texts = set(shown.texts)
    is_pattern = rule.source.startswith("{")
    for condition in walk(rule.condition):
        if not isinstance(condition, Test):
            continue
        for item in _literals(condition.predicate):
            text = str(item.value)
            if text in texts:
                continue
            texts.add(text)
            if _is_wildcard(text):
                message = _in_wildcard(condition, item, is_pattern)
            elif is_pattern:
                continue  # there are no paths in patterns, and references are looked at while they are replaced
            elif looks_like_path(text):
                message = f"a text in quotes is no path; for what the path finds write {text} without them"
            elif looks_like_reference(text):
                message = BROKEN_REFERENCE
            else:
                continue
            findings.condition(Code.TAKEN_LITERALLY, message, rule, condition)


def _is_wildcard(text: str) -> bool:
    try:
        return "*" in text and len(wildcards.pieces(text)) > 1
    except wildcards.WildcardError:
        return False


def _in_wildcard(test: Test, item: Literal, is_pattern: bool) -> str:
    """What to write where the star in a literal of the test was to be any text."""
    term, predicate, text = test.term, test.predicate, render_literal(item)
    negated = isinstance(predicate, Except)
    if is_pattern:
        meant = f"{{wildcard: {text}}}"
        meant = f"{{anything-but: {meant}}}" if negated else meant
    else:
        each = "[*]" if isinstance(term, Path) and term.segments[-1:] == (Spread(),) else ""
        meant = f"{'not ' if negated else ''}wildcard({render_term(term)}{each}, {text})"
    instead = "leave it out, or " if isinstance(predicate, Prefix | Suffix | Contains) else ""
    return f"'*' stands for itself here; where it means any text, {instead}write {meant}"


def _literals(predicate: Predicate) -> Iterator[Literal]:
    """The texts that a value is compared with."""
    match predicate:
        case Except(predicate=inner):
            yield from _literals(inner)
        case OneOf(items=items):
            yield from (item for item in items if item.kind is Kind.STRING)
        case Prefix(text=text) | Suffix(text=text):
            yield literal(text)
        case Contains(item=item) if item.kind is Kind.STRING:
            yield item
