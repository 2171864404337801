"""How the engine finds each rule: under which of its terms it is filed, or why it is tried for every event.

The engine's own choice (filing.py), in words. For `turnout rules list` and the linter.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from turnout.rules.condition import ast
from turnout.rules.condition.ast import Constant
from turnout.rules.condition.render import render_path, render_term
from turnout.rules.engine.filing import Choice, Filing, ways
from turnout.rules.engine.prepared import (
    All,
    Compares,
    Either,
    Fits,
    Inverse,
    Lone,
    Missing,
    Opaque,
    Prepared,
    There,
    Within,
)
from turnout.rules.engine.preparing import Preparer

__all__ = ["Access", "access_of", "why_scanned"]


class Access(msgspec.Struct, frozen=True):
    """How one rule is found. `filed` says under what, `scanned` why it is tried for every event; one of them is empty.

    Both are empty for a condition that is always true, or never: there is nothing to find out.
    """

    filed: str = ""
    scanned: str = ""


def access_of(conditions: Sequence[ast.Condition]) -> tuple[Access, ...]:
    """How each condition is found when the engine holds exactly these."""
    preparer = Preparer()
    prepared = [preparer.prepare(condition) for condition in conditions]
    filing = Filing(dict.fromkeys(prepared))
    return tuple(_access(condition, filing) for condition in prepared)


def _access(condition: Prepared, filing: Filing) -> Access:
    choice = None if isinstance(condition, Constant) else filing.choose(condition)
    return Access(scanned=why_scanned(condition)) if choice is None else Access(filed=_filed(choice))


def _filed(choice: Choice) -> str:
    """`equality of detail.channel`, with the number of values when there are several."""
    places: dict[tuple[str, str], int] = {}
    for key, _ in choice.keys:
        place = str(key.method.value), render_term(key.reading.term)
        places[place] = places.get(place, 0) + 1
    return "; ".join(
        f"{method} of {term}" + (f" ({count} values)" if count > 1 else "") for (method, term), count in places.items()
    )


def why_scanned(condition: Prepared) -> str:
    """Why the condition can be filed under none of its terms; empty when it can be, or is constant.

    The reason is told of the first term that could have been filed, had it been written otherwise.
    """
    match condition:
        case Constant():
            return ""
        case Fits():
            return "" if any(len(way) > 0 for way in ways(condition)) else _unfit(condition)
        case All(items=items):
            reasons = [why_scanned(item) for item in items if not isinstance(item, Constant)]
            return "" if not all(reasons) else reasons[0] if reasons else ""
        case Either(items=items):
            reasons = [why_scanned(item) for item in items if not isinstance(item, Constant)]
            found = next((reason for reason in reasons if reason), "")
            return f"of its alternatives one cannot be looked up: {found}" if found and len(items) > 1 else found
        case Inverse():
            return "'not' asks for what is absent, and what is absent cannot be looked up"
        case Lone(reading=reading):
            return f"that {_name(reading.term)} is no array says nothing of its value"
        case There(reading=reading):
            return f"that {_name(reading.term)} exists says nothing of its value"
        case Missing(reading=reading):
            return f"a {_name(reading.term)} that is null or missing cannot be looked up"
        case Compares(left=left, right=right):
            return f"{_name(left.term)} and {_name(right.term)} are both known from the event only"
        case Within(whole=whole):
            return why_scanned(whole)
        case Opaque(held=held) if not all(map(why_scanned, held)):
            return ""
        case Opaque(condition=inner):
            return f"{_opaque(inner)} looks at many values at once"


def _unfit(test: Fits) -> str:
    name = _name(test.reading.term)
    match test.predicate:
        case ast.Except():
            return f"nearly every value of {name} is another one than those named"
        case ast.Range():
            return f"the texts that {name} is compared with are in no index, only numbers are"
        case ast.Contains():
            return f"contains() looks at every character of {name}"
        case ast.Matches():
            return f"the regular expression has to be tried on {name}"
        case ast.Wildcard():
            return f"the wildcard for {name} begins and ends with '*'"
        case ast.InNetwork():
            return f"networks that {name} may be in are not indexed"
        case _:
            return f"every text fits what {name} is to begin or end with"


def _name(term: ast.Term) -> str:
    return render_path(ast.plain_path(term))


def _opaque(condition: ast.Condition) -> str:
    names = {ast.Some: "any(...)", ast.Every: "all(...)"}
    return next(
        (names[type(node)] for node in ast.walk(condition) if type(node) in names), "a path with '*', '..' or '?'"
    )
