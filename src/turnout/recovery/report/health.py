"""The health report: what a ledger's records of one queue add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from turnout.recovery.ledger.records import FROM_ARCHIVE, RESTORED, Record, Status
from turnout.recovery.report.model import Health
from turnout.recovery.report.shares import shares

__all__ = ["health"]

_DELIVERED = frozenset({Status.RETRIED, Status.REPLAYED})
_FAILED = frozenset({Status.FAILED_RETRY, Status.FAILED_REPLAY, Status.FAILED_ARCHIVE})
_PARKED = frozenset({Status.PARKED, Status.UNKNOWN_CATEGORY})


def health(records: Iterable[Record], gone: Callable[[Record], bool] = lambda _: False) -> Health:
    """The health of the letters that these records are of; `gone` tells which can be in their queue no more."""
    statuses: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    event_types: Counter[str] = Counter()
    first = last = unresolved = lost = failed = 0
    for record in _once_each(list(records)):
        statuses[record.status] += 1
        categories[record.disposition or "unknown"] += 1
        event_types[record.event_type or "(none)"] += 1
        # One that died between the deletion and the line about it has seen to its letter all the same.
        if not record.settled:
            unresolved += 1
            lost += gone(record)
        failed += record.status in _FAILED or (record.attempts > 0 and record.status in _PARKED)
        first = min(first or record.first_seen_ms, record.first_seen_ms or first)
        last = max(last, record.changed_ms, record.last_seen_ms)
    delivered = sum(statuses[status] for status in _DELIVERED)
    archived = statuses[Status.ARCHIVED]
    tried = delivered + archived + failed
    return Health(
        total=sum(statuses.values()),
        statuses=shares(statuses),
        categories=shares(categories),
        event_types=shares(event_types),
        delivered=delivered,
        failed=failed,
        archived=archived,
        open=unresolved,
        gone=lost,
        success_rate=(delivered + archived) / tried if tried else None,
        seconds=max(0, last - first) / 1000 if first else None,
    )


def _once_each(records: Sequence[Record]) -> list[Record]:
    """The records without those of letters that another one tells of.

    What is read from an archive has a record of its own beside that of the letter that was archived. When it was
    brought back into its queue, it is a new letter there, which counts once somebody has seen it; when it was delivered
    from the archive, that is what became of the letter; else the letter is archived still.
    """
    told, kept = set(), []
    for record in records:
        archived = record.letter.removeprefix(FROM_ARCHIVE)
        if archived == record.letter:
            continue
        if record.status in _DELIVERED:
            told.add(archived)
            if record.note != RESTORED:
                kept.append(record)
    return kept + [each for each in records if each.letter not in told and not each.letter.startswith(FROM_ARCHIVE)]
