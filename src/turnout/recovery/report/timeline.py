"""When letters failed, and how old they are: sorted into steps of time that people count in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from turnout.recovery.report.model import Age, Timeline

__all__ = ["ages", "timeline"]

_MOST_STEPS = 48
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_STEPS = (
    *(_MINUTE * n for n in (1, 5, 15, 30)),
    *(_HOUR * n for n in (1, 3, 6, 12)),
    *(_DAY * n for n in (1, 7, 28, 364)),
)
_LIMITS = (
    ("up to 5 min", 5 * _MINUTE),
    ("up to 1 h", _HOUR),
    ("up to 6 h", 6 * _HOUR),
    ("up to 1 day", _DAY),
    ("up to 4 days", 4 * _DAY),
    ("up to 10 days", 10 * _DAY),
    ("up to 14 days", 14 * _DAY),
)
"""4 days is what SQS keeps messages by default, 14 days at most; beyond 10, somebody should hurry."""
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday, so that weeks begin on one


def timeline(moments: Sequence[tuple[str, datetime | None]], now: datetime) -> Timeline | None:
    """Letters by cause over time; each is its cause and when it failed. None when nothing dates any of them.

    What lies in the future counts as now. The step is the shortest that needs no more than 48 of them.
    """
    dated = [(cause, min(moment, now)) for cause, moment in moments if moment is not None]
    if not dated:
        return None
    first, last = min(moment for _, moment in dated), max(moment for _, moment in dated)
    step = next((step for step in _STEPS if _index(last, step) - _index(first, step) < _MOST_STEPS), _STEPS[-1])
    begin = _index(first, step)
    count = _index(last, step) - begin + 1
    by_cause: dict[str, list[int]] = {}
    for cause, moment in dated:
        by_cause.setdefault(cause, [0] * count)[_index(moment, step) - begin] += 1
    ordered = sorted(by_cause.items(), key=lambda item: (-sum(item[1]), item[0]))
    return Timeline(
        _EPOCH + timedelta(seconds=begin * step),
        step,
        tuple((cause, tuple(counts)) for cause, counts in ordered),
        len(moments) - len(dated),
    )


def ages(seconds: Iterable[float | None]) -> tuple[Age, ...]:
    """How many letters are how old; empty when nothing dates any of them."""
    counts: Counter[int] = Counter()
    for age in seconds:
        if age is not None:
            counts[next((n for n, (_, limit) in enumerate(_LIMITS) if age <= limit), len(_LIMITS))] += 1
    if not counts:
        return ()
    labels: list[tuple[str, int | None]] = [*_LIMITS, ("older", None)]
    return tuple(Age(label, limit, counts[n]) for n, (label, limit) in enumerate(labels))


def _index(moment: datetime, step: int) -> int:
    return int((moment - _EPOCH).total_seconds() // step)
