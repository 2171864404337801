"""What is printed of a plan before it is carried out, while it is, and afterwards."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from turnout.cli.screen import wide_console
from turnout.recovery.redaction import Redaction
from turnout.recovery.report.words import span
from turnout.recovery.running.planning import Draft
from turnout.recovery.running.tally import Tally
from turnout.recovery.sources.api import Source
from turnout.rules.showing import printable
from turnout.words import count

__all__ = ["print_draft", "print_tally", "progress"]

_MOST_ROWS = 20


def print_draft(
    made: Draft,
    source: Source,
    what: str,
    *,
    rate: float,
    max_failures: float,
    missing: Mapping[str, str],
    misnamed: Sequence[str] = (),
) -> None:
    """The plan. `what` says what is to happen to the letters, and which are meant; `misnamed` what none of them is.

    `missing` is what there is no place for, and why: other targets of the same letters get them all the same.
    """
    redaction = Redaction(os.environ)  # of URLs that hold keys, of selections that name somebody
    name = redaction.text(source.name)
    click.echo(f"{redaction.text(what)}: {count(len(made.works), 'letter')} of {made.read:,} read in {name}.")
    if made.works:
        _print_works(made, redaction)
    for line in _others(made, source, name, missing, redaction):
        click.echo(line)
    for note in (*source.notes, *misnamed):
        click.echo(f"note: {printable(redaction.text(note))}")
    if made.works:
        seconds = len(made.works) / rate
        took = f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
        at_least = f": {took} or more" if seconds > 0.5 else ""
        click.echo(f"At {rate:g} a second{at_least}. Stops when more than {max_failures:g} % fail.")


def _print_works(made: Draft, redaction: Redaction) -> None:
    """How many go where, and why they failed."""
    rows = Counter(
        (", ".join(map(_place, made.aims.get(work.letter.id, ()))) or "nothing more", str(work.letter.cause))
        for work in made.works
    )
    table = Table("to", "cause", "letters", header_style="bold")
    table.columns[2].justify = "right"
    for (aims, cause), number in rows.most_common(_MOST_ROWS):
        table.add_row(Text(printable(redaction.text(aims)), overflow="fold"), cause, f"{number:,}")
    wide_console().print(table)
    if len(rows) > _MOST_ROWS:
        click.echo(f"... and {count(len(rows) - _MOST_ROWS, 'more row')}.")


def _others(made: Draft, source: Source, name: str, missing: Mapping[str, str], redaction: Redaction) -> Iterator[str]:
    """What becomes of the other letters, and of targets for which there is no place."""
    for reason, number in made.unfit.most_common():
        yield f"left alone: {number:,}: {printable(redaction.text(reason))}"
    for label, why in missing.items():
        if number := sum(label in made.aims.get(work.letter.id, ()) for work in made.works):
            yield f"fail in part: {number:,}: {printable(redaction.text(why))}"
    if made.begun:
        yield f"begun before: {made.begun:,}: an attempt that was cut off may have delivered them already"
    if made.finishing:
        again = "nothing is taken out here; --again acts on them once more"
        yield f"already done: {len(made.finishing):,}: {again if source.keeps else 'they are only taken out'}"
    if made.gone:
        yield f"already done: {len(made.gone):,}: they are in {name} no more"
    if made.absent:
        absent = f"{count(len(made.absent), 'letter')} of the plan"
        yield f"not read: {absent}." if made.limited else f"not there: {absent} cannot be seen in {name} now."
    if made.expired:
        gone, kept = count(len(made.expired), "letter"), span(source.retention_seconds or 0)
        yield f"gone: {gone} of the plan: they are not there, and {name} keeps a letter for {kept}, which is over."
    if made.limited:
        yield "There may be more letters than were read: raise --limit."


def _place(aim: str) -> str:
    """What a row is about: of archived letters, each of which has a key of its own, what the keys begin with."""
    return f"{aim.rpartition('/')[0]}/" if aim.startswith("s3://") else aim


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[Tally], None]]:
    """Shows a tally as it grows: a bar on a terminal, nothing elsewhere. On standard error."""
    console = Console(stderr=True)
    if not console.is_terminal or not total:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("letters", total=total)

        def told(tally: Tally) -> None:
            said = f"letters, {tally.failed:,} failed" if tally.failed else "letters"
            bar.update(task, completed=tally.ended, description=said)

        yield told


def print_tally(tally: Tally, *, left: str = "not tried") -> None:
    """How a run ended. `left` says what is true of those whose turn is not over."""
    redaction = Redaction(os.environ)
    parts = [f"{tally.done:,} done"]
    parts += [f"{tally.failed:,} failed"] if tally.failed else []
    parts += [f"{tally.undeleted:,} done but not taken out"] if tally.undeleted else []
    parts += [f"{tally.skipped:,} left to another process"] if tally.skipped else []
    parts += [f"{tally.behind:,} not tried behind another of their group"] if tally.behind else []
    number = tally.total - tally.ended
    parts += [f"{number:,} {left}"] if number else []
    click.echo(", ".join(parts) + ".")
    for why, number in tally.failures.most_common(10):
        click.echo(f"  {number:,}: {printable(redaction.text(why))}")
