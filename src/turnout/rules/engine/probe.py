"""A probe: a set of conditions filed in tables, and the generated function that looks an event up in all of them.

The top-level probe holds the rules of a ruleset. Where thousands of rules end in one bucket, what remains of them is a
probe again, inside the bucket.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from turnout.rules.ast import Constant
from turnout.rules.compile import Finder, compile_finder
from turnout.rules.engine.checks import Checks, Entry, Rows, Writer
from turnout.rules.engine.filing import Choice, Filing, KeyValue, Method
from turnout.rules.engine.index import Affixes, Bucket, Equals, Item, Ranges, Table
from turnout.rules.engine.source import Code
from turnout.rules.engine.terms import Prepared, Reading, Values

__all__ = ["Probe"]

_Keyed: TypeAlias = dict[KeyValue, list[Item]]

_CROWD = 24
"""Conditions in one bucket from which on they are filed again instead of being verified one after the other."""
_MOST_LEVELS = 4
"""Of probes inside probes."""
_TABLES_A_FUNCTION = 200
"""Tables looked up in one generated function; more of them are spread over several."""


class Probe:
    """Conditions, filed. `code` adds the numbers of the rules whose conditions hold to its last argument, in no
    particular order, some of them more than once; it may raise for an event that does not fit the fast way.
    """

    def __init__(
        self, entries: Sequence[Entry], checks: Checks, required: Sequence[Prepared] = (), *, level: int = 1
    ) -> None:
        self._checks = checks
        self._level = level
        self._always: list[int] = []
        self.choices: list[tuple[Entry, Choice | None]] = []
        """Where each entry was filed; None for those that are tried for every event."""
        filed: dict[tuple[Reading, Method], _Keyed] = defaultdict(lambda: defaultdict(list))
        self._file(entries, filed)
        self._tables: list[tuple[Reading, Finder, Table]] = [
            (reading, compile_finder(reading.term), self._table(method, keyed))
            for (reading, method), keyed in filed.items()
        ]
        self._rest = checks.rows(entry for entry, choice in self.choices if choice is None)
        self.code = self._write(required)

    def _file(self, entries: Sequence[Entry], filed: Mapping[tuple[Reading, Method], _Keyed]) -> None:
        filing = Filing(condition for _, condition in entries)
        for numbers, condition in entries:
            if isinstance(condition, Constant):
                self._always += numbers if condition.value else ()
                continue
            choice = filing.choose(condition)
            self.choices.append(((numbers, condition), choice))
            for key, remaining in choice.keys if choice else ():
                filed[key.reading, key.method][key.value].append((numbers, remaining))

    # --------------------------------------------------------------------------------------------------------- tables

    def _table(self, method: Method, keyed: _Keyed) -> Table:
        if method is Method.RANGE:
            return Ranges(keyed, self._bucket)
        if method in (Method.EQUAL, Method.EQUAL_FOLD):
            return Equals(keyed, self._bucket)
        at_end = method in (Method.SUFFIX, Method.SUFFIX_FOLD)
        folds = method in (Method.PREFIX_FOLD, Method.SUFFIX_FOLD)
        return Affixes(keyed, self._bucket, at_end=at_end, folds=folds)

    def _bucket(self, items: Sequence[Item]) -> Bucket:
        found: list[int] = []
        remaining: dict[Prepared, list[int]] = {}
        for numbers, condition in items:
            if condition is None:
                found += numbers
            else:
                remaining.setdefault(condition, []).extend(numbers)
        entries = [(tuple(numbers), condition) for condition, numbers in remaining.items()]
        return tuple(found), self._rows(entries)

    def _rows(self, entries: Sequence[Entry]) -> Rows:
        if len(entries) > _CROWD and self._level < _MOST_LEVELS:
            inner = Probe(entries, self._checks, level=self._level + 1)
            if inner.is_worth_it:
                return ((inner.code, inner),)
        return self._checks.rows(entries)

    @property
    def is_worth_it(self) -> bool:
        """Whether most conditions could be filed."""
        return sum(choice is not None for _, choice in self.choices) * 2 > len(self.choices)

    # ----------------------------------------------------------------------------------------------------- generating

    def _write(self, required: Sequence[Prepared]) -> Code:
        chunks = [
            self._tables[start : start + _TABLES_A_FUNCTION]
            for start in range(0, len(self._tables), _TABLES_A_FUNCTION)
        ] or [[]]
        writer = self._checks.writer()
        for condition in required:
            writer.require(condition)
        self._write_lookups(writer, chunks[0])
        for chunk in chunks[1:]:
            part = self._checks.writer()
            self._write_lookups(part, chunk)
            code = self._checks.foundry.make(part.function)
            writer.function.line(0, f"{writer.function.constant(('part', id(code)), code)}(e, b, m, None, out)")
        if self._always:
            writer.function.line(0, f"out += {writer.function.constant(('always', id(self)), tuple(self._always))}")
        for code, rows in self._rest:
            call = writer.function.constant(("code", id(code)), code)
            writer.function.line(0, f"{call}(e, b, m, {writer.function.constant(('rows', id(rows)), rows)}, out)")
        return self._checks.foundry.make(writer.function)

    def _write_lookups(self, writer: Writer, tables: Sequence[tuple[Reading, Finder, Table]]) -> None:
        by_reading: dict[Reading, list[Table]] = defaultdict(list)
        for reading, _, table in tables:
            by_reading[reading].append(table)
        function = writer.function
        for reading, group in by_reading.items():
            value, depth = writer.variable(reading), 0
            if reading.values is Values.SPREAD:
                # Nearly always a single value. An array stands for its elements.
                found = writer.many(reading, value)
                function.line(0, f"for v in {found} if {value}.__class__ is list else ({value},):")
                value, depth = "v", 1
            elif reading.values is Values.MANY:
                function.line(0, f"if {value} is not UNSET:")
                function.line(1, f"for v in {writer.many(reading, value)}:")
                value, depth = "v", 2
            for table in group:
                table.emit(function, depth, value)

    # ------------------------------------------------------------------------------------------------------- slow way

    def candidates(self, event: object, metadata: object) -> Iterator[int]:
        """The numbers of all rules that may match an event decoded in full; some of them more than once."""
        yield from self._always
        yield from _numbers(self._rest, event, metadata)
        for _, find, table in self._tables:
            for value in find(event, metadata, None):
                for found, rows in table.find(value):
                    yield from found
                    yield from _numbers(rows, event, metadata)


def _numbers(rows: Rows, event: object, metadata: object) -> Iterator[int]:
    for _, inner in rows:
        if isinstance(inner, tuple):
            for row in inner:
                yield from row[0]
        else:
            yield from inner.candidates(event, metadata)
