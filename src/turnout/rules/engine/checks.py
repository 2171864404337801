"""Writes conditions as Python expressions, and makes the functions that verify the rules found by an index.

Conditions of one shape (the same terms, the same kinds of predicates) share one function; what differs between them
comes in a row of values per condition:

    def function(e, b, m, x, out):
        v0 = e.f0.f3
        for n, c0, c1 in x:
            if v0 == c0 and v0 ...:
                out.append(n)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from turnout.rules import ast
from turnout.rules.ast import Constant, Except, Kind, Literal, OneOf, Predicate, Range, Root
from turnout.rules.compile import compile_condition, compile_finder, compile_predicate
from turnout.rules.engine.found import Groups
from turnout.rules.engine.projection import Projection
from turnout.rules.engine.source import Code, Foundry, Function
from turnout.rules.engine.terms import (
    All,
    Compares,
    Either,
    Fits,
    Inverse,
    Missing,
    Opaque,
    Prepared,
    Reading,
    There,
    Values,
    Wrap,
)
from turnout.rules.limits import Limits

__all__ = ["Checks", "Entry", "Inner", "Remainder", "Row", "Step", "Steps", "Writer", "add", "one_step"]

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


_MOST_SHAPES = 1_000
"""Of conditions in one ruleset: compiling one takes some 200 us, and its code takes some kilobytes."""


class Writer:
    """Writes one function that looks at an event: its variables, and conditions as expressions over them."""

    def __init__(
        self, projection: Projection, whole: Callable[[str | bytes], object], limits: Limits, *, shared: bool
    ) -> None:
        """`shared`: the function is for many conditions, whose values come in rows and not as constants."""
        self.function = Function()
        self._shared = shared
        self.row: list[object] = []
        """The values of the condition, `c0` and so on in the text."""
        self._projection = projection
        self._decode_whole = whole
        self._limits = limits
        self._variables: dict[Reading, str] = {}
        self._objects: dict[tuple[str, ...], str] = {(): "e"}

    # ------------------------------------------------------------------------------------------------------- values

    def variable(self, reading: Reading) -> str:
        """The variable that holds the term's value; for terms with many values, what they are found in."""
        name = self._variables.get(reading)
        if name is None:
            text = self._value(reading)
            name = self._variables[reading] = f"v{len(self._variables)}"
            self.function.line(0, f"{name} = {text}")
        return name

    def many(self, reading: Reading, variable: str) -> str:
        """The values found in what the variable holds, which must not be UNSET."""
        assert reading.rest is not None  # noqa: S101  # only terms with one value have no rest
        find = self.function.constant(compile_finder(reading.rest, self._limits), ("find", reading.rest))
        return f"{find}({variable}, m, None)"

    def _value(self, reading: Reading) -> str:
        if reading.root is Root.METADATA:
            text = self._follow("m", reading.steps)
        else:
            text = self._member(reading.names, strict=reading.strict)
            if reading.steps:
                text = self._follow(text, reading.steps)
        spread = reading.values is Values.SPREAD
        if reading.scalars and not (spread and self._projection.is_leaf(reading.names)):
            text = f"{'not_object' if spread else 'scalar'}({text})"
        if reading.wrap is not None:
            text = f"{'lower' if reading.wrap is Wrap.LOWER else 'length'}({text})"
        return text

    def _member(self, names: tuple[str, ...], *, strict: bool = False) -> str:
        access = self._projection.access(names)
        if access.is_object:
            return self._follow(self._whole(), names)
        text = self._field(access.fields)
        return self._follow(text, access.names, strict=strict) if access.names else text

    def _field(self, fields: tuple[str, ...]) -> str:
        """The projected member. Objects on the way get a variable, because others will be read from them, too."""
        if not fields:
            return "e"
        parent = self._objects.get(fields[:-1])
        if parent is None:
            text = self._field(fields[:-1])
            parent = self._objects[fields[:-1]] = f"o{len(self._objects)}"
            self.function.line(0, f"{parent} = {text}")
        return f"{parent}.{fields[-1]}"

    def _follow(self, text: str, steps: tuple[str | int, ...], *, strict: bool = False) -> str:
        return f"{'follow_objects' if strict else 'follow'}({text}, {self.function.constant(steps, steps)})"

    def _whole(self) -> str:
        return f"{self.function.constant(self._decode_whole)}(b)"

    def require(self, condition: Prepared) -> None:
        """Have the function raise for an event for which the condition does not hold."""
        match condition:
            case Fits(reading=reading) if self._projection.access(reading.names).is_object:
                # It is decoded as an object, so it is not null; whether it is there remains to be asked.
                text = self._there(reading)
            case _:
                text = self.condition(condition)
        self.function.line(0, f"if not {text}:")
        self.function.line(1, "raise Unfit")

    def _give(self, value: object) -> str:
        """The name of a value that differs from condition to condition."""
        if not self._shared:
            return self.function.constant(value)
        self.row.append(value)
        return f"c{len(self.row) - 1}"

    # --------------------------------------------------------------------------------------------------- conditions

    def condition(self, condition: Prepared) -> str:
        """The condition as an expression."""
        match condition:
            case Constant():
                return "True" if condition.value else "False"
            case Fits(reading=reading, predicate=predicate):
                return self._fits(reading, predicate)
            case There(reading=reading):
                return self._there(reading)
            case Missing(reading=reading):
                value = self.variable(reading)
                return f"({value} is UNSET or {value} is None)"
            case Compares(left=left, order=order, right=right):
                sides = self.variable(left), self.variable(right)
                return f"compares({sides[0]}, {self.function.constant(order)}, {sides[1]})"
            case Opaque():
                return self._opaque(condition)
            case Inverse(item=item):
                return f"(not {self.condition(item)})"
            case All(items=items):
                return f"({' and '.join(map(self.condition, items))})"
            case Either(items=items):
                return f"({' or '.join(map(self.condition, items))})"

    def _opaque(self, condition: Opaque) -> str:
        holds = self._give(compile_condition(condition.condition, self._limits))
        if condition.base is None:
            return f"{holds}({self._whole()}, m, None)"
        base = self.variable(condition.base)
        if condition.missing:
            return f"({base} is UNSET or {holds}({base}, m, None))"
        return f"({base} is not UNSET and {holds}({base}, m, None))"

    def _there(self, reading: Reading) -> str:
        access = self._projection.access(reading.names)
        if access.is_object and not reading.steps:
            # A missing object is decoded as the one empty instance.
            empty = self.function.constant(access.empty)
            return f"({self._field(access.fields)} is not {empty})"
        value = self.variable(reading)
        if reading.values is Values.ONE:
            return f"({value} is not UNSET)"
        return f"({value} is not UNSET if {value}.__class__ is not list else {self.many(reading, value)})"

    def _fits(self, reading: Reading, predicate: Predicate) -> str:
        value = self.variable(reading)
        if reading.values is Values.ONE:
            return self._predicate(predicate, value)
        fits = self._predicate(predicate, value)
        each = f"any([{fits.replace(value, 'w')} for w in {self.many(reading, value)}])"
        if reading.values is Values.MANY:
            return f"({value} is not UNSET and {each})"
        return f"({fits} if {value}.__class__ is not list else {each})"

    # --------------------------------------------------------------------------------------------------- predicates

    def _predicate(self, predicate: Predicate, value: str) -> str:
        match predicate:
            case OneOf(items=(item,)):
                return self._equal(item, value)
            case OneOf(items=items) if all(item.kind is Kind.STRING for item in items):
                return f"({value}.__class__ is str and {value} in {self._give(frozenset(i.value for i in items))})"
            case Except(predicate=inner):
                return f"({value} is not UNSET and not {self._predicate(inner, value)})"
            case Range(low=low, high=high) if low or high:
                return self._between(predicate, value)
            case ast.Prefix(text=text, fold=False):
                return f"({value}.__class__ is str and {value}.startswith({self._give(text)}))"
            case ast.Suffix(text=text, fold=False):
                return f"({value}.__class__ is str and {value}.endswith({self._give(text)}))"
        # Of UNSET every predicate but Except says false.
        return f"{self._give(compile_predicate(predicate, self._limits))}({value})"

    def _equal(self, item: Literal, value: str) -> str:
        match item.kind:
            case Kind.NULL:
                return f"({value} is None)"
            case Kind.BOOL:
                return f"({value} is {item.value is True})"
            case Kind.NUMBER if item.value in (0, 1):
                # Python takes False for 0 and True for 1.
                return f"({value} == {self._give(item.value)} and {value}.__class__ is not bool)"
        return f"({value} == {self._give(item.value)})"

    def _between(self, predicate: Range, value: str) -> str:
        low, high = predicate.low, predicate.high
        bound = low or high
        assert bound is not None  # noqa: S101  # the caller looked
        if isinstance(bound.value, str):
            kind = f"{value}.__class__ is str"
        else:
            kind = f"({value}.__class__ is int or {value}.__class__ is float)"
        left = "" if low is None else f"{self._give(low.value)} {'<=' if low.inclusive else '<'} "
        right = "" if high is None else f" {'<=' if high.inclusive else '<'} {self._give(high.value)}"
        return f"({kind} and {left}{value}{right})"


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
        self._projection = projection
        self._decode_whole = whole
        self._originals = originals
        self._limits = limits
        self._known: dict[Prepared, Remainder] = {}
        self._shapes: dict[Hashable, _Shape] = {}

    def writer(self, *, shared: bool = False) -> Writer:
        """A writer for one more function."""
        return Writer(self._projection, self._decode_whole, self._limits, shared=shared)

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
                rows.setdefault(shape, []).append((self.groups.found(numbers), *values))
                continue
            for number in numbers:
                shape, values = self._check_whole(number)
                rows.setdefault(shape, []).append((number, *values))
        return [(self._code(shape, some), some[0] if len(some) == 1 else some) for shape, some in rows.items()]

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
