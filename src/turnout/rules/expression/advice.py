"""What to write instead, where an expression says it as other languages do, or leaves something out."""

from __future__ import annotations

from turnout.rules.condition.ast import Literal, Order, Path
from turnout.rules.condition.building import ListLiteral, Operand
from turnout.rules.expression.functions import ALIASES, FUNCTIONS
from turnout.rules.expression.lexer import Token, TokenKind

__all__ = [
    "alone",
    "before_condition",
    "closing_nothing",
    "connective",
    "in_list",
    "in_place_of_connective",
    "in_place_of_operator",
    "negated",
]

_CONNECTIVES = ("and", "or", "not", "in")
_OTHER_WORDS = {
    "and": "write 'and'",
    "or": "write 'or'",
    "in": "write 'in'",
    "notin": "write 'not in'",
    "is": "write == null, or exists(path)",
    "like": "write wildcard(path, 'a*')",
    "contains": "write contains(path, 'text')",
    "matches": "write matches(path, 'expression')",
    "between": "write 1 <= path <= 9",
    "starts": "write starts_with(path, 'text')",
    "ends": "write ends_with(path, 'text')",
    "equals": "write ==",
    **{order.name.lower(): f"write {order.value}" for order in Order},
}
"""What other languages say between two values."""
_BEFORE_CONDITIONS = ("if", "when", "where")
_OPENING = {")": "(", "]": "["}


def connective(word: str) -> str:
    """Of `AND`, `Not`, ...: that it is written small. Empty for other words."""
    small = word.lower()
    return f"write '{small}' in lower case" if small in _CONNECTIVES else ""


def before_condition(word: str) -> str:
    """Of `if` and the like, which stand before a condition elsewhere: that it is left out. Empty for other words."""
    return "a condition is written without it" if word.lower() in _BEFORE_CONDITIONS else ""


def negated(function: str) -> str:
    """Of `not_exists`, `notContains`, ...: how to say it; empty for other names."""
    small = function.lower()
    if not small.startswith("not") or not (usage := _usage(small[3:].lstrip("_"))):
        return ""
    return f"; write not {usage}"


def alone(operand: Operand) -> str:
    """Why an operand that is compared with nothing is no condition, and how it becomes one: a whole message."""
    text = operand.text if isinstance(operand, Path) else ""
    if isinstance(operand, Literal) and isinstance(operand.value, bool):
        text = str(operand.value).lower()
    if text.lower() in ("true", "false"):
        return f"'{text}' alone is not a condition; for every event write exists($), for none enabled: false"
    if text:
        hint = f"; did you mean '{text.lower()}'?" if text.lower() in ("and", "or", "not") else ""
        return f"'{text}' alone is not a condition; write exists({text}) or {text} == true{hint}"
    if isinstance(operand, ListLiteral):
        return "a list alone is not a condition; write path in [...]"
    other = ", or write path in ['a', 'b']" if isinstance(operand, Literal) else ""
    return f"this alone is not a condition; compare it with something{other}"


def in_place_of_connective(before: Token, follows: Token, after: Token) -> str:
    """What to write, where `follows`, and `after` it, stands after a condition and joins nothing. Empty when nothing is
    known of it.
    """
    if before.kind is follows.kind is TokenKind.STRING and before.at.end == follows.at.start:
        return "a quote in a text is written \\'"
    if before.kind is TokenKind.STRING and before.value == "" and before.at.end == follows.at.start:
        return "a text stands in one pair of quotes: 'text'"
    if follows.text == ",":
        is_number = before.kind is after.kind is TokenKind.NUMBER and before.at.end + 1 == after.at.start
        return "a number is written without commas" if is_number else "write 'and' or 'or'"
    is_word = follows.kind is TokenKind.PATH and not connective(follows.text)
    ends = (TokenKind.END, TokenKind.WORD, TokenKind.PUNCTUATION)
    if before.kind is TokenKind.NUMBER and is_word and after.kind in ends:
        return "a number has no unit"
    return ""


def closing_nothing(token: Token) -> str:
    """What to do about a bracket that closes none. Empty for other tokens."""
    opening = _OPENING.get(token.text) if token.kind is TokenKind.PUNCTUATION else None
    return f"there is no '{opening}' that it closes; take it out, or write the '{opening}' before it" if opening else ""


def in_list(follows: Token) -> str:
    """What to write, where `follows` stands in place of a comma or the end of a list. Empty when it is not known."""
    values = (TokenKind.STRING, TokenKind.NUMBER, TokenKind.CONSTANT, TokenKind.REFERENCE)
    return "write a comma between two values" if follows.kind in values else ""


def in_place_of_operator(operand: Operand, follows: Token, after: Token) -> str:
    """What to write, where `follows`, and `after` it, stands after an operand and is no operator. Empty when nothing is
    known of it.
    """
    text = operand.text if isinstance(operand, Path) else ""
    if text and follows.text == "[":
        return f"an element is written without a space before the bracket: {text}[0]"
    before, _, last = text.rpartition(".")
    if follows.text == "(" and (usage := _usage(last)):
        return f"write {usage.replace('path', before)}"
    if follows.kind in (TokenKind.PATH, TokenKind.FUNCTION):
        if hint := _OTHER_WORDS.get(follows.text.lower()):
            return hint
        if usage := _usage(follows.text) or _usage(text):
            return f"write {usage}"
        if before and after.kind is TokenKind.OPERATOR:
            return f"a name with a space in it is quoted: {before}['{last} {follows.text}']"
    return ""


def _usage(word: str) -> str:
    """How the function is called that somebody calls so; empty when there is none."""
    return FUNCTIONS.get(ALIASES.get(word.lower(), word.lower()), "")
