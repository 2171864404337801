"""Whether conditions can be true together. "No" is certain; "yes" may mean that nobody knows, or that it took too long.

Everything that is claimed of conditions follows from that one question: a condition is never true when it cannot be;
it is always true when its contrary cannot be; it implies another one when it cannot be true while the other is false.

The question is answered by taking the conditions apart. What is joined by `and` is taken together, alternatives are
tried one after the other, and in the end there is a set of plain demands, on the values of some terms. A path that
yields one value at most has to satisfy all demands by that value; where there may be several, each demand may have
its own, but what is ruled out is ruled out for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from turnout.rules.condition import ast
from turnout.rules.condition.ast import (
    Absent,
    And,
    Compare,
    Condition,
    Constant,
    Every,
    Item,
    Key,
    Kind,
    Length,
    Literal,
    Lower,
    Not,
    OneOf,
    Or,
    Path,
    Present,
    Root,
    Scalars,
    Some,
    Term,
    Test,
    plain_path,
)
from turnout.rules.lint.values import ANY, Ask, Shape, can_satisfy, shapes_of

__all__ = ["Claim", "Patience", "always", "implies", "never", "possible", "whole_term"]

_WORK = 4_000
"""Plain demands that may be looked at for one question."""
_WORK_IN_ALL = 100_000
"""Those that may be looked at for all questions about a set of rules: a second or two of work."""
_WORK_AT_LEAST = 40
"""Those for one question in any case; most need no more."""


class Patience:
    """What is left for the questions about one set of rules. Once it is used up, only simple ones are answered."""

    def __init__(self) -> None:
        self.left = _WORK_IN_ALL


_IS_NULL = OneOf((Literal(Kind.NULL, None),))
_WRAPPED = {Lower: frozenset({Shape.TEXT}), Length: frozenset({Shape.TEXT, Shape.ARRAY, Shape.OBJECT})}
"""What a value must be for its lower case, or its length, to be there."""


class Claim(NamedTuple):
    """A condition, and whether it is said to be true or to be false."""

    condition: Condition
    value: bool = True


def never(condition: Condition, patience: Patience | None = None) -> bool:
    """Whether the condition is certainly true for no event."""
    return not possible(Claim(condition), patience=patience)


def always(condition: Condition, patience: Patience | None = None) -> bool:
    """Whether the condition is certainly true for every event."""
    return not possible(Claim(condition, False), patience=patience)


def implies(condition: Condition, other: Condition, patience: Patience | None = None) -> bool:
    """Whether the other condition is certainly true whenever the first one is."""
    return not possible(Claim(condition), Claim(other, False), patience=patience)


def possible(*claims: Claim, patience: Patience | None = None) -> bool:
    """Whether all claims may be right for one event."""
    return _Question(patience or Patience()).possible(claims)


def whole_term(term: Term) -> tuple[Term, bool]:
    """The term without the restriction to leaves at its path's end, and whether there was one."""
    return _whole_path(term) if isinstance(term, Path) else (term, False)


def _whole_path(path: Path) -> tuple[Path, bool]:
    if path.segments and isinstance(path.segments[-1], Scalars):
        return Path(path.root, path.segments[:-1], path.text), True
    return path, False


# ------------------------------------------------------------------------------------------------------- taking apart


class _Question:
    def __init__(self, patience: Patience) -> None:
        self._left = min(_WORK, max(_WORK_AT_LEAST, patience.left))
        self._patience = patience

    def possible(
        self, claims: Iterable[Claim], plain: Sequence[Claim] = (), open_choices: Sequence[Sequence[Claim]] = ()
    ) -> bool:
        """Whether all claims may be right. `plain` are those that were taken apart already, of each of the
        `open_choices` one has to be right.
        """
        known = list(plain)
        choices = list(open_choices)
        todo = list(claims)
        while todo:
            claim = todo.pop()
            joined, parts = _apart(claim)
            if not parts:
                known.append(claim)
            elif joined:
                todo += parts
            else:
                choices.append(parts)
        self._left -= len(known) + 1
        self._patience.left -= len(known) + 1
        if self._left < 0:
            return True
        demands = _Demands()
        if not all(map(demands.add, known)) or not demands.possible(self):
            return False
        if not choices:
            return True
        first = min(choices, key=len)
        others = [choice for choice in choices if choice is not first]
        return any(self.possible([part], known, others) for part in first)


def _apart(claim: Claim) -> tuple[bool, list[Claim]]:
    """What a claim says in simpler ones, and whether it says all of them or one of them. Nothing: it is plain."""
    condition, value = claim
    match condition:
        case Not(item=item):
            return True, [Claim(item, not value)]
        case And(items=items):
            return value, [Claim(item, value) for item in items]
        case Or(items=items):
            return not value, [Claim(item, value) for item in items]
        case Every(path=path, condition=inner):
            # There is an element, and none that the condition is false for.
            return value, [Claim(Present(path), value), Claim(Some(path, Not(inner)), not value)]
        case Absent(term=term):
            # There is no value, or one of them is null.
            return not value, [Claim(Test(term, _ANYTHING), not value), Claim(Test(term, _IS_NULL), value)]
    return True, []


