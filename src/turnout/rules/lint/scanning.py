"""Finds rules that the index cannot find: they are tried for every event. Why is told by engine/access.py."""

from __future__ import annotations

from collections.abc import Iterable

from turnout.rules.engine.access import why_scanned
from turnout.rules.engine.preparing import Preparer
from turnout.rules.lint.placing import Findings
from turnout.rules.model import Rule
from turnout.rules.problems import Code

__all__ = ["warn_of_scans"]


def warn_of_scans(rules: Iterable[Rule], findings: Findings) -> None:
    """One warning per rule that is tried for every event."""
    preparer = Preparer()
    for rule in rules:
        if rule.enabled and (reason := why_scanned(preparer.prepare(rule.condition))):
            message = (
                f"this rule is tried for every event, because {reason}; "
                "a demand with ==, in, starts_with, ends_with or a range of numbers lets the index find it"
            )
            findings.rule(Code.SCAN, message, rule)
