"""A condition in its author's words: which parts of the tree one term of the source stands for, and what it says.

One term can become several nodes: `1 < x <= 5`, `x in ['a', null]` and the operators of a pattern do. Its nodes have
the same `at`, which is how they are put together again. `explain` and coverage speak of terms, not of nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from turnout.rules.condition.ast import (
    And,
    Condition,
    Every,
    Not,
    Or,
    Path,
    Root,
    Some,
    Span,
    Term,
    plain_path,
    terms,
    walk,
)
from turnout.rules.condition.render import render, render_path

__all__ = ["Wording", "is_term", "looked_at", "parts", "whole_path"]


def is_term(condition: Condition) -> bool:
    """Whether the condition is one term of its source: a single node, or several with the same place."""
    if not isinstance(condition, And | Or | Not | Some | Every):
        return True
    return _span(condition) is not None


def _span(condition: Condition) -> Span | None:
    """The place that all parts of a condition share; None when there is no such place."""
    spans = {node.at for node in walk(condition) if not isinstance(node, And | Or)}
    return spans.pop() if len(spans) == 1 else None


def parts(condition: And | Or) -> list[Condition]:
    """What the condition joins, with the nodes that are one term put together."""
    found: list[Condition] = []
    for span, group in groupby(condition.items, _span):
        items = tuple(group)
        found += items if span is None or len(items) == 1 else [type(condition)(items)]
    return found


def whole_path(path: Path, around: Path | None) -> Path:
    """A path inside an element as a path from the root; `around` is the path that the element was found by."""
    if around is None or path.root is not Root.ELEMENT:
        return path
    return Path(around.root, (*around.segments, *path.segments))


class Wording:
    """Says what the conditions of one source say."""

    def __init__(self, source: str) -> None:
        self._source = source
        # No expression begins with a brace; the source of a pattern is its JSON text.
        self.is_pattern = source.startswith("{")

    def text(self, condition: Condition, around: Path | None = None) -> str:
        """What a term, or a whole condition, says. `around` is the path that the elements inside it are found by."""
        span = _span(condition) if is_term(condition) else condition.at
        if span is None or not self._source:
            return render(condition)
        written = self._source[span.start : span.end]
        if not self.is_pattern:
            return written
        term = next((term for _, term in looked_at(condition)), None)
        return f"{self.path(plain_path(term), around)}: {written}" if term is not None else written

    def path(self, path: Path, around: Path | None = None) -> str:
        """A path as its author would write it; in a pattern, elements of what is `around` by their whole path."""
        return render_path(whole_path(path, around) if self.is_pattern else path)


def looked_at(condition: Condition) -> Iterator[tuple[Condition, Term]]:
    """The nodes of a condition and the terms they look at, left to right; not those inside `any` and `all`."""
    if isinstance(condition, And | Or):
        for item in condition.items:
            yield from looked_at(item)
    elif isinstance(condition, Not):
        yield from looked_at(condition.item)
    else:
        for term in terms(condition):
            yield condition, term
