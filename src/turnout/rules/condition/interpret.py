"""The slow, obvious interpreter of conditions. It defines what they mean.

Nothing is prepared or cached beyond regular expressions, every path is walked anew. Tests hold the compiled form to
it; `explain` shows what it sees.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from turnout.rules.condition import networks, regexes, values, walking, wildcards
from turnout.rules.condition.ast import (
    Absent,
    And,
    Bound,
    Compare,
    Condition,
    Constant,
    Contains,
    EqualsFold,
    Every,
    Except,
    InNetwork,
    Kind,
    Length,
    Lower,
    Matches,
    Not,
    OneOf,
    Or,
    Order,
    Path,
    Predicate,
    Prefix,
    Present,
    Range,
    Root,
    Some,
    Suffix,
    Term,
    Test,
    Wildcard,
)
from turnout.rules.condition.folding import fold

__all__ = ["Scope", "find", "fits", "holds"]


class Scope(NamedTuple):
    """What paths are followed from: one root each."""

    event: object
    metadata: object = None
    element: object = None


def holds(condition: Condition, scope: Scope) -> bool:
    """Whether the condition is true. Total: it never raises."""
    match condition:
        case Constant(value=value):
            return value
        case Test(term=term, predicate=predicate):
            return any(fits(predicate, value) for value in find(term, scope))
        case Compare(left=left, order=order, right=right):
            return values.any_pair(find(left, scope), order, find(right, scope))
        case Present(path=path):
            return bool(find(path, scope))
        case Absent(term=term):
            found = find(term, scope)
            return not found or any(value is None for value in found)
        case Some(path=path, condition=inner):
            return any(holds(inner, scope._replace(element=value)) for value in find(path, scope))
        case Every(path=path, condition=inner):
            found = find(path, scope)
            return bool(found) and all(holds(inner, scope._replace(element=value)) for value in found)
        case Not(item=item):
            return not holds(item, scope)
        case And(items=items):
            return all(holds(item, scope) for item in items)
        case Or(items=items):
            return any(holds(item, scope) for item in items)


def find(term: Term, scope: Scope) -> list[object]:
    """The values of a term."""
    match term:
        case Path(root=root, segments=segments):
            start = {Root.EVENT: scope.event, Root.METADATA: scope.metadata, Root.ELEMENT: scope.element}[root]
            return walking.find(segments, start, lambda inner, value: holds(inner, scope._replace(element=value)))
        case Lower(term=inner):
            return [value.lower() for value in find(inner, scope) if isinstance(value, str)]
        case Length(term=inner):
            return [len(value) for value in find(inner, scope) if isinstance(value, str | list | dict)]


def fits(predicate: Predicate, value: object) -> bool:
    """Whether one value fits the predicate."""
    match predicate:
        case OneOf(items=items):
            return any(values.equal(value, item) for item in items)
        case Except(predicate=inner):
            return not fits(inner, value)
        case Range(low=low, high=high):
            return _above(value, low) and _below(value, high) and (low or high) is not None
        case Contains(item=item):
            if isinstance(value, list):
                return any(values.equal(element, item) for element in value)
            return item.kind is Kind.STRING and isinstance(value, str) and str(item.value) in value
    return isinstance(value, str) and _text_fits(predicate, value)


def _above(value: object, bound: Bound | None) -> bool:
    return bound is None or values.ordered(value, Order.GE if bound.inclusive else Order.GT, bound.value)


def _below(value: object, bound: Bound | None) -> bool:
    return bound is None or values.ordered(value, Order.LE if bound.inclusive else Order.LT, bound.value)


def _text_fits(predicate: Predicate, value: str) -> bool:
    match predicate:
        case Prefix(text=text, fold=folds):
            return fold(value).startswith(fold(text)) if folds else value.startswith(text)
        case Suffix(text=text, fold=folds):
            return fold(value).endswith(fold(text)) if folds else value.endswith(text)
        case EqualsFold(text=text):
            return fold(value) == fold(text)
        case Wildcard(pattern=pattern):
            return wildcards.fits(value, wildcards.pieces(pattern))
        case Matches(pattern=pattern):
            return _search(pattern)(value)
        case InNetwork(network=network):
            return networks.contains(networks.network(network), value)
    return False


@functools.lru_cache(maxsize=1024)
def _search(pattern: str) -> Callable[[str], bool]:
    return regexes.searcher(pattern)
