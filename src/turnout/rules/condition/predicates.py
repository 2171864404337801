"""Predicates compiled to functions of one value; they mean what interpret.py says."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from turnout.rules.condition import networks, regexes, wildcards
from turnout.rules.condition.ast import (
    Bound,
    Contains,
    EqualsFold,
    Except,
    InNetwork,
    Kind,
    Literal,
    Matches,
    OneOf,
    Predicate,
    Prefix,
    Range,
    Suffix,
    Wildcard,
)
from turnout.rules.condition.folding import fold
from turnout.rules.limits import DEFAULT_LIMITS, Limits

__all__ = ["Judge", "compile_predicate"]

Judge: TypeAlias = Callable[[object], bool]
"""Whether one value fits."""

_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.NUMBER: (int, float),
    Kind.BOOL: (bool,),
    Kind.NULL: (type(None),),
}


def compile_predicate(predicate: Predicate, limits: Limits = DEFAULT_LIMITS) -> Judge:
    """The predicate as one function of one value."""
    match predicate:
        case OneOf(items=items):
            return _one_of(items)
        case Except(predicate=inner):
            judge = compile_predicate(inner, limits)
            return lambda value: not judge(value)
        case Range(low=low, high=high):
            return _range(low, high)
        case Contains(item=item):
            return _contains(item)
        case Prefix(text=text, fold=True):
            return _folded(text, str.startswith)
        case Prefix(text=text):
            return lambda value: isinstance(value, str) and value.startswith(text)
        case Suffix(text=text, fold=True):
            return _folded(text, str.endswith)
        case Suffix(text=text):
            return lambda value: isinstance(value, str) and value.endswith(text)
        case EqualsFold(text=text):
            return _folded(text, str.__eq__)
        case Wildcard(pattern=pattern):
            pieces = wildcards.pieces(pattern)
            return lambda value: isinstance(value, str) and wildcards.fits(value, pieces)
        case Matches(pattern=pattern):
            search = regexes.searcher(pattern, limits)
            return lambda value: isinstance(value, str) and search(value)
        case InNetwork(network=text):
            network = networks.network(text)
            return lambda value: isinstance(value, str) and networks.contains(network, value)


def _one_of(items: tuple[Literal, ...]) -> Judge:
    # Python takes True for 1, so each JSON type is looked up among its own kind.
    known: dict[type, frozenset[object]] = {}
    for kind, types in _TYPES.items():
        wanted = frozenset(item.value for item in items if item.kind is kind)
        if wanted:
            known.update(dict.fromkeys(types, wanted))
    if list(known) == [str]:
        strings = known[str]
        return lambda value: type(value) is str and value in strings
    nothing: frozenset[object] = frozenset()
    return lambda value: (wanted := known.get(type(value), nothing)) is not nothing and value in wanted


def _range(low: Bound | None, high: Bound | None) -> Judge:
    bound = low or high
    if bound is None:
        return lambda value: False
    types = _TYPES[Kind.STRING if isinstance(bound.value, str) else Kind.NUMBER]
    checks: list[Judge] = []
    if low is not None:
        checks.append(partial(operator.le if low.inclusive else operator.lt, low.value))
    if high is not None:
        checks.append(partial(operator.ge if high.inclusive else operator.gt, high.value))
    if len(checks) == 1:
        (check,) = checks
        return lambda value: type(value) in types and check(value)
    first, second = checks
    return lambda value: type(value) in types and first(value) and second(value)


def _contains(item: Literal) -> Judge:
    element = _one_of((item,))
    text = item.value if item.kind is Kind.STRING else None

    def judge(value: object) -> bool:
        if isinstance(value, list):
            return any(map(element, value))
        return isinstance(text, str) and isinstance(value, str) and text in value

    return judge


def _folded(text: str, compare: Callable[[str, str], bool]) -> Judge:
    folded = fold(text)
    return lambda value: isinstance(value, str) and compare(fold(value), folded)
