"""Conditions compiled to closures: everything that can be decided at load is decided here, once.

A compiled condition is called with the event, the message's metadata and the current element. It means exactly what
interpret.py says. How rules are found (an index) and fused (generated code) is not this module's business.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

from turnout.rules.condition import networks, regexes, wildcards
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
    Key,
    Kind,
    Length,
    Literal,
    Lower,
    Matches,
    Not,
    OneOf,
    Or,
    Path,
    Predicate,
    Prefix,
    Present,
    Range,
    Root,
    Segment,
    Some,
    Suffix,
    Term,
    Test,
    Wildcard,
    paths,
)
from turnout.rules.condition.folding import fold
from turnout.rules.condition.once import Once, Parts, parts_without_element
from turnout.rules.condition.segments import compile_segment
from turnout.rules.condition.values import any_pair
from turnout.rules.limits import DEFAULT_LIMITS, Limits

__all__ = ["Compiled", "Finder", "Judge", "compile_condition", "compile_finder", "compile_predicate", "needs_metadata"]

Compiled: TypeAlias = Callable[[object, object, object], bool]
"""(event, metadata, element) -> verdict."""
Finder: TypeAlias = Callable[[object, object, object], Sequence[object]]
"""(event, metadata, element) -> the values of a term."""
Judge: TypeAlias = Callable[[object], bool]
"""Whether one value fits."""

_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.NUMBER: (int, float),
    Kind.BOOL: (bool,),
    Kind.NULL: (type(None),),
}
_NO_PARTS: Parts = {}
_ROOTS = {Root.EVENT: 0, Root.METADATA: 1, Root.ELEMENT: 2}


def needs_metadata(condition: Condition) -> bool:
    """Whether the condition looks at the message's metadata."""
    return any(path.root is Root.METADATA for path in paths(condition))


def compile_condition(condition: Condition, limits: Limits = DEFAULT_LIMITS, parts: Parts = _NO_PARTS) -> Compiled:
    """The condition as one function. Inside a quantifier `parts` are those that are found once (see once.py)."""
    if parts and condition in parts:
        number = parts[condition]
        return lambda event, metadata, element: metadata[number]  # type: ignore[index]
    match condition:
        case Constant(value=value):
            return lambda event, metadata, element: value
        case Test(term=Path(root=Root.EVENT) as path, predicate=predicate) if path.keys:
            return _test_member(path.keys, compile_predicate(predicate, limits))
        case Test(term=Path(root=Root.ELEMENT, segments=segments), predicate=predicate) if _is_plain(segments):
            return _test_member_of_element(_names(segments), compile_predicate(predicate, limits))
        case Test(term=term, predicate=predicate):
            find, judge = compile_finder(term, limits, parts), compile_predicate(predicate, limits)
            return lambda event, metadata, element: any(map(judge, find(event, metadata, element)))
        case Compare(left=left, order=order, right=right):
            lefts, rights = compile_finder(left, limits, parts), compile_finder(right, limits, parts)
            return lambda event, metadata, element: any_pair(
                lefts(event, metadata, element), order, rights(event, metadata, element)
            )
        case Present(path=path):
            find = compile_finder(path, limits, parts)
            return lambda event, metadata, element: bool(find(event, metadata, element))
        case Absent(term=term):
            find = compile_finder(term, limits, parts)

            def absent(event: object, metadata: object, element: object) -> bool:
                found = find(event, metadata, element)
                return not found or any(value is None for value in found)

            return absent
        case Some() | Every():
            return _quantified(condition, limits, parts)
        case Not(item=item):
            inner = compile_condition(item, limits, parts)
            return lambda event, metadata, element: not inner(event, metadata, element)
        case And(items=items) | Or(items=items):
            return _joined(
                [compile_condition(item, limits, parts) for item in items], decisive=isinstance(condition, Or)
            )


