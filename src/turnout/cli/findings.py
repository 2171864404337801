"""How the findings of `turnout check` are printed: for people, as JSON, or as annotations of a GitHub workflow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
import msgspec

from turnout.rules.problems import Problem, Severity, first_of
from turnout.rules.showing import printable
from turnout.words import count

__all__ = ["FORMATS", "Checked", "Found", "Summary"]


class Summary(msgspec.Struct, frozen=True):
    """What was checked, in numbers."""

    rules: int
    targets: int
    examples: int
    errors: int
    warnings: int
    fingerprint: str


class Checked(msgspec.Struct, frozen=True):
    """Everything that a check found. `notes` are no findings: they make no difference to the exit code."""

    path: str
    problems: Sequence[Problem]
    notes: Sequence[str]
    summary: Summary
    passed: bool = True
    """Whether the exit code will be 0: warnings may fail the check, too."""


class Found(msgspec.Struct, frozen=True):
    """One problem, as the JSON of all commands has it. `excerpt` is the source line, or a part of a long one."""

    file: str
    line: int
    column: int
    rule: str
    code: str
    severity: str
    message: str
    excerpt: str

    @classmethod
    def of(cls, problem: Problem) -> Found:
        """What is shown of a problem."""
        return cls(
            printable(problem.file),
            problem.line,
            problem.column,
            problem.rule,
            problem.code,
            problem.severity,
            printable(problem.message),
            problem.source,
        )


class _Report(msgspec.Struct, frozen=True):
    problems: Sequence[Found]
    notes: Sequence[str]
    summary: Summary


def _print_text(checked: Checked) -> None:
    for note in checked.notes:
        click.echo(f"note: {note}", err=True)
    shown, more = first_of(checked.problems)
    for problem in shown:
        # A problem without a place is a setting's; its message says which.
        click.echo(problem.with_caret() if problem.file else problem.message)
    if more:
        click.echo(f"{more}, or see all with --json")
    click.echo(_summary(checked))


def _summary(checked: Checked) -> str:
    summary = checked.summary
    counts = ", ".join(
        count(number, word)
        for number, word in ((summary.rules, "rule"), (summary.targets, "target"), (summary.examples, "example"))
    )
    warnings = f"; {count(summary.warnings, 'warning')}" if summary.warnings else ""
    if summary.errors:
        return f"{checked.path}: {count(summary.errors, 'problem')} ({counts} read){warnings}"
    if not checked.passed:
        return f"{checked.path}: {count(summary.warnings, 'warning')}, which --strict does not let pass ({counts} read)"
    return f"{checked.path}: ok, {counts}, fingerprint {summary.fingerprint}{warnings}"


def _print_json(checked: Checked) -> None:
    report = _Report([Found.of(each) for each in checked.problems], checked.notes, checked.summary)
    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))


def _print_github(checked: Checked) -> None:
    for note in checked.notes:
        click.echo(f"::notice::{_data(note)}")
    shown, more = first_of(checked.problems)
    for problem in shown:
        command = "error" if problem.severity is Severity.ERROR else "warning"
        properties = ",".join(f"{name}={_property(value)}" for name, value in _properties(problem))
        rule = f"{problem.rule}: " if problem.rule else ""
        click.echo(f"::{command} {properties}::{_data(printable(rule + problem.message))}")
    if more:
        click.echo(f"{more}, or see all with --json")
    click.echo(_summary(checked))


def _properties(problem: Problem) -> Iterator[tuple[str, str]]:
    if problem.file:
        yield "file", printable(problem.file)
    if problem.line:
        yield "line", str(problem.line)
        yield "col", str(problem.column)
    yield "title", problem.code


def _data(text: str) -> str:
    """Text as workflow commands take it: what would end the command is escaped."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS = {"text": _print_text, "json": _print_json, "github": _print_github}
"""Prints everything that a check found, by the name of the format."""
