"""A probe: a set of conditions filed in tables, and the generated function that looks an event up in all of them.

The top-level probe holds the rules of a ruleset. Where many rules end in one bucket, what remains of them is a probe
again, inside the bucket.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeAlias

from turnout.rules.condition.ast import Constant
from turnout.rules.condition.compile import Finder, compile_finder
from turnout.rules.engine.checks import Checks, Entry, Remainder, Step, Steps, add, one_step
from turnout.rules.engine.filing import Choice, Filing, KeyValue, Method, bounds, weight
from turnout.rules.engine.found import Groups
from turnout.rules.engine.index import Affixes, Bucket, Equals, Item, Ranges, Table
from turnout.rules.engine.prepared import Opaque, Prepared
from turnout.rules.engine.source import Code
from turnout.rules.engine.terms import Reading, Values
from turnout.rules.engine.writer import Writer

__all__ = ["Probe", "ProbeBuilder"]

_Keyed: TypeAlias = dict[KeyValue, list[Item]]

_CROWD = 24
"""Conditions in one bucket from which on they are filed again instead of being verified one after the other."""
_CLOSURE = 4
"""For so many of them counts one that goes through an array, which takes 2 us for three elements."""
_ELEMENTS = 5
"""An array is taken to have so many elements, each of another value, when it is estimated whether to file again."""
_MOST_BUCKETS = 16
"""Buckets that an array of very many elements may find a condition in, if they are to be filed again: each of them goes
through the array once more, and verifies anew what it finds.
"""
_MOST_LEVELS = 4
"""Of probes inside probes."""
_MOST_REFILED = 300_000
"""Keys looked at to file crowds again, in all of a ruleset: a second of loading. Where rules name the same hundreds of
values in two lists, every one of the values has such a crowd, and each crowd all values of the other list.
"""
_TABLES_A_FUNCTION = 200
"""Tables looked up in one generated function; more of them are spread over several."""


class Lookup(NamedTuple):
    """A table and the term whose values are looked up in it."""

    reading: Reading
    find: Finder
    """Finds the term's values in an event decoded in full."""
    table: Table


@dataclass(slots=True)
class _Room:
    """What is left of `_MOST_REFILED`."""

    left: int = field(default_factory=lambda: _MOST_REFILED)


class Probe:
    """Conditions, filed."""

    def __init__(self, code: Code, lookups: Sequence[Lookup], rest: Sequence[Step], groups: Groups) -> None:
        self.code = code
        """Adds to its last argument what is found; may raise for an event that does not fit the fast way."""
        self._lookups = tuple(lookups)
        self._rest = tuple(rest)
        self._groups = groups

    def candidates(self, event: object, metadata: object) -> Iterator[int]:
        """The numbers of all rules that may match an event decoded in full; some of them more than once."""
        for step in self._rest:
            yield from self._inside(step, event, metadata)
        found = {
            id(bucket): bucket
            for _, find, table in self._lookups
            for value in find(event, metadata, None)
            for bucket in table.find(value)
        }
        for bucket in found.values():
            yield from self._inside(bucket, event, metadata)

    def _inside(self, bucket: Bucket, event: object, metadata: object) -> Iterator[int]:
        data = bucket[1] if isinstance(bucket, tuple) else bucket
        match data:
            case int():
                yield from self._groups.members(data)
            case Steps(steps=steps):
                for step in steps:
                    yield from self._inside(step, event, metadata)
            case list():
                for row in data:
                    yield from self._groups.members(row[0])
            case tuple():
                yield from self._groups.members(data[0])
            case _:
                yield from data.candidates(event, metadata)


