"""Selecting letters by what is known of them, and by expressions over their events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.recovery import letters as shapes

from turnout.message import Attribute
from turnout.recovery import Cause, Disposition, read_letter
from turnout.recovery.selection import Selection, Where, WhereError, is_named, last_part

OWN = read_letter(shapes.own(originals={"tenant": Attribute("String", "acme")}), queue="https://sqs/1/dead")
RULE = read_letter(shapes.rule("NO_PERMISSIONS", "denied"))
POISON = read_letter(shapes.message("not json"))
ALL = (OWN, RULE, POISON)


def fits(selection: Selection) -> list[bool]:
    return [selection(letter) for letter in ALL]


def test_nothing_given_selects_all() -> None:
    assert fits(Selection()) == [True, True, True]
    assert str(Selection()) == "all letters"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(causes=frozenset({Cause.RATE_LIMIT_EXCEEDED})), [True, False, False]),
        (Selection(dispositions=frozenset({Disposition.NEEDS_FIX})), [False, True, False]),
        (
            Selection(dispositions=frozenset({Disposition.NEEDS_FIX, Disposition.TRANSIENT})),
            [True, True, False],
        ),
        (Selection(rules=frozenset({"vip"})), [True, False, False]),
        (Selection(rules=frozenset({"to-crm"})), [False, True, False]),
        (Selection(targets=frozenset({"crm"})), [True, True, False]),
        (Selection(targets=frozenset({shapes.TARGET})), [False, True, False]),
        (Selection(since=datetime(2025, 12, 12, 15, 16, 10, tzinfo=UTC)), [True, True, True]),
        (Selection(until=datetime(2025, 12, 12, 15, 16, 11, tzinfo=UTC)), [True, False, False]),
        (Selection(ids=frozenset({shapes.EVENT_ID})), [True, True, False]),
        (Selection(ids=frozenset({shapes.CONVERSATION})), [True, True, False]),
        (Selection(ids=frozenset({OWN.id})), [True, True, True]),
        (Selection(where=Where("@cause == 'RATE_LIMIT_EXCEEDED' and @attempts >= 5")), [True, False, False]),
        (Selection(where=Where("@attributes.tenant == 'acme'")), [True, False, False]),
        (Selection(where=Where("@attributes.ERROR_CODE == 'NO_PERMISSIONS'")), [False, True, False]),
        (Selection(where=Where("@receive_count > 2 and detail.eventBody.mediaType == 'VOICE'")), [True, True, False]),
        (Selection(where=Where("not exists(detail)")), [False, False, True]),
        (Selection(where=Where("contains(@owed, 'crm') and 'x' != @queue")), [True, False, False]),
        (Selection(causes=frozenset({Cause.RATE_LIMIT_EXCEEDED}), rules=frozenset({"other"})), [False, False, False]),
    ],
)
def test_everything_given_must_fit(selection: Selection, expected: list[bool]) -> None:
    assert fits(selection) == expected


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:lambda:eu-west-1:111122223333:function:handler:$LATEST", "handler"),
        ("arn:aws:states:eu-west-1:111122223333:stateMachine:calls:live", "calls"),
        ("arn:aws:states:eu-west-1:111122223333:stateMachine:calls", "calls"),
        ("arn:aws:events:eu-west-1:111122223333:rule/partner-bus/to-crm", "to-crm"),
        ("arn:aws:sqs:eu-west-1:111122223333:crm", "crm"),
        ("crm:eu", "crm:eu"),
    ],
)
def test_of_an_arn_the_last_part_will_do_which_is_no_alias(arn: str, name: str) -> None:
    assert last_part(arn) == name
    assert is_named({name}, (arn,))


def test_an_expression_that_cannot_be_used_shows_the_place() -> None:
    with pytest.raises(WhereError) as caught:
        Where("detail.x == 1 and @cuase == 'X'")
    said = str(caught.value).split("\n")
    assert said[0].startswith("--where: character 19: TR206 a message has no metadata 'cuase'; did you mean 'cause'?")
    assert said[2] == " " * 22 + "^" * 6
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "detail.x ==", "'a' == ", "${X} == 1", "\t(", "x" * 100_000])
def test_no_expression_raises_anything_else(text: str) -> None:
    with pytest.raises(WhereError):
        Where(text)


def test_a_selection_reads_like_the_options_that_made_it() -> None:
    selection = Selection(
        causes=frozenset({Cause.UNKNOWN}),
        targets=frozenset({"crm"}),
        since=datetime(2026, 1, 5, tzinfo=UTC),
        where=Where("@receive_count > 2"),
    )
    assert str(selection) == (
        "--cause UNKNOWN --target crm --since 2026-01-05T00:00:00+00:00 --where '@receive_count > 2'"
    )
