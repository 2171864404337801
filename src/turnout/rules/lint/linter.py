"""Runs all lints over what was read."""

from __future__ import annotations

from turnout.rules.files.load import Reading
from turnout.rules.lint.constants import warn_of_constants
from turnout.rules.lint.kinds import Kinds, warn_of_kinds
from turnout.rules.lint.literals import warn_of_literals
from turnout.rules.lint.metadata import warn_of_metadata
from turnout.rules.lint.missing import warn_of_missing, warn_of_null_of_several
from turnout.rules.lint.names import warn_of_names
from turnout.rules.lint.overlaps import warn_of_overlaps
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.reasoning import Patience
from turnout.rules.lint.scanning import warn_of_scans
from turnout.rules.lint.shaping import warn_of_shaping, warn_of_useless_fields
from turnout.rules.lint.usage import (
    warn_of_doubled_targets,
    warn_of_few_examples,
    warn_of_misspelt_members,
    warn_of_unused_targets,
)
from turnout.rules.problems import Problem

__all__ = ["lint"]


def lint(reading: Reading) -> tuple[Problem, ...]:
    """Every warning about the rules that were read, those from reading included, by file and line.

    A warning about a part of a pattern has its place when patterns were kept, else the rule's. While there are errors,
    only what each rule shows by itself is looked for: rules that could not be read are missing from the others'
    company.
    """
    findings = Findings(reading)
    kinds = Kinds(reading.rules)
    patience = Patience()
    matching = []
    for rule in reading.rules:
        if warn_of_constants(rule, findings, patience):
            matching.append(rule)
        warn_of_missing(rule, findings)
        warn_of_null_of_several(rule, findings)
        warn_of_few_examples(rule, findings)
        warn_of_misspelt_members(rule, findings)
        warn_of_literals(rule, findings)
        warn_of_kinds(rule, kinds, findings)
        warn_of_names(rule, findings)
        warn_of_metadata(rule, findings)
        warn_of_shaping(rule, findings)
    warn_of_scans(reading.rules, findings)
    if not reading.problems:
        warn_of_overlaps(matching, findings, patience)
        warn_of_unused_targets(reading, findings)
        warn_of_doubled_targets(reading, findings)
        warn_of_useless_fields(reading, findings)
    warnings = (*reading.warnings, *findings.warnings)
    return tuple(sorted(warnings, key=lambda found: (found.file, found.line, found.column, found.code)))
