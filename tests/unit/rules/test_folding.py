"""Ignoring case, character by character."""

from __future__ import annotations

import sys

import pytest

from turnout.rules.condition.folding import fold


@pytest.mark.parametrize(
    ("one", "other"), [("GOLD", "gold"), ("ÄÖÜ", "äöü"), ("ΣΟΦΙΑ", "σοφια"), ("ЖУК", "жук"), ("\u023a", "\u2c65")]
)
def test_upper_and_lower_case_are_one(one: str, other: str) -> None:
    assert fold(one) == fold(other) == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("straße", "STRASSE"),
        ("\u212a", "k"),
        ("\u0130", "i"),
        ("\u0131", "I"),
        ("\u03c2", "\u03c3"),
        ("\u017f", "s"),
        ("\ufb01", "FI"),
    ],
)
def test_letters_without_one_other_case_are_only_themselves(one: str, other: str) -> None:
    assert fold(one) != fold(other)
    assert len(fold(one)) == len(one)


def test_folding_keeps_the_length_and_folding_again_changes_nothing() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    folded = fold(every)
    assert len(folded) == len(every)
    assert fold(folded) == folded
