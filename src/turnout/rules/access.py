"""How the engine finds each rule: under which of its terms it is filed, or why it is tried for every event.

The engine's own choice (engine/filing.py), in words. For `turnout rules list` and the linter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from turnout.rules.ast import (
    Condition,
    Constant,
    Contains,
    Except,
    InNetwork,
    Matches,
    Predicate,
    Prefix,
    Range,
    Suffix,
    Wildcard,
)
from turnout.rules.engine.filing import Choice, Filing
from turnout.rules.engine.terms import All, Compares, Either, Fits, Inverse, Missing, Opaque, Prepared, Preparer, There
from turnout.rules.render import render_term

__all__ = ["Access", "access_of"]


class Access(msgspec.Struct, frozen=True):
    """How one rule is found. `filed` says under what, `scanned` why it is tried for every event; one of them is empty.

    Both are empty for a condition that is always true, or never: there is nothing to find out.
    """

    filed: str = ""
    scanned: str = ""


def access_of(conditions: Sequence[Condition]) -> tuple[Access, ...]:
    """How each condition is found when the engine holds exactly these."""
    preparer = Preparer()
    prepared = [preparer.prepare(condition) for condition in conditions]
    filing = Filing(dict.fromkeys(prepared))
    return tuple(_access(condition, filing) for condition in prepared)


def _access(condition: Prepared, filing: Filing) -> Access:
    if isinstance(condition, Constant):
        return Access()
    choice = filing.choose(condition)
    return Access(scanned=_why(condition, filing)) if choice is None else Access(filed=_filed(choice))


def _filed(choice: Choice) -> str:
    """`equality of detail.channel`, with the number of values when there are several."""
    places: dict[tuple[str, str], int] = {}
    for key, _ in choice.keys:
        place = str(key.method.value), render_term(key.reading.term)
        places[place] = places.get(place, 0) + 1
    return "; ".join(
        f"{method} of {term}" + (f" ({count} values)" if count > 1 else "") for (method, term), count in places.items()
    )


def _why(condition: Prepared, filing: Filing) -> str:
    match condition:
        case All(items=items):
            return ", ".join(dict.fromkeys(_why(item, filing) for item in items))
        case Either(items=items):
            return _first(f"of its alternatives: {_why(item, filing)}" for item in items if not filing.choose(item))
        case Fits(reading=reading, predicate=predicate):
            return f"{_kind(predicate)} ({render_term(reading.term)})"
        case Compares(left=left, right=right):
            return f"two paths are compared ({render_term(left.term)}, {render_term(right.term)})"
        case There(reading=reading):
            return f"exists() fits any value ({render_term(reading.term)})"
        case Missing(reading=reading):
            return f"what is missing cannot be looked up ({render_term(reading.term)})"
        case Inverse():
            return "'not' fits most events"
        case Opaque():
            return "elements of arrays are tested together, or a path has filters"
        case _:
            return ""


def _first(reasons: Iterable[str]) -> str:
    return next(iter(reasons), "")


def _kind(predicate: Predicate) -> str:
    match predicate:
        case Except():
            return "'!=', 'not in' and anything-but fit most values"
        case Matches():
            return "regular expressions are not looked up"
        case InNetwork():
            return "networks are not looked up"
        case Contains():
            return "contains() is not looked up"
        case Range():
            return "ranges are looked up for numbers only"
        case Prefix() | Suffix():
            return "every text begins and ends with nothing"
        case Wildcard():
            return "a wildcard with '*' at both ends is not looked up"
        case _:
            return "it is not looked up"
