"""What somebody who misspelt a name probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

__all__ = ["DID_YOU_MEAN", "nearest"]

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
