"""The functions of the expression language: how they are called and which predicate each one is."""

from __future__ import annotations

from turnout.rules.condition import networks, regexes, wildcards
from turnout.rules.condition.ast import (
    Contains,
    InNetwork,
    Kind,
    Literal,
    Matches,
    Predicate,
    Prefix,
    Span,
    Suffix,
    Wildcard,
)
from turnout.rules.limits import Limits
from turnout.rules.problems import Code, ExpressionError

__all__ = ["ALIASES", "FUNCTIONS", "PREDICATES", "predicate"]

FUNCTIONS = {
    "exists": "exists(path)",
    "len": "len(path)",
    "lower": "lower(path)",
    "contains": "contains(path, 'text')",
    "starts_with": "starts_with(path, 'text')",
    "ends_with": "ends_with(path, 'text')",
    "wildcard": "wildcard(path, 'a*b')",
    "matches": "matches(path, 'regular expression')",
    "cidr": "cidr(path, '10.0.0.0/8')",
    "any": "any(path, condition over @)",
    "all": "all(path, condition over @)",
}
"""How each function is called."""

PREDICATES = ("contains", "starts_with", "ends_with", "wildcard", "matches", "cidr")
"""Those that take a path and a value and are a condition."""

ALIASES = {
    "startswith": "starts_with",
    "begins_with": "starts_with",
    "prefix": "starts_with",
    "endswith": "ends_with",
    "suffix": "ends_with",
    "length": "len",
    "size": "len",
    "count": "len",
    "lowercase": "lower",
    "tolower": "lower",
    "tolowercase": "lower",
    "casefold": "lower",
    "empty": "len",
    "isempty": "len",
    "is_empty": "len",
    "regex": "matches",
    "match": "matches",
    "search": "matches",
    "like": "wildcard",
    "glob": "wildcard",
    "ip": "cidr",
    "has": "exists",
    "defined": "exists",
    "present": "exists",
    "some": "any",
    "every": "all",
    "includes": "contains",
}
"""What people call them elsewhere."""


def predicate(function: str, argument: Literal, limits: Limits, *, quote: bool = True) -> Predicate:
    """The predicate of `function(path, argument)`. Raises `ExpressionError` when the argument does not fit.

    With `quote` the error may hold parts of the argument; what the environment holds may be a secret.
    """
    at = argument.at or Span(0, 1)
    if function == "contains":
        return Contains(argument)
    if argument.kind is not Kind.STRING:
        raise ExpressionError(Code.ARGUMENT, f"the second argument must be a string: {FUNCTIONS[function]}", at)
    text = str(argument.value)
    match function:
        case "starts_with":
            return Prefix(text)
        case "ends_with":
            return Suffix(text)
        case "wildcard":
            _check_wildcard(text, at, limits)
            return Wildcard(text)
        case "matches":
            _check_regex(text, at, limits, quote=quote)
            return Matches(text)
        case _:
            try:
                return InNetwork(str(networks.network(text)))
            except ValueError as error:
                reason = f"not a network in CIDR notation{_reason(error, quote=quote)}"
                raise ExpressionError(Code.NETWORK, reason, at) from error


def _reason(error: ValueError, *, quote: bool) -> str:
    """What a library says of an argument, in which it quotes it."""
    return f": {error}" if quote else "; look at what the environment holds for it"


def _check_wildcard(text: str, at: Span, limits: Limits) -> None:
    try:
        stars = len(wildcards.pieces(text)) - 1
    except wildcards.WildcardError as error:
        raise ExpressionError(Code.WILDCARD, f"not a wildcard pattern: {error}", at) from error
    if stars > limits.wildcard_stars:
        raise ExpressionError(Code.LIMIT, f"more than {limits.wildcard_stars} '*' in a wildcard pattern", at)


def _check_regex(text: str, at: Span, limits: Limits, *, quote: bool) -> None:
    if len(text) > limits.regex_length:
        raise ExpressionError(Code.LIMIT, f"more than {limits.regex_length} characters in a regular expression", at)
    try:
        regexes.searcher(text, limits)
    except regexes.RegexTooLarge as error:
        hint = "counted repetitions multiply what they repeat: write smaller counts, or * and +"
        raise ExpressionError(Code.LIMIT, f"{error}; {hint}", at) from error
    except regexes.RegexError as error:
        reason = f"not a regular expression that RE2 takes{_reason(error, quote=quote)}"
        raise ExpressionError(Code.REGEX, reason, at) from error