def _test_member(names: tuple[str, ...], judge: Judge) -> Compiled:
    """The commonest test: one plain member of the event. Only dicts are subscripted with a string without an error."""

    def test(event: object, metadata: object, element: object) -> bool:
        try:
            for name in names:
                event = event[name]  # type: ignore[index]
        except (KeyError, TypeError):
            return False
        return judge(event)

    return test


def _test_member_of_element(names: tuple[str, ...], judge: Judge) -> Compiled:
    """The same of an element, which often lacks it: to raise and to catch costs more than to look."""

    def test(event: object, metadata: object, element: object) -> bool:
        for name in names:
            if not isinstance(element, dict) or name not in element:
                return False
            element = element[name]
        return judge(element)

    return test


def _joined(conditions: Sequence[Compiled], *, decisive: bool) -> Compiled:
    """One after the other, until one says what is decisive; in less than half of what `any` or `all` of them takes."""

    def joined(event: object, metadata: object, element: object) -> bool:
        for condition in conditions:
            if condition(event, metadata, element) is decisive:
                return decisive
        return not decisive

    return joined


def _quantified(condition: Some | Every, limits: Limits, parts: Parts) -> Compiled:
    find = compile_finder(condition.path, limits, parts)
    own = parts or parts_without_element(condition.condition)
    inner = compile_condition(condition.condition, limits, own)
    outermost: list[Finder | Compiled] = []
    if not parts:
        for part in own:
            if isinstance(part, Term):
                outermost.append(compile_finder(part, limits))
            else:
                outermost.append(compile_condition(part, limits))
    decisive = isinstance(condition, Some)

    def quantified(event: object, metadata: object, element: object) -> bool:
        found = find(event, metadata, element)
        if not found:
            return False
        seen = Once(event, metadata, outermost) if outermost else metadata
        for value in found:
            if inner(event, seen, value) is decisive:
                return decisive
        return not decisive

    return quantified


# ------------------------------------------------------------------------------------------------------------- terms


def compile_finder(term: Term, limits: Limits = DEFAULT_LIMITS, parts: Parts = _NO_PARTS) -> Finder:
    """The term as one function that finds its values; `parts` as for conditions."""
    if parts and term in parts:
        number = parts[term]
        return lambda event, metadata, element: metadata[number]  # type: ignore[index]
    match term:
        case Lower(term=inner):
            find = compile_finder(inner, limits, parts)
            return lambda event, metadata, element: [
                value.lower() for value in find(event, metadata, element) if isinstance(value, str)
            ]
        case Length(term=inner):
            find = compile_finder(inner, limits, parts)
            return lambda event, metadata, element: [
                len(value) for value in find(event, metadata, element) if isinstance(value, str | list | dict)
            ]
        case Path(root=root, segments=segments):
            if _is_plain(segments):
                return _find_member(_ROOTS[root], _names(segments))
            return _find_walking(term, limits, parts)


def _is_plain(segments: Iterable[Segment]) -> bool:
    return all(isinstance(segment, Key) for segment in segments)


def _names(segments: Iterable[Segment]) -> tuple[str, ...]:
    return tuple(segment.name for segment in segments if isinstance(segment, Key))


def _find_member(root: int, names: tuple[str, ...]) -> Finder:
    def find(*scope: object) -> Sequence[object]:
        value = scope[root]
        try:
            for name in names:
                value = value[name]  # type: ignore[index]
        except (KeyError, TypeError):
            return ()
        return (value,)

    return find


def _find_walking(path: Path, limits: Limits, parts: Parts) -> Finder:
    root = _ROOTS[path.root]
    steps = [
        compile_segment(segment, lambda inner: compile_condition(inner, limits, parts)) for segment in path.segments
    ]

    def find(*scope: object) -> Sequence[object]:
        event, metadata, _ = scope
        values: Sequence[object] = (scope[root],)
        for step in steps:
            values = step(values, event, metadata)
            if not values:
                break
        return values

    return find


# -------------------------------------------------------------------------------------------------------- predicates


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
