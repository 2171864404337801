"""Tries rules: runs their examples and the tables of tests beside them, and tells what was not as expected."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from turnout.message import Attribute
from turnout.rules.decode import decode
from turnout.rules.explain.explain import explain
from turnout.rules.explain.finding import brief
from turnout.rules.files.load import Reading
from turnout.rules.model import Send
from turnout.rules.problems import Code, Problem
from turnout.rules.ruleset import Match, Ruleset
from turnout.rules.shaping import as_attribute
from turnout.rules.trials.cases import Case, Wanted
from turnout.rules.trials.coverage import Coverage, RuleCoverage
from turnout.rules.trials.examples import read_examples, run_examples
from turnout.rules.trials.tables import read_tables

__all__ = ["Trial", "try_rules"]


class Trial(msgspec.Struct, frozen=True):
    """What became of all examples and tests. Without problems, everything is as expected."""

    examples: int
    tests: int
    tables: int
    problems: tuple[Problem, ...]
    coverage: tuple[RuleCoverage, ...]
    """Which terms of each rule were seen true, and which false, by its own examples and by all tests; empty when
    nobody asked.
    """

    @property
    def passed(self) -> bool:
        """Whether everything is as expected."""
        return not self.problems


def try_rules(reading: Reading, root: Path, *, with_coverage: bool = True) -> Trial:
    """Run every example of the rules that were read, and every test in the tables below `root`.

    The rules have to be sound (`reading.problems` is empty). Coverage holds every test against every rule.
    """
    ruleset = reading.ruleset()
    rules = {rule.id: rule for rule in reading.rules}
    tables = read_tables(root, rules, reading.targets, reading.limits)
    problems = [*run_examples(reading.rules, reading.limits, root=root), *tables.problems]
    coverage = Coverage(reading.rules if with_coverage else ())
    for rule in reading.rules if with_coverage else ():
        for example in read_examples(rule, root, reading.limits):
            if not isinstance(example, Problem):
                coverage.see(rule, example.event, example.example.metadata)
    for case in tables.cases:
        problems += _run(case, ruleset)
        if with_coverage and isinstance(event := decode(case.body), dict):
            coverage.see_all(event, case.metadata)
    return Trial(
        examples=sum(len(rule.examples) for rule in reading.rules),
        tests=len(tables.cases),
        tables=tables.files,
        problems=tuple(problems),
        coverage=coverage.report(),
    )


def _run(case: Case, ruleset: Ruleset) -> Iterator[Problem]:
    match = ruleset.match(case.body, case.metadata)
    for message in _differences(case, match, ruleset):
        place = case.place
        yield Problem(place.file, place.line, place.column, "", Code.CASE, f"{case.name}: {message}")


def _differences(case: Case, match: Match, ruleset: Ruleset) -> Iterator[str]:
    reason = str(match.rejected.reason) if match.rejected else None
    if case.rejected != reason:
        if match.rejected is None:
            yield f"wants the event to be rejected as {case.rejected}, but it is routed"
        elif case.rejected is None:
            yield f"the event is rejected as {reason}: {match.rejected.message}"
        else:
            yield f"wants the event to be rejected as {case.rejected}, but it is as {reason}"
        return
    if case.rules is not None and case.rules != set(match.rules):
        yield _sets("rules", case.rules, match.rules) + _why(case, match, ruleset)
    if case.shadow is not None and case.shadow != set(match.shadow):
        yield _sets("rules in shadow mode", case.shadow, match.shadow)
    if case.targets is None:
        return
    if case.targets.keys() != set(match.targets):
        yield _sets("targets", case.targets, match.targets)
    for target, wanted in case.targets.items():
        if target in match.targets:
            yield from (f"target {target}: {message}" for message in _unlike(wanted, match.send(target)))


def _sets(what: str, wanted: Collection[str], found: Sequence[str]) -> str:
    missing = ", ".join(sorted(set(wanted) - set(found)))
    unwanted = ", ".join(sorted(set(found) - set(wanted)))
    parts = ((f"{missing} missing", missing), (f"{unwanted} not wanted", unwanted))
    return f"{what}: {'; '.join(text for text, names in parts if names)}"


def _why(case: Case, match: Match, ruleset: Ruleset) -> str:
    """What keeps the first rule that is missing from matching."""
    event = decode(case.body)
    for rule in ruleset.rules:
        if rule.id in (case.rules or ()) and rule.id not in match.rules:
            finding = explain(rule.condition, event, case.metadata, source=rule.source)
            if not rule.enabled:
                return f" ({rule.id} is disabled)"
            if rule.id in match.shadow:
                return f" ({rule.id} matches, in shadow mode: a test expects it in 'shadow')"
            return f" ({rule.id}: {brief(finding)})" if not finding.verdict else f" ({rule.id} was not tried)"
    return ""


def _unlike(wanted: Wanted, sent: Send) -> Iterator[str]:
    found = {"group": sent.group, "deduplicate": sent.deduplicate, "delay": sent.delay}
    for name, value in wanted.fields.items():
        if found[name] != value:
            yield f"{name} is {_shown(found[name])}, wanted {_shown(value)}"
    for name, value in wanted.attributes.items():
        attribute, expected = sent.attributes.get(name), as_attribute(value)
        if attribute != expected:
            yield f"attribute {name} is {_described(attribute)}, wanted {_described(expected)}"


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)


def _described(attribute: Attribute | None) -> str:
    return "nothing" if attribute is None else f"{attribute.data_type} {attribute.text!r}"
