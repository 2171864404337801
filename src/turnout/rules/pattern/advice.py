"""What to write instead, by what EventBridge says of a pattern: its words say what is wrong, seldom the way out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["OPERATORS", "advised"]

OPERATORS = ("prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr")
"""Those that AWS documents."""

_COMPARISON = '{numeric: [">", 5]}, a range {numeric: [">=", 1, "<", 9]}'
_VALUE = "write the value itself: [value]"
_OTHER = "write {anything-but: [a, b]}"
_PART = "write {wildcard: '*part*'}"
_LANGUAGE = "write the rule as an expression: when: matches(path, 'expression')"
_OTHER_WORDS = {
    **dict.fromkeys(("starts-with", "starts_with", "startswith", "begins-with", "begins_with"), "write {prefix: text}"),
    **dict.fromkeys(("ends-with", "ends_with", "endswith"), "write {suffix: text}"),
    **dict.fromkeys(("equals", "equal", "eq", "is", "=="), _VALUE),
    **dict.fromkeys(("in", "any-of", "one-of", "or"), "write the values into the list of the field: [a, b]"),
    **dict.fromkeys(("not", "ne", "neq", "not-equals", "not-in", "not_in", "!=", "except", "anything_but"), _OTHER),
    **dict.fromkeys(("contains", "like", "glob", "includes"), _PART),
    **dict.fromkeys(("regex", "regexp", "matches", "match"), _LANGUAGE),
    **dict.fromkeys((">", ">=", "<", "<=", "=", "gt", "gte", "ge", "lt", "lte", "le"), f"write {_COMPARISON}"),
    **dict.fromkeys(("between", "range", "number"), f"write {_COMPARISON}"),
    **dict.fromkeys(("ignore-case", "equals_ignore_case", "lower"), "write {equals-ignore-case: text}"),
    **dict.fromkeys(("ip", "ip-address", "network"), "write {cidr: 10.0.0.0/8}"),
    **dict.fromkeys(("missing", "absent", "null"), "write {exists: false}, or [null] for null itself"),
    **dict.fromkeys(("present", "defined"), "write {exists: true}"),
    "$or": "$or stands where a field does, over objects: $or: [{source: [a]}, {source: [b]}]",
}
"""Instead of what other languages say."""


def _field(found: re.Match[str]) -> str:
    name = found[1]
    if name in OPERATORS:
        return f"an operator stands in the list of its field: [{{{name}: ...}}]"
    return f"write its values as a list: {name}: [value]"


def _operator(found: re.Match[str]) -> str:
    known = f"an object in a list is an operator ({', '.join(OPERATORS)})"
    otherwise = f"{known}; fields below a field stand in no list, and alternatives in $or"
    return _OTHER_WORDS.get(found[1].lower(), otherwise)


def _text(found: re.Match[str]) -> str:
    name = found[1]
    return f"for several write each by itself, [{{{name}: a}}, {{{name}: b}}], and a number in quotes"


def _sign(found: re.Match[str]) -> str:
    if found[1] == "==":
        return "write '='"
    if found[1] in ("!=", "<>"):
        return "write {anything-but: 5}"
    return 'the signs are =, <, <=, > and >=, each apart from its number: [">", 5]'


def _excluder(found: re.Match[str]) -> str:
    if found[1] == "exists":
        return "write {exists: false} or {exists: true} without it"
    if found[1] == "numeric":
        return 'write what is left: {numeric: ["<=", 5]}'
    return "there are prefix, suffix, equals-ignore-case and wildcard, and lists of texts or of numbers"


_Advice: TypeAlias = str | Callable[[re.Match[str]], str]

_ADVICE: tuple[tuple[str, _Advice], ...] = (
    (r'"(.*)" must be an object or an array', _field),
    (r"Empty arrays are not allowed", "write the values that fit; any value is [{exists: true}]"),
    (r"Empty objects are not allowed", "name the fields in it that must fit, or leave it out"),
    (r"Match value must be String, .*", "a list in a list: write its values into the outer one"),
    (r"Match expression name not found", "write an operator, such as {prefix: text}"),
    (r"Unrecognized match type (\S+)", _operator),
    (
        r"Only one key allowed in match expression",
        "either one fits as [{prefix: a}, {suffix: b}]; both at once, as 'when'",
    ),
    (r"(prefix|suffix|equals-ignore-case|wildcard|cidr) match pattern must be a string", _text),
    (r"exists match pattern must be either .*", "write it without quotes: {exists: true}"),
    (r"Unsupported (?:prefix|suffix) pattern: .*", "write a text, or {equals-ignore-case: text}"),
    (
        r"Value of anything-but must be an array .*",
        "it takes texts and numbers; for true write [false], for null the rule as an expression: when: path != null",
    ),
    (r"Inside anything but list, either all .*", "write the rule as an expression: when: path not in ['a', 1]"),
    (
        r"Inside anything but list, start\|.*",
        "it holds texts or numbers; an operator stands around it: {anything-but: {prefix: [a, b]}}",
    ),
    (r"Unsupported anything-but pattern: (\S+)", _excluder),
    (r"Null prefix/suffix not allowed", "every text begins and ends with an empty one"),
    (r"Value of numeric must be an array\.|Invalid member in numeric match: .*", f"write {_COMPARISON}"),
    (r"Value of (?:equals|[<>]=?) must be numeric", 'a number follows its sign, without quotes: [">", 5]'),
    (r"Unrecognized numeric range operator: (.*)", _sign),
    (r"Too many elements in numeric expression", 'a range begins with its lower end: [">=", 1, "<", 9]'),
    (
        r"Bad numeric range operator: .*|Bad value in numeric range: .*",
        'after the lower end comes the upper one: [">=", 1, "<", 9]',
    ),
    (r"Too many terms in numeric range expression", "write one numeric for each range"),
    (
        r"Bottom must be less than top",
        'the lower end comes first; for what is outside write [{numeric: ["<", 1]}, {numeric: [">", 9]}]',
    ),
    (r"Cannot compare number : .*", "a 64-bit float does not hold it exactly; write fewer digits"),
    (r"Malformed CIDR, .*|Nonstandard IP address: .*", "write a network, 10.0.0.0/8, or an address itself as a value"),
    (r"IPv[46] mask bits must be < .*", "write a single address itself as a value: [10.0.0.1]"),
    (r"Consecutive wildcard characters at .*", "one * is any text already"),
    (r"Invalid escape character at .*", r"\* is a star and \\ a backslash"),
    (r"It must be an Array followed with \$or\.", "write $or: [{source: [a]}, {source: [b]}]"),
    (r"There must have at least 2 Objects in \$or .*", "leave $or out, or write the other alternative"),
    (
        r"Only JSON object is allowed in array of \$or .*",
        "write fields, $or: [{source: [a]}, {source: [b]}], or the values of one field as a list: source: [a, b]",
    ),
    (
        r"(.*) is Ruler reserved fieldName which .*",
        "an operator stands in the list of its field: $or: [{source: [{prefix: a}]}, ...]",
    ),
)


def advised(message: str) -> str:
    """The message with what to write instead; as it is when nothing is known of it, or when it says so itself."""
    for said, what in _ADVICE:
        if found := re.fullmatch(said, message):
            return f"{message.rstrip('.')}; {what if isinstance(what, str) else what(found)}"
    return message
