"""What the linter claims of conditions is so, by the plain interpreter, for every event that was thought of."""

from __future__ import annotations

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.rules.strategies import conditions, literals, predicates, scalars, values

from turnout.rules.ast import (
    Absent,
    And,
    Compare,
    Condition,
    Every,
    Except,
    Key,
    Length,
    Lower,
    Not,
    OneOf,
    Or,
    Order,
    Path,
    Present,
    Root,
    Scalars,
    Segment,
    Some,
    Spread,
    Term,
    Test,
)
from turnout.rules.interpret import Scope, holds
from turnout.rules.lint.reasoning import always, implies, never

# Few paths and few values, so that conditions have much to say of each other.
_DEEP = Spread(deep=True)
_SEGMENTS: tuple[tuple[Segment, ...], ...] = (
    (Key("a"),),
    (Key("a"), Key("b")),
    (Key("a"), Spread()),
    (Key("a"), _DEEP),
    (Key("a"), _DEEP, Scalars()),
    (Key("a"), _DEEP, Key("b"), _DEEP),
    (Key("a"), _DEEP, Key("b"), _DEEP, Scalars()),
)
_ELEMENTS: tuple[tuple[Segment, ...], ...] = ((), (Key("b"),), (Key("b"), _DEEP), (Scalars(),))
small = st.sampled_from([0, 1, 2, 1.5, "a", "A", "ab", True, None])
near_values = st.recursive(
    small | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.fixed_dictionaries({}, optional={"a": inner, "b": inner}),
    max_leaves=6,
)
near_events = st.fixed_dictionaries({}, optional={"a": near_values, "b": near_values})


@st.composite
def near_terms(draw: st.DrawFn, root: Root) -> Term:
    path = Path(root, draw(st.sampled_from(_SEGMENTS if root is Root.EVENT else _ELEMENTS)))
    choices: tuple[Term, ...] = (path, path, path, Lower(path), Length(path))
    return draw(st.sampled_from(choices))


@st.composite
def near_conditions(draw: st.DrawFn, depth: int = 3, root: Root = Root.EVENT) -> Condition:
    choice = draw(st.integers(0, 11)) if depth else draw(st.integers(0, 5))
    term = draw(near_terms(root))
    if choice <= 3:
        predicate = draw(predicates | st.lists(literals, min_size=1, max_size=3).map(lambda items: OneOf(tuple(items))))
        return Test(term, draw(st.sampled_from([predicate, predicate, Except(predicate)])))
    if choice == 4:
        path = Path(root, draw(st.sampled_from(_SEGMENTS if root is Root.EVENT else _ELEMENTS)))
        return Present(path)
    if choice == 5:
        other = draw(near_terms(root))
        order = draw(st.sampled_from(Order))
        return Absent(term) if draw(st.booleans()) else Compare(term, order, other)
    if choice <= 7:
        return Not(draw(near_conditions(depth - 1, root)))
    if choice <= 9:
        items = tuple(draw(st.lists(near_conditions(depth - 1, root), min_size=2, max_size=3)))
        return And(items) if choice == 8 else Or(items)
    path = Path(root, draw(st.sampled_from(_SEGMENTS[2:] if root is Root.EVENT else _ELEMENTS)))
    inner = draw(near_conditions(depth - 1, Root.ELEMENT))
    return Some(path, inner) if choice == 10 else Every(path, inner)


any_condition = near_conditions() | near_conditions() | conditions()
some_events = st.lists(
    near_events | st.dictionaries(st.sampled_from("ab"), values, max_size=2), min_size=12, max_size=12
)


@given(any_condition, some_events)
@settings(max_examples=400, deadline=None)
def test_what_is_said_to_be_constant_is_constant(condition: Condition, events: list[object]) -> None:
    if never(condition):
        note("never")
        assert not any(holds(condition, Scope(each)) for each in events)
    if always(condition):
        note("always")
        assert all(holds(condition, Scope(each)) for each in events)


@given(any_condition, any_condition, st.booleans(), some_events)
@settings(max_examples=600, deadline=None)
def test_what_is_said_to_be_implied_holds_whenever_the_other_does(
    condition: Condition, other: Condition, near: bool, events: list[object]
) -> None:
    if near:
        # Alike enough that the answer is often yes.
        other = Or((condition, other)) if isinstance(other, And) else other
        condition = And((condition, other)) if not isinstance(other, Or) else condition
    if implies(condition, other):
        note("implied")
        assert all(holds(other, Scope(each)) for each in events if holds(condition, Scope(each)))


@given(any_condition, any_condition)
@settings(max_examples=200, deadline=None)
def test_a_condition_implies_itself_and_less_and_a_contradiction_is_seen(
    condition: Condition, other: Condition
) -> None:
    assert implies(condition, condition)
    assert implies(And((condition, other)), other)
    assert implies(condition, Or((other, condition)))
    assert never(And((condition, Not(condition))))
    assert always(Or((condition, Not(condition))))
