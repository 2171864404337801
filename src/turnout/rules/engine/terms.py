"""Prepares conditions for the fast way: how each term is read from a projected event, and what has no fast form.

The fast way assumes that an event has the shape the rules expect: an object wherever a path goes on to a member.
Decoding checks that (projection.py); an event that differs is matched the slow way. Under this assumption
`Some(detail; @.a and @.b)` is `detail.a and detail.b`, and a path of members has one value.

What has no short form becomes `Opaque`: closures (compile.py), applied to the one member of the event that the
condition looks at, or to the event decoded in full. Nothing here decodes, evaluates or generates code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from turnout.rules import ast, interpret
from turnout.rules.ast import Constant, Key, Order, Path, Predicate, Root, Spread, Term
from turnout.rules.engine.rebasing import cut, element_terms, path_of, rebased

__all__ = [
    "All",
    "Compares",
    "Either",
    "Fits",
    "Inverse",
    "Missing",
    "Opaque",
    "Prepared",
    "Preparer",
    "Reading",
    "There",
    "Values",
    "Wrap",
    "all_of",
    "inside",
]


class Values(Enum):
    """How many values a term has on the fast way."""

    ONE = "one"
    """One, or none."""
    SPREAD = "spread"
    """One or none; when it is an array, its elements instead."""
    MANY = "many"
    """Whatever the rest of the path finds below the base."""


class Wrap(Enum):
    """What is made of the value."""

    LOWER = "lower"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How a term is read: go to the base by member names, follow `steps`, then (unless `ONE`) find `rest` from there.

    `strict` means that an array on the way is not a missing value but an event that does not fit the fast way.
    A `Preparer` has one reading per term, so they are compared by identity.
    """

    term: Term
    root: Root
    names: tuple[str, ...]
    steps: tuple[str | int, ...] = ()
    values: Values = Values.ONE
    strict: bool = False
    scalars: bool = False
    rest: Term | None = None
    """What is left of the term, rooted at the base."""
    wrap: Wrap | None = None


# -------------------------------------------------------------------------------------------------- prepared conditions


@dataclass(frozen=True, slots=True)
class Fits:
    """Some value fits the predicate."""

    reading: Reading
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class Compares:
    """Both values are there and compare so."""

    left: Reading
    order: Order
    right: Reading


@dataclass(frozen=True, slots=True)
class There:
    """There is a value, or the object that a path goes through."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no value, or null."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class Opaque:
    """A condition evaluated as a whole: at the member `base` of the event, or at the whole event.

    `missing` is its verdict when the base is missing.
    """

    condition: ast.Condition
    base: Reading | None
    missing: bool


@dataclass(frozen=True, slots=True)
class Inverse:
    """The condition does not hold."""

    item: Prepared


@dataclass(frozen=True, slots=True)
class All:
    """All conditions hold. Two at least, none of them an `All`."""

    items: tuple[Prepared, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One condition at least holds."""

    items: tuple[Prepared, ...]


Prepared: TypeAlias = Constant | Fits | Compares | There | Missing | Opaque | Inverse | All | Either


def all_of(conditions: Iterable[Prepared | None]) -> Prepared | None:
    """The conjunction of those that are given; None when there are none."""
    flat: list[Prepared] = []
    for condition in conditions:
        if isinstance(condition, All):
            flat += condition.items
        elif condition is not None:
            flat.append(condition)
    return All(tuple(flat)) if len(flat) > 1 else flat[0] if flat else None


def inside(condition: Prepared) -> Iterator[Prepared]:
    """The condition and all conditions in it."""
    stack: list[Prepared] = [condition]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, All | Either):
            stack.extend(node.items)
        elif isinstance(node, Inverse):
            stack.append(node.item)


# ------------------------------------------------------------------------------------------------------------ preparing


