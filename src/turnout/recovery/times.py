"""Moments as letters write them: ISO 8601, epoch seconds or milliseconds, as numbers or as text."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

__all__ = ["moment"]

_MILLISECONDS = 100_000_000_000
"""A larger number of seconds would be after the year 5138: it counts milliseconds."""
_DIGITS_OF_A_DAY = 8
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before that there was no queue in which a letter could have lain: what is earlier stands for no time at all."""


def moment(value: object) -> datetime | None:
    """The moment in UTC; None for anything that names none, `0001-01-01` too. A text without a zone is taken as UTC."""
    found = _moment(value)
    return found if found is not None and found >= _EARLIEST else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not text.isascii() or len(text) > 64:
            return None
        # To fromisoformat many a number of milliseconds is a day without hyphens, any digit, hours and minutes.
        if not (text.isdigit() and len(text) > _DIGITS_OF_A_DAY):
            with contextlib.suppress(ValueError, OverflowError):
                return _zoned(datetime.fromisoformat(text))
        try:
            value = float(text)
        except ValueError:
            return None
    if not isinstance(value, int | float) or not 0 < value < 1e17:
        return None
    try:
        return datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _zoned(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
