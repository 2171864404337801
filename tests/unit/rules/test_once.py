"""What does not depend on the element is found once, and means what the interpreter says it means."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.rules.language import read

from turnout.rules.condition.compile import compile_condition
from turnout.rules.condition.interpret import Scope, holds


class Counted(list[Any]):
    """An array that counts how often it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[Any]:
        self.times += 1
        return super().__iter__()


@pytest.mark.parametrize(
    "condition",
    [
        "any(detail.items, @.id == 'a' and contains(detail.tags, 'x'))",
        "any(detail.items, contains(detail.tags, 'x') and @.id == 'a')",
        "any(detail.items, not (@.id == 'b' or not contains(detail.tags, 'x')))",
        "all(detail.items, @.id == 'a' and not contains(detail.tags, 'x'))",
        "any(detail.items, any(@.parts, @.n == 1 and contains(detail.tags, 'x')))",
    ],
)
def test_an_array_of_the_event_is_searched_once_however_many_elements_there_are(condition: str) -> None:
    tags = Counted(["y"] * 100)
    event = {"detail": {"items": [{"id": "a", "parts": [{"n": 1}]} for _ in range(100)], "tags": tags}}
    compiled = compile_condition(read(condition))
    for evaluation in (1, 2):
        assert compiled(event, None, None) is condition.startswith("all")
        assert tags.times == evaluation, "and anew for each event"


def test_what_is_not_needed_is_not_looked_for() -> None:
    tags = Counted(["x"])
    event = {"detail": {"items": [{"id": "b"}], "tags": tags}}
    assert not compile_condition(read("any(detail.items, @.id == 'a' and contains(detail.tags, 'x'))"))(
        event, None, None
    )
    assert tags.times == 0


@pytest.mark.parametrize(
    "condition",
    [
        "any(detail.items, @.id == 'a' and detail.kind == 'k')",
        "any(detail.items, @.id == lower(detail.upper))",
        "all(detail.items, lower(detail.upper) == @.id)",
        "any(detail.items, len(detail.tags) == @.n)",
        "any(detail.items, @.id == @attributes.own and contains(@attributes.own, 'a'))",
        "any(detail.items, @.id == @attributes.none or @attributes.none == null)",
        "any(detail.items, @.n == @receive_count)",
        "any(detail.items, any(@.parts, @.n == 1 and detail.kind == 'k') and contains(detail.tags, 'x'))",
        "all(detail.items, exists(detail.kind) or @.id == 'z')",
        "all(detail.none, detail.kind == 'k')",
        "any(detail.items, detail.kind == 'k')",
    ],
)
@pytest.mark.parametrize("metadata", [{"attributes": {"own": "a"}, "receive_count": 2}, {}, None])
def test_it_means_what_it_says(condition: str, metadata: dict[str, object] | None) -> None:
    said = read(condition)
    for kind in ("k", None):
        for tags in (["x", "y"], []):
            items = [{"id": "a", "n": 2, "parts": [{"n": 1}]}, {"id": "b"}]
            event = {"detail": {"items": items, "kind": kind, "tags": tags, "upper": "A"}}
            assert compile_condition(said)(event, metadata, None) is holds(said, Scope(event, metadata))