class Preparer:
    """Prepares the conditions of one ruleset. Recursion is as deep as conditions nest, which the parsers bound."""

    def __init__(self) -> None:
        self._readings: dict[Term, Reading | None] = {}
        self._bases: dict[tuple[str, ...], Reading] = {}

    def reading(self, term: Term) -> Reading | None:
        """How the term is read; None when only the whole event will do."""
        try:
            return self._readings[term]
        except KeyError:
            found = self._readings[term] = _read(term)
            return found

    def prepare(self, condition: ast.Condition) -> Prepared:
        """The condition for the fast way."""
        match condition:
            case Constant():
                return condition
            case ast.And(items=items):
                return all_of(map(self.prepare, items)) or Constant(True)
            case ast.Or(items=items):
                return Either(tuple(map(self.prepare, items)))
            case ast.Not(item=item):
                return Inverse(self.prepare(item))
            case ast.Some():
                flat = _flat(condition)
                return self._over_elements(condition) if flat is None else self.prepare(flat)
        return self._simple(condition) or self._opaque(condition)

    def _over_elements(self, some: ast.Some) -> Prepared:
        """`Some` over an array. Of what must hold of one element, one thing can be looked up as held by any."""
        opaque = self._opaque(some)
        parts = some.condition.items if isinstance(some.condition, ast.And) else ()
        for part in parts:
            if isinstance(part, ast.Test) and isinstance(part.predicate, ast.OneOf):
                held = self._simple(rebased(part, some.path)) if path_of(part.term).root is Root.ELEMENT else None
                if held is not None:
                    return All((held, opaque))
        return opaque

    def _simple(self, condition: ast.Condition) -> Prepared | None:
        match condition:
            case ast.Test(term=term, predicate=predicate):
                reading = self.reading(term)
                return Fits(reading, predicate) if reading else None
            case ast.Present(path=path):
                reading = self.reading(path)
                return There(reading) if reading and reading.values is not Values.MANY else None
            case ast.Absent(term=term):
                reading = self._one(term)
                return Missing(reading) if reading else None
            case ast.Compare(left=left, order=order, right=right):
                sides = self._one(left), self._one(right)
                return Compares(sides[0], order, sides[1]) if sides[0] and sides[1] else None
        return None

    def _one(self, term: Term) -> Reading | None:
        reading = self.reading(term)
        return reading if reading and reading.values is Values.ONE else None

    def _opaque(self, condition: ast.Condition) -> Opaque:
        names = _common_base(condition)
        if not names:
            return Opaque(condition, None, False)
        base = self._bases.get(names)
        if base is None:
            path = Path(Root.EVENT, tuple(map(Key, names)))
            base = self._bases[names] = Reading(path, Root.EVENT, names, values=Values.MANY)
        missing = interpret.holds(condition, interpret.Scope({}))
        return Opaque(cut(condition, len(names)), base, missing)


def _read(term: Term) -> Reading | None:
    if isinstance(term, Path):
        return _read_path(term)
    inner = _read(term.term)
    if inner is None:
        return None
    wrap = Wrap.LOWER if isinstance(term, ast.Lower) else Wrap.LENGTH
    if inner.values is Values.ONE and inner.wrap is None and not inner.scalars:
        return Reading(term, inner.root, inner.names, inner.steps, strict=inner.strict, wrap=wrap)
    if inner.rest is None:
        return None
    rest = ast.Lower(inner.rest) if isinstance(term, ast.Lower) else ast.Length(inner.rest)
    return Reading(term, inner.root, inner.names, values=Values.MANY, strict=inner.strict, rest=rest)