class ProbeBuilder:
    """Files conditions and builds the probe."""

    def __init__(self, entries: Sequence[Entry], checks: Checks, *, level: int = 1, room: _Room | None = None) -> None:
        self.choices: list[tuple[Entry, Choice | None]] = []
        """Where each condition is filed; None for those that are tried for every event."""
        self._checks = checks
        self._level = level
        self._room = room or _Room()
        self._always: list[int] = []
        self._likelihoods: dict[Remainder, float] = {}
        self._filed: dict[tuple[Reading, Method], _Keyed] = defaultdict(lambda: defaultdict(list))
        filing = Filing(condition for _, condition in entries)
        for entry in entries:
            self._file(entry, filing)

    def _file(self, entry: Entry, filing: Filing) -> None:
        numbers, condition = entry
        if isinstance(condition, Constant):
            self._always += numbers if condition.value else ()
            return
        choice = filing.choose(condition)
        self.choices.append((entry, choice))
        before: Prepared | None = None
        remainder: Remainder | None = None
        for key, rest in choice.keys if choice else ():
            # Nearly always the same for all keys; to find an equal one may take comparing thousands of literals.
            if rest is not before:
                before, remainder = rest, None if rest is None else self._checks.remainder(rest)
                if remainder and choice:
                    self._likelihoods[remainder] = choice.likelihood
            value = self._checks.texts.one(key.value) if isinstance(key.value, str) else key.value
            self._filed[key.reading, key.method][value].append((numbers, remainder))

    def is_worth_it(self, times: float) -> bool:
        """Whether most conditions could be filed, and `times` as many as an event finds then are no more than all.

        For a list of values that is in ten buckets ten probes may find the same conditions and verify them each time,
        where all of them together would be verified once.
        """
        found = [choice.likelihood for _, choice in self.choices if choice is not None]
        likely = sum(min(1, _ELEMENTS * likelihood) for likelihood in found)
        return len(found) * 2 > len(self.choices) and times * likely <= len(found)

    def build(self, required: Sequence[Prepared] = ()) -> Probe:
        """The probe. For an event of which the `required` conditions do not hold, its code raises."""
        lookups = [
            Lookup(reading, compile_finder(reading.term), self._table(reading, method, keyed))
            for (reading, method), keyed in self._filed.items()
        ]
        scanned = (entry for entry, choice in self.choices if choice is None)
        rest = self._checks.steps((numbers, self._checks.remainder(condition)) for numbers, condition in scanned)
        if self._always:
            rest.append((add, self._checks.groups.found(self._always)))
        return Probe(self._write(lookups, rest, required), lookups, rest, self._checks.groups)

    # --------------------------------------------------------------------------------------------------------- tables

    def _table(self, reading: Reading, method: Method, keyed: _Keyed) -> Table:
        is_range = method is Method.RANGE
        # Ranges are in one bucket for each bound in them, and for each stretch between two.
        values = 2 * len(bounds(keyed)) + 1 if is_range else len(keyed)
        make = partial(self._bucket, values=values if reading.values is Values.MANY else 1)
        if is_range:
            return Ranges(keyed, make)
        if method in (Method.EQUAL, Method.EQUAL_FOLD):
            return Equals(keyed, make, folds=method is Method.EQUAL_FOLD)
        at_end = method in (Method.SUFFIX, Method.SUFFIX_FOLD)
        folds = method in (Method.PREFIX_FOLD, Method.SUFFIX_FOLD)
        return Affixes(keyed, make, at_end=at_end, folds=folds)

    def _bucket(self, items: Sequence[Item], *, values: int) -> Bucket:
        """`values` are those of the table's that one event can have, each of which may lead to another bucket."""
        certain: list[int] = []
        uncertain: dict[Remainder, list[int]] = {}
        for numbers, remainder in items:
            if remainder is None:
                certain += numbers
            else:
                uncertain.setdefault(remainder, []).extend(numbers)
        if not uncertain:
            return self._checks.groups.found(certain)
        steps = self._steps(uncertain, values)
        return one_step([(add, self._checks.groups.found(certain)), *steps] if certain else steps)

    def _steps(self, uncertain: Mapping[Remainder, list[int]], values: int) -> list[Step]:
        likelihood = sum(map(self._likelihoods.__getitem__, uncertain)) / len(uncertain)
        is_crowd = _verifying(uncertain) > _CROWD and values * likelihood <= _MOST_BUCKETS
        if is_crowd and self._level < _MOST_LEVELS and self._has_room(uncertain):
            entries = [(tuple(numbers), remainder.condition) for remainder, numbers in uncertain.items()]
            builder = ProbeBuilder(entries, self._checks, level=self._level + 1, room=self._room)
            if builder.is_worth_it(times=max(1, min(values, _ELEMENTS) * likelihood)):
                inner = builder.build()
                return [(inner.code, inner)]
        return self._checks.steps((numbers, remainder) for remainder, numbers in uncertain.items())

    def _has_room(self, crowd: Iterable[Remainder]) -> bool:
        keys = sum(weight(remainder.condition) for remainder in crowd)
        if keys > self._room.left:
            return False
        self._room.left -= keys
        return True

    # ----------------------------------------------------------------------------------------------------- generating

    def _write(self, lookups: Sequence[Lookup], rest: Sequence[Step], required: Sequence[Prepared]) -> Code:
        writer = self._checks.writer()
        for condition in required:
            writer.require(condition)
        _write_lookups(writer, lookups[:_TABLES_A_FUNCTION])
        calls: list[tuple[Code, object]] = []
        for start in range(_TABLES_A_FUNCTION, len(lookups), _TABLES_A_FUNCTION):
            part = self._checks.writer()
            _write_lookups(part, lookups[start : start + _TABLES_A_FUNCTION])
            calls.append((self._checks.foundry.make(part.function), None))
        for code, data in (*calls, *rest):
            function, its_data = writer.function.constant(code), writer.function.constant(data)
            writer.function.line(0, f"{function}(e, b, m, {its_data}, out)")
        return self._checks.foundry.make(writer.function)


def _verifying(remainders: Iterable[Remainder]) -> int:
    """How much it is to verify them all, in conditions of the usual kind."""
    return sum(_CLOSURE if isinstance(remainder.condition, Opaque) else 1 for remainder in remainders)


def _write_lookups(writer: Writer, lookups: Sequence[Lookup]) -> None:
    tables: dict[Reading, list[Table]] = defaultdict(list)
    for reading, _, table in lookups:
        tables[reading].append(table)
    function = writer.function
    for reading, group in tables.items():
        value, depth = writer.variable(reading), 0
        if reading.values is not Values.ONE:
            function.line(0, "done = {}")
        if reading.values is Values.SPREAD:
            # Nearly always a single value. An array stands for its elements.
            elements = writer.many(reading, value)
            function.line(0, f"for v in {elements} if {value}.__class__ is list else ({value},):")
            value, depth = "v", 1
        elif reading.values is Values.MANY:
            function.line(0, f"if {value} is not UNSET:")
            function.line(1, f"for v in {writer.many(reading, value)}:")
            value, depth = "v", 2
        for table in group:
            table.emit(function, depth, value, once=depth > 0)
