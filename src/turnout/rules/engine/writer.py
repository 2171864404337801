"""Writes conditions as Python expressions, into functions that look at one event.

Text is made from the kinds of nodes alone. Whatever an operator wrote, a literal or a member's name, becomes a constant
of the function or a value in a row.
"""

from __future__ import annotations

from collections.abc import Callable

from turnout.rules.condition import ast
from turnout.rules.condition.ast import Constant, Except, Kind, Literal, OneOf, Predicate, Range, Root
from turnout.rules.condition.compile import Compiled, compile_condition, compile_finder
from turnout.rules.condition.predicates import compile_predicate
from turnout.rules.engine.packing import Texts
from turnout.rules.engine.prepared import (
    All,
    Compares,
    Either,
    Fits,
    Inverse,
    Lone,
    Missing,
    Opaque,
    Prepared,
    There,
    Within,
)
from turnout.rules.engine.projection import Projection
from turnout.rules.engine.source import Function
from turnout.rules.engine.terms import Reading, Values, Wrap
from turnout.rules.limits import Limits

__all__ = ["Writer"]


class _Late:
    """A condition compiled when it is first asked: that of nearly every pattern never is, for want of an array."""

    __slots__ = ("_compiled", "_condition", "_limits")

    def __init__(self, condition: ast.Condition, limits: Limits) -> None:
        self._condition = condition
        self._limits = limits
        self._compiled: Compiled | None = None

    def __call__(self, event: object, metadata: object, element: object) -> bool:
        if self._compiled is None:
            self._compiled = compile_condition(self._condition, self._limits)
        return self._compiled(event, metadata, element)


