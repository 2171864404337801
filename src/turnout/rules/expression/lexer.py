"""Splits the text of an expression into tokens, each with its place.

A path is one token: the lexer finds where it ends (brackets and quotes included), `paths.py` reads what it says.
"""

from __future__ import annotations

import json
import re
import unicodedata
from enum import Enum
from typing import NamedTuple

from turnout.rules.condition.ast import Span
from turnout.rules.environment import REFERENCE
from turnout.rules.problems import Code, ExpressionError

__all__ = ["Token", "TokenKind", "tokenize"]


class TokenKind(Enum):
    """What a token is, in the words of error messages."""

    PATH = "a path"
    STRING = "a string"
    NUMBER = "a number"
    CONSTANT = "a constant"
    FUNCTION = "a function"
    WORD = "a word operator"
    OPERATOR = "an operator"
    PUNCTUATION = "punctuation"
    REFERENCE = "an environment reference"
    END = "the end of the expression"


class Token(NamedTuple):
    """One token. `value` is the decoded value of strings, numbers and constants, and the text of all others."""

    kind: TokenKind
    text: str
    value: str | int | float | bool | None
    at: Span


_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NO_NUMBER = re.compile(r"(?:[A-Za-z_.]|[-:](?=[A-Za-z0-9]))[A-Za-z0-9_.:+\-]*")
"""What stands right behind a number and makes something else of it: `10s`, `2024-01-01`, `10.0.0.0`."""
_SIGNED = re.compile(r"\+\.?[0-9]")
_SHORT = re.compile(r"-?\.[0-9]")
"""What begins a number elsewhere, and none here."""
_BACKTICKS = re.compile(r"`(-?[0-9]+(?:\.[0-9]+)?|true|false|null)`")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>")
_CALL = re.compile(r"\s*\(")
_STEP = re.compile(r"\.\.?(?:\*|[A-Za-z_][A-Za-z0-9_\-]*|[0-9]+|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?=\[))")
_NUMBERED = re.compile(r"\.[0-9]+\Z")
_BRACKETED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[\[\]'\"]")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_WORDS = frozenset({"and", "or", "not", "in"})
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_UNUSUAL = "quote unusual names: detail['name']"
_LOOKALIKES = ("Cyrillic", "Greek")
"""Alphabets with letters that look like Latin ones."""
_HINTS = {
    "<>": "write !=",
    "=~": "write matches(path, 'expression')",
    "=<": "write <=",
    "=>": "write >=",
    "=": "write ==",
    "~": "write matches(path, 'expression')",
    **dict.fromkeys(("#", "//", "/*"), "a comment stands outside of the expression"),
    ":": "a member is written behind a dot, and 'is equal' as ==",
    ";": "write 'and' or 'or'",
    "&": "write 'and'",
    "||": "write 'or'",
    "|": "write 'or'; there are no pipes",
    "!": "write 'not'",
    "?.": "write a dot alone; a comparison with what is missing is false",
    "??": "there are no defaults; a comparison with what is missing is false",
    "?": "a condition has no branches; join conditions with 'and' and 'or'",
    "%": "a number has no unit, and there is no arithmetic",
    "+": "there is no arithmetic",
    "*": "there is no arithmetic; wildcards belong into wildcard(path, 'pattern')",
    "/": "there is no arithmetic; regular expressions belong into matches(path, 'expression')",
    "-": "there is no arithmetic",
    ".": "a path begins with a name, with $ or with @",
    "\\": "a backslash stands within a text only, and quotes around one have none",
    "{": "a reference to the environment is ${NAME}; no value is compared with an object",
    # What word processors and chats make of what was typed.
    **dict.fromkeys(
        "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u00b4`", "a string stands in straight quotes: 'text'"
    ),
    **dict.fromkeys("\u2013\u2014\u2212", "write -; a name holds it, and a negative number begins with -"),
    **{"\u2260": "write !=", "\u2264": "write <=", "\u2265": "write >="},
}


def tokenize(text: str) -> list[Token]:
    """All tokens of the text, the last one of kind END. Raises `ExpressionError`."""
    tokens: list[Token] = []
    position = _skip(text, 0)
    while position < len(text):
        token = _next(text, position)
        tokens.append(token)
        position = _skip(text, token.at.end)
    tokens.append(Token(TokenKind.END, "", None, Span(len(text), len(text))))
    return tokens


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _next(text: str, start: int) -> Token:
    character = text[start]
    if character in "()[],":
        return Token(TokenKind.PUNCTUATION, character, character, Span(start, start + 1))
    if character in "'\"":
        return _string(text, start)
    if reference := REFERENCE.match(text, start):
        at = Span(start, reference.end())
        if _STRING.fullmatch(reference[2] or ""):  # a shell would take the quotes off
            message = f"a default stands without quotes: ${{{reference[1]}:-{reference[2][1:-1]}}}"
            raise ExpressionError(Code.SYNTAX, message, at)
        return Token(TokenKind.REFERENCE, reference[0], reference[0], at)
    if character in "$@":
        return _path(text, start)
    if name := _NAME.match(text, start):
        word, at = name[0], Span(start, name.end())
        if word in _WORDS:
            return Token(TokenKind.WORD, word, word, at)
        if word in _CONSTANTS:
            return Token(TokenKind.CONSTANT, word, _CONSTANTS[word], at)
        if _CALL.match(text, name.end()):
            return Token(TokenKind.FUNCTION, word, word, at)
        return _path(text, start)
    if number := _NUMBER.match(text, start):
        if (more := _NO_NUMBER.match(text, number.end())) and more[0] not in _WORDS:
            message = f"'{number[0]}{more[0]}' is no number; write it as in 90 or 0.5, and a text in quotes"
            raise ExpressionError(Code.SYNTAX, message, Span(start, more.end()))
        return _number(number[0], Span(start, number.end()))
    if (operator := _OPERATOR.match(text, start)) and not text.startswith("<>", start):
        return Token(TokenKind.OPERATOR, operator[0], operator[0], Span(start, operator.end()))
    raise _unexpected(text, start)


def _unexpected(text: str, start: int) -> ExpressionError:
    """Of a character with which nothing begins: what to write instead."""
    character = text[start]
    hint = _HINTS.get(text[start : start + 2]) or _HINTS.get(character)
    if character == "=" and start and text[start - 1] in "=!<>":
        hint = f"write {text[max(0, start - 2) : start].strip()}"  # of `!==` the first two are an operator
    if _SIGNED.match(text, start):
        hint = "a number has no sign but -, and a text stands in quotes"
    if _SHORT.match(text, start):
        hint = "a number below 1 begins with 0, as in 0.5"
    if quoted := _BACKTICKS.match(text, start):
        hint = f"write {quoted[1]} without backticks"
    if not character.isascii() and character.isalpha():
        hint = _foreign(character)
    if (plain := unicodedata.normalize("NFKC", character)) != character and plain.isascii() and not hint:
        hint = _HINTS.get(plain) or f"write {plain}"
    shown = f"'{character}'"
    if not character.isprintable():
        shown, hint = repr(character), "an invisible character; delete it"
    return ExpressionError(Code.SYNTAX, f"unexpected {shown}" + (f"; {hint}" if hint else ""), Span(start, start + 1))


def _path(text: str, start: int) -> Token:
    """The path that begins here: as far as names, dots and brackets go."""
    position = start
    if text[start] in "$@":
        position += 1
    if text[start] != "$" and (name := _NAME.match(text, position)):
        position = name.end()
    while position < len(text):
        if text[position] == "[":
            position = _closing_bracket(text, position)
        elif step := _STEP.match(text, position):
            if step[0] == "." and text.startswith("[?", step.end()):
                raise _no_path("a filter stands without a dot before it: detail.parts[?(@.x == 1)]", position)
            position = step.end()
        elif text[position] in ".`":
            after = text[position:].lstrip(".")[:1]
            if after == "$":
                raise _no_path("references to the environment are not replaced inside a path", position)
            if after.isalpha() and not after.isascii():
                raise _no_path(_foreign(after), position)
            raise _no_path("after a dot comes a name, '*' or a bracket", position)
        else:
            break
    path = text[start:position]
    if text[position : position + 1].isalpha() and (reason := _glued(path, text, position)):
        raise _no_path(reason, position)
    return Token(TokenKind.PATH, path, path, Span(start, position))


def _foreign(letter: str) -> str:
    """What to do about a letter that names without quotes do not have."""
    script = unicodedata.name(letter, "").partition(" ")[0].capitalize()
    return f"this is a {script} letter; type it anew, or {_UNUSUAL}" if script in _LOOKALIKES else _UNUSUAL


def _glued(path: str, text: str, end: int) -> str:
    """What to write instead when a letter stands where the path has come to its end; empty when that says nothing."""
    if path == "$":
        if (name := _NAME.match(text, end)) and _CALL.match(text, name.end()):
            return f"a function is written without $: {name[0]}(...)"
        return "after $ comes a dot, as in $.detail; a reference to the environment is ${NAME}"
    if _NUMBERED.search(path):
        return "quote a name that begins with a digit: detail['2nd']"
    return "after a bracket comes a dot" if path[-1] == "]" else ""


def _no_path(reason: str, position: int) -> ExpressionError:
    return ExpressionError(Code.PATH, f"not a valid path: {reason}", Span(position, position + 1))


def _closing_bracket(text: str, start: int) -> int:
    """The position after the bracket that closes the one at `start`; what is in quotes does not count."""
    depth = 0
    for found in _BRACKETED.finditer(text, start):
        if found[0] == "[":
            depth += 1
        elif found[0] == "]":
            depth -= 1
            if not depth:
                return found.end()
        elif len(found[0]) == 1:
            break  # a quote that is never closed; to look on behind it would read the rest of the text once per quote
    raise ExpressionError(Code.PATH, "this bracket is never closed", Span(start, start + 1))


def _string(text: str, start: int) -> Token:
    found = _STRING.match(text, start)
    if not found:
        # Where YAML sees a comment, the expression ends.
        quote = text[start]
        message = (
            f"this string is never closed; write {quote} where it ends; a quote in it is written \\{quote}, "
            "and if it holds ' #', put the whole expression in quotes, too"
        )
        raise ExpressionError(Code.SYNTAX, message, Span(start, start + 1))
    at = Span(start, found.end())
    return Token(TokenKind.STRING, found[0], _unescape(found[0][1:-1]), at)


def _unescape(text: str) -> str:
    def replace(escape: re.Match[str]) -> str:
        what = escape[1]
        if len(what) > 1:
            return chr(int(what[1:], 16))
        # An escape of no meaning here stays as it is: `\d` and `\*` belong to the language inside the string.
        return _ESCAPES.get(what, escape[0])

    decoded = _ESCAPE.sub(replace, text)
    # Two escapes that are a surrogate pair are one character, as in JSON.
    return json.loads(json.dumps(decoded)) if "\\u" in text else decoded


def _number(text: str, at: Span) -> Token:
    try:
        value: int | float = int(text)
    except ValueError:
        value = float(text) if not text.lstrip("-").isdigit() else float("inf")
    if value in (float("inf"), float("-inf")):
        raise ExpressionError(Code.SYNTAX, "this number is beyond what a 64-bit float can hold", at)
    return Token(TokenKind.NUMBER, text, value, at)
