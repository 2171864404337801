"""Regular expressions by RE2: linear in the text, whatever the expression says.

Linear with a factor, though: a text costs its length times the expression's steps, which counted repetitions multiply
(`(a?){500}` has a thousand). So the steps are limited, and so is the text that an expression of so many steps is tried
on: the event loop stands still meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import re2

from turnout.rules.limits import DEFAULT_LIMITS, Limits

__all__ = ["RegexError", "RegexTooLarge", "searcher", "too_long"]


class RegexError(ValueError):
    """The expression is not valid RE2 syntax, or too large for RE2."""


class RegexTooLarge(RegexError):
    """The expression has more steps than the limits allow."""


def searcher(pattern: str, limits: Limits = DEFAULT_LIMITS) -> Callable[[str], bool]:
    """A function that tells whether the expression is found anywhere in a text. Raises `RegexError`.

    It is not found in a text that is `too_long`.
    """
    expression = _compiled(pattern, limits)
    search = expression.search
    longest = _longest(expression, limits)

    def found(text: str) -> bool:
        utf8 = _utf8(text)
        return len(utf8) <= longest and search(utf8) is not None

    return found


def too_long(pattern: str, text: str) -> bool:
    """Whether the text is longer than an expression of so many steps is tried on."""
    return len(_utf8(text)) > _longest(_compiled(pattern, DEFAULT_LIMITS), DEFAULT_LIMITS)


def _compiled(pattern: str, limits: Limits) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = limits.regex_memory_bytes
    options.never_capture = True
    try:
        expression = re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        raise RegexError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error
    except UnicodeEncodeError as error:
        raise RegexError("contains half of a surrogate pair") from error
    if expression.programsize > limits.regex_steps:
        steps = f"more than {limits.regex_steps:,} steps in a regular expression"
        raise RegexTooLarge(f"{steps}: {expression.programsize:,}")
    return expression


def _longest(expression: Any, limits: Limits) -> int:
    return limits.regex_work // int(expression.programsize)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair (`"\ud800"` is valid JSON) has no UTF-8 form, which RE2 works on.
        return text.encode(errors="replace")
