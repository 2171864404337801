"""What inside a quantifier does not depend on the element is found once, however many elements there are.

`any(detail.items, @.id == 'a' and contains(detail.tags, 'x'))` would search all tags for every item: a producer who
sends many of both would hold the worker for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from turnout.rules.condition.ast import (
    Condition,
    Constant,
    Length,
    Lower,
    Root,
    Term,
    children,
    paths,
    plain_path,
    terms,
)

__all__ = ["Once", "Parts", "parts_without_element"]

Parts: TypeAlias = Mapping[Condition | Term, int]
"""Conditions and terms that do not depend on the element, each with its number."""


class Once(dict[object, object]):
    """The message's metadata as quantified conditions see it: what was found once is there as well, by its number."""

    __slots__ = ("_event", "_find", "_metadata")

    def __init__(
        self,
        event: object,
        metadata: object,
        find: Sequence[Callable[[object, object, object], object]],
    ) -> None:
        super().__init__(metadata if isinstance(metadata, Mapping) else {})
        self._event = event
        self._metadata = metadata
        self._find = find

    def __missing__(self, key: object) -> object:
        """Find it when it is first asked for. Names are texts: one that is not there stays so."""
        if not isinstance(key, int):
            raise KeyError(key)
        self[key] = found = self._find[key](self._event, self._metadata, None)
        return found


def parts_without_element(condition: Condition) -> Parts:
    """The largest parts of a quantified condition that do not look at the element, and are more than a path.

    That a path which begins at the event is singular there, so that to follow it costs next to nothing, is the parser's
    business.
    """
    found: dict[Condition | Term, int] = {}
    stack = [condition]
    while stack:
        node = stack.pop()
        if isinstance(node, Constant):
            continue
        if all(path.root is not Root.ELEMENT for path in paths(node)):
            found.setdefault(node, len(found))
            continue
        for term in terms(node):
            if isinstance(term, Lower | Length) and plain_path(term).root is not Root.ELEMENT:
                found.setdefault(term, len(found))
        stack += children(node)
    return found
