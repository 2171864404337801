"""Batching keeps every entry, in order, within both limits, and wastes no room."""

from __future__ import annotations

import itertools
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from turnout.sqs.api import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, OutgoingMessage
from turnout.sqs.batching import batches, take_batch

# (identity, size): sizes around the limit, at it, and above it
SIZES = st.one_of(
    st.integers(0, 2000),
    st.integers(0, MAX_BATCH_BYTES + 10),
    st.sampled_from([MAX_BATCH_BYTES // 2, MAX_BATCH_BYTES, MAX_BATCH_BYTES + 1, MAX_BATCH_BYTES // 10]),
)
ENTRIES = st.lists(SIZES, max_size=60).map(lambda sizes: list(enumerate(sizes)))


def size(entry: tuple[int, int]) -> int:
    return entry[1]


@given(ENTRIES)
def test_nothing_is_lost_or_doubled_and_the_order_is_kept(entries: list[tuple[int, int]]) -> None:
    assert [entry for batch in batches(entries, size) for entry in batch] == entries


@given(ENTRIES)
def test_every_batch_fits_both_limits_unless_one_entry_alone_does_not(entries: list[tuple[int, int]]) -> None:
    for batch in batches(entries, size):
        assert 1 <= len(batch) <= MAX_BATCH_ENTRIES
        assert sum(map(size, batch)) <= MAX_BATCH_BYTES or len(batch) == 1


@given(ENTRIES)
def test_no_batch_could_have_taken_the_next_entry(entries: list[tuple[int, int]]) -> None:
    cut = list(batches(entries, size))
    for batch, following in itertools.pairwise(cut):
        full = len(batch) == MAX_BATCH_ENTRIES
        assert full or sum(map(size, batch)) + size(following[0]) > MAX_BATCH_BYTES


@given(ENTRIES, st.integers(1, 10), st.integers(1, 5000))
def test_other_limits_hold_as_well(entries: list[tuple[int, int]], max_entries: int, max_bytes: int) -> None:
    pending = deque(entries)
    taken: list[tuple[int, int]] = []
    while pending:
        batch = take_batch(pending, size, max_entries=max_entries, max_bytes=max_bytes)
        assert 1 <= len(batch) <= max_entries
        assert sum(map(size, batch)) <= max_bytes or len(batch) == 1
        taken += batch
    assert taken == entries


def test_nothing_gives_no_batch() -> None:
    assert list(batches([], OutgoingMessage.size)) == []
    assert take_batch(deque[OutgoingMessage](), OutgoingMessage.size) == []


def test_an_entry_that_is_too_large_travels_alone() -> None:
    small, large = OutgoingMessage("s"), OutgoingMessage("x" * (MAX_BATCH_BYTES + 1))
    assert list(batches([small, large, small], OutgoingMessage.size)) == [[small], [large], [small]]
