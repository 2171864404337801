"""`turnout doctor`: is what the deployment stands on as it should be? Asked and judged by `turnout.doctor`."""

from __future__ import annotations

import asyncio
import os
import sys

import click

from turnout.cli.diagnosis import print_json, print_text
from turnout.cli.environment import worker_settings
from turnout.cli.exit_codes import ONLY_WARNINGS

__all__ = ["doctor"]


@click.command(short_help="Examine queues, permissions, tables and endpoints, without changing anything.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-v", "--verbose", is_flag=True, help="Show what is as it should be, too.")
@click.option("--strict", is_flag=True, help="Let warnings, and what could not be checked, fail the examination.")
def doctor(as_json: bool, verbose: bool, strict: bool) -> None:
    """Examine what the configured worker stands on, in AWS or on an emulator, without changing anything.

    Reads settings and rules as `turnout run` does. Each finding says what to do. What may not be looked at is a finding
    of its own; nothing else depends on it. Permissions are tried with what cannot do anything (empty batches, writes on
    a condition that cannot hold, a part of no upload), and IAM's simulation is asked where that is allowed. Exit codes:
    0 no errors, 1 errors, 2 wrong settings, 3 only warnings with --strict.
    """
    settings = worker_settings()
    # After the settings: the AWS client takes a moment to import.
    from turnout.doctor.examine import examine
    from turnout.doctor.findings import Severity
    from turnout.telemetry.logs import configure_logging

    configure_logging("error", "text")
    found = asyncio.run(examine(settings, os.environ))
    if as_json:
        print_json(found)
    else:
        print_text(found, verbose=verbose)
    severities = {finding.severity for finding in found.findings}
    if Severity.ERROR in severities:
        sys.exit(1)
    sys.exit(ONLY_WARNINGS if strict and severities - {Severity.OK} else 0)