def _read_path(path: Path) -> Reading | None:
    names, rest, strict = _split(path)
    if path.root is Root.ELEMENT or any(inner.root is Root.EVENT for inner in _in_filters(rest)):
        return None
    steps = tuple(
        segment.name if isinstance(segment, Key) else segment.index
        for segment in rest
        if isinstance(segment, Key | ast.Item)
    )
    singular = len(steps) == len(rest)
    if path.root is Root.METADATA:
        return Reading(path, Root.METADATA, (), (*names, *steps)) if singular and not strict else None
    if not names:
        return None
    if singular:
        return Reading(path, Root.EVENT, names, steps, strict=strict)
    scalars = isinstance(rest[-1], ast.Scalars)
    finding = rest[:-1] if scalars else rest
    values = Values.MANY
    if not finding:
        values = Values.ONE
    elif len(finding) == 1 and isinstance(finding[0], Spread):
        values = Values.SPREAD
    return Reading(path, Root.EVENT, names, values=values, strict=strict, scalars=scalars, rest=Path(Root.EVENT, rest))


def _split(path: Path) -> tuple[tuple[str, ...], tuple[ast.Segment, ...], bool]:
    """The member names that the path begins with, the other segments, and whether arrays are opened on the way."""
    names: list[str] = []
    strict = False
    segments = path.segments
    for position, segment in enumerate(segments):
        if isinstance(segment, Key):
            names.append(segment.name)
        elif _is_passed(segment) and isinstance(next(iter(segments[position + 1 :]), None), Key):
            # The event itself is no array, so only below its members this can matter.
            strict |= bool(names)
        else:
            return tuple(names), segments[position:], strict
    return tuple(names), (), strict


def _is_passed(segment: ast.Segment) -> bool:
    """Whether the fast way takes the segment to be there for an array that hardly ever comes.

    So it is in patterns, which name what is below an array as if it were an object. `any(path, ...)` expects one.
    """
    return isinstance(segment, Spread) and segment.deep


def _in_filters(segments: Iterable[ast.Segment]) -> list[Path]:
    return [path for segment in segments if isinstance(segment, ast.Where) for path in ast.paths(segment.condition)]


def _common_base(condition: ast.Condition) -> tuple[str, ...]:
    """The member that every path of the condition begins with, and that none stops short of; empty if there is none."""
    bases: set[tuple[str, ...]] = set()
    for node in ast.walk(condition):
        for term in ast.terms(node):
            path = path_of(term)
            if path.root is Root.METADATA or any(i.root is not Root.ELEMENT for i in _in_filters(path.segments)):
                return ()
            if path.root is Root.EVENT:
                bases.add(_leading_names(path))
    return bases.pop() if len(bases) == 1 else ()


def _leading_names(path: Path) -> tuple[str, ...]:
    names = []
    for segment in path.segments:
        if not isinstance(segment, Key):
            break
        names.append(segment.name)
    return tuple(names)


def _flat(some: ast.Some) -> ast.Condition | None:
    """What `Some` comes to over a single object, or for a single test: the paths joined. None when it is not that."""
    base, condition = some.path, some.condition
    if base.root is not Root.EVENT:
        return None
    inner = [path for term in element_terms(condition) if (path := path_of(term)).root is Root.ELEMENT]
    if isinstance(condition, ast.Test) and inner:
        return rebased(condition, base)
    passed = all(isinstance(segment, Key) or _is_passed(segment) for segment in base.segments)
    if not passed or not all(path.segments and isinstance(path.segments[0], Key) for path in inner):
        return None
    joined = rebased(condition, base)
    if _needs_element(condition) or not any(isinstance(segment, Key) for segment in base.segments):
        return joined
    return ast.And((ast.Present(base), *(joined.items if isinstance(joined, ast.And) else (joined,))))


def _needs_element(condition: ast.Condition) -> bool:
    """Whether the condition is certainly false for an element without members."""
    match condition:
        case ast.Test() | ast.Present() | ast.Some() | ast.Every():
            return path_of(ast.terms(condition)[0]).root is Root.ELEMENT
        case ast.Compare(left=left, right=right):
            return Root.ELEMENT in (path_of(left).root, path_of(right).root)
        case ast.And(items=items):
            return any(map(_needs_element, items))
        case ast.Or(items=items):
            return all(map(_needs_element, items))
        case _:
            return False
