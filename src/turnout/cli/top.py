"""`turnout top`: a running worker in the terminal, live."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime

import click
import httpx
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from turnout import __version__
from turnout.cli.running import address_argument, asking, look, told, worker_url
from turnout.cli.screen import wide_console
from turnout.rules.showing import printable
from turnout.service.history import History
from turnout.service.summary import (
    Card,
    ago,
    cards,
    letter_rows,
    number,
    source_row,
    span,
    target_row,
    telling,
    verdict,
    workers,
)
from turnout.telemetry.snapshot import Snapshot

__all__ = ["top"]

Row = tuple[str | Text, ...]

_TONES = {"good": "bold green", "warn": "bold yellow", "bad": "bold red", "": ""}
_MOST_RULES = 15
_MOST_TARGETS = 30
_FEWEST = 3
"""Targets, or rules, in whatever terminal."""
_LINES_ABOVE = 12
"""Lines that headline, figures and sources take, about."""
_ALL_LINES = 80
"""With so many, nothing is left out for want of lines."""
_ROOM_FOR_ALL = 66
"""Columns that the figures of targets need beside their names; in fewer there is none for a sentence in a table."""
_ROOM_FOR_SOME = 48
"""Columns that a few of them need."""
_FIRST_SECONDS = 1.0
"""Between the two looks that `--once` takes."""


@click.command(short_help="Watch a running worker.")
@address_argument
@click.option("--once", is_flag=True, help="Look for a second, print, and exit; also when the output is no terminal.")
@click.option("--every", type=click.FloatRange(0.2, 60), default=2.0, show_default=True, help="Seconds between looks.")
def top(address: str | None, once: bool, every: float) -> None:
    """Show what a running worker does: rates, targets, rules, letters.

    ADDRESS is that of its HTTP port, as its log names it: http://127.0.0.1:8080, or 8080 for one on this machine;
    without it TURNOUT_HTTP_PORT is taken. The token, if it has one, is read from TURNOUT_HTTP_TOKEN. Ctrl-C ends.
    """
    url = worker_url(address)
    history = History()
    with asking(url) as client:
        history.add(look(client))
        # Where the cursor cannot be moved, a live picture would never be drawn.
        if once or not sys.stdout.isatty() or Console().is_dumb_terminal:
            time.sleep(_FIRST_SECONDS)
            history.add(look(client))
            wide_console().print(frame(history))
            return
        _follow(client, history, every)


def _follow(client: httpx.Client, history: History, every: float) -> None:
    console = Console()
    # On the alternate screen, so that what was on the terminal is there again afterwards.
    with Live(frame(history, lines=console.height), console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                time.sleep(every)
                silent = ""
                try:
                    history.add(look(client))
                except httpx.HTTPError as error:
                    silent = f"no answer: {told(error)}"
                live.update(frame(history, silent, lines=console.height), refresh=True)
            except KeyboardInterrupt:
                return


def frame(history: History, silent: str = "", *, lines: int = _ALL_LINES) -> Group:
    """One picture of the newest snapshot. `silent` says why there is no newer one.

    Where there are few `lines`, what fails must be above the lower edge: of targets and rules fewer are shown.
    """
    snapshot = history.last
    assert snapshot is not None, "a frame needs a snapshot"  # noqa: S101 - states the invariant
    room = max(0, lines - _LINES_ABOVE)
    targets, rules = max(_FEWEST, room // 2), max(_FEWEST, room // 3)
    return Group(
        *_heading(snapshot, silent),
        Text(),
        _figures(snapshot, history),
        Text(),
        *_sources(snapshot),
        Text(),
        *_targets(snapshot, history, min(_MOST_TARGETS, targets)),
        Text(),
        _rules(snapshot, history, min(_MOST_RULES, rules)),
        Text(),
        _letters(snapshot),
    )


def _heading(snapshot: Snapshot, silent: str) -> list[Text]:
    rules, now = snapshot.rules, snapshot.taken_at
    if silent:
        silent += f"; what you see is old, of {datetime.fromtimestamp(now).astimezone():%Y-%m-%d %H:%M:%S}"
    tone, headline, reasons = verdict(snapshot, silent)
    running = f"   workers {workers(snapshot)}" if workers(snapshot) else ""
    line = Text.assemble(
        (headline, _TONES[tone]),
        f"   turnout {__version__}{running}   up {span(now - snapshot.started_at)}   rules {rules.fingerprint}, "
        f"loaded {ago(now, rules.loaded_at)}",
    )
    return [line, *(Text(f"  {printable(reason)}") for reason in reasons)]


def _figures(snapshot: Snapshot, history: History) -> RenderableType:
    figures = list(cards(snapshot, history.window()))
    half = len(figures) // 2
    return _Fitting((_ROOM_FOR_ALL, _grid(figures, gap=4)), (0, _grid(figures[:half], figures[half:], gap=2)))


def _grid(*lines: Sequence[Card], gap: int) -> Table:
    table = Table.grid(padding=(0, gap))
    for line in lines:
        table.add_row(*(Text(card.label, "dim") for card in line))
        table.add_row(*(Text(card.value, _TONES[card.tone] or "bold") for card in line))
    return table


def _sources(snapshot: Snapshot) -> list[RenderableType]:
    rows: list[Row] = []
    errors = []
    for source in snapshot.sources:
        row = source_row(source, snapshot.taken_at)
        rows.append((Text(row.queue), number(row.received), row.read, Text(row.doing)))
        if row.trouble:
            errors.append(Text(f"  {row.queue}: {printable(row.trouble)}", "red"))
    return [_table("source", "received >", "last read", "pollers", rows=rows), *errors]


class _Fitting:
    """A table in several forms, each with the columns that it needs: where it is narrow, one with fewer figures.

    The last one needs none.
    """

    def __init__(self, *forms: tuple[int, RenderableType]) -> None:
        self._forms = forms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield next(form for needed, form in self._forms if options.max_width >= needed)


def _targets(snapshot: Snapshot, history: History, most: int) -> list[RenderableType]:
    columns = ("target", "state", "waiting >", "sent/s >", "sent >", "retried >", "given up >")
    rows: list[Row] = []
    errors = []
    window = history.window()
    shown = telling(snapshot.targets, most)
    for target in shown:
        row = target_row(target, window)
        rows.append(
            (
                Text(target.name, "dim" if target.is_dead_letter_queue else ""),
                Text(row.state.partition(",")[0], _TONES[row.tone]),  # when it is tried again is in the headline
                number(target.backlog),
                row.rate,
                number(target.sent),
                number(target.retried),
                Text(number(target.failed), "red" if target.failed else ""),
            )
        )
        if row.trouble:
            # Below, since a terminal of 80 columns has no room for them beside the figures.
            errors.append(Text(f"  {target.name}: {printable(row.trouble)}", "dim"))
    if len(shown) < len(snapshot.targets):
        rows.append((Text(f"{number(len(snapshot.targets) - len(shown))} more", "dim"),))
    forms = ((_ROOM_FOR_ALL, 7), (_ROOM_FOR_SOME, 4), (0, 3))
    return [_Fitting(*((needed, _table(*columns[:some], rows=rows)) for needed, some in forms)), *errors]


def _rules(snapshot: Snapshot, history: History, most: int) -> RenderableType:
    columns = ("rule", "last minute >", "matches >", "last match")
    rows: list[Row] = []
    matches = snapshot.rules.matches
    busiest = sorted(matches, key=lambda rule: (-history.matched(rule), -matches[rule]))
    for rule in busiest[:most]:
        kind = " (shadow)" if rule in snapshot.rules.shadow else " (off)" if rule in snapshot.rules.disabled else ""
        last = history.last_match.get(rule, 0.0)
        seen = ago(snapshot.taken_at, last) if last else "earlier" if matches[rule] else "never"
        rows.append((Text.assemble(rule, (kind, "dim")), number(history.matched(rule)), number(matches[rule]), seen))
    if len(busiest) > most:
        rows.append((Text(f"{number(len(busiest) - most)} more", "dim"),))
    rows.append((Text("no rule", "dim"), "", number(snapshot.unmatched)))
    return _Fitting((_ROOM_FOR_SOME, _table(*columns, rows=rows)), (0, _table(*columns[:3], rows=rows)))


def _letters(snapshot: Snapshot) -> RenderableType:
    columns = ("letter", "of late >", "last", "owed to", "why")
    rows: list[Row] = []
    reasons = []
    # The worker has masked what nobody should read.
    for row in letter_rows(snapshot.recent_letters, snapshot.taken_at, printable):
        rows.append((row.reason, number(row.count), row.last, Text(row.owed), Text(row.message)))
        reasons.append(Text(f"  {row.reason}{row.owed and f', owed to {row.owed}'}: {row.message}", "dim"))
    narrow = _table(*columns[:3], rows=rows or _NO_LETTERS)
    return _Fitting((_ROOM_FOR_ALL, _table(*columns, rows=rows or _NO_LETTERS)), (0, Group(narrow, *reasons)))


_NO_LETTERS: Sequence[Row] = ((Text("none", "dim"),),)
_FOLDED = ("source", "target", "rule", "why", "state", "pollers")
"""Names and sentences, which go on in the next line where it is narrow."""
_LEAST = {"state": len("repaired"), "target": 12, "rule": 12}
"""Columns below which words are not broken."""


def _table(*columns: str, rows: Sequence[Row]) -> Table:
    """A plain table of so much of these rows as it has columns; those whose name ends in ` >` are set right. Where it
    is narrow, figures stay whole.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        name, right, _ = column.partition(" >")
        table.add_column(
            name,
            justify="right" if right else "left",
            no_wrap=name not in _FOLDED,
            overflow="fold" if name in _FOLDED else "ellipsis",
            min_width=len(name) if right else _LEAST.get(name, 0),
        )
    for row in rows:
        table.add_row(*row[: len(columns)])
    return table
