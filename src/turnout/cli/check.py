"""`turnout check`: are the settings and the rules right? All problems at once, before anything is deployed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from turnout.cli.words import count
from turnout.errors import SettingsError
from turnout.rules.event_files import root_of
from turnout.rules.examples import run_examples
from turnout.rules.load import Reading, read_rules
from turnout.settings import Settings, load_settings, misspelt_settings, variable

__all__ = ["check"]


@click.command(short_help="Validate settings and rules, and run the rules' examples.")
@click.option(
    "--rules",
    "directory",
    type=click.Path(path_type=Path),
    help=f"Directory of rule files, or one rule file.  [{variable('rules')}]  When it is given, settings and "
    "environment variables that are not set are only notes: a repository of rules has no queues.",
)
def check(directory: Path | None) -> None:
    """Validate settings and rules, and run every rule's examples.

    Prints every problem with its place and exits 1 if there is one, else 0.
    """
    only_rules = directory is not None
    problems, notes, settings = _check_settings(only_rules)
    path = directory or (settings.rules if settings else Path(os.environ.get(variable("rules")) or "rules"))
    reading = read_rules(path, require=_required(settings))
    (notes if only_rules else problems).extend(problem.with_caret() for problem in reading.unresolved)
    failures = (*reading.problems, *run_examples(reading.rules, reading.limits, root=root_of(path)))
    problems.extend(problem.with_caret() for problem in failures)
    for note in notes:
        click.echo(f"note: {note}", err=True)
    for problem in problems:
        click.echo(problem)
    click.echo(_summary(path, reading, len(problems)))
    sys.exit(1 if problems else 0)


def _check_settings(only_rules: bool) -> tuple[list[str], list[str], Settings | None]:
    """Problems and notes about the settings, and the settings when they are right."""
    notes = list(misspelt_settings())
    try:
        return [], notes, load_settings()
    except SettingsError as error:
        if not only_rules:
            return list(error.problems), notes, None
        unset = [problem for problem in error.problems if " is not set" in problem]
        return [problem for problem in error.problems if problem not in unset], notes + unset, None


def _required(settings: Settings | None) -> Sequence[str]:
    """The paths that every event must have. When other settings are wrong, this one is still looked at."""
    if settings is not None:
        return settings.require
    given = os.environ.get(variable("require"))
    default: Sequence[str] = Settings.model_fields["require"].get_default()
    return default if given is None else [path.strip() for path in given.split(",") if path.strip()]


def _summary(path: Path, reading: Reading, problems: int) -> str:
    examples = sum(len(rule.examples) for rule in reading.rules)
    counts = ", ".join(
        count(number, word)
        for number, word in ((len(reading.rules), "rule"), (len(reading.targets), "target"), (examples, "example"))
    )
    if problems:
        return f"{path}: {count(problems, 'problem')} ({counts} read)"
    return f"{path}: ok, {counts}, fingerprint {reading.fingerprint}"
