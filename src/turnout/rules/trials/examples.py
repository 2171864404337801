"""Runs the examples that rules carry: each says of one event whether its rule's condition matches it.

A worker runs those that hold their event before it takes new rules. Examples whose event is in a file are for
`turnout check` and `turnout rules test`: the files need not be where the worker is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from turnout.rules.condition.compile import compile_condition
from turnout.rules.decode import decode
from turnout.rules.explain.explain import Redact, explain
from turnout.rules.explain.finding import brief
from turnout.rules.files.event_files import EventFileError, read_event_file
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import Example, Json, Rejection, Rule
from turnout.rules.problems import Code, Problem

__all__ = ["ReadExample", "read_examples", "run_examples"]


class ReadExample(NamedTuple):
    """An example of a rule with its event. `number` counts the rule's examples from 1."""

    rule: Rule
    number: int
    example: Example
    event: dict[str, Json]

    def problem(self, code: Code, message: str) -> Problem:
        """A problem with this example."""
        return _problem(self.rule, self.number, self.example, code, message)


def run_examples(
    rules: Iterable[Rule],
    limits: Limits = DEFAULT_LIMITS,
    *,
    root: Path | None = None,
    redact: Redact | None = None,
) -> tuple[Problem, ...]:
    """One problem per example that fails. Examples of disabled rules are run as well, so that they stay right.

    `root` is the directory of rules, below which the events of examples may be in files; without it, those examples
    are left out. `redact` is asked about every value that a problem would show.
    """
    return tuple(problem for rule in rules if rule.examples for problem in _run(rule, limits, root, redact))


def _run(rule: Rule, limits: Limits, root: Path | None, redact: Redact | None) -> Iterable[Problem]:
    holds = compile_condition(rule.condition, limits)
    for found in read_examples(rule, root, limits):
        if isinstance(found, Problem):
            yield found
            continue
        example = found.example
        matched = holds(found.event, example.metadata, None)
        if matched is not example.match:
            message = "wants no match, but the condition is true for its event"
            if example.match:
                finding = explain(rule.condition, found.event, example.metadata, source=rule.source, redact=redact)
                message = f"wants a match, but {brief(finding)}"
            yield found.problem(Code.EXAMPLE, message)


def read_examples(rule: Rule, root: Path | None, limits: Limits = DEFAULT_LIMITS) -> Iterator[ReadExample | Problem]:
    """The rule's examples with their events, or what is wrong with a file. `root` is as for `run_examples`."""
    for number, example in enumerate(rule.examples, start=1):
        if example.event is not None:
            yield ReadExample(rule, number, example, example.event)
        elif root is not None:
            yield _from_file(rule, number, example, root, limits)


def _from_file(rule: Rule, number: int, example: Example, root: Path, limits: Limits) -> ReadExample | Problem:
    try:
        event = decode(read_event_file(example.file, beside=example.place.file, root=root, limits=limits))
    except EventFileError as error:
        return _problem(rule, number, example, Code.EVENT_FILE, f"names the file '{example.file}': {error}")
    if isinstance(event, Rejection):
        return _problem(rule, number, example, Code.EVENT_FILE, f"names the file '{example.file}': {event.message}")
    return ReadExample(rule, number, example, event)


def _problem(rule: Rule, number: int, example: Example, code: Code, message: str) -> Problem:
    named = f"example {number}" + (f" ({example.description})" if example.description else "")
    place = example.place
    return Problem(place.file, place.line, place.column, rule.id, code, f"{named} {message}")
