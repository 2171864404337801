"""Finds what a rule adds to messages in vain: paths that no event is likely to have, and fields no target of it knows.

A path that finds nothing adds nothing, without a word: a text in its place, a misspelt member, a member of `detail`
without `detail`. An example that matches and has the member settles it, as it does for conditions. What kind of queue
a target is, its address says, when the variables in it are set.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.rules.condition.ast import Key, Path, Root
from turnout.rules.files.load import Reading
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.usage import known_members, misspelt
from turnout.rules.model import Rule
from turnout.rules.problems import Code
from turnout.rules.shaping import taken_by

__all__ = ["warn_of_shaping", "warn_of_useless_fields"]

_TAKEN_BY = {
    "delay": "only queues that are no FIFO queues delay a single message",
    "group": "only queues and FIFO topics have groups",
    "deduplicate": "only FIFO queues, FIFO topics, endpoints and state machines have deduplication ids",
    "attributes": "buses and state machines take none",
}


def warn_of_shaping(rule: Rule, findings: Findings) -> None:
    """A warning per path whose first member is none of EventBridge's and in no example that matches."""
    known = known_members(rule)
    if known is None:
        return
    for what, path in _paths(rule):
        first = path.segments[0] if path.root is Root.EVENT and path.segments else None
        if not isinstance(first, Key) or first.name in known:
            continue
        if doubt := misspelt(path, first.name):
            findings.rule(Code.MISSPELT, f"{what}: {doubt}", rule)
        elif len(path.segments) == 1:
            text = f", and a text is written {{value: {first.name}}}" if what.startswith("attribute") else ""
            message = (
                f"{what}: {first.name} stands for a member of the event, beside detail; "
                f"one of detail is written detail.{first.name}{text}"
            )
            findings.rule(Code.UNQUOTED, message, rule)


def warn_of_useless_fields(reading: Reading, findings: Findings) -> None:
    """A warning per field about the message that none of the rule's targets has a use for."""
    for rule in reading.rules:
        taken = {part for name in rule.send for part in taken_by(reading.targets[name])}
        for part, who in _TAKEN_BY.items():
            if getattr(rule, part) and part not in taken:
                findings.rule(Code.NO_EFFECT, f"{part} has no effect: {who}", rule)


def _paths(rule: Rule) -> Iterator[tuple[str, Path]]:
    written = {"group": rule.group, "deduplicate": rule.deduplicate}
    written |= {f"attribute '{name}'": source for name, source in rule.attributes.items() if isinstance(source, Path)}
    yield from ((what, path) for what, path in written.items() if path is not None)
