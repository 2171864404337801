"""What the next round of the processor would do: the dry run of `turnout dlq work`."""

from __future__ import annotations

import asyncio
import os
from collections import Counter

import click
from rich.table import Table
from rich.text import Text

from turnout.cli.screen import wide_console
from turnout.cli.words import count
from turnout.dlq.reporting import ledger_is_there, records_of
from turnout.dlq.services import open_services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import LOOKING_SECONDS, Place, open_source
from turnout.recovery.ledger.records import Record
from turnout.recovery.letter import Letter
from turnout.recovery.processor.policy import Next, Policy, decide
from turnout.recovery.redaction import Redaction
from turnout.recovery.selection import Selection
from turnout.recovery.sources.api import Source

__all__ = ["print_foreseen"]

_WORDS = {
    Next.DELIVER: "deliver to what it is owed",
    Next.ARCHIVE: "archive",
    Next.PARK: "park for people",
    Next.REMOVE: "take out: it is done with",
    Next.LEAVE: "leave: it is parked",
}


def print_foreseen(settings: DlqSettings, place: Place, selection: Selection) -> None:
    """Read the letters without consuming them, and print what would be done with how many. Raises `TurnoutError`."""
    source, letters, records = asyncio.run(_looked(settings, place, selection))
    policy = Policy(attempts=settings.attempts, archives=bool(settings.archive_bucket))
    redaction = Redaction(os.environ)
    decided: Counter[tuple[Next, str, str]] = Counter()
    for letter in letters:
        record = records.get(letter.id) or Record(letter.id)
        decision = decide(letter, record, policy)
        why = decision.note or (redaction.text(record.note) if decision.next is Next.LEAVE else "")
        decided[decision.next, str(letter.cause), why] += 1
    if decided:
        table = Table("next", "cause", "letters", "why", header_style="bold")
        table.columns[2].justify = "right"
        for (following, cause, note), number in decided.most_common():
            table.add_row(_WORDS[following], cause, f"{number:,}", Text(note))
        wide_console().print(table)
    for note in source.notes:
        click.echo(f"note: {note}")
    click.echo(f"{count(len(letters), 'letter')} in {source.name}. Nothing was changed: this was a dry run.")


async def _looked(
    settings: DlqSettings, place: Place, selection: Selection
) -> tuple[Source, list[Letter], dict[str, Record]]:
    async with open_services(settings) as services:
        async with open_source(services, place, visibility_seconds=LOOKING_SECONDS) as source:
            letters = [letter async for letter in source.letters() if selection(letter)]
        if not ledger_is_there(settings):
            return source, letters, {}
        return source, letters, await records_of(await services.ledger(), letters)
