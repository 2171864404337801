"""What predicates on text say of each other: whether one implies another, whether two exclude each other.

Only what is certain is claimed. A predicate is compared by its literal pieces, as of a wildcard pattern: `starts_with`
is `p*`, `contains` is `*p*`.
"""

from __future__ import annotations

from typing import NamedTuple

from turnout.rules.condition import networks, wildcards
from turnout.rules.condition.ast import (
    Contains,
    EqualsFold,
    InNetwork,
    Kind,
    Literal,
    OneOf,
    Predicate,
    Prefix,
    Suffix,
    Wildcard,
)
from turnout.rules.condition.folding import fold

__all__ = ["exclude", "fits_every_text", "has_capitals", "implies"]


class _Pieces(NamedTuple):
    """The literal texts between the stars; `folds` when case is ignored."""

    texts: tuple[str, ...]
    folds: bool = False

    def folded(self) -> _Pieces:
        return _Pieces(tuple(map(fold, self.texts)), True)


def implies(first: Predicate, second: Predicate) -> bool:
    """Whether every text that fits the first predicate certainly fits the second."""
    if first == second:
        return True
    if isinstance(first, InNetwork) and isinstance(second, InNetwork):
        inner, outer = networks.network(first.network), networks.network(second.network)
        return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
    inside, around = _pieces(first), _pieces(second)
    if inside is None or around is None or (inside.folds and not around.folds):
        return False
    if around.folds:
        inside, around = inside.folded(), around.folded()
    # A character that the second has nowhere stands for what the stars of the first may be: only a star takes it.
    star = next(chr(code) for code in range(0x10FFFF, 0, -1) if not any(chr(code) in text for text in around.texts))
    return wildcards.fits(star.join(inside.texts), around.texts)


def exclude(first: Predicate, second: Predicate) -> bool:
    """Whether certainly no text fits both predicates."""
    if isinstance(first, InNetwork) and isinstance(second, InNetwork):
        return not networks.network(first.network).overlaps(networks.network(second.network))
    one, other = _pieces(first), _pieces(second)
    if one is None or other is None:
        return False
    if one.folds or other.folds:
        one, other = one.folded(), other.folded()
    for exact, wide in ((one, other), (other, one)):
        if len(exact.texts) == 1:
            return not wildcards.fits(exact.texts[0], wide.texts)
    heads, tails = (one.texts[0], other.texts[0]), (one.texts[-1], other.texts[-1])
    shortest = min(map(len, heads))
    if heads[0][:shortest] != heads[1][:shortest]:
        return True
    shortest = min(map(len, tails))
    return tails[0][len(tails[0]) - shortest :] != tails[1][len(tails[1]) - shortest :]


def fits_every_text(predicate: Predicate) -> bool:
    """Whether certainly every text fits: it is to begin with nothing, or is `*`."""
    pieces = _pieces(predicate)
    return pieces is not None and len(pieces.texts) > 1 and not any(pieces.texts)


def has_capitals(predicate: Predicate) -> bool:
    """Whether the predicate asks for a letter that no text in lower case has."""
    pieces = _pieces(predicate)
    return pieces is not None and not pieces.folds and any(text.lower() != text for text in pieces.texts)


def _pieces(predicate: Predicate) -> _Pieces | None:
    match predicate:
        case Prefix(text=text, fold=folds):
            return _Pieces((text, ""), folds)
        case Suffix(text=text, fold=folds):
            return _Pieces(("", text), folds)
        case EqualsFold(text=text):
            return _Pieces((text,), True)
        case Contains(item=Literal(kind=Kind.STRING, value=value)):
            return _Pieces(("", str(value), ""))
        case Wildcard(pattern=pattern):
            return _Pieces(wildcards.pieces(pattern))
        case OneOf(items=(Literal(kind=Kind.STRING, value=value),)):
            return _Pieces((str(value),))
    return None
