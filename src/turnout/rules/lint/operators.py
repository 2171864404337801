"""Finds operators of event patterns that stand where a field's name does, so that they are taken for one.

`{channel: {prefix: [v]}}` asks for a member `prefix` of `channel`, as in EventBridge, and hardly any event has one. An
example whose event has such a member shows that it is meant.
"""

from __future__ import annotations

from turnout.rules.condition.ast import Key, plain_path, terms, walk
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.showing import shown_by
from turnout.rules.model import Rule
from turnout.rules.pattern.advice import OPERATORS
from turnout.rules.problems import Code

__all__ = ["warn_of_operators"]


def warn_of_operators(rule: Rule, findings: Findings) -> None:
    """A warning per operator that a pattern has for the name of a field."""
    shown = shown_by(rule) if rule.source.startswith("{") else None
    if shown is None:
        return
    settled = set(shown.names)
    for condition in walk(rule.condition):
        for path in map(plain_path, terms(condition)):
            name = next((segment.name for segment in reversed(path.segments) if isinstance(segment, Key)), "")
            if name in OPERATORS and name not in settled:
                settled.add(name)
                message = (
                    f"'{name}' is taken for the name of a field here; "
                    f"an operator stands in the list of its field: [{{{name}: ...}}]"
                )
                findings.condition(Code.OPERATOR_AS_FIELD, message, rule, condition)
