"""Finds rules that the index cannot find: they are tried for every event, and here is why.

The reason is told of the first term that could have been filed, had it been written otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from turnout.rules import ast
from turnout.rules.ast import Constant
from turnout.rules.engine.filing import ways
from turnout.rules.engine.terms import All, Compares, Either, Fits, Inverse, Missing, Opaque, Prepared, Preparer, There
from turnout.rules.lint.placing import Findings
from turnout.rules.model import Rule
from turnout.rules.problems import Code
from turnout.rules.render import render_path

__all__ = ["scans", "warn_of_scans"]


def warn_of_scans(rules: Iterable[Rule], findings: Findings) -> None:
    """One warning per rule that is tried for every event."""
    preparer = Preparer()
    for rule in rules:
        if rule.enabled and (reason := _reason(preparer.prepare(rule.condition))):
            message = (
                f"this rule is tried for every event, because {reason}; "
                "a demand with ==, in, starts_with, ends_with or a range of numbers lets the index find it"
            )
            findings.rule(Code.SCAN, message, rule)


def scans(condition: ast.Condition) -> bool:
    """Whether the condition can be filed under nothing, so that it is tried for every event."""
    return bool(_reason(Preparer().prepare(condition)))


def _reason(condition: Prepared) -> str:
    """Why the condition can be filed under none of its terms; empty when it can be, or is constant."""
    match condition:
        case Constant():
            return ""
        case Fits():
            return "" if any(len(way) > 0 for way in ways(condition)) else _unfit(condition)
        case All(items=items):
            reasons = [_reason(item) for item in items if not isinstance(item, Constant)]
            return "" if not all(reasons) else reasons[0] if reasons else ""
        case Either(items=items):
            reasons = [_reason(item) for item in items if not isinstance(item, Constant)]
            found = next((reason for reason in reasons if reason), "")
            return f"of its alternatives one cannot be looked up: {found}" if found and len(items) > 1 else found
        case Inverse():
            return "'not' asks for what is absent, and what is absent cannot be looked up"
        case There(reading=reading):
            return f"that {_name(reading.term)} exists says nothing of its value"
        case Missing(reading=reading):
            return f"a {_name(reading.term)} that is null or missing cannot be looked up"
        case Compares(left=left, right=right):
            return f"{_name(left.term)} and {_name(right.term)} are both known from the event only"
        case Opaque(condition=inner):
            return f"{_opaque(inner)} looks at many values at once"


def _unfit(test: Fits) -> str:
    name = _name(test.reading.term)
    match test.predicate:
        case ast.Except():
            return f"nearly every value of {name} is another one than those named"
        case ast.Range():
            return f"the texts that {name} is compared with are in no index, only numbers are"
        case ast.Contains():
            return f"contains() looks at every character of {name}"
        case ast.Matches():
            return f"the regular expression has to be tried on {name}"
        case ast.Wildcard():
            return f"the wildcard for {name} begins and ends with '*'"
        case ast.InNetwork():
            return f"networks that {name} may be in are not indexed"
        case _:
            return f"every text fits what {name} is to begin or end with"


def _name(term: ast.Term) -> str:
    return render_path(ast.plain_path(term))


def _opaque(condition: ast.Condition) -> str:
    names = {ast.Some: "any(...)", ast.Every: "all(...)"}
    return next(
        (names[type(node)] for node in _nodes(condition) if type(node) in names), "a path with '*', '..' or '?'"
    )


def _nodes(condition: ast.Condition) -> Iterator[ast.Condition]:
    return ast.walk(condition)