class Writer:
    """Writes one function that looks at an event: its variables, and conditions as expressions over them."""

    def __init__(
        self,
        projection: Projection,
        whole: Callable[[str | bytes], object],
        limits: Limits,
        texts: Texts,
        *,
        shared: bool,
    ) -> None:
        """`shared`: the function is for many conditions, whose values come in rows and not as constants."""
        self.function = Function()
        self._shared = shared
        self.row: list[object] = []
        """The values of the condition, `c0` and so on in the text."""
        self._projection = projection
        self._decode_whole = whole
        self._limits = limits
        self._texts = texts
        self._variables: dict[Reading, str] = {}
        self._objects: dict[tuple[tuple[str, ...], frozenset[int]], str] = {((), frozenset()): "e"}

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
        """The values found in what the variable holds, which must not be UNSET. UNSET may be among them."""
        assert reading.rest is not None  # noqa: S101  # only terms with one value have no rest
        if fields := self._projection.element_fields(reading):
            members = f"{variable}.values() if {variable}.__class__ is dict else ({variable},)"
            source, loops = f"{variable} if {variable}.__class__ is list else {members}", ""
            for kind, field in fields:
                loops += f" for w in ({source}) if w.__class__ is {self.function.constant(kind)}"
                source = f"w.{field},"
            return f"[w.{fields[-1][1]}{loops}]"
        find = self.function.constant(compile_finder(reading.rest, self._limits), ("find", reading.rest))
        return f"{find}({variable}, m, None)"

    def _value(self, reading: Reading) -> str:
        access = self._projection.access(reading.names)
        if reading.scalars and access.is_object:
            # An object is no value of a pattern's field.
            field = self._field(access.fields, reading.opened)
            return f"no_array({field})" if access.is_open or reading.strict else "UNSET"
        if reading.root is Root.METADATA:
            text = self._follow("m", reading.steps)
        else:
            text = self._member(reading)
            if reading.steps:
                text = self._follow(text, reading.steps)
        if reading.scalars and not self._projection.is_leaf(reading.names):
            text = f"not_object({text})"
        if reading.wrap is not None:
            text = f"{'lower' if reading.wrap is Wrap.LOWER else 'length'}({text})"
        return text

    def _member(self, reading: Reading) -> str:
        access = self._projection.access(reading.names)
        if access.is_object:
            return self._follow(self._whole(), reading.names, strict=reading.strict)
        if access.names:
            # What is left is looked for in one dict.
            return self._follow(self._field(access.fields), access.names, strict=reading.strict)
        return self._field(access.fields, reading.opened)

    def _field(self, fields: tuple[str, ...], opened: frozenset[int] = frozenset()) -> str:
        """The projected member. Where an array comes that is not `opened`, which has no such attribute, this raises."""
        if not fields:
            return "e"
        count = len(fields) - 1
        parent = self._object(fields[:-1], opened)
        if count not in opened:
            return f"{parent}.{fields[-1]}"
        kind = self.function.constant(type(self._projection.standing_for(fields[:-1])))
        empty = self.function.constant(self._projection.standing_for(fields))
        member = f"{parent}, {kind}, {self.function.constant(fields[-1], fields[-1])}, {empty}"
        return f"({parent}.{fields[-1]} if {parent}.__class__ is {kind} else spread({member}))"

    def _object(self, fields: tuple[str, ...], opened: frozenset[int]) -> str:
        """The variable of an object: others will be read from it, too. Or of the array, or of all the objects, if any
        array on the way is `opened`.
        """
        known = fields, frozenset(count for count in opened if count < len(fields))
        name = self._objects.get(known)
        if name is None:
            text = self._field(fields, opened)
            name = self._objects[known] = f"o{len(self._objects)}"
            self.function.line(0, f"{name} = {text}")
        return name

    def _follow(self, text: str, steps: tuple[str | int, ...], *, strict: bool = False) -> str:
        return f"{'follow_objects' if strict else 'follow'}({text}, {self.function.constant(steps, steps)})"

    def _whole(self) -> str:
        return f"{self.function.constant(self._decode_whole)}(b)"

    def require(self, condition: Prepared) -> None:
        """Have the function raise for an event for which the condition does not hold."""
        match condition:
            case Fits(reading=Reading(names=names, steps=(), values=Values.ONE) as reading) if self._projection.access(
                names
            ).is_object:
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
        self.row.append(self._texts.one(value) if isinstance(value, str) else value)
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
            case Lone(reading=reading):
                return self._lone(reading)
            case Missing(reading=reading):
                value = self.variable(reading)
                return f"({value} is UNSET or {value} is None)"
            case Compares(left=left, order=order, right=right):
                sides = self.variable(left), self.variable(right)
                return f"compares({sides[0]}, {self.function.constant(order)}, {sides[1]})"
            case Opaque():
                return self._opaque(condition)
            case Within():
                return self._within(condition)
            case Inverse(item=item):
                return f"(not {self.condition(item)})"
            case All(items=items):
                return f"({' and '.join(map(self.condition, items))})"
            case Either(items=items):
                return f"({' or '.join(map(self.condition, items))})"

    def _opaque(self, condition: Opaque) -> str:
        if condition.base is None:
            return f"{self._give(_Late(condition.condition, self._limits))}({self._whole()}, m, None)"
        holds = self._give(compile_condition(condition.condition, self._limits))
        base = self.variable(condition.base)
        if condition.missing:
            return f"({base} is UNSET or {holds}({base}, m, None))"
        return f"({base} is not UNSET and {holds}({base}, m, None))"

    def _there(self, reading: Reading) -> str:
        access = self._projection.access(reading.names)
        if access.is_object and not reading.steps and not reading.scalars:
            # A missing object is decoded as the one empty instance.
            empty = self.function.constant(access.empty)
            if not reading.opened:
                return f"({self._field(access.fields)} is not {empty})"
            found = self._object(access.fields, reading.opened)
            return f"({found} is not {empty} and {found} != [])"
        value = self.variable(reading)
        if reading.values is Values.ONE:
            return f"({value} is not UNSET)"
        return f"({value} is not UNSET if {value}.__class__ is not list else {self.many(reading, value)})"

    def _within(self, condition: Within) -> str:
        base = self._projection.access(condition.base.names)
        members = [self._projection.access(test.reading.names) for test in condition.tests]
        if not base.is_object or any(member.is_object or member.names for member in members):
            return self.condition(condition.whole)
        objects, kind = self._object(base.fields, condition.base.opened), self.function.constant(type(base.empty))
        tests = " and ".join(
            self._predicate(test.predicate, f"leaf(w.{member.fields[-1]})")
            for test, member in zip(condition.tests, members, strict=True)
        )
        return f"any([{tests} for w in {objects} if w.__class__ is {kind}])"

    def _lone(self, reading: Reading) -> str:
        access = self._projection.access(reading.names)
        if access.is_object:
            kind = self.function.constant(type(access.empty))
            return f"({self._object(access.fields, reading.opened)}.__class__ is {kind})"
        return f"({self.variable(reading)}.__class__ is not list)"

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
