"""`turnout rules diff`: which events would go elsewhere under changed rules?"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from turnout.cli.rules.bodies import bodies
from turnout.cli.rules.options import json_option, require_option
from turnout.cli.rules.unread import note_unread
from turnout.cli.rules_path import RulesPath
from turnout.rules import load_rules
from turnout.rules.contact import excerpt
from turnout.rules.showing import printable
from turnout.rules.trials.compare import Change, Comparison, Sample, compare
from turnout.telemetry.redaction import redactor
from turnout.words import count
from turnout.wrong_settings import check_queue_urls

__all__ = ["diff"]


@click.command(short_help="Say which events would go elsewhere under changed rules.")
@click.argument("old", type=RulesPath())
@click.argument("new", type=RulesPath())
@click.option("--events", "events", type=click.File("rb"), help="File with one event per line; - is standard input.")
@click.option("--queue", "queue", metavar="URL", help="Queue to take events from, without consuming them.")
@click.option(
    "--sample", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Events to take from it, at most."
)
@click.option(
    "--fail-on-change",
    is_flag=True,
    help="Exit 1 if anything is sent elsewhere or otherwise; 2 if nothing could be compared.",
)
@click.option(
    "--excerpt", "with_excerpt", is_flag=True, help="Show the beginning of each example, contact data masked."
)
@json_option
@require_option
def diff(
    old: Path,
    new: Path,
    events: BinaryIO | None,
    queue: str | None,
    sample: int,
    fail_on_change: bool,
    with_excerpt: bool,
    as_json: bool,
    require: tuple[str, ...],
) -> None:
    """Ask the rules in OLD and in NEW about the same events, and count those that would go elsewhere.

    An event goes elsewhere when it is sent to other queues, or dropped or dead-lettered instead. Looking into a queue
    counts as a receive of each message, and hides them from others for a moment.
    """
    if (events is None) is (queue is None):
        raise click.UsageError("give either --events or --queue")
    if queue is not None:
        try:
            check_queue_urls(queue)
        except ValueError as error:
            raise click.UsageError(f"--queue: {error}") from error
    note_unread(old, new)
    before, after = load_rules(old, require=require), load_rules(new, require=require)
    samples = _lines(events) if events is not None else iter(_messages(str(queue), sample))
    comparison = compare(before, after, samples)
    if as_json:
        click.echo(msgspec.json.encode(_record(comparison, with_excerpt)))
    else:
        _print(comparison, with_excerpt)
    if comparison.events == comparison.rejected and (comparison.events or fail_on_change):
        advice = "; give one event per line, as JSON" if queue is None else ""
        click.echo(f"nothing was compared: no event is there that rules can be tried on{advice}", err=True)
        sys.exit(2)
    sys.exit(1 if fail_on_change and comparison.changes else 0)


def _lines(events: BinaryIO) -> Iterator[Sample]:
    for number, body in bodies(events):
        yield Sample(f"line {number}", body)


def _messages(queue: str, most: int) -> list[Sample]:
    # The AWS client takes a moment to import.
    from turnout.pipeline.router import metadata
    from turnout.sqs.aio import open_aio_sqs
    from turnout.sqs.peek import peek

    async def look() -> list[Sample]:
        async with open_aio_sqs() as sqs:
            found = await peek(sqs, queue, most)
        return [Sample(f"message {message.id}", message.body, metadata(message)) for message in found]

    return asyncio.run(look())


def _record(comparison: Comparison, with_excerpt: bool) -> dict[str, object]:
    changes = []
    for change in comparison.changes:
        record = {name: getattr(change, name) for name in change.__struct_fields__ if name != "body"}
        record["elsewhere"] = change.is_elsewhere
        for name in ("event_id", "event_type"):
            record[name] = None if record[name] is None else printable(record[name])
        if with_excerpt:
            record["excerpt"] = _excerpt(change)
        changes.append(record)
    counts = {
        name: getattr(comparison, name) for name in ("events", "rejected", "elsewhere", "otherwise", "other_rules")
    }
    return {**counts, "changes": changes}


def _print(comparison: Comparison, with_excerpt: bool) -> None:
    for change in comparison.changes:
        click.echo(f"{change.count:>8,}  {_what(change)}")
        rules = [*(f"- {name}" for name in change.rules_gone), *(f"+ {name}" for name in change.rules_new)]
        if rules:
            click.echo(f"{'':10}rules: {', '.join(rules)}")
        names = (change.event_type, f"id {change.event_id}" if change.event_id else None)
        click.echo(
            f"{'':10}such as {change.place}: {printable(', '.join(filter(None, names)) or 'without type and id')}"
        )
        if with_excerpt and (text := _excerpt(change)):
            click.echo(f"{'':10}{text}")
    none = f", {comparison.rejected:,} of them none that rules can be tried on" if comparison.rejected else ""
    match = "matches" if comparison.other_rules == 1 else "match"
    click.echo(
        f"{count(comparison.events, 'event')}{none}: {comparison.elsewhere:,} would go elsewhere, "
        f"{comparison.otherwise:,} otherwise to the same places, {comparison.other_rules:,} only {match} other rules"
    )


def _what(change: Change) -> str:
    if change.is_elsewhere:
        moved = f" (another address: {', '.join(change.moved)})" if change.moved else ""
        return f"{', '.join(change.before)} -> {', '.join(change.after)}{moved}"
    return f"{', '.join(change.after)}: other {', '.join(change.differs)}"


def _excerpt(change: Change) -> str:
    return redactor(os.environ)(excerpt(change.body))
