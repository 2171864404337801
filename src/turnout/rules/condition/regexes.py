"""Regular expressions by RE2: linear in the text, whatever the expression says."""

from __future__ import annotations

from collections.abc import Callable

import re2

from turnout.rules.limits import DEFAULT_LIMITS, Limits

__all__ = ["RegexError", "searcher"]


class RegexError(ValueError):
    """The expression is not valid RE2 syntax, or too large."""


def searcher(pattern: str, limits: Limits = DEFAULT_LIMITS) -> Callable[[str], bool]:
    """A function that tells whether the expression is found anywhere in a text. Raises `RegexError`."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = limits.regex_memory_bytes
    try:
        search = re2.compile(pattern, options=options).search
    except re2.error as error:
        reason = error.args[0] if error.args else error
        raise RegexError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error
    except UnicodeEncodeError as error:
        raise RegexError("contains half of a surrogate pair") from error

    def found(text: str) -> bool:
        try:
            return search(text) is not None
        except UnicodeEncodeError:
            # Half of a surrogate pair (`"\ud800"` is valid JSON) has no UTF-8 form, which RE2 works on.
            return search(text.encode(errors="replace").decode()) is not None

    return found