_ANYTHING = ast.Except(OneOf(()))
"""Fits every value."""


# ------------------------------------------------------------------------------------------------------ plain demands


@dataclass(slots=True)
class _Values:
    """What is demanded of the values of one term."""

    wanted: list[Ask] = field(default_factory=list)
    """For each of these there is a value."""
    refused: list[Ask] = field(default_factory=list)
    """No value does otherwise."""

    def possible(self, term: Term) -> bool:
        """Whether there may be such values."""
        if not self.wanted:
            return True  # there may be no value at all
        if plain_path(term).is_singular:
            return can_satisfy((*self.wanted, *self.refused), term)
        return all(can_satisfy((ask, *self.refused), term) for ask in self.wanted)


class _Demands:
    """Demands that are to be satisfied together."""

    def __init__(self) -> None:
        self._values: dict[Term, _Values] = {}
        self._compared: dict[Condition, bool] = {}
        self._true: list[Condition] = []
        self._false: list[Condition] = []

    def add(self, claim: Claim) -> bool:
        """Add a plain claim; False when it contradicts those before it."""
        condition, value = claim
        (self._true if value else self._false).append(condition)
        match condition:
            case Constant(value=constant):
                return constant is value
            case Test(term=term, predicate=predicate):
                self._ask(term, predicate, value)
            case Present(path=path):
                self._ask(path, None, value)
            case Compare(left=left, right=right):
                if value:
                    self._ask(left, None, True)
                    self._ask(right, None, True)
                return self._compared.setdefault(condition, value) is value
            case Some(path=path):
                if value:
                    self._ask(path, None, True)
        return True

    def _ask(self, term: Term, predicate: ast.Predicate | None, value: bool) -> None:
        whole, leaves = whole_term(term)
        values = self._values.setdefault(whole, _Values())
        (values.wanted if value else values.refused).append(Ask(predicate, value, shapes_of(leaves)))

    def possible(self, question: _Question) -> bool:
        """Whether an event may satisfy all demands."""
        for term in [term for term, values in self._values.items() if values.wanted]:
            self._require_around(term)
        return all(values.possible(term) for term, values in self._values.items()) and all(
            self._element_possible(some, question) for some in self._elements()
        )

    def _elements(self) -> Iterator[Some]:
        """What is said of some element of a path: in so many words, or of something below it."""
        paths = {condition.path for condition in self._false if isinstance(condition, Some)}
        for condition in self._true:
            if isinstance(condition, Some):
                yield condition
            for path in paths:
                inner = _inside(condition, path)
                if inner is not None:
                    yield Some(path, inner)

    def _require_around(self, term: Term) -> None:
        """Where a term has a value, there are objects and arrays on the way to it."""
        if isinstance(term, Lower | Length):
            self._require(term.term, _WRAPPED[type(term)])
            self._require_around(term.term)
            return
        for length, segment in enumerate(term.segments):
            shapes = ANY
            if isinstance(segment, Key | Item):
                shapes = frozenset({Shape.OBJECT if isinstance(segment, Key) else Shape.ARRAY})
            self._require(Path(term.root, term.segments[:length]), shapes)
            if shapes is ANY:
                return

    def _require(self, term: Term, shapes: frozenset[Shape]) -> None:
        values = self._values.get(term)
        if values is not None:
            values.wanted.append(Ask(None, True, shapes))

    def _element_possible(self, some: Some, question: _Question) -> bool:
        """Whether there may be such an element, in spite of all that is false of all elements."""
        claims = [Claim(some.condition)]
        whole, leaves = _whole_path(some.path)
        claims.append(Claim(Present(Path(Root.ELEMENT, (Scalars(),) if leaves else ()))))
        for condition in self._false:
            if isinstance(condition, Some) and condition.path == some.path:
                claims.append(Claim(condition.condition, False))
            elif (inner := _inside(condition, whole)) is not None:
                claims.append(Claim(inner, False))
        return question.possible(claims)


def _inside(condition: Condition, around: Path) -> Condition | None:
    """A condition on what is below a path, as one on what is below one of its elements; None when it is none."""
    match condition:
        case Test(term=term, predicate=predicate):
            below = _below(term, around)
            return Test(below, predicate) if below is not None else None
        case Present(path=path):
            below = _below(path, around)
            return Present(below) if isinstance(below, Path) else None
        case Some(path=path, condition=inner):
            below = _below(path, around)
            return Some(below, inner) if isinstance(below, Path) else None
    return None


def _below(term: Term, around: Path) -> Term | None:
    if isinstance(term, Lower | Length):
        inner = _below(term.term, around)
        return type(term)(inner) if inner is not None else None
    count = len(around.segments)
    if term.root is not around.root or term.segments[:count] != around.segments:
        return None
    return Path(Root.ELEMENT, term.segments[count:], term.text)
