"""Words and numbers in what people are told."""

from __future__ import annotations

__all__ = ["count"]


def count(number: int, word: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
