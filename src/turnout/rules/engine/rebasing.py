"""Moves conditions to another root: joins inner paths to an outer one, or cuts the beginning that paths share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from turnout.rules.condition import ast
from turnout.rules.condition.ast import Path, Root, Term

__all__ = ["cut", "element_terms", "path_of", "rebased"]


def path_of(term: Term) -> Path:
    """The path inside a term."""
    while not isinstance(term, Path):
        term = term.term
    return term


def element_terms(condition: ast.Condition) -> list[Term]:
    """The terms in a condition whose `@` is the condition's own element, not that of a quantifier inside it."""
    found = list(ast.terms(condition))
    if not isinstance(condition, ast.Some | ast.Every):
        for inner in ast.children(condition):
            found += element_terms(inner)
    return found


def rebased(condition: ast.Condition, base: Path) -> ast.Condition:
    """The condition with `base` put before every path that begins at the element."""

    def join(path: Path) -> Path:
        return Path(base.root, (*base.segments, *path.segments)) if path.root is Root.ELEMENT else path

    return _with_paths(condition, join, quantified=False)


def cut(condition: ast.Condition, count: int) -> ast.Condition:
    """The condition without the first `count` segments of every path that begins at the event."""

    def shorten(path: Path) -> Path:
        return replace(path, segments=path.segments[count:]) if path.root is Root.EVENT else path

    return _with_paths(condition, shorten, quantified=True)


def _with_paths(condition: ast.Condition, change: Callable[[Path], Path], *, quantified: bool) -> ast.Condition:
    """The condition with its paths changed; with `quantified`, also those inside quantifiers."""

    def again(inner: ast.Condition) -> ast.Condition:
        return _with_paths(inner, change, quantified=quantified)

    def term(old: Term) -> Term:
        return change(old) if isinstance(old, Path) else replace(old, term=term(old.term))

    match condition:
        case ast.Test() | ast.Absent():
            return replace(condition, term=term(condition.term))
        case ast.Compare():
            return replace(condition, left=term(condition.left), right=term(condition.right))
        case ast.Present():
            return replace(condition, path=change(condition.path))
        case ast.Some() | ast.Every():
            inner = again(condition.condition) if quantified else condition.condition
            return replace(condition, path=change(condition.path), condition=inner)
        case ast.Not():
            return replace(condition, item=again(condition.item))
        case ast.And() | ast.Or():
            return replace(condition, items=tuple(map(again, condition.items)))
        case _:
            return condition
