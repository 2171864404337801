"""TR510 and TR511 of what goes with a message: paths that find nothing, and so add nothing."""

from __future__ import annotations

import pytest
from tests.unit.rules.lint.linting import file_of, rule_text, warned, warnings_of

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


@pytest.mark.parametrize("fields", [{"group": "attributes.tenant"}, {"attributes": {"t": "attributes.tenant"}}])
def test_metadata_without_its_at_sign_is_pointed_out(fields: dict[str, object]) -> None:
    (found,) = warned("detail.x == 1", Code.MISSPELT, **fields)
    assert found.message.endswith("what SQS tells of the message is written @attributes.tenant")


@pytest.mark.parametrize("fields", [{"group": "event.detail.id"}, {"deduplicate": "body.detail.id"}])
def test_a_path_that_begins_before_the_event_is_pointed_out(fields: dict[str, object]) -> None:
    (found,) = warned("detail.x == 1", Code.MISSPELT, send=["high"], **fields)
    assert found.message.endswith("; write detail.id")


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


TARGETS = (
    "{plain: {queue: q}, fifo: {queue: q.fifo}, hook: {url: 'https://example.com/'}, unset: {queue: '${NO_SUCH}'}, "
    "topic: {topic: 'arn:aws:sns:eu-west-1:123456789012:t.fifo'}, bus: {bus: default}}"
)


@pytest.mark.parametrize(
    ("send", "fields", "useless"),
    [
        (["fifo"], {"delay": 60}, ["delay"]),
        (["hook", "fifo"], {"delay": 60}, ["delay"]),
        (["fifo", "plain"], {"delay": 60}, []),
        (["fifo"], {"delay": 0}, []),
        (["unset"], {"delay": 60, "deduplicate": "id"}, []),
        (["plain"], {"deduplicate": "id"}, ["deduplicate"]),
        (["plain", "hook"], {"deduplicate": "id"}, []),
        (["fifo"], {"deduplicate": "id", "group": "detail.x"}, []),
        (["plain"], {"group": "detail.x"}, []),
        (["topic"], {"group": "detail.x"}, []),
        (["hook"], {"group": "detail.x"}, ["group"]),
        (["bus"], {"deduplicate": "id", "attributes": {"a": "id"}}, ["deduplicate", "attributes"]),
        (["bus", "hook"], {"deduplicate": "id", "attributes": {"a": "id"}}, []),
    ],
)
def test_a_field_that_no_target_of_the_rule_has_a_use_for_is_pointed_out(
    send: list[str], fields: dict[str, object], useless: list[str]
) -> None:
    found = warnings_of(file_of(rule_text("r", "detail.x == 1", send=send, **fields), targets=TARGETS))
    assert [each.message.split()[0] for each in found if each.code is Code.NO_EFFECT] == useless
