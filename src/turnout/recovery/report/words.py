"""Words, times and lengths of time in reports."""

from __future__ import annotations

from datetime import datetime

from turnout.words import count

__all__ = ["NOTHING", "STATUSES", "instant", "letters", "percent", "short", "span", "unsettled", "worked"]

NOTHING = "\u2013"
"""Where there is nothing to say."""

STATUSES: dict[str, str] = {
    "pending": "nothing done yet",
    "in_progress": "under way, or its process died",
    "retried": "retried, and it arrived",
    "failed_retry": "retried, and it failed again",
    "archived": "archived",
    "failed_archive": "could not be archived",
    "replayed": "replayed, and it arrived",
    "failed_replay": "replayed, and it failed again",
    "parked": "left for somebody to repair",
    "unknown_category": "left for somebody to look at",
    "processed": "taken out without a delivery",
}
"""What the ledger's words mean."""

_UNITS = ((86_400, "day"), (3_600, "h"), (60, "min"))


def letters(number: int) -> str:
    """`1 letter`, `2 letters`."""
    return count(number, "letter")


def span(seconds: float) -> str:
    """A length of time as people say it: `3 days 4 h`, `12 min`, `5 s`."""
    rest = int(seconds)
    parts = []
    for size, unit in _UNITS:
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount} {unit}{'s' if unit == 'day' and amount > 1 else ''}")
    return " ".join(parts[:2]) or f"{rest} s"


def instant(moment: datetime | None) -> str:
    """`2026-11-28 09:15:02 UTC`; a dash for none."""
    return NOTHING if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def percent(part: float) -> str:
    """`97.5 %`, of a part between 0 and 1. What is not all is never called 100 %."""
    shown = 100 * part
    if 0 < shown < 0.1 or 99.9 < shown < 100:
        return "< 0.1 %" if shown < 1 else "> 99.9 %"
    return f"{shown:.1f}".removesuffix(".0") + " %"


def worked(success_rate: float | None) -> str:
    """A sentence on what recovery achieved; empty when nothing was tried."""
    return "" if success_rate is None else f"What was tried worked for {percent(success_rate)}."


def unsettled(open_: int, gone: int) -> str:
    """How many letters are not settled, and how many of these nobody can settle any more."""
    if not gone:
        return f"{open_:,} not settled"
    which = "all of them" if gone == open_ else f"{gone:,} of them"
    return f"{open_:,} not settled ({which} gone: their time in the queue was over)"


def short(target: str) -> str:
    """An ARN without what all ARNs of an account have in common: `lambda handler`. Anything else as it is."""
    parts = target.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return target
    name = parts[5].removeprefix("function:")
    return f"{parts[2]} {name}"
