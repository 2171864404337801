"""Collects findings about rules that are read already, each at its place in the file.

Conditions know where they are in their source: the expression, or a pattern's JSON text. Here that becomes a place in
the rule file again. Most rules have no finding, so what this needs is looked up only for those that do.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.rules.condition.ast import Condition, Span, walk
from turnout.rules.environment import REFERENCE
from turnout.rules.files.load import Reading, WrittenRule
from turnout.rules.files.nodes import ScalarNode
from turnout.rules.files.reporting import Reporter
from turnout.rules.model import Rule
from turnout.rules.pattern.nodes import ArrayNode, Mark, ObjectNode, PatternNode, to_json
from turnout.rules.problems import Code, Problem, Severity

__all__ = ["Findings", "span_of"]

_WARNING = Severity.WARNING


class Findings:
    """Warnings about the rules and targets of one reading, in the order they were found."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.warnings: list[Problem] = []

    def rule(self, code: Code, message: str, rule: Rule) -> None:
        """A finding about a rule as a whole."""
        written = self._reading.written_rules[rule.id]
        reporter = self._reporter(written, rule)
        reporter.node(code, message, written.name, severity=_WARNING)
        self.warnings += reporter.warnings

    def condition(self, code: Code, message: str, rule: Rule, part: Condition) -> None:
        """A finding about a part of a rule's condition."""
        written, span = self._reading.written_rules[rule.id], span_of(part)
        reporter = self._reporter(written, rule)
        node = written.condition
        if isinstance(node, ScalarNode):
            whole = Span(0, len(node.text.rstrip()))
            reporter.within(code, message, node, span or whole, severity=_WARNING)
        elif node is not None:
            mark = _mark(node, span)
            reporter.at(code, message, mark.line - 1, mark.column - 1, mark.width, severity=_WARNING)
        else:
            reporter.node(code, message, written.name, severity=_WARNING)
        self.warnings += reporter.warnings

    def target(self, code: Code, message: str, name: str) -> None:
        """A finding about a target."""
        written = self._reading.written_targets[name]
        reporter = Reporter(written.source)
        reporter.node(code, message, written.name, severity=_WARNING)
        self.warnings += reporter.warnings

    def text(self, rule: Rule, part: Condition) -> str:
        """What a part of a condition says, as written; empty when its place is not known."""
        span = span_of(part)
        return " ".join(rule.source[span.start : span.end].split()) if span else ""

    def reads_environment(self, rule: Rule, part: Condition) -> bool:
        """Whether a variable has a part in it: its value may be a secret, and another one where the rules will run."""
        return "${" in rule.source and REFERENCE.search(self.text(rule, part)) is not None

    @staticmethod
    def _reporter(written: WrittenRule, rule: Rule) -> Reporter:
        reporter = Reporter(written.source)
        reporter.rule = rule.id
        return reporter


def span_of(condition: Condition) -> Span | None:
    """The stretch of the source that a condition and all inside it take up."""
    spans = [node.at for node in walk(condition) if node.at is not None]
    return Span(min(span.start for span in spans), max(span.end for span in spans)) if spans else None


def _mark(pattern: PatternNode, span: Span | None) -> Mark:
    """Where the node of a pattern stands that has this place in its JSON text; the pattern itself when there is none.

    An array is marked by its first item: in YAML it may begin on a line of its own.
    """
    if span is not None:
        spans = to_json(pattern)[1]
        for node in _inside(pattern):
            if spans[id(node)].start >= span.start and spans[id(node)].end <= span.end:
                return node.mark
    return pattern.mark


def _inside(node: PatternNode) -> Iterator[PatternNode]:
    yield node
    if isinstance(node, ArrayNode):
        for item in node.items:
            yield from _inside(item)
    elif isinstance(node, ObjectNode):
        for member in node.members:
            yield from _inside(member.value)
