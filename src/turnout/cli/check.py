"""`turnout check`: are the settings and the rules right? All problems at once, before anything is deployed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from turnout.cli.exit_codes import ONLY_WARNINGS
from turnout.cli.findings import FORMATS, Checked, Summary
from turnout.cli.rules_path import RulesPath
from turnout.cli.startable import problems_with_aws
from turnout.cli.stray import WithoutArguments, rules_are_meant
from turnout.errors import SettingsError
from turnout.roles import double_roles
from turnout.rules.files.event_files import root_of
from turnout.rules.files.load import Reading, read_rules
from turnout.rules.files.unread import unread_files
from turnout.rules.lint import lint
from turnout.rules.model import Kind
from turnout.rules.problems import Code, Problem
from turnout.rules.trials.examples import run_examples
from turnout.settings import Settings, load_settings, required_paths, variable
from turnout.variables import idle_settings, misspelt_settings, settings_without_port, unusable_variables

__all__ = ["check"]

_ERRORS = 1


@click.command(
    cls=WithoutArguments, stray=rules_are_meant, short_help="Validate settings and rules, and run the rules' examples."
)
@click.option(
    "--rules",
    "directory",
    type=RulesPath(),
    help=f"Directory of rule files, or one rule file.  [{variable('rules')}]  When it is given, settings and "
    "environment variables that are not set are only notes: a repository of rules has no queues.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(FORMATS)),
    default="text",
    show_default=True,
    help="text: for people; json: one object; github: annotations of a workflow.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Let warnings fail the check.")
def check(directory: Path | None, form: str, strict: bool) -> None:
    """Validate settings and rules, and run every rule's examples.

    Prints every problem and warning with its place. Exit codes: 0 no problem, 1 problems, 3 only warnings with
    --strict.
    """
    only_rules = directory is not None
    unusable, notes, settings = _check_settings(only_rules)
    path = directory or (settings.rules if settings else Path(os.environ.get(variable("rules")) or "rules"))
    require = _required(settings, unusable)
    reading = read_rules(path, require=require, keep_patterns=True)  # so that warnings point into them
    errors = [Problem("", 0, 0, "", Code.SETTING, message) for message in unusable]
    unreachable = _unreachable(reading)
    if only_rules:
        notes += (*[problem.with_caret() for problem in reading.unresolved], *unreachable)
    else:
        errors += (*reading.unresolved, *[Problem("", 0, 0, "", Code.SETTING, message) for message in unreachable])
        if settings is not None:
            notes += (*idle_settings(settings), *settings_without_port(settings))
            notes += double_roles(settings, reading.targets.values())
    errors += (*reading.problems, *run_examples(reading.rules, reading.limits, root=root_of(path)))
    warnings = (*unread_files(path, reading.limits), *lint(reading))
    code = _ERRORS if errors else ONLY_WARNINGS if warnings and strict else 0
    FORMATS[form](Checked(str(path), (*errors, *warnings), notes, _summary(reading, errors, warnings), code == 0))
    sys.exit(code)


def _check_settings(only_rules: bool) -> tuple[list[str], list[str], Settings | None]:
    """Problems and notes about the settings, and the settings when they are right."""
    notes = [*misspelt_settings(), *unusable_variables()]
    settings: Settings | None = None
    problems: list[str] = []
    try:
        settings = load_settings()
    except SettingsError as error:
        problems += error.problems
    if only_rules:
        unset = [problem for problem in problems if " is not set" in problem]
        return [problem for problem in problems if problem not in unset], notes + unset, settings
    problems += problems_with_aws(settings)
    return problems, [note for note in notes if note not in problems], settings


def _required(settings: Settings | None, unusable: Sequence[str]) -> tuple[str, ...]:
    """The paths that every event must have; none where the setting itself is told as wrong, which says it all."""
    if settings is not None:
        return settings.require
    return () if any(problem.startswith(f"{variable('require')}: ") for problem in unusable) else required_paths()


def _unreachable(reading: Reading) -> list[str]:
    """Why endpoints cannot be reached as the environment says: proxies, authorities, certificates of ours."""
    endpoints = [target for target in reading.targets.values() if target.kind is Kind.URL and not target.unresolved]
    if not endpoints:
        return []
    # Imported on demand: most rules send to queues only.
    from turnout.targets.certificates import problems_with_certificates
    from turnout.targets.ways import problems_on_the_way

    found = problems_on_the_way([target.address for target in endpoints], os.environ)
    return [*found, *problems_with_certificates(endpoints, os.environ)]


def _summary(reading: Reading, errors: Sequence[Problem], warnings: Sequence[Problem]) -> Summary:
    return Summary(
        rules=len(reading.rules),
        targets=len(reading.targets),
        examples=sum(len(rule.examples) for rule in reading.rules),
        errors=len(errors),
        warnings=len(warnings),
        fingerprint=reading.fingerprint,
    )
