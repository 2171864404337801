"""Runs the examples that rules carry: each says of one event whether its rule's condition matches it."""

from __future__ import annotations

from collections.abc import Iterable

from turnout.rules.compile import compile_condition
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import Rule
from turnout.rules.problems import Code, Problem

__all__ = ["run_examples"]


def run_examples(rules: Iterable[Rule], limits: Limits = DEFAULT_LIMITS) -> tuple[Problem, ...]:
    """One problem per example that fails. Examples of disabled rules are run as well, so that they stay right."""
    return tuple(problem for rule in rules if rule.examples for problem in _run(rule, limits))


def _run(rule: Rule, limits: Limits) -> Iterable[Problem]:
    holds = compile_condition(rule.condition, limits)
    for number, example in enumerate(rule.examples, start=1):
        matched = holds(example.event, example.metadata, None)
        if matched is not example.match:
            wanted, found = ("a match", "false") if example.match else ("no match", "true")
            named = f"example {number}" + (f" ({example.description})" if example.description else "")
            message = f"{named} wants {wanted}, but the condition is {found} for its event"
            place = example.place
            yield Problem(place.file, place.line, place.column, rule.id, Code.EXAMPLE, message)
