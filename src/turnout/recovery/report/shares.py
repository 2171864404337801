"""Counts in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from turnout.recovery.report.model import Share

__all__ = ["shares"]


def shares(counts: Mapping[str, int]) -> tuple[Share, ...]:
    """What was counted at all, the most frequent first, equals by name."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Share(str(name), count) for name, count in ordered if count)
