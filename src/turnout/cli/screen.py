"""Where tables are printed: as wide as the terminal, and wide enough elsewhere."""

from __future__ import annotations

from rich.console import Console

__all__ = ["WIDTH_ELSEWHERE", "wide_console"]

WIDTH_ELSEWHERE = 160
"""Columns where the output is no terminal, which has no width of its own."""


def wide_console() -> Console:
    """The console of standard output."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_ELSEWHERE)
