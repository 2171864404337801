"""What is wrong with rule files: one record per problem, collected, never raised one by one.

A problem reads `file:line:col: rule-id: CODE message`, followed by the source line and a caret. The codes are stable
and listed here, because editors, CI annotations and the documentation refer to them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from turnout.errors import RulesError
from turnout.rules.condition.ast import Span
from turnout.rules.showing import printable

__all__ = ["Code", "ExpressionError", "Problem", "RuleFilesError", "Severity", "first_of"]

_MOST_SHOWN = 1_000
"""Problems that are shown to people at once: files that are something else than rules have hundreds of thousands."""
_LONGEST_MESSAGE = 2_000


class Severity(StrEnum):
    """Whether a problem makes the rules unusable."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """Stable codes. TR1xx: files and fields, TR2xx: expressions, TR3xx: patterns, TR4xx: tests, TR5xx: lint.

    TR32x are warnings about patterns that AWS accepts and that mislead.
    """

    SETTING = "TR100"
    NO_RULES = "TR101"
    UNREADABLE = "TR102"
    YAML = "TR103"
    DUPLICATE_KEY = "TR104"
    ALIAS = "TR105"
    TAG = "TR106"
    TOO_DEEP = "TR107"
    UNKNOWN_FIELD = "TR110"
    MISSING_FIELD = "TR111"
    WRONG_TYPE = "TR112"
    WRONG_VALUE = "TR113"
    DUPLICATE_NAME = "TR114"
    UNKNOWN_TARGET = "TR115"
    CONDITION = "TR116"
    UNKNOWN_RULE = "TR117"
    ENVIRONMENT = "TR120"
    CREDENTIAL = "TR121"
    SYNTAX = "TR201"
    UNKNOWN_FUNCTION = "TR202"
    ARGUMENT = "TR203"
    PATH = "TR204"
    PATH_REFUSED = "TR205"
    METADATA = "TR206"
    REGEX = "TR207"
    NETWORK = "TR208"
    WILDCARD = "TR209"
    LIMIT = "TR210"
    PATTERN_SHAPE = "TR302"
    PATTERN_OPERATOR = "TR303"
    PATTERN_OPERAND = "TR304"
    PATTERN_NUMBER = "TR305"
    PATTERN_NETWORK = "TR306"
    PATTERN_WILDCARD = "TR307"
    PATTERN_OR = "TR308"
    PATTERN_LIMIT = "TR310"
    PATTERN_OVERRIDES = "TR321"
    PATTERN_DUPLICATE = "TR322"
    PATTERN_DOTTED = "TR323"
    PATTERN_ANYTHING_BUT = "TR324"
    PATTERN_COMPLEX = "TR325"
    EXAMPLE = "TR401"
    CASE = "TR402"
    EVENT_FILE = "TR403"
    DUPLICATE_CONDITION = "TR501"
    SUBSUMED = "TR502"
    NEVER_TRUE = "TR503"
    ALWAYS_TRUE = "TR504"
    UNREACHABLE = "TR505"
    MISSING_IS_FALSE = "TR506"
    UNUSED_TARGET = "TR507"
    FEW_EXAMPLES = "TR508"
    SCAN = "TR509"
    MISSPELT = "TR510"
    UNQUOTED = "TR511"
    TAKEN_LITERALLY = "TR512"
    POSITION = "TR513"
    NOT_READ = "TR514"
    OPERATOR_AS_FIELD = "TR515"
    NO_EFFECT = "TR516"
    SAME_PLACE = "TR517"
    OTHER_TYPE = "TR518"
    LENGTH = "TR519"
    NULL_OF_SEVERAL = "TR520"
    SENT_ONCE = "TR521"


class ExpressionError(ValueError):
    """The expression is not valid; `at` is the place in its text."""

    def __init__(self, code: Code, message: str, at: Span) -> None:
        self.code = code
        self.message = message
        self.at = at
        super().__init__(message)


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where. `line` and `column` count from 1; 0 means the file as a whole."""

    file: str
    line: int
    column: int
    rule: str
    code: Code
    message: str
    severity: Severity = Severity.ERROR
    source: str = ""
    """The source line that the caret points into, or of a long one a part; empty when there is none to show."""
    width: int = 1
    """How many characters the caret underlines."""
    before: int = 0
    """By how much the place in `source` is further to the left than `column` says: what was cut off before it."""

    def __str__(self) -> str:
        """`file:line:col: rule-id: CODE message`, in one line that a terminal can show and does not obey."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        rule = f"{self.rule}: " if self.rule else ""
        return printable(f"{place}: {rule}{self.code} {_cut(self.message)}")

    def with_caret(self) -> str:
        """The line, and below it the source with a caret under the place."""
        if not self.source:
            return str(self)
        # A tab must stay a tab in the line of the caret, or the caret stands in the wrong place.
        at = self.column - 1 - self.before
        pad = "".join("\t" if character == "\t" else " " * _columns(character) for character in self.source[:at])
        room = max(1, sum(map(_columns, self.source[at : at + self.width])))
        gutter = f"{self.line:>6} | "
        # One for one, so that the caret stays in its place.
        shown = "".join(c if c.isprintable() or c in "\t\u00a0" else "\ufffd" for c in self.source)
        return f"{self}\n{gutter}{shown}\n{' ' * 6} | {pad}{'^' * room}"


def first_of(problems: Sequence[Problem]) -> tuple[Sequence[Problem], str]:
    """The problems to show, and what to say of the others in a line behind them; empty when there are none."""
    left = len(problems) - _MOST_SHOWN
    return problems[:_MOST_SHOWN], f"... and {left:,} more; repair these first" if left > 0 else ""


def _cut(message: str) -> str:
    """A message without its middle, if a name in it is so long that nobody reads on: what to do stands at its end."""
    half = _LONGEST_MESSAGE // 2
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:half]}...{message[-half:]}"


def _columns(character: str) -> int:
    """How many columns a terminal takes for it."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class RuleFilesError(RulesError):
    """Rule files cannot be used. `details` holds every problem; `str()` shows the first of them with their carets."""

    def __init__(self, details: Sequence[Problem]) -> None:
        self.details = tuple(details)
        super().__init__([str(problem) for problem in self.details])

    def __str__(self) -> str:
        shown, more = first_of(self.details)
        return "\n".join([*(problem.with_caret() for problem in shown), *([more] if more else [])])
