"""Makes the functions that verify what the index cannot tell for certain.

Conditions of one shape (the same terms, the same kinds of predicates) share one function; what differs between them
comes in a row of values per condition:

    def function(e, b, m, x, out):
        v0 = e.f0
        for n, c0, c1 in x:
            if v0 == c0 and v0 ...:
                out.append(n)

How a condition becomes text is writer.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from turnout.rules.condition import ast
from turnout.rules.engine.found import Groups
from turnout.rules.engine.packing import Texts
from turnout.rules.engine.prepared import Opaque, Prepared
from turnout.rules.engine.projection import Projection
from turnout.rules.engine.source import Code, Foundry
from turnout.rules.engine.writer import Writer
from turnout.rules.limits import Limits

__all__ = ["Checks", "Entry", "Inner", "Remainder", "Row", "Step", "Steps", "add", "left_of", "one_step"]

Entry: TypeAlias = tuple[tuple[int, ...], Prepared]
"""Rules by number, and the condition that all of them have."""


@dataclass(slots=True, eq=False)
class Remainder:
    """A condition that has to be verified. `Checks` has one for equal conditions, so they are compared by identity."""

    condition: Prepared
    check: tuple[_Shape, Sequence[object]] | None = None
    """Its shape and its values, once they were needed."""


Row: TypeAlias = tuple[Any, ...]
"""What is found (found.py) when a condition holds, then the condition's values."""


class Inner(Protocol):
    """What a function can look into instead: conditions filed once more."""

    def candidates(self, event: object, metadata: object) -> Iterable[int]:
        """The numbers of the rules that may match an event decoded in full."""


class Steps(NamedTuple):
    """Several steps, one after the other; the data of `each`."""

    steps: tuple[Step, ...]


Step: TypeAlias = "tuple[Code, Row | list[Row] | Inner | int | Steps]"
"""A function and its data: conditions to verify, or (by `add`) what is found in any case."""


def add(_event: object, _body: object, _metadata: object, data: int, out: list[int]) -> None:
    """The function of a step without a condition."""
    out.append(data)


def each(event: object, body: str | bytes, metadata: object, data: Steps, out: list[int]) -> None:
    """The function of several steps."""
    for function, its_data in data.steps:
        function(event, body, metadata, its_data, out)


def one_step(steps: Sequence[Step]) -> Step:
    """The steps, at least one, as a single one."""
    return steps[0] if len(steps) == 1 else (each, Steps(tuple(steps)))


def left_of(step: Step, done: dict[int, Any]) -> Step:
    """What is left of a step after those taken before it: `done` has them by identity.

    A rule with a list of a thousand values is in a thousand buckets, with one row that looks through the same array.
    """
    seen: set[int] | None = done.get(_SEEN)
    if seen is None:
        seen = done[_SEEN] = set()
        for before in done.values():
            if before is not seen:
                _left(before, seen)
    left = _left(step, seen)
    return _NOTHING if left is None else left


def _left(step: Step, seen: set[int]) -> Step | None:
    """The step without the rows in `seen`, to which those that are left are added; None when none are."""
    function, data = step
    match data:
        case Steps(steps=steps):
            left = [some for part in steps if (some := _left(part, seen)) is not None]
            return one_step(left) if left else None
        case list():
            rows = [row for row in data if id(row) not in seen]
            seen.update(map(id, rows))
            return (function, rows) if rows else None
        case _:
            if id(data) in seen:
                return None
            seen.add(id(data))
            return step


_SEEN = -1  # no object's identity
_NOTHING: Step = (each, Steps(()))

_MOST_SHAPES = 1_000
"""Of conditions in one ruleset: compiling one takes some 200 us, and its code takes some kilobytes."""


class Checks:
    """Makes the functions that verify conditions."""

    def __init__(
        self,
        foundry: Foundry,
        groups: Groups,
        projection: Projection,
        whole: Callable[[str | bytes], object],
        originals: Sequence[ast.Condition],
        limits: Limits,
    ) -> None:
        self.foundry = foundry
        self.groups = groups
        self.texts = Texts()
        self._projection = projection
        self._decode_whole = whole
        self._originals = originals
        self._limits = limits
        self._known: dict[Prepared, Remainder] = {}
        self._shapes: dict[Hashable, _Shape] = {}
        self._rows: dict[tuple[int, Remainder | None], Row] = {}

    def writer(self, *, shared: bool = False) -> Writer:
        """A writer for one more function."""
        return Writer(self._projection, self._decode_whole, self._limits, self.texts, shared=shared)

    def remainder(self, condition: Prepared) -> Remainder:
        """The condition as something to verify."""
        known = self._known.get(condition)
        if known is None:
            known = self._known[condition] = Remainder(condition)
        return known

    def steps(self, remainders: Iterable[tuple[Sequence[int], Remainder]]) -> list[Step]:
        """The functions that verify these conditions of rules, with a row for each."""
        rows: dict[_Shape, list[Row]] = {}
        for numbers, remainder in remainders:
            check = self._check(remainder)
            if check is not None:
                shape, values = check
                rows.setdefault(shape, []).append(self._row(self.groups.found(numbers), remainder, values))
                continue
            for number in numbers:
                shape, values = self._check_whole(number)
                rows.setdefault(shape, []).append(self._row(number, None, values))
        return [(self._code(shape, some), some[0] if len(some) == 1 else some) for shape, some in rows.items()]

    def _row(self, found: int, remainder: Remainder | None, values: Sequence[object]) -> Row:
        """The row of a condition to verify: one object wherever it is needed, by which `left_of` knows it again."""
        return self._rows.setdefault((found, remainder), (found, *values))

    def _check(self, remainder: Remainder) -> tuple[_Shape, Sequence[object]] | None:
        """The shape of a condition and its values; None when it would be one shape too many."""
        if remainder.check is None:
            writer = self.writer(shared=True)
            shape = _Shape(writer, writer.condition(remainder.condition))
            if len(self._shapes) >= _MOST_SHAPES and shape.identity not in self._shapes:
                return None
            remainder.check = self._shapes.setdefault(shape.identity, shape), writer.row
        return remainder.check

    def _check_whole(self, number: int) -> tuple[_Shape, Sequence[object]]:
        """The same for a rule's whole condition, as it was before it was prepared: all of them have one shape."""
        writer = self.writer(shared=True)
        shape = _Shape(writer, writer.condition(Opaque(self._originals[number], None, missing=False)))
        return self._shapes.setdefault(shape.identity, shape), writer.row

    def _code(self, shape: _Shape, rows: Sequence[Row]) -> Code:
        return self.foundry.make(shape.for_one if len(rows) == 1 else shape.for_many)


class _Shape:
    """What conditions have in common that differ in their values only."""

    def __init__(self, writer: Writer, condition: str) -> None:
        row = "".join(f", c{number}" for number in range(len(writer.row))) or ","
        # A single row, the commonest case by far, is not looped over.
        self.for_one = writer.function.followed_by(f"n{row} = x", f"if {condition}:", "    out.append(n)")
        self.for_many = writer.function.followed_by(
            f"for n{row} in x:", f"    if {condition}:", "        out.append(n)"
        )
        self.identity = self.for_one.identity
