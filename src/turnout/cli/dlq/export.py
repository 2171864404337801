"""`turnout dlq export`: letters into a file that every other command reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from turnout.cli.dlq.looking import Look, look
from turnout.cli.dlq.options import limit_option, pii_option, place_options, selection_options
from turnout.cli.dlq.writing import write_whole
from turnout.cli.environment import recovery_settings
from turnout.dlq.sources import Place
from turnout.recovery.redaction import Redaction
from turnout.recovery.selection import Selection
from turnout.recovery.sources.export import Redacted, export_line, header_line
from turnout.rules.showing import printable
from turnout.words import count

__all__ = ["export"]


@click.command(short_help="Write letters into a file.")
@click.argument("output", metavar="FILE")
@place_options
@selection_options
@limit_option
@pii_option
@click.option(
    "--whole",
    is_flag=True,
    help="Write messages exactly as they are, personal data and secrets included: only so can they be delivered again.",
)
def export(output: str, place: Place, selection: Selection, limit: int, show_pii: bool, whole: bool) -> None:
    """Write letters into FILE (- is standard output), without consuming them. Only its owner can read the file.

    One JSON object a line; the first says what the others are and what was taken out of them.
    """
    if output != "-" and Path(output).exists():
        raise click.UsageError(f"{output} exists; name another file, or remove it")
    seen = look(recovery_settings(), place, selection, limit)
    if place.archive and not seen.read:  # another prefix was meant: its letters are to find no file there
        raise click.ClickException(" ".join(seen.notes))
    if whole and seen.undeliverable:
        # Called whole, what was hidden in them would be delivered as if it had been sent so.
        raise click.UsageError(seen.undeliverable)
    redacted = Redacted.NOTHING if whole else Redacted.SECRETS if show_pii else Redacted.PERSONAL_DATA
    if seen.redacted is Redacted.PERSONAL_DATA:  # which no option brings back
        redacted = seen.redacted
    hiding = Redaction(os.environ, show_pii=show_pii)
    redaction = None if whole else hiding
    lines = _lines(seen, redacted, redaction)
    if output == "-":
        for line in lines:
            click.echo(line, nl=False)
    else:
        write_whole(Path(output), lines)
    said = "whole, personal data included" if whole else f"without {redacted}: they cannot be delivered again"
    click.echo(f"{count(len(seen.letters), 'letter')} of {seen.source} exported, {said}.", err=True)
    if seen.limited:
        click.echo("note: there may be more: raise --limit.", err=True)
    for note in seen.notes:
        click.echo(f"note: {printable(hiding.text(note))}", err=True)


def _lines(seen: Look, redacted: Redacted, redaction: Redaction | None) -> Iterator[str]:
    yield header_line(seen.source, datetime.now(UTC), len(seen.letters), redacted)
    for letter in seen.letters:
        yield export_line(letter, redaction)
