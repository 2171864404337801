"""The typed tree that every condition becomes, whichever language it was written in.

`when` (expression/) and `pattern` (pattern/) both compile to the nodes below; the interpreter, the compiled form,
the index, `explain` and the linter read them. Nothing here parses, prints or evaluates.

Three layers:

- A **path** finds values: a root and a tuple of segments. It yields none, one or several values, never an error.
- A **predicate** judges one value. It is false for a value of a type it does not know.
- A **condition** is true or false for an event: `Test` (some value of a term fits a predicate), quantifiers over the
  elements of a path, and the boolean connectives.

What EventBridge patterns need beyond expressions is expressed by the same nodes: `Spread(deep=True)` lets an array
stand for its elements, `Scalars` drops objects and arrays, and `Some(path, And(...))` with `Root.ELEMENT` paths inside
holds several tests to *the same* array element. `exists: false` is `Not(Present(...))`.

All nodes are immutable and hashable. `at` is the place in the source text and takes no part in equality, so equal
conditions are equal wherever they were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

import msgspec

__all__ = [
    "Absent",
    "And",
    "Bound",
    "Children",
    "Compare",
    "Condition",
    "Constant",
    "Contains",
    "Descend",
    "EqualsFold",
    "Every",
    "Except",
    "InNetwork",
    "Item",
    "Items",
    "Key",
    "Keys",
    "Kind",
    "Length",
    "Literal",
    "Lower",
    "Matches",
    "Not",
    "OneOf",
    "Or",
    "Order",
    "Path",
    "Predicate",
    "Prefix",
    "Present",
    "Range",
    "Root",
    "Scalar",
    "Scalars",
    "Segment",
    "Slice",
    "Some",
    "Span",
    "Spread",
    "Suffix",
    "Term",
    "Test",
    "Unconditional",
    "Where",
    "Wildcard",
    "children",
    "literal",
    "paths",
    "plain_path",
    "terms",
    "walk",
]

Scalar: TypeAlias = str | int | float | bool | None


class Span(msgspec.Struct, frozen=True, gc=False):
    """A stretch of the source text: offsets in characters, `end` exclusive."""

    start: int
    end: int


# ---------------------------------------------------------------------------------------------------------- literals


class Kind(Enum):
    """The JSON type of a literal. A bool is not a number."""

    __hash__ = object.__hash__  # Enum's own is a function in Python, and literals are hashed by the thousand

    NULL = "null"
    BOOL = "bool"
    NUMBER = "number"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. `kind` keeps `true` apart from `1`, which Python takes for equal; 300 and 300.0 are one literal."""

    kind: Kind
    value: Scalar
    at: Span | None = field(default=None, compare=False, repr=False)


def literal(value: Scalar, at: Span | None = None) -> Literal:
    """The literal of a Python value."""
    if value is None:
        kind = Kind.NULL
    elif isinstance(value, bool):
        kind = Kind.BOOL
    elif isinstance(value, str):
        kind = Kind.STRING
    else:
        kind = Kind.NUMBER
    return Literal(kind, value, at)


# ------------------------------------------------------------------------------------------------------------- paths


class Root(Enum):
    """Where a path begins."""

    EVENT = "$"
    """The whole event."""
    METADATA = "metadata"
    """The message's own metadata: `@attributes.tenant`, `@receive_count`."""
    ELEMENT = "@"
    """The value that the nearest enclosing `Some`, `Every` or `Where` is looking at."""


class Key(msgspec.Struct, frozen=True, gc=False):
    """The member of an object with this name."""

    name: str


class Keys(msgspec.Struct, frozen=True, gc=False):
    """The members with these names, in this order: `['a','b']`."""

    names: tuple[str, ...]


class Item(msgspec.Struct, frozen=True, gc=False):
    """The element of an array at this position; a negative one counts from the end."""

    index: int


class Items(msgspec.Struct, frozen=True, gc=False):
    """The elements at these positions: `[0,2]`."""

    indices: tuple[int, ...]


class Children(msgspec.Struct, frozen=True, gc=False):
    """Every member of an object, every element of an array: `*`."""


class Slice(msgspec.Struct, frozen=True, gc=False):
    """A slice of an array, as Python slices."""

    start: int | None
    stop: int | None
    step: int | None


class Descend(msgspec.Struct, frozen=True, gc=False):
    """The value itself and everything below it, parents first: `..`."""


class Where(msgspec.Struct, frozen=True, gc=False):
    """The members or elements that the condition (over `Root.ELEMENT`) is true for: `[?(...)]`."""

    condition: Condition


class Spread(msgspec.Struct, frozen=True, gc=False):
    """An array stands for its elements, anything else for itself. `deep` opens arrays in arrays as well.

    No JSONPath has this segment: EventBridge patterns read arrays so, and `in`, `any` and `all` look into an array.
    """

    deep: bool = False


class Scalars(msgspec.Struct, frozen=True, gc=False):
    """Only strings, numbers, booleans and null pass: the leaves that EventBridge patterns know."""


Unconditional: TypeAlias = Key | Keys | Item | Items | Children | Slice | Descend | Spread | Scalars
"""A segment whose values depend on nothing but the value before."""
Segment: TypeAlias = Unconditional | Where


@dataclass(frozen=True, slots=True)
class Path:
    """Finds values. `text` is what the author wrote, for messages; equality is by root and segments."""

    root: Root
    segments: tuple[Segment, ...]
    text: str = field(default="", compare=False)
    at: Span | None = field(default=None, compare=False, repr=False)

    @property
    def keys(self) -> tuple[str, ...] | None:
        """The member names when the path is nothing but members of the event (what a projection can decode)."""
        if self.root is not Root.EVENT:
            return None
        names = tuple(segment.name for segment in self.segments if isinstance(segment, Key))
        return names if len(names) == len(self.segments) else None

    @property
    def is_singular(self) -> bool:
        """Whether the path yields one value at most."""
        return all(isinstance(segment, Key | Item) for segment in self.segments)


