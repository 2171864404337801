"""`turnout dlq list`: the letters, one line each."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from turnout.cli.dlq.looking import Look, look
from turnout.cli.dlq.options import letters_are_meant, limit_option, pii_option, place_options, selection_options
from turnout.cli.environment import recovery_settings
from turnout.cli.screen import wide_console
from turnout.cli.stray import WithoutArguments
from turnout.dlq.sources import Place
from turnout.recovery.causes import Disposition
from turnout.recovery.letter import Letter
from turnout.recovery.redaction import Redaction
from turnout.recovery.selection import Selection
from turnout.recovery.view import arn_name, letter_summary, stamp
from turnout.rules.showing import printable
from turnout.words import count

__all__ = ["DISPOSITION_STYLES", "list_letters", "print_letters"]

DISPOSITION_STYLES = {
    Disposition.TRANSIENT: "green",
    Disposition.NEEDS_FIX: "yellow",
    Disposition.PERMANENT: "red",
    Disposition.UNKNOWN: "magenta",
}

_ROOM_FOR_ALL = 142
"""Columns that the table needs; with fewer it would cut ids, which the other commands are given."""


@click.command(
    "list",
    cls=WithoutArguments,
    stray=letters_are_meant,
    short_help="List letters: when and why they failed, and what they are owed.",
)
@place_options
@selection_options
@limit_option
@pii_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_letters(place: Place, selection: Selection, limit: int, show_pii: bool, as_json: bool) -> None:
    """List the letters, without consuming them."""
    seen = look(recovery_settings(), place, selection, limit)
    redaction = Redaction(os.environ, show_pii=show_pii)
    if as_json:
        for letter in seen.letters:
            click.echo(json.dumps(letter_summary(letter, redaction)))
    else:
        print_letters(seen.letters, redaction, wide_console())
        click.echo(_sentence(seen))
    for note in seen.notes:
        click.echo(f"note: {printable(redaction.text(note))}", err=True)
    if place.archive and not seen.read:
        sys.exit(1)  # another prefix was meant


def print_letters(letters: tuple[Letter, ...], redaction: Redaction, console: Console) -> None:
    """A table of letters, or where it has no room a few lines for each; nothing when there are none."""
    if not letters:
        return
    if console.width < _ROOM_FOR_ALL:
        for letter in letters:
            console.print(_lines(letter, redaction), soft_wrap=True)
        return
    table = Table("id", "failed (UTC)", "cause", "disposition", "code", "event", "owed to", "seen", header_style="bold")
    for column in table.columns[:4]:
        column.no_wrap = True
    table.columns[-1].justify = "right"
    for letter in letters:
        table.add_row(
            Text(printable(redaction.text(letter.id))),
            _failed(letter),
            str(letter.cause),
            Text(str(letter.disposition), DISPOSITION_STYLES[letter.disposition]),
            Text(_code(letter, redaction) or "-"),
            Text(_event(letter, redaction)),
            Text(_owed(letter, redaction)),
            str(letter.receive_count or "-"),
        )
    console.print(table)


def _lines(letter: Letter, redaction: Redaction) -> Text:
    """What the table has of a letter, one under the other."""
    text = Text.assemble(
        (printable(redaction.text(letter.id)), "bold"),
        f"\n  {_failed(letter)}  {letter.cause} ",
        (f"({letter.disposition})", DISPOSITION_STYLES[letter.disposition]),
        f"  {_code(letter, redaction)}",
        f"\n  {_event(letter, redaction)}",
    )
    if (owed := _owed(letter, redaction)) != "-":
        text.append(f", owed to {owed}")
    if letter.receive_count:
        text.append(f", seen {count(letter.receive_count, 'time')}")
    return text


def _failed(letter: Letter) -> str:
    return stamp(letter.last_failure or letter.sent or letter.event_time)


def _code(letter: Letter, redaction: Redaction) -> str:
    return printable(redaction.text(letter.code))


def _event(letter: Letter, redaction: Redaction) -> str:
    return printable(redaction.text(letter.event_type)) or str(letter.origin)


def _owed(letter: Letter, redaction: Redaction) -> str:
    delivery = letter.delivery
    if delivery is None:
        return "-"
    return printable(redaction.text(", ".join(delivery.owed) or arn_name(delivery.target)))


def _sentence(seen: Look) -> str:
    if not seen.read:
        return f"No letters in {seen.source}."
    kinds = Counter(str(letter.disposition) for letter in seen.letters)
    said = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common())
    text = count(len(seen.letters), "letter") + (f" ({said})" if said else "")
    if len(seen.letters) < seen.read:
        text += f" of {seen.read:,} read"
    text += f" in {seen.source}."
    return text + (" There may be more: raise --limit." if seen.limited else "")
