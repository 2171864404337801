"""`turnout dlq report`: what lies there, since when, why, and what to do next."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from turnout.cli.dlq.options import letters_are_meant, limit_option, pii_option, place_options, selection_options
from turnout.cli.dlq.writing import write_whole
from turnout.cli.environment import recovery_settings
from turnout.cli.screen import WIDTH_ELSEWHERE, wide_console
from turnout.cli.stray import WithoutArguments
from turnout.dlq.reporting import gathered
from turnout.dlq.services import open_services
from turnout.dlq.sources import Place
from turnout.recovery.redaction import Redaction
from turnout.recovery.report.build import build_report
from turnout.recovery.report.model import Report
from turnout.recovery.selection import Selection
from turnout.words import count

__all__ = ["report"]


@click.command(
    cls=WithoutArguments, stray=letters_are_meant, short_help="Report what lies there, why, and what to do next."
)
@place_options
@selection_options
@limit_option
@pii_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "html", "md"]),
    default="table",
    show_default=True,
    help="table for the terminal; json has the fields of eventbridge_diagnostics.json; html is one page to send on.",
)
@click.option("--json", "format_", flag_value="json", help="The same as --format json.")
@click.option("--output", metavar="FILE", help="Write it there instead of on standard output (-).")
@click.option("--correlate", is_flag=True, help="Look up the conversations that letters are about (Genesys).")
def report(
    place: Place,
    selection: Selection,
    limit: int,
    show_pii: bool,
    format_: str,
    output: str | None,
    correlate: bool,
) -> None:
    """Report on letters, without consuming them: causes, targets, rules, age, and what to do next, with commands.

    Personal data is hidden unless --show-pii is given. In json, replayPayload is the original event; with personal data
    hidden it is for reading only, and replayPayloadRedacted says so.
    """
    if output == "-":
        output = None
    settings = recovery_settings()
    redaction = Redaction(os.environ, show_pii=show_pii)

    async def made() -> tuple[Report, int]:
        async with open_services(settings) as services:
            sources = await gathered(services, place, selection, limit=limit, correlate=correlate)
            finished = build_report(
                sources,
                causes=services.causes(),
                redaction=redaction,
                redacted=not show_pii,
                now=datetime.now(UTC),
                one_by_one=format_ == "json",
            )
            return finished, sources.read

    finished, read = asyncio.run(made())
    _put(finished, format_, output)
    if place.archive and not read:
        sys.exit(1)  # another prefix was meant


def _put(report: Report, format_: str, output: str | None) -> None:
    """Write or print it."""
    if format_ == "table":
        _print(report, output)
        return
    text = _rendered(report, format_)
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    write_whole(Path(output), [text])
    hidden = "personal data is hidden" if report.redacted else "it contains personal data"
    click.echo(f"{output}: {count(report.total, 'letter')} of {report.source}; {hidden}.", err=True)


def _rendered(report: Report, format_: str) -> str:
    match format_:
        case "json":
            from turnout.recovery.report.document import render_json

            return render_json(report)
        case "html":
            from turnout.recovery.report.page import render_html

            return render_html(report)
        case _:
            from turnout.recovery.report.markdown import render_markdown

            return render_markdown(report)


def _print(report: Report, output: str | None) -> None:
    from turnout.recovery.report.table import print_report

    if output is not None:
        recorded = Console(width=WIDTH_ELSEWHERE, file=open(os.devnull, "w"), record=True)  # noqa: SIM115
        with recorded.file:
            print_report(report, recorded)
        write_whole(Path(output), [recorded.export_text()])
        return
    print_report(report, wide_console())
