"""Collects the problems of one rule file, each with its place and the source line that the caret points into."""

from __future__ import annotations

from turnout.rules.condition.ast import Span
from turnout.rules.files.nodes import Node, ScalarNode
from turnout.rules.files.places import Source
from turnout.rules.model import Place
from turnout.rules.problems import Code, Problem, Severity

__all__ = ["Reporter"]

_LONGEST_LINE = 300
_CUT = "..."
_SHOWN_BEFORE = 60
_SHOWN_AFTER = 90
"""Of a longer line so much is shown around the place."""


class Reporter:
    """The problems of one file, in the order they were found."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        """What does not stand in the way of using the rules."""
        self.rule = ""
        """The id of the rule being read; problems name it."""

    @property
    def file(self) -> str:
        """The file's name as the operator knows it."""
        return self.source.name

    def place(self, node: Node) -> Place:
        """Where a node begins."""
        return Place(self.file, node.line + 1, node.column + 1)

    def node(self, code: Code, message: str, node: Node, *, severity: Severity = Severity.ERROR) -> None:
        """A problem with a whole node."""
        width = 1
        if isinstance(node, ScalarNode):
            width = node.end_column - node.column if node.end_line == node.line else len(node.text)
        self.at(code, message, node.line, node.column, max(1, width), severity=severity)

    def within(
        self, code: Code, message: str, node: ScalarNode, at: Span, *, severity: Severity = Severity.ERROR
    ) -> None:
        """A problem with a stretch of a scalar's text."""
        line, column = self.source.place(node, at.start)
        last_line, last_column = self.source.place(node, max(at.start, at.end - 1))
        width = last_column - column + 1 if last_line == line else len(self.source.line(line)) - column
        self.at(code, message, line, column, max(1, width), severity=severity)

    def at(
        self,
        code: Code,
        message: str,
        line: int,
        column: int,
        width: int = 1,
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """A problem at a place, counted from 0."""
        source, before = _excerpt(self.source.line(line), column)
        kept = self.warnings if severity is Severity.WARNING else self.problems
        kept.append(Problem(self.file, line + 1, column + 1, self.rule, code, message, severity, source, width, before))


def _excerpt(line: str, column: int) -> tuple[str, int]:
    """What is shown of a line, and how far to the left the place has moved in it."""
    if len(line) <= _LONGEST_LINE:
        return line, 0
    start, end = max(0, column - _SHOWN_BEFORE), column + _SHOWN_AFTER
    before = _CUT if start else ""
    return f"{before}{line[start:end]}{_CUT if end < len(line) else ''}", start - len(before)
