"""Which conditions another one may imply, found without comparing each with each.

A condition is implied only by one that demands as much as it does itself. So each is filed under one of its demands,
the one that fewest share: the values that a term is to be equal to, what it is to begin or end with, or a range. Who
asks is looked up by its own demands: a value finds what it begins with and the ranges around it. What demands nothing
of that kind is filed under the paths it looks at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from enum import Enum
from itertools import islice
from typing import NamedTuple

from turnout.rules.condition import wildcards
from turnout.rules.condition.ast import (
    And,
    Bound,
    Condition,
    Every,
    Kind,
    Length,
    Lower,
    OneOf,
    Or,
    Path,
    Predicate,
    Prefix,
    Range,
    Root,
    Some,
    Suffix,
    Term,
    Test,
    Wildcard,
    children,
    plain_path,
    terms,
)
from turnout.rules.lint.ranges import RangeIndex, intersection
from turnout.rules.lint.reasoning import whole_term

__all__ = ["Candidates"]

_MOST_ALTERNATIVES = 4
"""Of a condition, that are looked at to find what it may imply."""


class _How(Enum):
    """What a key says of the value."""

    EQUALS = "equals"
    BEGINS = "begins with"
    ENDS = "ends with"
    RANGE = "lies between"
    LOOKED_AT = "is looked at"


class _Key(NamedTuple):
    """What is filed under: `value` is a literal, a text, or for ranges the type of their bounds."""

    how: _How
    term: Term
    value: Hashable = None


class _Entry(NamedTuple):
    key: _Key
    predicate: Predicate


class Candidates:
    """Conditions, known by their position in the sequence."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        shares = Counter(entry.key for condition in conditions for entry in _entries(condition, None))
        self._filed: dict[_Key, list[int]] = defaultdict(list)
        ranges: dict[_Key, list[tuple[Range, int]]] = defaultdict(list)
        for number, condition in enumerate(conditions):
            filed = _choose(condition, None, lambda key: shares[key])
            if filed is None:
                for path in set(_looked_at(condition, None)):
                    self._filed[_Key(_How.LOOKED_AT, path)].append(number)
            for key, predicate in filed or ():
                if isinstance(predicate, Range):
                    ranges[key].append((predicate, number))
                else:
                    self._filed[key].append(number)
        self._ranges = {key: RangeIndex(found) for key, found in ranges.items()}
        self._lengths: dict[tuple[_How, Term], set[int]] = defaultdict(set)
        for how, term, value in self._filed:
            if isinstance(value, str):
                self._lengths[how, term].add(len(value))

    def of(self, condition: Condition, most: int) -> list[int]:
        """Those that the condition may imply, itself perhaps among them; of very many, so many."""
        if not isinstance(condition, Or):
            return list(dict.fromkeys(islice(self._of(condition), most)))
        # What is implied is implied by each alternative.
        first, *others = ([*islice(self._of(item), most)] for item in condition.items[:_MOST_ALTERNATIVES])
        common = set(first).intersection(*others)
        return [number for number in dict.fromkeys(first) if number in common]

    def _of(self, condition: Condition) -> Iterator[int]:
        ranges: dict[_Key, Range] = {}
        for term, predicate in _demands(condition, None):
            if isinstance(predicate, Range):
                key = _range_key(term, predicate)
                # One value at most lies in all ranges at once; of several values each may lie in its own.
                together = key in ranges and plain_path(term).is_singular
                ranges[key] = intersection(ranges[key], predicate) if together else predicate
            else:
                yield from self._of_values(term, predicate)
        for key, each in ranges.items():
            yield from self._ranges[key].around(each) if key in self._ranges else ()
        prefixes = {
            Path(path.root, path.segments[:length])
            for path in _looked_at(condition, None)
            for length in range(len(path.segments) + 1)
        }
        for path in prefixes:
            yield from self._filed.get(_Key(_How.LOOKED_AT, path), ())

    def _of_values(self, term: Term, predicate: Predicate) -> Iterator[int]:
        match predicate:
            case OneOf(items=(item, *_)):
                # What is implied must be so for each of the values: one is enough to find it.
                yield from self._filed.get(_Key(_How.EQUALS, term, item), ())
                if isinstance(item.value, str | int | float) and item.kind is not Kind.BOOL:
                    here = Bound(item.value, inclusive=True)
                    point = Range(here, here)
                    found = self._ranges.get(_range_key(term, point))
                    yield from found.around(point) if found else ()
                if isinstance(item.value, str):
                    yield from self._of_affixes(term, item.value, item.value)
            case Prefix(text=text, fold=False):
                yield from self._of_affixes(term, text, "")
            case Suffix(text=text, fold=False):
                yield from self._of_affixes(term, "", text)
            case Wildcard(pattern=pattern):
                pieces = wildcards.pieces(pattern)
                yield from self._of_affixes(term, pieces[0], pieces[-1])

    def _of_affixes(self, term: Term, head: str, tail: str) -> Iterator[int]:
        for length in self._lengths.get((_How.BEGINS, term), ()):
            yield from self._filed.get(_Key(_How.BEGINS, term, head[:length]), ()) if length <= len(head) else ()
        for length in self._lengths.get((_How.ENDS, term), ()):
            end = tail[len(tail) - length :] if length <= len(tail) else ""
            yield from self._filed.get(_Key(_How.ENDS, term, end), ()) if end else ()


