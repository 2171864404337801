"""Finds what nothing uses and nothing shows: targets that no rule sends to, rules without examples of both kinds."""

from __future__ import annotations

from turnout.rules.condition.ast import Constant
from turnout.rules.files.load import Reading
from turnout.rules.lint.placing import Findings
from turnout.rules.model import Rule
from turnout.rules.problems import Code

__all__ = ["warn_of_few_examples", "warn_of_unused_targets"]


def warn_of_unused_targets(reading: Reading, findings: Findings) -> None:
    """One warning per target that neither a rule nor `unmatched` names. Disabled rules count: they may come back."""
    used = {name for rule in reading.rules for name in rule.send} | {reading.unmatched}
    for name in reading.targets:
        if name not in used:
            findings.target(Code.UNUSED_TARGET, f"no rule sends to the target '{name}', nor does unmatched", name)


def warn_of_few_examples(rule: Rule, findings: Findings) -> None:
    """A warning when the rule has not both: an example that matches, and one that does not."""
    if isinstance(rule.condition, Constant):
        return  # it has examples of one kind only, and a warning of its own
    shown = {example.match for example in rule.examples}
    wanted = [
        text
        for match, text in ((True, "matches (match: true)"), (False, "does not (match: false)"))
        if match not in shown
    ]
    if wanted:
        findings.rule(Code.FEW_EXAMPLES, f"there is no example that {' and none that '.join(wanted)}", rule)
