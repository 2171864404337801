"""How tables lie in memory: that what they hold stays the same, and that CPython does what is said of it."""

from __future__ import annotations

import sys

from turnout.rules.engine.packing import Texts, packed


def test_a_packed_table_is_equal_to_what_it_was_made_of() -> None:
    mappings: list[dict[object, int]] = [
        {},
        {"a": 1, "b": 2},
        {None: 1},
        {None: 1, "a": 2},
        {1: 1, "1": 2, "": 3, 2.5: 4},
    ]
    for buckets in mappings:
        assert packed(buckets) == buckets
        assert list(packed(buckets).values()) == [buckets[key] for key in packed(buckets)]


def test_a_packed_table_of_texts_keeps_their_hashes() -> None:
    texts: dict[object, int] = {f"text-{number}": number for number in range(1_000)}
    assert sys.getsizeof(packed(texts)) > sys.getsizeof(dict(texts)), "this Python keeps hashes in every dict"


def test_equal_texts_are_one_object_and_no_text_of_the_rule_files() -> None:
    texts = Texts()
    written, again = "".join(["queue", "-1"]), "".join(["queue", "-", "1"])
    assert texts.one(written) == written
    assert texts.one(written) is texts.one(again)
    assert texts.one(written) is not written
    assert texts.one("") == ""
