"""`turnout rules match`: where would these events go?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import click
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from turnout.cli.rules.bodies import bodies
from turnout.cli.rules.options import require_option, rules_option
from turnout.cli.rules.unread import note_unread
from turnout.cli.screen import wide_console
from turnout.failures import Reason
from turnout.rules import Match, load_rules
from turnout.rules.showing import printable

__all__ = ["match"]

_EVENTS_A_TABLE = 1_000
_HEADERS = ("line", "type", "rules", "targets")
_FRAME = 13
"""Columns of the table's lines and of the spaces beside them."""


@click.command(short_help="Say where events would go.")
@rules_option
@click.option(
    "--events",
    "events",
    type=click.File("rb"),
    required=True,
    help="File with one event body per line; - is standard input. Blank lines are skipped.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, for each event.")
@require_option
def match(directory: Path, events: BinaryIO, as_json: bool, require: tuple[str, ...]) -> None:
    """Print which rules match each event, and which targets it would go to.

    Exits 2 when there is no event, or nothing of what is there is one.
    """
    note_unread(directory)
    ruleset = load_rules(directory, require=require)
    matches: Iterator[tuple[int, Match]] = ((number, ruleset.match(body)) for number, body in bodies(events))
    first = next(matches, None)
    if first is None:
        click.echo("there is no event here; give one event per line, as JSON", err=True)
        sys.exit(2)
    matches = chain([first], matches)
    seen = _Seen()
    if as_json:
        for _, found in seen.passing(matches):
            click.echo(json.dumps(_record(found)))
    else:
        _print_tables(seen.passing(matches))
    if not seen.event:
        click.echo("nothing here is an event; give one event per line, as JSON", err=True)
        sys.exit(2)


class _Seen:
    """Whether any of what passes by is an event: one that lacks a required field is."""

    def __init__(self) -> None:
        self.event = False

    def passing(self, matches: Iterator[tuple[int, Match]]) -> Iterator[tuple[int, Match]]:
        """All of it, looked at."""
        for number, found in matches:
            self.event |= found.rejected is None or found.rejected.reason is Reason.MISSING_FIELD
            yield number, found


def _record(found: Match) -> dict[str, object]:
    record: dict[str, object] = {"rules": list(found.rules), "targets": list(found.targets)}
    if found.shadow:
        record["shadow"] = list(found.shadow)
    if found.rejected is not None:
        record["rejected"] = {"reason": str(found.rejected.reason), "message": found.rejected.message}
    return record


def _print_tables(matches: Iterator[tuple[int, Match]]) -> None:
    """Tables of so many events, each printed before the next is matched: no more rows are held at once."""
    console = wide_console()
    while some := list(islice(matches, _EVENTS_A_TABLE)):
        console.print(_table([_row(number, found) for number, found in some], console.width))


def _table(rows: Sequence[Sequence[str]], width: int) -> Table:
    table = Table(*_HEADERS, header_style="bold")
    table.columns[0].justify = "right"
    for column in table.columns:
        column.overflow = "fold"
    columns = list(zip(*rows, strict=True))
    widths = (max(map(cell_len, (header, *column))) for header, column in zip(_HEADERS, columns, strict=True))
    if sum(widths) + _FRAME <= width:
        rows = [["\n".join(column) for column in columns]]  # one row of many lines, in a quarter of the time
    for row in rows:
        table.add_row(*map(Text, row))  # what an event says is no style
    return table


def _row(number: int, found: Match) -> tuple[str, str, str, str]:
    """The cells of a row, with nothing in them for the terminal to obey."""
    if found.rejected is not None:
        return str(number), "", f"rejected: {found.rejected.reason}", printable(found.rejected.message)
    names = [*found.rules, *(f"{name} (shadow)" for name in found.shadow)]
    return str(number), printable(found.event_type or ""), ", ".join(names) or "-", ", ".join(found.targets) or "-"
