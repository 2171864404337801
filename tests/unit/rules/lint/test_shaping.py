"""TR510 and TR511 of what goes with a message: paths that find nothing, and so add nothing."""

from __future__ import annotations

import pytest
from tests.unit.rules.lint.linting import warned

from turnout.rules.problems import Code


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"attributes": {"level": "high"}}, "attribute 'level': high stands for a member of the event"),
        ({"attributes": {"level": "high"}}, "detail.high, and a text is written {value: high}"),
        ({"attributes": {"level": {"path": "high"}}}, "written {value: high}"),
        ({"group": "conversationId"}, "group: conversationId stands for a member"),
        ({"deduplicate": "conversationId"}, "one of detail is written detail.conversationId"),
    ],
)
def test_a_name_alone_is_pointed_out(fields: dict[str, object], says: str) -> None:
    (found,) = warned("detail.x == 1", Code.UNQUOTED, **fields)
    assert says in found.message


def test_a_misspelt_member_is_pointed_out() -> None:
    (found,) = warned("detail.x == 1", Code.MISSPELT, attributes={"queue": "detial.queue"})
    assert "did you mean 'detail'?" in found.message


def test_members_of_events_metadata_and_constants_are_left_alone() -> None:
    fields: dict[str, object] = {
        "group": "detail.conversationId",
        "deduplicate": "id",
        "attributes": {"a": "@queue", "b": {"value": "high"}, "c": 5, "d": "order.id", "e": "$.source", "f": "$..id"},
    }
    for code in (Code.UNQUOTED, Code.MISSPELT):
        assert warned("detail.x == 1", code, **fields) == []


def test_an_example_that_matches_and_has_the_member_settles_it() -> None:
    example = {"event": {"tenant": "acme"}, "match": True}
    assert warned("tenant == 'acme'", Code.UNQUOTED, group="tenant", examples=[example]) == []
    assert warned("tenant == 'acme'", Code.UNQUOTED, group="tenant", examples=[{**example, "match": False}]) != []