# ------------------------------------------------------------------------------------------------------------- terms


@dataclass(frozen=True, slots=True)
class Lower:
    """The strings among the values of a term, in lower case; other values are dropped."""

    term: Term
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Length:
    """Characters of strings, elements of arrays, members of objects; other values are dropped."""

    term: Term
    at: Span | None = field(default=None, compare=False, repr=False)


Term: TypeAlias = Path | Lower | Length


# -------------------------------------------------------------------------------------------------------- predicates


class OneOf(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Equal to one of the literals; types are strict. One literal is `==`, several are `in`.

    There may be ten thousand, and whoever files a rule hashes what it consists of again and again.
    """

    items: tuple[Literal, ...]


class Except(msgspec.Struct, frozen=True, gc=False):
    """Any value that the inner predicate refuses: `!=`, `not in`, `anything-but`."""

    predicate: Predicate


class Bound(msgspec.Struct, frozen=True, gc=False):
    """One end of a range."""

    value: str | int | float
    inclusive: bool


class Range(msgspec.Struct, frozen=True, gc=False):
    """Numbers or strings between two bounds, of which one may be absent. Both bounds are of one kind."""

    low: Bound | None = None
    high: Bound | None = None


class Prefix(msgspec.Struct, frozen=True, gc=False):
    """Strings that begin with the text; `fold` ignores case."""

    text: str
    fold: bool = False


class Suffix(msgspec.Struct, frozen=True, gc=False):
    """Strings that end with the text; `fold` ignores case."""

    text: str
    fold: bool = False


class EqualsFold(msgspec.Struct, frozen=True, gc=False):
    """Strings equal to the text but for case."""

    text: str


class Contains(msgspec.Struct, frozen=True, gc=False):
    """Strings with this substring (when the item is a string), arrays with this element."""

    item: Literal


class Wildcard(msgspec.Struct, frozen=True, gc=False):
    r"""Strings that fit the pattern: `*` is any run of characters, `\*` and `\\` are themselves."""

    pattern: str


class Matches(msgspec.Struct, frozen=True, gc=False):
    """Strings in which RE2 finds the pattern, anywhere unless the pattern is anchored."""

    pattern: str


class InNetwork(msgspec.Struct, frozen=True, gc=False):
    """Strings that are an IP address inside the network (`10.0.0.0/8`, normalised)."""

    network: str


Predicate: TypeAlias = OneOf | Except | Range | Prefix | Suffix | EqualsFold | Contains | Wildcard | Matches | InNetwork


# -------------------------------------------------------------------------------------------------------- conditions


class Order(Enum):
    """How `Compare` compares."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Constant:
    """Always true or always false."""

    value: bool
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Test:
    """Some value of the term fits the predicate. False when the term has no value. What an index files rules under."""

    __test__ = False  # the name is the field's; pytest must not collect it

    term: Term
    predicate: Predicate
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """Some value on the left and some value on the right compare so. Strict types; false when a side has no value."""

    left: Term
    order: Order
    right: Term
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Present:
    """The path yields a value, null included: `exists(path)`."""

    path: Path
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """The term yields no value, or one that is null: `x == null`."""

    term: Term
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Some:
    """The condition holds for some value of the path, which `Root.ELEMENT` is inside: same-element consistency."""

    path: Path
    condition: Condition
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Every:
    """The path yields a value, and the condition holds for every one of them."""

    path: Path
    condition: Condition
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    item: Condition
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class And:
    """All conditions hold. Two at least, none of them an `And`."""

    items: tuple[Condition, ...]
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Or:
    """One condition at least holds. Two at least, none of them an `Or`."""

    items: tuple[Condition, ...]
    at: Span | None = field(default=None, compare=False, repr=False)


Condition: TypeAlias = Constant | Test | Compare | Present | Absent | Some | Every | Not | And | Or


# ----------------------------------------------------------------------------------------------------------- walking


def children(condition: Condition) -> tuple[Condition, ...]:
    """The conditions directly inside this one. Filters inside paths are not looked into."""
    if isinstance(condition, And | Or):
        return condition.items
    if isinstance(condition, Not):
        return (condition.item,)
    if isinstance(condition, Some | Every):
        return (condition.condition,)
    return ()


_CHILDLESS = frozenset((Constant, Test, Compare, Present, Absent))


def walk(condition: Condition) -> Iterator[Condition]:
    """The condition and all conditions inside it, outer ones first."""
    stack = [condition]
    while stack:
        node = stack.pop()
        yield node
        if node.__class__ not in _CHILDLESS:
            stack.extend(reversed(children(node)))


def terms(condition: Condition) -> tuple[Term, ...]:
    """The terms that this condition itself looks at, not those of the conditions inside it."""
    if isinstance(condition, Test | Absent):
        return (condition.term,)
    if isinstance(condition, Compare):
        return (condition.left, condition.right)
    if isinstance(condition, Present | Some | Every):
        return (condition.path,)
    return ()


def plain_path(term: Term) -> Path:
    """The path inside a term."""
    while isinstance(term, Lower | Length):
        term = term.term
    return term


def paths(condition: Condition) -> Iterator[Path]:
    """Every path in the condition, those in the filters of other paths included."""
    for node in walk(condition):
        for term in terms(node):
            path = plain_path(term)
            yield path
            for segment in path.segments:
                if isinstance(segment, Where):
                    yield from paths(segment.condition)
