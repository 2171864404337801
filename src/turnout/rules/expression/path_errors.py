"""What is wrong with a path: the error, and jsonpath-ng's own words in words of ours."""

from __future__ import annotations

import re

from turnout.rules.problems import Code

__all__ = ["PathError", "deprecated", "syntax_error"]

_SIGNS = {"and": "&&", "or": "||"}
_COMPARISON = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(==?|!=|<=?|>=?)\s*([^=].*)")
"""What other languages write in the brackets of a filter."""
_POSITION = re.compile(r"at 1:(\d+)|col (\d+)")


class PathError(ValueError):
    """The text is not a path that Turnout takes. `offset` counts characters from the start of the path."""

    def __init__(self, code: Code, message: str, offset: int = 0) -> None:
        self.code = code
        self.offset = offset
        super().__init__(message)


def syntax_error(message: str, query: str, shift: int) -> PathError:
    """jsonpath-ng's error with its position, in words of ours."""
    position = _POSITION.search(message)
    offset = min(int(position[1] or position[2]), len(query)) if position else len(query)
    token = re.search(r"near token (\S+)", message)
    if token and token[1] in ("where", "wherenot"):
        reason = f"'{token[1]}' is a reserved word of JSONPath; write ['{token[1]}']"
    elif token and (sign := _SIGNS.get(token[1].lower())):
        reason = f"unexpected '{token[1]}'; in a filter it is written '{sign}'"
    elif token:
        reason = f"unexpected '{token[1]}'{_in_brackets(query, offset)}"
    elif "Unexpected character" in message:
        reason = f"unexpected character {query[offset : offset + 1]!r}; quote unusual names: detail['name']"
    elif "operator requires" in message:
        reason = message
    else:
        reason = "it ends too early"
    return PathError(Code.PATH, f"not a valid path: {reason}", offset + shift)


def _in_brackets(query: str, offset: int) -> str:
    """What to write instead in the brackets that the place is in, or closes; empty when that is not to be seen."""
    opened = query.rfind("[", 0, offset)
    content = query[opened + 1 :].partition("]")[0]
    if opened < 0 or offset > opened + 1 + len(content):
        return ""
    if not content.strip():
        return "; write [*] for every element, [0] for the first"
    if comparison := _COMPARISON.fullmatch(content):
        name, order, value = comparison.groups()
        return f"; a filter is written [?(@.{name} {order if order != '=' else '=='} {value})]"
    return f"; write ['{content}']" if re.fullmatch(r"[A-Za-z_][^'\"\[(,]*", content) else ""


def deprecated(message: str) -> PathError:
    """What jsonpath-ng still takes but will not for long, in words of ours."""
    word = re.search(r"Write `(.+)` instead", message)
    if "unquoted word" in message and word:
        return PathError(Code.PATH_REFUSED, f"text in a filter must be quoted: write {word[1]}")
    operator = re.search(r"`([|&])`", message)
    reason = f"the operator '{operator[1]}' is not supported in a path" if operator else message
    if "`&&`" in message:
        reason = "in a filter, '&' is written '&&'"
    return PathError(Code.PATH_REFUSED, reason)
