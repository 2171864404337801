"""Pulling out what alternatives share, without changing what they mean."""

from __future__ import annotations

import itertools

import pytest

from turnout.rules.condition.ast import And, Condition, Constant, Key, Or, Path, Root, Some, Test, literal
from turnout.rules.condition.ast import OneOf as Equal
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.condition.sharing import either, every


def is_set(name: str, root: Root = Root.EVENT) -> Test:
    return Test(Path(root, (Key(name),)), Equal((literal(1),)))


A, B, C, D, E = map(is_set, "abcde")
X, Y, Z = (is_set(name, Root.ELEMENT) for name in "xyz")
TRUE = Constant(True)


def both(*items: Condition) -> And:
    return And(items)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([A], A),
        ([A, A], A),
        ([A, B], Or((A, B))),
        ([A, TRUE], TRUE),
        ([both(A, B), both(A, C)], both(A, Or((B, C)))),
        ([A, both(A, C)], A),
        ([both(A, B), both(B, C), D], Or((both(B, Or((A, C))), D))),
        (
            [both(A, C), both(A, D), both(B, C), both(B, D)],
            both(Or((A, B)), Or((C, D))),
        ),
        ([both(A, B, C), both(A, B, D), both(A, E)], both(A, Or((both(B, Or((C, D))), E)))),
    ],
)
def test_what_is_shared_stands_in_front(choices: list[Condition], expected: Condition) -> None:
    found = either(choices)
    assert found == expected
    for values in itertools.product([0, 1], repeat=5):
        scope = Scope(dict(zip("abcde", values, strict=True)))
        assert holds(found, scope) is any(holds(choice, scope) for choice in choices)


def test_tests_of_the_same_element_are_shared_inside() -> None:
    path = Path(Root.EVENT, (Key("p"),))
    other = Path(Root.EVENT, (Key("q"),))
    found = either([Some(path, both(X, Y)), A, Some(path, both(X, Z)), Some(other, X)])
    assert found == Or((A, Some(path, both(X, Or((Y, Z)))), Some(other, X)))


def test_every_leaves_out_what_is_always_true() -> None:
    assert every([A, TRUE, both(B, C), D]) == both(A, B, C, D)
    assert every([A, TRUE]) == A
    assert every([TRUE]) == TRUE
    assert every([]) == TRUE
