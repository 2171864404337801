"""Options that several of the `turnout dlq` commands have: where the letters are, and which of them are meant."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from turnout.cli.dlq.given import GIVEN
from turnout.dlq.sources import Place
from turnout.recovery.causes import Cause, Disposition
from turnout.recovery.selection import Selection, Where
from turnout.recovery.times import moment

__all__ = [
    "Command",
    "Moment",
    "letters_are_meant",
    "limit_option",
    "pii_option",
    "place_options",
    "selection_options",
    "with_options",
]

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Command = Callable[..., None]


class Moment(click.ParamType[datetime]):
    """A time in ISO 8601 (without a zone: UTC), or so long ago: `90m`, `6h`, `2d`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, in UTC."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        number, unit = text[:-1], text[-1:].lower()
        if number.isascii() and number.isdigit() and unit in _UNITS and len(number) < 9:
            with contextlib.suppress(OverflowError):  # before the year 1
                return datetime.now(UTC) - timedelta(seconds=int(number) * _UNITS[unit])
        found = moment(text)
        if found is None:
            self.fail(f"{text!r} is neither a time such as 2026-01-05T10:00:00Z nor so long ago, such as 90m, 6h, 2d")
        return found


class _OneOf(click.Choice[Any]):
    """Taken in any case, and listed as reports write it."""

    def __init__(self, kind: type[Cause] | type[Disposition]) -> None:
        super().__init__([str(each) for each in kind], case_sensitive=False)

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """What is said to somebody who gave something else."""
        return f"{value!r} is not one of {', '.join(self.choices)}."


_PLACE = (
    click.option("--queue", type=GIVEN, metavar="URL", help="The dead-letter queue.  [TURNOUT_DEAD_LETTER_QUEUE_URL]"),
    click.option(
        "--failed-events",
        type=GIVEN,
        metavar="SUBSCRIPTION",
        help="Failed events of this subscription, from the API of TURNOUT_GENESYS_PROFILE=tutorial.",
    ),
    click.option("--file", type=GIVEN, metavar="FILE", help="An export that turnout dlq export has written."),
)
_ARCHIVED = functools.partial(
    click.option,
    "--archived",
    type=GIVEN,
    metavar="PREFIX",
    help="Archived letters whose keys begin so, in the bucket of TURNOUT_DLQ_ARCHIVE_BUCKET.",
)

_SELECTION = (
    click.option(
        "--cause",
        "causes",
        multiple=True,
        type=_OneOf(Cause),
        metavar="CAUSE",
        help="Only letters that failed for this, such as TARGET_MISSING; repeatable.",
    ),
    click.option(
        "--disposition",
        "dispositions",
        multiple=True,
        type=_OneOf(Disposition),
        metavar="WORD",
        help="Only letters that are transient, needs-fix, permanent or unknown: what would help them; repeatable.",
    ),
    click.option(
        "--rule",
        "rules",
        multiple=True,
        type=GIVEN,
        metavar="ID",
        help="Only letters of this rule (id, ARN or name); repeatable.",
    ),
    click.option(
        "--target",
        "targets",
        multiple=True,
        type=GIVEN,
        metavar="NAME",
        help="Only letters owed to this target (or ARN); repeatable.",
    ),
    click.option("--since", type=Moment(), help="Only letters that failed at or after this: a time, or 6h, 2d."),
    click.option("--until", type=Moment(), help="Only letters that failed before this."),
    click.option(
        "--id",
        "ids",
        multiple=True,
        type=GIVEN,
        help="Only this letter; the id of its event or conversation will do; repeatable.",
    ),
    click.option(
        "--where",
        type=GIVEN,
        metavar="EXPRESSION",
        help="Only letters for which this is true: an expression of the rules over the event, with @cause, "
        "@attributes.NAME, @receive_count, ... for what is known of the letter.",
    ),
)


def letters_are_meant(text: str) -> str:
    """The option that an argument was probably meant for: where the letters are, or which of them."""
    if "://" in text:
        return "--queue"
    return "--file" if Path(text).suffix else "--id"


def place_options(command: Command, *, hide_archived: bool = False) -> Command:
    """`--queue`, `--failed-events`, `--file`, `--archived`; the command gets `place`. They exclude each other.

    With `hide_archived` the last one is not listed: the command only says what to do in its place.
    """

    @functools.wraps(command)
    def wrapped(
        *, queue: str | None, failed_events: str | None, file: str | None, archived: str | None, **others: Any
    ) -> None:
        if sum(map(bool, (queue, failed_events, file, archived))) > 1:
            raise click.UsageError("give one of --queue, --failed-events, --file and --archived")
        command(place=Place(queue or "", failed_events or "", file or "", archived or ""), **others)

    return with_options((*_PLACE, _ARCHIVED(hidden=hide_archived)), wrapped)


def selection_options(command: Command) -> Command:
    """The options that select letters; the command gets `selection`. Of one kind several may be given: any fits."""

    @functools.wraps(command)
    def wrapped(
        *,
        causes: tuple[str, ...],
        dispositions: tuple[str, ...],
        rules: tuple[str, ...],
        targets: tuple[str, ...],
        since: datetime | None,
        until: datetime | None,
        ids: tuple[str, ...],
        where: str | None,
        **others: Any,
    ) -> None:
        if since is not None and until is not None and since >= until:
            first, last = (f"{each:%Y-%m-%d %H:%M:%S %Z}" for each in (since, until))
            raise click.UsageError(f"no letter can be meant: --since ({first}) is not before --until ({last})")
        selection = Selection(
            causes=frozenset(map(Cause, causes)),
            dispositions=frozenset(map(Disposition, dispositions)),
            rules=frozenset(rules),
            targets=frozenset(targets),
            since=since,
            until=until,
            ids=frozenset(ids),
            where=None if where is None else Where(where),
        )
        command(selection=selection, **others)

    return with_options(_SELECTION, wrapped)


limit_option = click.option(
    "--limit",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="Letters that are read, at most.",
)

pii_option = click.option("--show-pii", is_flag=True, help="Show personal data. Secrets stay hidden.")


def with_options(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """The command with these options, in their order."""
    for option in reversed(options):
        command = option(command)
    return command
