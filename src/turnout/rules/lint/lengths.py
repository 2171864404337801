"""Finds `list.length`, which is the member `length` of an object here; how many elements there are says `len(list)`.

An example whose event has such a member shows that it is meant.
"""

from __future__ import annotations

from turnout.rules.condition.ast import (
    Compare,
    Condition,
    Except,
    Key,
    Kind,
    OneOf,
    Path,
    Range,
    Root,
    Scalars,
    Spread,
    Test,
    walk,
)
from turnout.rules.condition.render import render_path
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.showing import shown_by
from turnout.rules.model import Rule
from turnout.rules.problems import Code

__all__ = ["warn_of_lengths"]

_LENGTH = Key("length")


def warn_of_lengths(rule: Rule, findings: Findings) -> None:
    """A warning at the first `length` that is compared with a number or another path as if every array had one."""
    shown = shown_by(rule)
    if shown is None or _LENGTH.name in shown.names:
        return
    is_pattern = rule.source.startswith("{")
    for condition in walk(rule.condition):
        for path in _counted(condition):
            steps = tuple(step for step in path.segments if not isinstance(step, Spread | Scalars))
            if steps[-1:] != (_LENGTH,) or (len(steps) == 1 and path.root is not Root.ELEMENT):
                continue
            counted = f"len({render_path(Path(path.root, steps[:-1]))})"
            instead = f"a pattern counts nothing, 'when' does by {counted}" if is_pattern else f"write {counted}"
            message = f"'length' is the name of a member, which no array and no text has; {instead}"
            findings.condition(Code.LENGTH, message, rule, condition)
            return


def _counted(condition: Condition) -> tuple[Path, ...]:
    """The paths of the event whose values are compared with a number, or with each other."""
    if isinstance(condition, Test) and isinstance(condition.term, Path) and _is_number(condition):
        return (condition.term,)
    if isinstance(condition, Compare):
        return tuple(term for term in (condition.left, condition.right) if isinstance(term, Path))
    return ()


def _is_number(test: Test) -> bool:
    match test.predicate:
        case Range(low=low, high=high):
            return not isinstance(getattr(low or high, "value", None), str)
        case OneOf(items=items) | Except(predicate=OneOf(items=items)):
            return all(item.kind is Kind.NUMBER for item in items)
    return False
