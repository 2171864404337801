"""What the events of a rule's examples hold: it is known to be meant, however odd it looks."""

from __future__ import annotations

from typing import NamedTuple

from turnout.rules.model import Json, Rule

__all__ = ["Shown", "shown_by"]


class Shown(NamedTuple):
    """The texts in the events and their metadata, and the names of members."""

    texts: frozenset[str]
    names: frozenset[str]


def shown_by(rule: Rule) -> Shown | None:
    """What the rule's examples hold, whether they match or not; None when the event of one is in a file."""
    if any(example.event is None for example in rule.examples):
        return None
    texts: set[str] = set()
    names: set[str] = set()
    stack: list[Json] = [part for example in rule.examples for part in (example.event, example.metadata)]
    while stack:
        match stack.pop():
            case str(text):
                texts.add(text)
            case list(items):
                stack += items
            case dict(members):
                names.update(members)
                stack += members.values()
    return Shown(frozenset(texts), frozenset(names))
