"""Chooses under which of its terms a rule is filed: the one that the fewest events will satisfy, as far as can be told.

There are no events to learn from at load, so the rules themselves are the estimate: where they ask one term for a
hundred different values, an event will have any one of them about once in a hundred; where they name two hundred
bounds on a number, a range between two neighbours is as rare. A condition of alternatives is filed under each of them.
What can be filed under nothing is tried for every event.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TypeAlias

import msgspec

from turnout.rules.condition import ast, wildcards
from turnout.rules.condition.ast import Range
from turnout.rules.condition.folding import fold
from turnout.rules.engine.prepared import All, Either, Fits, Opaque, Prepared, all_of
from turnout.rules.engine.terms import Reading

__all__ = ["Choice", "Filing", "Key", "KeyValue", "Method", "ways", "weight"]

KeyValue: TypeAlias = ast.Literal | str | Range

_MOST_LENGTHS = 8
"""Of affixes in one table: each costs a lookup per event. Longer ones are filed under a shorter part."""


class Method(Enum):
    """How a value leads to the rule."""

    __hash__ = object.__hash__  # Enum's own is a function in Python

    EQUAL = "equality"
    EQUAL_FOLD = "equality, ignoring case"
    PREFIX = "prefix"
    PREFIX_FOLD = "prefix, ignoring case"
    SUFFIX = "suffix"
    SUFFIX_FOLD = "suffix, ignoring case"
    RANGE = "range"


_Place: TypeAlias = tuple[Reading, Method]


class Key(msgspec.Struct, frozen=True, gc=False):
    """What a rule can be filed under. Unless it is `exact`, the predicate has to be verified all the same."""

    reading: Reading
    method: Method
    value: KeyValue
    exact: bool = True


class Choice(msgspec.Struct, frozen=True, gc=False):
    """The keys to file a rule under, each with what remains to be verified, and how likely an event hits one."""

    likelihood: float
    keys: tuple[tuple[Key, Prepared | None], ...]


class Filing:
    """Estimates from a set of conditions, and chooses for each."""

    def __init__(self, conditions: Iterable[Prepared]) -> None:
        values: dict[_Place, set[KeyValue]] = defaultdict(set)
        for condition in conditions:
            for test in _positive(condition):
                for way in ways(test):
                    for key in way:
                        values[key.reading, key.method].add(key.value)
        self._distinct = {place: len(found) for place, found in values.items()}
        self._bounds = {place: bounds(found) for place, found in values.items() if place[1] is Method.RANGE}
        self._lengths = {place: _lengths(found) for place, found in values.items() if place[1] in _AFFIXES}

    def choose(self, condition: Prepared) -> Choice | None:
        """The best way to file the condition; None when there is none."""
        match condition:
            case Fits():
                choices = [self._choice(condition, way) for way in ways(condition)]
                return min(choices, key=_likelihood, default=None)
            case All(items=items):
                found = [(choice, item) for item in items if (choice := self.choose(item))]
                if not found:
                    return None
                best, chosen = min(found, key=lambda pair: pair[0].likelihood)
                others = all_of(item for item in items if item is not chosen)
                # Of ten thousand values each is a key, and what remains is one object for all of them.
                keys = tuple((key, all_of((rest, others)) if rest is not None else others) for key, rest in best.keys)
                return Choice(best.likelihood, keys)
            case Either(items=items):
                each = [choice for item in items if (choice := self.choose(item))]
                if len(each) < len(items):
                    return None
                keys = tuple(key for choice in each for key in choice.keys)
                return Choice(min(1.0, sum(map(_likelihood, each))), keys)
            case Opaque(held=held):
                found = [(choice, test) for test in held if (choice := self.choose(test))]
                if found:
                    best, chosen = min(found, key=lambda pair: pair[0].likelihood)
                    left = msgspec.structs.replace(condition, held=tuple(test for test in held if test is not chosen))
                    return Choice(best.likelihood, tuple((key, left) for key, _ in best.keys))
        return None

    def _choice(self, test: Fits, way: Sequence[Key]) -> Choice:
        likelihood = min(1.0, sum(map(self._key_likelihood, way)))
        cut = [self._cut(key) if key.method in _AFFIXES else key for key in way]
        return Choice(likelihood, tuple((key, None if key.exact else test) for key in cut))

    def _key_likelihood(self, key: Key) -> float:
        place = key.reading, key.method
        if isinstance(key.value, Range):
            known, low, high = self._bounds[place], key.value.low, key.value.high
            first = 0 if low is None else bisect_right(known, low.value)
            last = len(known) if high is None else bisect_left(known, high.value)
            return (max(0, last - first) + 1) / (len(known) + 1.5)
        # Of two equally rare values, a whole text says more than a part of one.
        return (1.2 if key.method in _AFFIXES else 1.0) / (self._distinct[place] + 1)

    def _cut(self, key: Key) -> Key:
        assert isinstance(key.value, str)  # noqa: S101  # an affix
        lengths, text = self._lengths[key.reading, key.method], key.value
        length = lengths[bisect_right(lengths, len(text)) - 1]
        if length == len(text):
            return key
        at_end = key.method in (Method.SUFFIX, Method.SUFFIX_FOLD)
        return Key(key.reading, key.method, text[-length:] if at_end else text[:length], exact=False)


def bounds(ranges: Iterable[KeyValue]) -> list[str | int | float]:
    """The bounds of the ranges, each once, in order."""
    found = {end.value for key in ranges if isinstance(key, Range) for end in (key.low, key.high) if end is not None}
    return sorted(found)  # of one index, all are numbers


def _lengths(texts: Iterable[KeyValue]) -> list[int]:
    """The lengths under which affixes are filed: the shortest one is always among them."""
    lengths = sorted(len(text) for text in texts if isinstance(text, str))
    distinct = sorted(set(lengths))
    if len(distinct) <= _MOST_LENGTHS:
        return distinct
    # One for each eighth of the texts.
    return sorted({lengths[part * len(lengths) // _MOST_LENGTHS] for part in range(_MOST_LENGTHS)})


def _likelihood(choice: Choice) -> float:
    return choice.likelihood


def _positive(condition: Prepared) -> Iterable[Fits]:
    """The tests that the condition can be filed under."""
    stack: list[Prepared] = [condition]
    while stack:
        node = stack.pop()
        if isinstance(node, Fits):
            yield node
        elif isinstance(node, All | Either):
            stack.extend(node.items)
        elif isinstance(node, Opaque):
            stack.extend(node.held)


def weight(condition: Prepared) -> int:
    """How many keys have to be looked at to file the condition."""
    predicates = (test.predicate for test in _positive(condition))
    return sum(len(predicate.items) if isinstance(predicate, ast.OneOf) else 1 for predicate in predicates)


def ways(test: Fits) -> Sequence[Sequence[Key]]:
    """The ways to file a test. Every value that fits hits a key of each of them."""
    reading, predicate = test.reading, test.predicate

    def one(method: Method, value: KeyValue, *, exact: bool = True) -> tuple[Key]:
        return (Key(reading, method, value, exact),)

    match predicate:
        case ast.OneOf(items=items):
            return [[Key(reading, Method.EQUAL, _equal(item)) for item in items]]
        case ast.EqualsFold(text=text):
            return [one(Method.EQUAL_FOLD, fold(text))]
        case ast.Prefix(text=text, fold=folds) if text:
            return [one(Method.PREFIX_FOLD, fold(text)) if folds else one(Method.PREFIX, text)]
        case ast.Suffix(text=text, fold=folds) if text:
            return [one(Method.SUFFIX_FOLD, fold(text)) if folds else one(Method.SUFFIX, text)]
        case Range(low=low, high=high):
            bound = low or high
            return [one(Method.RANGE, predicate)] if bound and isinstance(bound.value, int | float) else []
        case ast.Wildcard(pattern=pattern):
            pieces = wildcards.pieces(pattern)
            head, tail = pieces[0], pieces[-1]
            if len(pieces) == 1:
                return [one(Method.EQUAL, head)]
            heads = [one(Method.PREFIX, head, exact=pieces[1:] == ("",))] if head else []
            return [*heads, one(Method.SUFFIX, tail, exact=pieces[:-1] == ("",))] if tail else heads
    return []


def _equal(item: ast.Literal) -> KeyValue:
    # Texts stand for themselves. Of the others, Python takes some for equal that are not: true and 1.
    return item.value if isinstance(item.value, str) else item


_AFFIXES = (Method.PREFIX, Method.PREFIX_FOLD, Method.SUFFIX, Method.SUFFIX_FOLD)