# -------------------------------------------------------------------------------------------------------------- filing


def _choose(condition: Condition, around: Path | None, shares: Callable[[_Key], int]) -> list[_Entry] | None:
    """What the condition is filed under; None when there is nothing. Of alternatives, each is filed."""
    match condition:
        case Test(term=term, predicate=predicate):
            return min(_ways(_onto(term, around), predicate), key=lambda way: _weight(way, shares), default=None)
        case Some(path=path, condition=inner):
            return _choose(inner, _path_onto(path, around), shares)
        case And(items=items):
            found = [way for item in items if (way := _choose(item, around, shares)) is not None]
            return min(found, key=lambda way: _weight(way, shares), default=None)
        case Or(items=items):
            parts = [_choose(item, around, shares) for item in items]
            return None if None in parts else [entry for part in parts for entry in part or ()]
    return None


def _weight(way: Sequence[_Entry], shares: Callable[[_Key], int]) -> float:
    return max((shares(key) * _share_met(predicate) for key, predicate in way), default=0)


def _share_met(predicate: Predicate) -> float:
    """Which share of the conditions under one key are met there: few ranges with two ends lie around another one."""
    if isinstance(predicate, Range):
        return 0.02 if predicate.low and predicate.high else 0.5
    return 1


def _entries(condition: Condition, around: Path | None) -> Iterator[_Entry]:
    """Everything that the condition could be filed under."""
    if isinstance(condition, Test):
        for way in _ways(_onto(condition.term, around), condition.predicate):
            yield from way
    elif isinstance(condition, And | Or | Some):
        below = _path_onto(condition.path, around) if isinstance(condition, Some) else around
        for part in children(condition):
            yield from _entries(part, below)


def _ways(term: Term, predicate: Predicate) -> list[list[_Entry]]:
    def one(how: _How, value: Hashable) -> list[_Entry]:
        return [_Entry(_Key(how, term, value), predicate)]

    match predicate:
        case OneOf(items=items):
            return [[_Entry(_Key(_How.EQUALS, term, item), predicate) for item in items]]
        case Prefix(text=text, fold=False) if text:
            return [one(_How.BEGINS, text)]
        case Suffix(text=text, fold=False) if text:
            return [one(_How.ENDS, text)]
        case Wildcard(pattern=pattern):
            pieces = wildcards.pieces(pattern)
            head = [one(_How.BEGINS, pieces[0])] if pieces[0] else []
            return [*head, one(_How.ENDS, pieces[-1])] if pieces[-1] else head
        case Range():
            return [[_Entry(_range_key(term, predicate), predicate)]]
    return []


def _range_key(term: Term, each: Range) -> _Key:
    bound = each.low or each.high
    return _Key(_How.RANGE, term, Kind.STRING if bound and isinstance(bound.value, str) else Kind.NUMBER)


# ------------------------------------------------------------------------------------------------------------- reading


def _demands(condition: Condition, around: Path | None) -> Iterator[tuple[Term, Predicate]]:
    """The tests that must hold for the condition to hold; of alternatives those of the first one."""
    match condition:
        case Test(term=term, predicate=predicate):
            yield _onto(term, around), predicate
        case Some(path=path, condition=inner) | Every(path=path, condition=inner):
            yield from _demands(inner, _path_onto(path, around))
        case And(items=items):
            for item in items:
                yield from _demands(item, around)
        case Or(items=items):
            yield from _demands(items[0], around)


def _looked_at(condition: Condition, around: Path | None) -> Iterator[Path]:
    """The paths that the condition and all inside it look at."""
    for term in terms(condition):
        yield plain_path(_onto(term, around))
    below = _path_onto(condition.path, around) if isinstance(condition, Some | Every) else around
    for part in children(condition):
        yield from _looked_at(part, below)


def _onto(term: Term, around: Path | None) -> Term:
    """The term as it is seen from outside; `around` is the path of the element it is seen from."""
    if isinstance(term, Lower | Length):
        return type(term)(_onto(term.term, around))
    return whole_term(_path_onto(term, around))[0]


def _path_onto(path: Path, around: Path | None) -> Path:
    inside = path.root is Root.ELEMENT and around is not None
    return Path(around.root, (*around.segments, *path.segments)) if inside and around else path
