"""What somebody who misspelt a name probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

__all__ = ["DID_YOU_MEAN", "Guesses", "nearest"]

DID_YOU_MEAN = "did you mean"


def nearest(name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None, *, cutoff: float = 0.6) -> str:
    """`; did you mean 'x'?` when something known is close to the name, else an empty string.

    `cutoff` is how close: 1 is equal but for upper and lower case.
    """
    choice = (aliases or {}).get(name.lower())
    if choice is None:
        by_lower = {candidate.lower(): candidate for candidate in known}
        close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
        choice = by_lower[close[0]] if close else None
    return f"; {DID_YOU_MEAN} '{choice}'?" if choice is not None else ""


_MOST_COMPARED = 50_000
"""Names that unknown ones are compared with: a second of work. Thousands are no slips."""


class Guesses:
    """What was probably meant by many names that are not known. After too many of them, nobody is told any more."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._made: dict[str, str] = {}

    def nearest(self, name: str) -> str:
        """As the function of this name."""
        if name not in self._made:
            affordable = len(self._made) * len(self._known) < _MOST_COMPARED
            self._made[name] = nearest(name, self._known) if affordable else ""
        return self._made[name]
