"""What a report is made of, gathered: letters, what the ledger knows of them, what Genesys knows of conversations."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from turnout.dlq.correlation import GenesysCorrelate
from turnout.dlq.services import Services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import LOOKING_SECONDS, Place, open_source
from turnout.recovery.ledger.api import Ledger, LedgerError
from turnout.recovery.ledger.records import Record, Sighting
from turnout.recovery.letter import Letter
from turnout.recovery.misnamed import Noticing
from turnout.recovery.report.build import Sources
from turnout.recovery.report.correlation import correlated
from turnout.recovery.report.model import Interaction
from turnout.recovery.report.steps import Command
from turnout.recovery.running.expiry import is_gone
from turnout.recovery.running.planning import records_of
from turnout.recovery.selection import Selection

__all__ = ["gathered", "gone_from", "known_of", "ledger_is_there", "ledger_place"]


async def gathered(
    services: Services,
    place: Place,
    selection: Selection,
    *,
    limit: int,
    correlate: bool,
) -> Sources:
    """Read at most `limit` letters, without consuming them, and what else a report tells of those selected.

    Raises `TurnoutError`; that a conversation cannot be looked up, or the ledger not be read, the report tells instead.
    """
    read, selects = 0, Noticing(selection)
    letters = []
    async with open_source(services, place, visibility_seconds=LOOKING_SECONDS) as source:
        async for letter in source.letters(limit):
            read += 1
            if selects(letter):
                letters.append(letter)
        name, retention, keeps = source.name, source.retention_seconds, source.keeps
        caveats = [*source.notes, *([source.undeliverable] if source.undeliverable else []), *selects.misnamed()]
        again = _again(place, selection, services.settings, only_shown=bool(source.undeliverable))
    notes = []
    if read >= limit:
        caveats.append(f"Reading ended at the limit of {limit:,}; there may be more. Raise --limit.")
    interactions: dict[str, Interaction] = {}
    if correlate:
        interactions = await correlated(letters, GenesysCorrelate(await services.genesys()))
    records: dict[str, Record] = {}
    known = None
    if ledger_is_there(services.settings):
        try:
            ledger = await services.ledger()
            records = await records_of(ledger, [letter.id for letter in letters])
            known = await known_of(ledger, letters, name)
        except LedgerError as error:
            records = {}
            notes.append(f"What was done with these letters before is not known: {error}")
    return Sources(
        letters=letters,
        read=read,
        source=name,
        selection="" if selection == Selection() else str(selection),
        again=again,
        records=records,
        known=known,
        gone=gone_from(name, retention),
        settled=frozenset(letter for letter, record in records.items() if keeps and record.settled),
        interactions=interactions,
        caveats=tuple(caveats),
        notes=tuple(notes),
    )


def _again(place: Place, selection: Selection, settings: DlqSettings, *, only_shown: bool) -> Command:
    source = {
        "--queue": place.queue,
        "--failed-events": place.failed_events,
        "--file": place.file,
        "--archived": place.archive,
    }
    times = {"--since": selection.since, "--until": selection.until}
    return Command(
        source=tuple(word for option, value in source.items() if value for word in (option, value)),
        narrowing=(
            *(word for rule in sorted(selection.rules) for word in ("--rule", rule)),
            *(word for option, at in times.items() if at for word in (option, at.isoformat(timespec="milliseconds"))),
            *(word for each in sorted(selection.ids) for word in ("--id", each)),
        ),
        targets=tuple(sorted(selection.targets)),
        causes=bool(selection.causes),
        dispositions=bool(selection.dispositions),
        where=selection.where.text if selection.where else "",
        one_source=len([url for url in settings.source_queue.split(",") if url.strip()]) == 1,
        only_shown=only_shown,
    )


def ledger_is_there(settings: DlqSettings) -> bool:
    """Whether there is a ledger to be read: to look makes none."""
    return settings.ledger.startswith("dynamodb:") or Path(settings.ledger).exists()


def ledger_place(settings: DlqSettings) -> str:
    """For people: where the ledger is, to be found from any folder."""
    there = settings.ledger
    return there if there.startswith("dynamodb:") else str(Path(there).resolve())


async def known_of(ledger: Ledger, letters: Sequence[Letter], source: str) -> list[Record]:
    """All that the ledger knows of the queues that these letters were found in, and of this one."""
    queues = {source, *(Sighting.of(letter).queue for letter in letters)} - {""}
    return [record for queue in sorted(queues) async for record in ledger.find(queue)]


def gone_from(queue: str, retention_seconds: float | None) -> Callable[[Record], bool]:
    """Tells which letters can be in a queue no more that keeps each for so long."""
    return lambda record: is_gone(record, queue, retention_seconds, time.time() * 1000)
