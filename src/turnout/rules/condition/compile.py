"""Conditions compiled to closures: everything that can be decided at load is decided here, once.

A compiled condition is called with the event, the message's metadata and the current element. It means exactly what
interpret.py says. How rules are found (an index) and fused (generated code) is not this module's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from turnout.rules.condition.ast import (
    Absent,
    And,
    Compare,
    Condition,
    Constant,
    Every,
    Key,
    Length,
    Lower,
    Not,
    Or,
    Path,
    Present,
    Root,
    Segment,
    Some,
    Term,
    Test,
    paths,
)
from turnout.rules.condition.once import Once, Parts, parts_without_element
from turnout.rules.condition.predicates import Judge, compile_predicate
from turnout.rules.condition.segments import compile_segment
from turnout.rules.condition.values import any_pair
from turnout.rules.limits import DEFAULT_LIMITS, Limits

__all__ = ["Compiled", "Finder", "compile_condition", "compile_finder", "needs_metadata"]

Compiled: TypeAlias = Callable[[object, object, object], bool]
"""(event, metadata, element) -> verdict."""
Finder: TypeAlias = Callable[[object, object, object], Sequence[object]]
"""(event, metadata, element) -> the values of a term."""
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
