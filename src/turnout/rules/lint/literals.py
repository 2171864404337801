"""Finds texts that are compared as they stand and hardly meant so.

A `*` is any run of characters in `wildcard` alone, and without one that is a single text. A path in quotes is a text,
and so are a number in quotes, `${` that begins no reference, the slashes around a regular expression, and, outside of
`matches` and `cidr`, regular expressions and networks. An example whose event holds such a text shows that it is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from turnout.rules.condition import wildcards
from turnout.rules.condition.ast import (
    Contains,
    Except,
    Kind,
    Literal,
    Matches,
    OneOf,
    Path,
    Predicate,
    Prefix,
    Range,
    Spread,
    Suffix,
    Test,
    Wildcard,
    literal,
    walk,
)
from turnout.rules.condition.render import render_literal, render_term
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.showing import shown_by
from turnout.rules.lookalikes import broken_reference, looks_like_path
from turnout.rules.model import Rule
from turnout.rules.problems import Code

__all__ = ["warn_of_literals"]

_SLASHES = re.compile(r"/.+/[gimsuxy]+", re.DOTALL)
"""A regular expression as other languages write it."""
_ANCHORED = re.compile(r"\^.+|.*(\.[*+]|\\[dws][*+]?|\][*+]?)\$", re.DOTALL)
"""What looks like a regular expression rather than a wildcard, of which topics of Genesys may hold `.*`."""
_NETWORK = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}|[0-9a-fA-F:]*::[0-9a-fA-F:]*/[0-9]{1,3}")
_MEANS = {"matches": "a regular expression", "cidr": "the addresses of a network"}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


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
        if findings.reads_environment(rule, condition):
            continue
        for item in _literals(condition.predicate):
            text = str(item.value)
            if text not in texts and (message := _message(condition, item, is_pattern)):
                texts.add(text)
                findings.condition(Code.TAKEN_LITERALLY, message, rule, condition)


def _message(test: Test, item: Literal, is_pattern: bool) -> str:
    """What is to be said of a text that the test compares with; empty when it looks like nothing else."""
    text = str(item.value)
    match test.predicate:
        case Wildcard():
            return _without_star(test, item, is_pattern)
        case Matches():
            slashes = "'/' stands for itself here; write the expression without slashes"
            return f"{slashes}, and (?i) before it to ignore case" if _SLASHES.fullmatch(text) else ""
        case Range():
            quotes = "a number in quotes is a text, and texts are ordered by their characters"
            return f"{quotes}; write {text} without them" if _NUMBER.fullmatch(text) else ""
    if not is_pattern and (function := _function_for(text)):
        negated = "not " if isinstance(test.predicate, Except) else ""
        written = f"{negated}{function}({render_term(test.term)}, {render_literal(item)})"
        return f"this is compared as it stands; where it means {_MEANS[function]}, write {written}"
    if _is_wildcard(text):
        return _in_wildcard(test, item, is_pattern)
    if is_pattern:
        return ""  # there are no paths in patterns, and references are looked at while they are replaced
    if looks_like_path(text):
        return f"a text in quotes is no path; for what the path finds write {text} without them"
    return broken_reference(text)


def _function_for(text: str) -> str:
    """The function that would understand the text; empty when it is none that looks like more than a text."""
    if _ANCHORED.fullmatch(text):
        return "matches"
    return "cidr" if _NETWORK.fullmatch(text) else ""


def _without_star(test: Test, item: Literal, is_pattern: bool) -> str:
    """What to write in place of a wildcard that is one text only."""
    text = wildcards.pieces(str(item.value))
    if len(text) > 1:
        return ""
    plain = render_literal(literal(text[0]))
    other = next(
        (f"'{sign}' stands for itself in a wildcard, only '*' is any text; " for sign in "%?" if sign in text[0]), ""
    )
    equal = f"[{plain}]" if is_pattern else f"{render_term(test.term)} == {plain}"
    return f"{other}without '*' it is this text only, as {equal}"


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
        case Wildcard(pattern=text) | Matches(pattern=text):
            yield literal(text)
        case Range(low=low, high=high):
            yield from (literal(bound.value) for bound in (low, high) if bound and isinstance(bound.value, str))
