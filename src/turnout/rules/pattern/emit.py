"""The shape of the conditions that event patterns become; whoever indexes or generates code reads this.

**What is emitted.** Every step of a pattern may meet an array in the event, which then stands for its elements. So

    {source: [a], detail: {channel: [voice]}}

becomes `And` of one `Test` per field, on the paths `Key source, Spread(deep)` and `Key detail, Spread(deep),
Key channel, Spread(deep)`. Where the event has no array, these find what the plain keys find. Fields that share an
object must come from the same element of an array:

    {detail: {channel: [voice], duration: [{numeric: [">", 5]}]}}

becomes `Some(Key detail, Spread(deep); And(Test(@ channel ...), Test(@ duration ...)))`. For an event in which `detail`
is no array that is `And` of the tests on `detail.channel` and `detail.duration`.

A field's array is one `OneOf` of its literals, or an `Or` with a `Test` for each operator. `anything-but` is `Except`
on a path that ends in `Scalars`, because only leaves count; with several prefixes, suffixes, ... it is a `Some` over
the leaves with one `Except` each. `exists: true` is `Present` of the leaves, `exists: false` is `Not(Present)`. `$or`
is multiplied out to an `Or`, and what its alternatives share is pulled out again in front of it.

**exists: false and arrays.** EventBridge looks at the fields of a pattern in the order of their full names, and a
field is absent when it is absent from the array elements that the fields before it were found in. So `b: [1]` and
`c: [{exists: false}]` under `x` are true if one element of `x` has `b: 1` and no `c`; but an `a` that must be absent
may be in no element of `x`. Here an absent field is looked for in the deepest object that an earlier field is in.

**Dotted keys.** `{"a.b": [1]}` means `a.b` nested as well as a member named `a.b`; each object tries both readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from turnout.rules.condition.ast import (
    And,
    Condition,
    Except,
    Key,
    Not,
    Path,
    Present,
    Root,
    Scalars,
    Segment,
    Some,
    Span,
    Spread,
    Test,
)
from turnout.rules.condition.building import disjunction
from turnout.rules.condition.sharing import either, every
from turnout.rules.limits import Limits
from turnout.rules.pattern.fields import Field
from turnout.rules.pattern.leaf import Choice, Leaf
from turnout.rules.pattern.nodes import PatternNode

__all__ = ["Emitter", "Places", "TooManyError"]

_DEEP = Spread(deep=True)
_LEAVES = Scalars()


class _Place:
    """Where fields are looked for: the members of what a path leads to. It makes each place and path below it once."""

    __slots__ = ("_members", "_paths", "prefix", "root")

    def __init__(self, root: Root, prefix: tuple[Segment, ...] = ()) -> None:
        self.root = root
        self.prefix = prefix
        self._members: dict[str, _Place] = {}
        self._paths: dict[tuple[tuple[str, ...], tuple[Segment, ...]], Path] = {}

    def path(self, steps: tuple[str, ...], *last: Segment) -> Path:
        path = self._paths.get((steps, last))
        if path is None:
            below = (segment for step in steps for segment in (Key(step), _DEEP))
            path = self._paths[steps, last] = Path(self.root, (*self.prefix, *below, *last))
        return path

    def member(self, step: str) -> _Place:
        place = self._members.get(step)
        if place is None:
            place = self._members[step] = _Place(self.root, (*self.prefix, Key(step), _DEEP))
        return place


class Places:
    """The places that patterns look at. What several patterns look at is one object: that saves time and memory."""

    def __init__(self) -> None:
        self.event = _Place(Root.EVENT)
        self.element = _Place(Root.ELEMENT)


class TooManyError(Exception):
    """The pattern multiplies out to more conditions than a rule may have."""


class Emitter:
    """Makes conditions of the fields of one combination."""

    def __init__(self, spans: dict[int, Span], places: Places, limits: Limits) -> None:
        self._spans = spans
        self._places = places
        # Much of what is emitted is shared afterwards; this bounds the work, not the result.
        self._left = 50 * limits.nodes

    def all(self, fields: Sequence[Field]) -> Condition:
        """The condition that all fields hold."""
        return every(self._all(fields, self._places.event))

    def charge(self, work: int) -> None:
        """Count work. Raises `TooManyError` when it was too much."""
        self._left -= work
        if self._left < 0:
            raise TooManyError

    def _span(self, node: PatternNode, place: _Place) -> Span | None:
        self.charge(8 + len(place.prefix))
        return self._spans.get(id(node))

    def _all(self, fields: Sequence[Field], place: _Place, *, opaque: bool = False) -> list[Condition]:
        """The conditions on the members of one object. `opaque` takes dots in the next step for part of a name."""
        if not opaque and (shared := _shared(fields)):
            for step in shared:
                place = place.member(step)
            fields = [field.below(field.steps[len(shared) :]) for field in fields]
        plan = _plan(fields, opaque)
        if place.prefix and sum(map(len, plan)) > 1:
            together = self._members(plan, self._places.element, opaque)
            return [Some(place.path(()), every(together))] if together else []
        return self._members(plan, place, opaque)

    def _members(self, plan: _Plan, place: _Place, opaque: bool) -> list[Condition]:
        absent, leaves, inner = plan
        found: list[Condition] = []
        for field in leaves:
            condition = self._leaf(field.leaf, field.steps[0], place)
            if condition is not None:
                found.append(condition)
        for step, group in inner.items():
            if not opaque and any("." in field.steps[0] for field in group):
                found.append(self._dotted(group, place))
            else:
                below = [field.below(field.steps[1:]) for field in group]
                found.extend(self._all(below, place.member(step)))
        for field in absent:
            found.extend(self._absent(field, steps, place) for steps in _readings(field.steps, opaque))
        return found

    def _dotted(self, fields: Sequence[Field], place: _Place) -> Condition:
        """Fields of which some are written with dots: nested, or members whose names have dots."""
        nested = [field.below((*field.steps[0].split("."), *field.steps[1:])) for field in fields]
        return either(
            [
                every([*self._all(nested, place), *self._elsewhere(fields, place)]),
                every([*self._all(fields, place, opaque=True), *self._elsewhere(nested, place)]),
            ]
        )

    def _elsewhere(self, fields: Sequence[Field], place: _Place) -> list[Condition]:
        """That what must be absent in one reading is absent in the other one too."""
        return [
            self._absent(field, field.steps, place) for field in fields if field.leaf.absent and not field.leaf.positive
        ]

    def _absent(self, field: Field, steps: tuple[str, ...], place: _Place) -> Condition:
        at = self._span(field.leaf.node, place)
        return Not(Present(place.path(steps, _LEAVES), at), at)

    def _leaf(self, leaf: Leaf, step: str, place: _Place) -> Condition | None:
        """That the member fits the leaf; None when it always does."""
        at = self._span(leaf.node, place)
        if leaf.present:
            # Any value fits, so other choices add nothing.
            return None if leaf.absent else Present(place.path((step,), _LEAVES), at)
        conditions = [self._choice(choice, step, place) for choice in leaf.choices]
        if leaf.absent:
            conditions.append(Not(Present(place.path((step,), _LEAVES), at), at))
        return disjunction(conditions)

    def _choice(self, choice: Choice, step: str, place: _Place) -> Condition:
        at = self._span(choice.node, place)
        first, *more = choice.predicates
        if not isinstance(first, Except):
            # The other predicates of patterns are false for objects and arrays as they are.
            return Test(place.path((step,)), first, at)
        path = place.path((step,), _LEAVES)
        if not more:
            return Test(path, first, at)
        value = Path(Root.ELEMENT, ())
        return Some(path, And(tuple(Test(value, predicate, at) for predicate in choice.predicates)), at)


def _shared(fields: Sequence[Field]) -> tuple[str, ...]:
    """The steps that lead to an object with all of the fields, where nothing else is to be looked for on the way."""
    steps = fields[0].steps[:-1] if fields else ()
    for field in fields:
        if not field.leaf.positive:
            return ()
        while field.steps[: len(steps)] != steps or len(field.steps) == len(steps):
            steps = steps[:-1]
    return () if any("." in step for step in steps) else steps


_Plan: TypeAlias = tuple[list[Field], list[Field], dict[str, list[Field]]]
"""What to look for at an object: absent fields, its own members, and members with fields further down."""


def _plan(fields: Sequence[Field], opaque: bool) -> _Plan:
    absent: list[Field] = []
    leaves: list[Field] = []
    inner: dict[str, list[Field]] = {}
    # The first of the fields with a value, by the step they share.
    first: dict[str, str] = {}
    for field in fields:
        if field.leaf.positive:
            step = _step(field, opaque)
            first[step] = min(field.name, first.get(step, field.name))
    for field in fields:
        step = _step(field, opaque)
        own = len(field.steps) == 1 and step == field.steps[0]
        if not field.leaf.positive and (own or step not in first or field.name < first[step]):
            absent.append(field)
        elif own:
            leaves.append(field)
        else:
            inner.setdefault(step, []).append(field)
    return absent, leaves, inner


def _step(field: Field, opaque: bool) -> str:
    """The member that leads to the field, if dots stand for nesting."""
    return field.steps[0] if opaque else field.steps[0].partition(".")[0]


def _readings(steps: tuple[str, ...], opaque: bool) -> list[tuple[str, ...]]:
    """How the keys on the way to a field may stand in an event: as written, and with dots for nesting."""
    kept = 1 if opaque else 0
    nested = (*steps[:kept], *(part for step in steps[kept:] for part in step.split(".")))
    return [steps] if nested == steps else [steps, nested]
