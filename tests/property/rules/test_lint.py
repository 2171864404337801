"""What the linter claims of conditions is so, by the plain interpreter, for every event that was thought of."""

from __future__ import annotations

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.rules.strategies import conditions, literals, predicates, scalars, values

from turnout.rules.condition.ast import (
    Absent,
    And,
    Compare,
    Condition,
    Constant,
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
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.lint.candidates import Candidates
from turnout.rules.lint.overlaps import find_overlaps
from turnout.rules.lint.reasoning import always, implies, never
from turnout.rules.model import Mode, Place, Rule
from turnout.rules.problems import Code

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
@settings(max_examples=250, deadline=None)
def test_what_is_said_to_be_constant_is_constant(condition: Condition, events: list[object]) -> None:
    if never(condition):
        note("never")
        assert not any(holds(condition, Scope(each)) for each in events)
    if always(condition):
        note("always")
        assert all(holds(condition, Scope(each)) for each in events)


@given(any_condition, any_condition, st.booleans(), some_events)
@settings(max_examples=300, deadline=None)
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


# Small ones: of large ones it may be that nobody knows.
@given(near_conditions(1), near_conditions(1))
@settings(max_examples=200, deadline=None)
def test_a_condition_implies_itself_and_less_and_a_contradiction_is_seen(
    condition: Condition, other: Condition
) -> None:
    assert implies(condition, condition)
    assert implies(And((condition, other)), other)
    assert implies(condition, Or((other, condition)))
    assert never(And((condition, Not(condition))))
    assert always(Or((condition, Not(condition))))


# ---------------------------------------------------------------------------------------------------- rules among rules

_PLACE = Place("rules.yaml", 1, 1)
_TARGETS = ("x", "y")


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    """Rules of which many overlap: their conditions are put together from a few."""
    pool = draw(st.lists(near_conditions(1), min_size=2, max_size=4))
    rules = []
    for number in range(draw(st.integers(2, 6))):
        parts = tuple(draw(st.lists(st.sampled_from(pool), min_size=1, max_size=2, unique_by=id)))
        joined = And(parts) if draw(st.booleans()) else Or(parts)
        rules.append(
            Rule(
                id=f"r{number}",
                condition=joined if len(parts) > 1 else parts[0],
                send=tuple(draw(st.lists(st.sampled_from(_TARGETS), min_size=1, max_size=2, unique=True))),
                place=_PLACE,
                mode=draw(st.sampled_from([Mode.ACTIVE, Mode.ACTIVE, Mode.ACTIVE, Mode.SHADOW])),
                stop=draw(st.integers(0, 4)) == 0,
                delay=draw(st.sampled_from([None, None, None, number])),
            )
        )
    return rules


@given(rule_sets(), some_events)
@settings(max_examples=200, deadline=None)
def test_without_the_rules_that_are_said_to_be_needless_every_event_fares_the_same(
    rules: list[Rule], events: list[object]
) -> None:
    overlaps = list(find_overlaps(rules))
    needless = {found.rule.id for found in overlaps if found.code is not Code.DUPLICATE_CONDITION}
    if needless:
        note("needless")
    left = [rule for rule in rules if rule.id not in needless]
    for each in events:
        assert _sent(left, each) == _sent(rules, each)
        for found in overlaps:
            if found.code is Code.DUPLICATE_CONDITION:
                scope = Scope(each)
                assert holds(found.rule.condition, scope) is holds(found.other.condition, scope)


def _sent(rules: list[Rule], event: object) -> dict[str, int | None]:
    """What each target gets, and with which delay, by the plain interpreter."""
    sent: dict[str, int | None] = {}
    for rule in rules:
        if rule.mode is Mode.ACTIVE and holds(rule.condition, Scope(event)):
            for target in rule.send:
                sent.setdefault(target, rule.delay)
            if rule.stop:
                break
    return sent


@given(st.lists(near_conditions(2) | conditions(), min_size=1, max_size=8), near_conditions(2))
@settings(max_examples=100, deadline=None)
def test_what_a_plain_demand_implies_is_among_the_candidates(others: list[Condition], condition: Condition) -> None:
    found = set(Candidates([*others, condition]).of(condition, 100))
    assert len(others) in found or isinstance(condition, Not | Constant)
