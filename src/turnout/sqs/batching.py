"""Cutting a sequence of entries into batches that one call takes: by count and by bytes, order kept.

Pure functions over any kind of entry; the caller says how large an entry is. Filling is greedy: a batch ends only
where the next entry would not fit. Sending is not here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from turnout.sqs.api import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES

__all__ = ["batches", "take_batch"]

T = TypeVar("T")


def take_batch(
    pending: deque[T],
    size: Callable[[T], int],
    *,
    max_entries: int = MAX_BATCH_ENTRIES,
    max_bytes: int = MAX_BATCH_BYTES,
) -> list[T]:
    """Remove the longest prefix of `pending` that fits one batch, and return it; empty only if `pending` is.

    The limits are SQS's, unless others are given. `size` gives an entry's bytes (`OutgoingMessage.size`). An entry that
    is larger than `max_bytes` by itself is returned alone, never beside others: it will be refused, and its neighbours
    must not be refused with it.
    """
    batch: list[T] = []
    room = max_bytes
    while pending and len(batch) < max_entries:
        room -= size(pending[0])
        if room < 0 and batch:
            break
        batch.append(pending.popleft())
    return batch


def batches(entries: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Cut `entries` into batches for SQS, in order, each as `take_batch` would take it."""
    pending = deque(entries)
    while pending:
        yield take_batch(pending, size)
