"""Why the values that a term found do not fit: the usual misunderstandings, as a remark beside them.

Text where a number is wanted, another case, blanks at the end. A remark says nothing of the value but how it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from turnout.rules.condition import networks, regexes
from turnout.rules.condition.ast import (
    Compare,
    Condition,
    Contains,
    EqualsFold,
    Except,
    InNetwork,
    Kind,
    Literal,
    Matches,
    OneOf,
    Predicate,
    Prefix,
    Range,
    Suffix,
    Term,
    Test,
    Wildcard,
)
from turnout.rules.condition.wording import looked_at
from turnout.rules.showing import kind_of

__all__ = ["why_not"]

_WORDS = {Kind.STRING: "text", Kind.NUMBER: "a number", Kind.BOOL: "true or false", Kind.NULL: "null"}


def why_not(condition: Condition, values: Callable[[Term], Sequence[object]]) -> str:
    """A remark on why no value fits the tests of a condition that is one term; empty when there is nothing to add."""
    for node, _ in looked_at(condition):
        if isinstance(node, Test):
            found = values(node.term)
            if len(found) == 1:
                return next(_remarks(node.predicate, found[0]), "")
        if isinstance(node, Compare):
            left, right = values(node.left), values(node.right)
            if len(left) == len(right) == 1 and _kind(left[0]) != _kind(right[0]):
                return f"{_kind(left[0])} and {_kind(right[0])} never compare"
    return ""


def _kind(value: object) -> str:
    return "an array" if isinstance(value, list) else kind_of(value)


def _remarks(predicate: Predicate, value: object) -> Iterator[str]:
    wanted = _kinds(predicate)
    if wanted and _kind(value) not in wanted:
        yield f"{_kind(value)}, not {' or '.join(wanted)}"
        return
    if isinstance(value, str):
        for text in _texts(predicate):
            if _plain_fits(predicate, text, value.casefold(), str.casefold):
                yield "it differs in upper and lower case only"
            elif _plain_fits(predicate, text, value.strip(), str.strip):
                yield "it differs in blanks at its ends only"
        if isinstance(predicate, InNetwork) and networks.address(value) is None:
            yield "it is not an IP address"
        if isinstance(predicate, Matches) and regexes.too_long(predicate.pattern, value):
            yield "it is too long for this regular expression, which is not tried on it"


def _kinds(predicate: Predicate) -> tuple[str, ...]:
    """The kinds of values that can fit, in words; empty when any can."""
    match predicate:
        case OneOf(items=items):
            return tuple(dict.fromkeys(_WORDS[item.kind] for item in items))
        case Range(low=low, high=high):
            bound = low or high
            return () if bound is None else ("text" if isinstance(bound.value, str) else "a number",)
        case Contains(item=Literal(kind=kind)):
            return ("text", "an array") if kind is Kind.STRING else ("an array",)
        case Prefix() | Suffix() | EqualsFold() | Wildcard() | Matches() | InNetwork():
            return ("text",)
        case Except():
            return ()


def _texts(predicate: Predicate) -> Iterator[str]:
    match predicate:
        case OneOf(items=items):
            yield from (str(item.value) for item in items if item.kind is Kind.STRING)
        case Prefix(text=text) | Suffix(text=text):
            yield text
        case Contains(item=Literal(kind=Kind.STRING, value=value)):
            yield str(value)


def _plain_fits(predicate: Predicate, wanted: str, value: str, changed: Callable[[str], str]) -> bool:
    wanted = changed(wanted)
    match predicate:
        case Prefix():
            return value.startswith(wanted)
        case Suffix():
            return value.endswith(wanted)
        case Contains():
            return wanted in value
        case _:
            return value == wanted
