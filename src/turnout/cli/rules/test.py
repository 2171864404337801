"""`turnout rules test`: do the rules what their examples and the tables of tests say?"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from turnout.cli.findings import Found
from turnout.cli.rules.options import json_option, require_option, rules_option
from turnout.cli.rules.unread import note_unread
from turnout.cli.stray import WithoutArguments, rules_are_meant
from turnout.rules.files.event_files import root_of
from turnout.rules.files.load import read_rules
from turnout.rules.problems import RuleFilesError, first_of
from turnout.rules.trials.coverage import RuleCoverage
from turnout.rules.trials.trial import Trial, try_rules
from turnout.words import count

__all__ = ["test"]


@click.command(
    cls=WithoutArguments,
    stray=rules_are_meant,
    short_help="Run the examples of the rules, and the tables of tests beside them.",
)
@rules_option
@click.option("--coverage", is_flag=True, help="Say which terms of each rule no test has seen true, or false.")
@json_option
@require_option
def test(directory: Path, coverage: bool, as_json: bool, require: tuple[str, ...]) -> None:
    """Run every example of the rules, and every test in the folder tests of their directory.

    Prints what is not as expected and exits 1 if anything is not, else 0. Tables of tests are *.yaml files with a list
    'tests', or *.jsonl files with one test in each line.
    """
    note_unread(directory)
    reading = read_rules(directory, require=require)
    if reading.problems:
        raise RuleFilesError(reading.problems)
    trial = try_rules(reading, root_of(directory), with_coverage=coverage)
    if as_json:
        click.echo(msgspec.json.encode(_record(trial, coverage)))
    else:
        _print(trial, coverage)
    sys.exit(0 if trial.passed else 1)


def _record(trial: Trial, coverage: bool) -> dict[str, object]:
    record: dict[str, object] = {
        "passed": trial.passed,
        "examples": trial.examples,
        "tests": trial.tests,
        "tables": trial.tables,
        "problems": [Found.of(problem) for problem in trial.problems],
    }
    if coverage:
        record["coverage"] = trial.coverage
    return record


def _print(trial: Trial, coverage: bool) -> None:
    shown, more = first_of(trial.problems)
    for problem in shown:
        click.echo(problem.with_caret())
    if more:
        click.echo(f"{more}, or see all with --json")
    if coverage:
        _print_coverage(trial.coverage)
    ran = f"{count(trial.examples, 'example')}, {count(trial.tests, 'test')} of {count(trial.tables, 'table')}"
    click.echo(f"{ran}: {'all as expected' if trial.passed else count(len(trial.problems), 'problem')}")


def _print_coverage(coverage: tuple[RuleCoverage, ...]) -> None:
    for rule in coverage:
        if rule.gaps:
            click.echo(f"{rule.place}: {rule.rule}")
        for term in rule.gaps:
            click.echo(f"    {term.gap}: {' '.join(term.text.split())}")
    terms = sum(len(rule.terms) for rule in coverage)
    seen = terms - sum(len(rule.gaps) for rule in coverage)
    click.echo(f"coverage: {seen} of {terms} terms were seen both true and false")
