"""`turnout dlq show`: everything about one letter."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import click

from turnout.cli.dlq.given import GIVEN
from turnout.cli.dlq.looking import look
from turnout.cli.dlq.options import limit_option, pii_option, place_options
from turnout.cli.environment import recovery_settings
from turnout.dlq.reporting import ledger_is_there
from turnout.dlq.services import open_services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import Place
from turnout.recovery.ledger.api import Ledger, LedgerError
from turnout.recovery.ledger.records import Action, Entry, Phase, Record
from turnout.recovery.letter import Letter
from turnout.recovery.redaction import Redaction
from turnout.recovery.report.ways import advice, way_of
from turnout.recovery.selection import Selection
from turnout.recovery.view import letter_record, stamp
from turnout.rules.showing import printable
from turnout.words import count

__all__ = ["show"]

T = TypeVar("T")


@click.command(short_help="Show one letter: why it failed, its way, its history, its body.")
@click.argument("letter_id", type=GIVEN, metavar="ID")
@place_options
@limit_option
@pii_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each letter, one a line.")
def show(letter_id: str, place: Place, limit: int, show_pii: bool, as_json: bool) -> None:
    """Show one letter. ID is that of the letter, of its event or of its conversation.

    When the letter is not there any more, this shows what the ledger knows was done with it, and exits 1.
    """
    settings = recovery_settings()
    seen = look(settings, place, Selection(ids=frozenset({letter_id})), limit)
    redaction = Redaction(os.environ, show_pii=show_pii)
    if not seen.letters:
        notes = "".join(f"\nnote: {note}" for note in seen.notes)
        more = "; there may be more: raise --limit" if seen.limited else ""
        if not as_json and not _print_known(settings, seen.source, letter_id, redaction):
            notes += "\nnote: the ledger knows no letter of that id either"
        raise click.ClickException(
            f"no letter in {seen.source} has the id {letter_id}, of {seen.read:,} read{more}{notes}"
        )

    async def histories(ledger: Ledger) -> dict[str, list[Entry]]:
        return {letter.id: await ledger.history(letter.id) for letter in seen.letters}

    known = _asked(settings, histories, "what was done with it before") or {}
    for letter in seen.letters:
        history = known.get(letter.id, [])
        if as_json:
            record = letter_record(letter, redaction)
            record["history"] = [_entry(entry, redaction) for entry in history]
            click.echo(json.dumps(record))
        else:
            way = way_of(letter, listed=bool(place.failed_events))
            archived = bool(place.archive)
            what_to_do = advice(seen.causes, letter.cause, letter.disposition, way, archived=archived)
            _print(letter, what_to_do, history, redaction)


def _asked(settings: DlqSettings, question: Callable[[Ledger], Awaitable[T]], about: str) -> T | None:
    """What the ledger answers; None where there is none, since to look makes none, or where it cannot be read."""

    async def asked() -> T:
        async with open_services(settings) as services:
            return await question(await services.ledger())

    if not ledger_is_there(settings):
        return None
    try:
        return asyncio.run(asked())
    except LedgerError as error:  # what is there can be shown all the same
        click.echo(f"note: {about} is not known: {error}", err=True)
        return None


def _print_known(settings: DlqSettings, source: str, named: str, redaction: Redaction) -> bool:
    """What the ledger knows of letters that are not there any more, by one of their ids.

    False when it was read, and knows none.
    """

    async def known(ledger: Ledger) -> list[tuple[Record, list[Entry]]]:
        found = dict(await ledger.records([named]))
        async for each in ledger.find(source):
            if named in (each.event_id, each.conversation_id):
                found[each.letter] = each
        return [(record, await ledger.history(record.letter)) for record in found.values()]

    records = _asked(settings, known, "whether something was done with it")
    for record, history in records or ():
        _line("letter", redaction.text(record.letter))
        _line("queue", record.queue)
        _line("cause", f"{record.cause} ({record.disposition})" if record.cause else "")
        _line("event", redaction.text(" ".join(part for part in (record.event_type, record.event_id) if part)))
        _line("conversation", redaction.text(record.conversation_id))
        _line("status", record.status)
        _print_history(history, redaction)
    return records is None or bool(records)


def _entry(entry: Entry, redaction: Redaction) -> dict[str, object]:
    return {
        "at": _at(entry).isoformat(timespec="milliseconds"),
        "action": entry.action,
        "phase": entry.phase,
        "attempt": entry.attempt,
        "by": entry.by,
        "targets": redaction.texts(entry.targets),
        "plan": entry.plan,
        "note": redaction.text(entry.note),
    }


def _at(entry: Entry) -> datetime:
    return datetime.fromtimestamp(entry.at_ms / 1000, UTC)


def _line(name: str, text: str) -> None:
    if text:
        click.echo(f"{name:<14}{printable(text)}")


def _print_history(history: list[Entry], redaction: Redaction) -> None:
    for entry in history:
        targets = redaction.text(", ".join(entry.targets))
        if entry.phase is Phase.FAILED and targets:  # what did not get it is in the note
            targets = f"it arrived at {targets};"
        # An archive notes the object that it made, which is the target as well.
        said = " ".join(dict.fromkeys(part for part in (targets, redaction.text(entry.note)) if part))
        # What is parked carries the number of the attempt that it will not get.
        tried = entry.attempt > 1 and entry.action in (Action.RETRY, Action.REPLAY)
        number = f" (attempt {entry.attempt})" if tried else ""
        what = f"{entry.action} {entry.phase}{number} by {entry.by}{said and f': {said}'}"
        _line("history" if entry is history[0] else "", f"{stamp(_at(entry))} {what}")


def _print(letter: Letter, what_to_do: str, history: list[Entry], redaction: Redaction) -> None:
    def line(name: str, text: str) -> None:
        # Ids and names come from others, who may have made them of contact data.
        _line(name, redaction.text(text))

    line("letter", letter.id)
    line("queue", letter.queue)
    line("cause", f"{letter.cause} ({letter.disposition}): {letter.verdict.because}")
    line("", letter.error)
    line("what to do", what_to_do)
    line("event", " ".join(part for part in (letter.event_type, letter.event_id) if part))
    line("conversation", letter.conversation_id)
    line("happened", stamp(letter.event_time))
    line("first failed", stamp(letter.first_failure))
    line("last failed", stamp(letter.last_failure))
    line("attempts", str(letter.attempts or ""))
    line("received", count(letter.receive_count, "time") if letter.receive_count else "")
    line("rules", ", ".join(letter.rules))
    line("owed to", ", ".join(letter.owed))
    for target, why in letter.failures.items():
        line("", f"{target}: {why}")
    line("done", ", ".join(letter.done))
    for note in letter.notes:
        line("note", note)
    for number, layer in enumerate(letter.chain, start=1):
        where = " ".join(
            part for part in (layer.source and f"from {layer.source}", layer.target and f"to {layer.target}") if part
        )
        line("way" if number == 1 else "", f"{number}. {layer.origin} {where}")
    _print_history(history, redaction)
    for name, text in redaction.attributes(letter.attributes).items():
        line("attribute", f"{name}: {text}")
    click.echo()
    if letter.body is None:
        click.echo("The body is not in this letter.")
        return
    body = redaction.body(letter.body, indent=2)
    click.echo("\n".join(printable(each) for each in body.split("\n")))
