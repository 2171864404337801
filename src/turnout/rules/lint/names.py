"""Finds names of members that are hardly meant as such: `list.0`, `list.length`, and operators in place of a field.

A number between dots is a member of an object, never an element of an array; how many elements there are says
`len(list)`; and `{channel: {prefix: [v]}}` asks for a member `prefix` of `channel`, as in EventBridge. An example whose
event has such a member shows that it is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from turnout.rules.condition.ast import (
    Compare,
    Condition,
    Except,
    Key,
    Kind,
    OneOf,
    Path,
    Predicate,
    Range,
    Root,
    Scalars,
    Spread,
    Term,
    Test,
    plain_path,
    terms,
    walk,
)
from turnout.rules.condition.render import render_path
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.showing import shown_by
from turnout.rules.model import Rule
from turnout.rules.pattern.advice import OPERATORS
from turnout.rules.problems import Code

__all__ = ["warn_of_names"]


class _Doubt(NamedTuple):
    name: str
    code: Code
    message: str


def warn_of_names(rule: Rule, findings: Findings) -> None:
    """A warning per name, where it first stands for something else than a member."""
    shown = shown_by(rule)
    if shown is None:
        return
    settled = set(shown.names)
    doubts = _in_pattern if rule.source.startswith("{") else _in_expression
    for condition in walk(rule.condition):
        for term in terms(condition):
            for name, code, message in doubts(condition, term):
                if name not in settled:
                    settled.add(name)
                    findings.condition(code, message, rule, condition)


def _in_expression(condition: Condition, term: Term) -> Iterator[_Doubt]:
    for name in _positions(plain_path(term)):
        message = f"'{name}' after a dot is the name of a member; an element of an array is written [{name}]"
        yield _Doubt(name, Code.POSITION, message)
    if counted := _counted(condition, term):
        yield _length(f"write {counted}")


def _in_pattern(condition: Condition, term: Term) -> Iterator[_Doubt]:
    path = plain_path(term)
    for name in _positions(path):
        why = "a pattern fits any element of an array, without a position"
        yield _Doubt(name, Code.POSITION, f"'{name}' is the name of a member and no position in an array; {why}")
    if counted := _counted(condition, term):
        yield _length(f"a pattern counts nothing, 'when' does by {counted}")
    last = next((segment.name for segment in reversed(path.segments) if isinstance(segment, Key)), "")
    if last in OPERATORS:
        instead = f"an operator stands in the list of its field: [{{{last}: ...}}]"
        yield _Doubt(last, Code.OPERATOR_AS_FIELD, f"'{last}' is taken for the name of a field here; {instead}")


def _positions(path: Path) -> Iterator[str]:
    """The names in a path that are whole numbers, unless their quotes say that they are names."""
    for segment in path.segments:
        name = segment.name if isinstance(segment, Key) else ""
        if name.isdecimal() and f"['{name}']" not in path.text and f'["{name}"]' not in path.text:
            yield name


def _length(instead: str) -> _Doubt:
    message = f"'length' is the name of a member, which no array and no text has; {instead}"
    return _Doubt("length", Code.LENGTH, message)


def _counted(condition: Condition, term: Term) -> str:
    """How the length is written of what the term asks for its member `length`, as if it were a number; else nothing."""
    is_number = isinstance(condition, Compare) or (isinstance(condition, Test) and _is_number(condition.predicate))
    if not is_number or not isinstance(term, Path):
        return ""
    steps = tuple(step for step in term.segments if not isinstance(step, Spread | Scalars))
    if steps[-1:] != (Key("length"),) or (len(steps) == 1 and term.root is not Root.ELEMENT):
        return ""
    return f"len({render_path(Path(term.root, steps[:-1]))})"


def _is_number(predicate: Predicate) -> bool:
    match predicate:
        case Range(low=low, high=high):
            return not isinstance(getattr(low or high, "value", None), str)
        case OneOf(items=items) | Except(predicate=OneOf(items=items)):
            return all(item.kind is Kind.NUMBER for item in items)
    return False
