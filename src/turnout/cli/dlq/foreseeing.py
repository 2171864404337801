"""What the next round of the processor would do: the dry run of `turnout dlq work`."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping

import click
from rich.table import Table
from rich.text import Text

from turnout.cli.screen import wide_console
from turnout.dlq.delivering import deliveries
from turnout.dlq.reporting import ledger_is_there
from turnout.dlq.services import Services, open_services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import LOOKING_SECONDS, Place, open_source
from turnout.errors import TurnoutError
from turnout.recovery.ledger.records import Record
from turnout.recovery.letter import Letter
from turnout.recovery.misnamed import Noticing
from turnout.recovery.processor.effects import NotDeliverable
from turnout.recovery.processor.policy import Decision, Next, Policy, decide
from turnout.recovery.redaction import Redaction
from turnout.recovery.running.planning import records_of
from turnout.recovery.selection import Selection
from turnout.recovery.sources.api import Source
from turnout.rules.showing import printable
from turnout.words import count

__all__ = ["print_foreseen"]

Decisions = list[tuple[Letter, Decision]]

_WORDS = {
    Next.DELIVER: "deliver to what it is owed",
    Next.ARCHIVE: "archive",
    Next.PARK: "park for people",
    Next.REMOVE: "take out: it is done with",
    Next.LEAVE: "leave: it is parked",
}
_KEPT = {Next.REMOVE: "nothing: it is done with"}
"""Where nothing is taken out: of a file, of an API."""


def print_foreseen(settings: DlqSettings, place: Place, selection: Selection) -> None:
    """Read the letters without consuming them, and print what would be done with how many. Raises `TurnoutError`."""
    policy = Policy(attempts=settings.attempts, archives=bool(settings.archive_bucket))
    source, decisions, notes = asyncio.run(_foreseen(settings, place, selection, policy))
    redaction = Redaction(os.environ)
    decided: Counter[tuple[Next, str, str]] = Counter()
    for letter, decision in decisions:
        decided[decision.next, str(letter.cause), printable(redaction.text(decision.note))] += 1
    if decided:
        table = Table("next", "cause", "letters", "why", header_style="bold")
        table.columns[2].justify = "right"
        words = _WORDS | _KEPT if source.keeps else _WORDS
        for (following, cause, note), number in decided.most_common():
            table.add_row(words[following], cause, f"{number:,}", Text(note))
        wide_console().print(table)
    for note in (*source.notes, *notes):
        click.echo(f"note: {printable(redaction.text(note))}")
    click.echo(f"{count(len(decisions), 'letter')} in {source.name}. Nothing was changed: this was a dry run.")


async def _foreseen(
    settings: DlqSettings, place: Place, selection: Selection, policy: Policy
) -> tuple[Source, Decisions, list[str]]:
    """What would be done with each letter, and what else an operator should know."""
    async with open_services(settings) as services:
        async with open_source(services, place, visibility_seconds=LOOKING_SECONDS) as source:
            if source.undeliverable:
                raise click.UsageError(source.undeliverable)
            selects = Noticing(selection)
            letters = [letter async for letter in source.letters() if selects(letter)]
        records: dict[str, Record] = {}
        if ledger_is_there(settings):
            records = await records_of(await services.ledger(), [letter.id for letter in letters])
        decisions: Decisions = []
        for letter in letters:
            record = records.get(letter.id) or Record(letter.id)
            decision = decide(letter, record, policy)
            if decision.next is Next.LEAVE:
                decision = Decision(Next.LEAVE, record.note)
            decisions.append((letter, decision))
        notes = list(selects.misnamed())
        if not place.failed_events:
            decisions, failing = await _parked_at_once(services, place, decisions, records)
            notes += failing
        return source, decisions, notes


async def _parked_at_once(
    services: Services, place: Place, decisions: Decisions, records: Mapping[str, Record]
) -> tuple[Decisions, list[str]]:
    """The decisions, without deliveries of letters for which there is no place: those are parked before any attempt."""
    deliver = await deliveries(services, place)
    found: Decisions = []
    for number, (letter, decision) in enumerate(decisions):
        if decision.next is Next.DELIVER:
            record = records.get(letter.id)
            try:
                deliver.aims(letter, record.reached if record is not None else ())
            except NotDeliverable as error:
                decision = Decision(Next.PARK, str(error))
            except TurnoutError as error:  # no letter at all can be delivered, which a round says as well
                return [*found, *decisions[number:]], [f"nothing could be delivered now: {error}"]
        found.append((letter, decision))
    return found, []
