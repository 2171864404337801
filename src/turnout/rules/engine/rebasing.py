"""Moves conditions to another root: joins inner paths to an outer one, or cuts the beginning that paths share."""

from __future__ import annotations

from collections.abc import Callable

from turnout.rules.condition import ast
from turnout.rules.condition.ast import Path, Root, Term

__all__ = ["Joints", "cut", "element_terms", "rebased"]


def element_terms(condition: ast.Condition) -> list[Term]:
    """The terms in a condition whose `@` is the condition's own element, not that of a quantifier inside it."""
    found = list(ast.terms(condition))
    if not isinstance(condition, ast.Some | ast.Every):
        for inner in ast.children(condition):
            found += element_terms(inner)
    return found


class Joints:
    """Puts one path before another, and the same path object before the same one only once: rules share their paths."""

    def __init__(self) -> None:
        # By identity, because comparing paths costs more than joining them. What is in here stays alive.
        self._known: dict[tuple[int, int], tuple[Path, Path, Path]] = {}

    def join(self, base: Path, path: Path) -> Path:
        """`base`, then `path`."""
        known = self._known.get((id(base), id(path)))
        if known is None:
            known = Path(base.root, (*base.segments, *path.segments)), base, path
            self._known[id(base), id(path)] = known
        return known[0]


def rebased(condition: ast.Condition, base: Path, joints: Joints) -> ast.Condition:
    """The condition with `base` put before every path that begins at the element."""

    def join(path: Path) -> Path:
        return joints.join(base, path) if path.root is Root.ELEMENT else path

    return _with_paths(condition, join, quantified=False)


def cut(condition: ast.Condition, count: int) -> ast.Condition:
    """The condition without the first `count` segments of every path that begins at the event."""

    def shorten(path: Path) -> Path:
        return Path(path.root, path.segments[count:]) if path.root is Root.EVENT else path

    return _with_paths(condition, shorten, quantified=True)


def _with_paths(condition: ast.Condition, change: Callable[[Path], Path], *, quantified: bool) -> ast.Condition:
    """The condition with its paths changed; with `quantified`, also those inside quantifiers."""

    def again(inner: ast.Condition) -> ast.Condition:
        return _with_paths(inner, change, quantified=quantified)

    def term(old: Term) -> Term:
        return change(old) if isinstance(old, Path) else old.__class__(term(old.term))

    match condition:
        case ast.Test():
            return ast.Test(term(condition.term), condition.predicate)
        case ast.And() | ast.Or():
            return condition.__class__(tuple(map(again, condition.items)))
        case ast.Absent():
            return ast.Absent(term(condition.term))
        case ast.Compare():
            return ast.Compare(term(condition.left), condition.order, term(condition.right))
        case ast.Present():
            return ast.Present(change(condition.path))
        case ast.Some() | ast.Every():
            inner = again(condition.condition) if quantified else condition.condition
            return condition.__class__(change(condition.path), inner)
        case ast.Not():
            return ast.Not(again(condition.item))
        case _:
            return condition
