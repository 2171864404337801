"""The shape of the conditions that patterns become, which the index relies on: as little machinery as they need."""

from __future__ import annotations

from tests.unit.rules.patterns import condition

from turnout.rules.condition.ast import (
    And,
    Bound,
    Constant,
    EqualsFold,
    Except,
    InNetwork,
    Key,
    Not,
    OneOf,
    Or,
    Path,
    Predicate,
    Prefix,
    Present,
    Range,
    Root,
    Scalars,
    Segment,
    Some,
    Spread,
    Suffix,
    Test,
    Wildcard,
    literal,
)

ABSENT = {"exists": False}
DEEP = Spread(deep=True)


def path(*names: str, last: tuple[Segment, ...] = (), root: Root = Root.EVENT) -> Path:
    return Path(root, (*(segment for name in names for segment in (Key(name), DEEP)), *last))


def leaves(*names: str, root: Root = Root.EVENT) -> Path:
    return path(*names, last=(Scalars(),), root=root)


def inner(*names: str) -> Path:
    return path(*names, root=Root.ELEMENT)


def one_of(*values: str | int | bool | None) -> OneOf:
    return OneOf(tuple(map(literal, values)))


def test_fields_of_different_objects_are_plain_tests() -> None:
    assert condition({"source": ["a", 1, None], "detail": {"channel": ["voice"]}}) == And(
        (Test(path("source"), one_of("a", 1, None)), Test(path("detail", "channel"), one_of("voice")))
    )


def test_one_field_is_one_test_however_deep() -> None:
    assert condition({"a": {"b": {"c": [1]}}}) == Test(path("a", "b", "c"), one_of(1))


def test_fields_of_one_object_are_tests_of_one_element() -> None:
    assert condition({"a": {"b": {"c": [1], "d": [2]}, "e": [3]}}) == Some(
        path("a"),
        And(
            (
                Test(inner("e"), one_of(3)),
                Some(inner("b"), And((Test(inner("c"), one_of(1)), Test(inner("d"), one_of(2))))),
            )
        ),
    )


def test_every_operator_is_a_predicate() -> None:
    operators: list[tuple[object, Predicate]] = [
        ({"exactly": "x"}, one_of("x")),
        ({"prefix": "x"}, Prefix("x")),
        ({"prefix": {"equals-ignore-case": "x"}}, Prefix("x", fold=True)),
        ({"suffix": "x"}, Suffix("x")),
        ({"suffix": {"equals-ignore-case": "x"}}, Suffix("x", fold=True)),
        ({"equals-ignore-case": "x"}, EqualsFold("x")),
        ({"wildcard": "x*"}, Wildcard("x*")),
        ({"cidr": "10.1.2.3/8"}, InNetwork("10.0.0.0/8")),
        ({"numeric": ["=", 5]}, one_of(5)),
        ({"numeric": [">", 5]}, Range(low=Bound(5, inclusive=False))),
        ({"numeric": ["<=", 5]}, Range(high=Bound(5, inclusive=True))),
        ({"numeric": [">=", 1, "<", 5]}, Range(Bound(1, inclusive=True), Bound(5, inclusive=False))),
        ("10.0.0.01", InNetwork("10.0.0.1/32")),
        ("::1", InNetwork("::1/128")),
    ]
    for operator, predicate in operators:
        assert condition({"a": [operator]}) == Test(path("a"), predicate)


def test_several_operators_are_alternatives_with_the_literals_first() -> None:
    assert condition({"a": [{"prefix": "x"}, "y", {"numeric": ["<", 1]}, "z"]}) == Or(
        (
            Test(path("a"), one_of("y", "z")),
            Test(path("a"), Prefix("x")),
            Test(path("a"), Range(high=Bound(1, inclusive=False))),
        )
    )


def test_anything_but_looks_at_leaves_only() -> None:
    assert condition({"a": [{"anything-but": ["x", "y"]}]}) == Test(leaves("a"), Except(one_of("x", "y")))
    assert condition({"a": [{"anything-but": {"suffix": "x"}}]}) == Test(leaves("a"), Except(Suffix("x")))


def test_anything_but_several_prefixes_is_about_one_value() -> None:
    value = Path(Root.ELEMENT, ())
    assert condition({"a": [{"anything-but": {"prefix": ["x", "y"]}}]}) == Some(
        leaves("a"), And((Test(value, Except(Prefix("x"))), Test(value, Except(Prefix("y")))))
    )


def test_exists_is_about_leaves_and_makes_other_values_superfluous() -> None:
    assert condition({"a": [{"exists": True}, "x"]}) == Present(leaves("a"))
    assert condition({"a": {"b": [ABSENT]}}) == Not(Present(leaves("a", "b")))
    assert condition({"a": ["x", ABSENT]}) == Or((Test(path("a"), one_of("x")), Not(Present(leaves("a")))))
    assert condition({"a": [{"exists": True}, ABSENT]}) == Constant(True)
    assert condition({"a": [{"exists": True}, ABSENT], "b": [1]}) == Test(path("b"), one_of(1))


def test_an_absent_field_stands_in_the_deepest_object_that_a_field_before_it_is_in() -> None:
    assert condition({"a": {"b": [1], "c": [ABSENT]}}) == Some(
        path("a"), And((Test(inner("b"), one_of(1)), Not(Present(leaves("c", root=Root.ELEMENT)))))
    )
    assert condition({"a": {"c": [1], "b": [ABSENT]}}) == And(
        (Test(path("a", "c"), one_of(1)), Not(Present(leaves("a", "b"))))
    )


def test_what_alternatives_share_stands_in_front() -> None:
    pattern = {"s": [1], "d": {"x": [1], "$or": [{"y": [2]}, {"z": [3], "y": [4]}]}}
    assert condition(pattern) == And(
        (
            Test(path("s"), one_of(1)),
            Some(
                path("d"),
                And(
                    (
                        Test(inner("x"), one_of(1)),
                        Or(
                            (
                                Test(inner("y"), one_of(2)),
                                And((Test(inner("z"), one_of(3)), Test(inner("y"), one_of(4)))),
                            )
                        ),
                    )
                ),
            ),
        )
    )


def test_independent_alternatives_stay_apart() -> None:
    pattern = {"x": {"$or": [{"a": [1]}, {"b": [1]}]}, "y": {"$or": [{"a": [1]}, {"b": [1]}]}}
    assert condition(pattern) == And(
        tuple(Or((Test(path(name, "a"), one_of(1)), Test(path(name, "b"), one_of(1)))) for name in ("x", "y"))
    )


def test_dotted_keys_are_alternatives() -> None:
    assert condition({"s": [1], "a.b": [2]}) == And(
        (Test(path("s"), one_of(1)), Or((Test(path("a", "b"), one_of(2)), Test(path("a.b"), one_of(2)))))
    )


def test_equal_literals_are_one() -> None:
    assert condition({"a": [1, 1.0, "x", True, "x", 1e0]}) == Test(path("a"), one_of(1, "x", True))
