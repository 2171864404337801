"""Names in the options that select letters, which no letter has."""

from __future__ import annotations

import pytest
from tests.unit.recovery import letters as shapes

from turnout.recovery import read_letter
from turnout.recovery.misnamed import Noticing
from turnout.recovery.selection import Selection

OWN = read_letter(shapes.own(owed=("billing",)), queue="https://sqs/1/dead")
RULE = read_letter(shapes.rule("NO_PERMISSIONS", "denied"))


def said(selection: Selection) -> tuple[str, ...]:
    noticing = Noticing(selection)
    assert [noticing(letter) for letter in (OWN, RULE)] == [selection(letter) for letter in (OWN, RULE)]
    return noticing.misnamed()


@pytest.mark.parametrize(
    ("selection", "sentences"),
    [
        (
            Selection(targets=frozenset({"biling"})),
            ("--target biling: no letter that was read is owed to it; did you mean 'billing'?",),
        ),
        (
            Selection(rules=frozenset({"to-crn"})),
            ("--rule to-crn: no letter that was read is of it; did you mean 'to-crm'?",),
        ),
        (
            Selection(targets=frozenset({"billing", "xyzzy"})),
            ("--target xyzzy: no letter that was read is owed to it",),
        ),
        (Selection(targets=frozenset({"billing", shapes.TARGET}), rules=frozenset({"vip", "to-crm"})), ()),
        (Selection(), ()),
    ],
)
def test_a_name_that_no_letter_has_is_told_with_the_nearest_one(
    selection: Selection, sentences: tuple[str, ...]
) -> None:
    assert said(selection) == sentences


def test_a_name_that_a_letter_has_is_not_called_wrong_where_another_option_keeps_the_letter_out() -> None:
    assert said(Selection(targets=frozenset({"billing"}), ids=frozenset({"another"}))) == ()


def test_nothing_is_said_of_names_where_there_are_no_letters() -> None:
    assert Noticing(Selection(targets=frozenset({"biling"}))).misnamed() == ()
