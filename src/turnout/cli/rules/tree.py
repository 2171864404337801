"""Prints explanations as trees for people: one line per term, with what was found and what is wrong with it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from turnout.rules.explain.event import EventExplanation, RuleExplanation
from turnout.rules.explain.finding import Finding

__all__ = ["print_explanation", "print_finding"]

_LONGEST_TERM = 300


def print_explanation(console: Console, explanation: EventExplanation) -> None:
    """The event, where it goes, and each explained rule."""
    names = (explanation.event_type, f"id {explanation.event_id}" if explanation.event_id else None)
    console.print(Text(f"event: {', '.join(filter(None, names)) or 'without type and id'}"))
    if explanation.rejected is not None:
        rejected = explanation.rejected
        console.print(Text(f"rejected: {rejected.reason}, {rejected.message}", "red"))
        return
    console.print(Text(f"rules: {', '.join(explanation.rules) or 'none matches'}"))
    if explanation.shadow:
        console.print(Text(f"in shadow mode: {', '.join(explanation.shadow)}"))
    console.print(Text(f"goes to: {_targets(explanation)}"))
    for rule in explanation.explained:
        console.print()
        _print_rule(console, rule)


def _targets(explanation: EventExplanation) -> str:
    if explanation.rules:
        return ", ".join(explanation.targets)
    return f"{explanation.unmatched} (unmatched)"


def _print_rule(console: Console, rule: RuleExplanation) -> None:
    condition = rule.condition
    verdict = "matches" if rule.matched else f"does not match, {condition.held} of {condition.asked} terms hold"
    line = Text.assemble((rule.id, "bold"), f": {verdict} -> {', '.join(rule.send)}  ", (rule.place, "dim"))
    console.print(line)
    if rule.remark:
        console.print(Text(f"  {rule.remark}", "yellow"))
    print_finding(console, condition, depth=1)


def print_finding(console: Console, finding: Finding, depth: int) -> None:
    """One part of a condition, and the parts inside it, indented by `depth` steps."""
    marks = "✓✗" if (console.encoding or "").lower().startswith("utf") else "+-"
    mark, colour = (marks[0], "green") if finding.verdict else (marks[1], "red")
    text = finding.text if len(finding.text) <= _LONGEST_TERM else f"{finding.text[:_LONGEST_TERM]}..."
    line = Text.assemble("  " * depth, (mark, colour), " ", (" ".join(text.split()), "bold" if finding.parts else ""))
    if finding.found:
        several = len(finding.found) > 1 or finding.more
        values = [f"{found.at} = {found.shown}" if several else found.shown for found in finding.found]
        line.append(f"   found {', '.join(values)}", "cyan")
    if finding.more:
        line.append(f" and {finding.more} more", "cyan")
    if finding.note:
        line.append(f"   {finding.note}", "yellow")
    if finding.first_failure:
        line.append("   <-- fails first", "bold red")
    console.print(line)
    for part in finding.parts:
        print_finding(console, part, depth + 1)
