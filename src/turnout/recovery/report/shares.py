"""Counts in the order in which they are shown, and the lists of them that are shown as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turnout.recovery.report import words
from turnout.recovery.report.model import Report, Share

__all__ = ["lists", "shares"]


def shares(counts: Mapping[str, int]) -> tuple[Share, ...]:
    """What was counted at all, the most frequent first, equals by name."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Share(str(name), count) for name, count in ordered if count)


def lists(report: Report) -> tuple[tuple[str, Sequence[Share]], ...]:
    """Targets, rules, event types and ages, each with its title."""
    return (
        ("Targets", [Share(words.short(share.name), share.count) for share in report.targets]),
        ("Rules", [Share(words.short(share.name), share.count) for share in report.rules]),
        ("Event types", report.event_types),
        ("Age", [Share(age.label, age.count) for age in report.ages if age.count]),
    )
