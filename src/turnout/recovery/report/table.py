"""A report on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from turnout.recovery.causes import Disposition
from turnout.recovery.report import model, words
from turnout.recovery.report.model import Health, Report, Share, Timeline
from turnout.recovery.report.shares import lists

__all__ = ["print_report"]

_MOST_ROWS = 8
_BLOCKS = " ▁▂▃▄▅▆▇█"
_BAR = 24
_WIDEST_PLACE = 24
_LEAST_SAID = 5
"""Columns without which the last one of the groups would say nothing."""
_STYLES: dict[str, str] = {
    Disposition.TRANSIENT: "green",
    Disposition.NEEDS_FIX: "yellow",
    Disposition.PERMANENT: "red",
    Disposition.UNKNOWN: "magenta",
}


def print_report(report: Report, console: Console) -> None:
    """Print the report. Commands are not broken into lines, so that they can be copied."""
    for part in _body(report, console.width):
        console.print(part, highlight=False)
    if report.steps:
        console.print(Text("\nWhat to do next", style="bold"))
    for number, step in enumerate(report.steps, 1):
        console.print(Text.assemble(f"{number}. ", (step.title, _STYLES[step.disposition])))
        console.print(Padding(Text(step.advice, style="dim"), (0, 0, 0, 3), expand=False))
        for command in step.commands:
            console.print(Text(f"   $ {command}"), soft_wrap=True)
    if report.notes:
        console.print()
    for note in report.notes:
        console.print(Text(note, style="dim"))


def _body(report: Report, width: int) -> list[RenderableType]:
    parts: list[RenderableType] = [_headline(report), *(Text(each, style="yellow") for each in report.caveats)]
    if report.total:
        parts += [_glance(report), Text(), _groups(report, width)]
        if report.timeline is not None:
            parts += [Text(), _timeline(report.timeline)]
        for title, shares in lists(report):
            if shares:
                parts += [Text(), Text(title, style="bold"), _bars(shares)]
        if report.correlations:
            said = ", ".join(f"{share.count:,} {share.name}" for share in report.correlations)
            parts += [Text(), Text.assemble(("Conversations looked up: ", "bold"), said)]
    if report.health is not None and report.health.total:
        parts += [Text(), *_health(report.health)]
    return parts


def _headline(report: Report) -> Text:
    selection = f" ({report.selection})" if report.selection else ""
    return Text.assemble((f"{words.letters(report.total)} in {report.source}", "bold"), selection)


def _glance(report: Report) -> Text:
    text = Text()
    for each in report.outlook:
        text.append(", " if text else "")
        text.append(f"{each.count:,} {each.words}", style=_STYLES[each.disposition] if each.disposition else "")
    if report.oldest is not None:
        age = words.span((report.generated_at - report.oldest).total_seconds())
        text.append(f"; the oldest failed {age} ago", style="dim")
    return text


def _groups(report: Report, width: int) -> RenderableType:
    """A table, or where it has no room a few lines for each: it would lose its last columns."""
    places = [_where(group) for group in report.groups]
    # No wider than it needs: on a terminal of 80 columns what was said has only what the others leave.
    widths = {
        "cause": max(len(group.cause) for group in report.groups),
        "disposition": 11,
        "letters": 7,
        "where": min(_WIDEST_PLACE, max(map(cell_len, ("where", *places)))),
    }
    if width < sum(widths.values()) + 2 * len(widths) + _LEAST_SAID:
        return Group(*(_lines(group, place) for group, place in zip(report.groups, places, strict=True)))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False, expand=True)
    table.add_column("cause", no_wrap=True, min_width=widths["cause"])
    table.add_column("disposition", no_wrap=True, min_width=widths["disposition"])
    table.add_column("letters", justify="right", no_wrap=True, min_width=widths["letters"])
    table.add_column("where", overflow="fold", width=widths["where"])
    table.add_column("said most often", overflow="ellipsis", no_wrap=True, ratio=1)
    for group, place in zip(report.groups, places, strict=True):
        table.add_row(
            group.cause,
            Text(group.disposition, style=_STYLES[group.disposition]),
            f"{group.count:,}",
            Text(place),
            Text(_said(group)),
        )
    return table


def _lines(group: model.Group, place: str) -> RenderableType:
    """What the table has of a group, one under the other."""
    head = Text.assemble(
        f"{group.cause} ", (f"({group.disposition})", _STYLES[group.disposition]), f" {words.letters(group.count)}"
    )
    rest = (Text(place, overflow="fold"), Text(_said(group), overflow="ellipsis", no_wrap=True))
    return Group(head, *(Padding(each, (0, 0, 0, 2)) for each in rest if each.plain != "-"))


def _said(group: model.Group) -> str:
    return " ".join(group.error.split()) or "-"


def _where(group: model.Group) -> str:
    where = ", ".join(words.short(target.name) for target in group.targets[:2])
    more = f" +{len(group.targets) - 2}" if len(group.targets) > 2 else ""
    return where + more or "-"


def _timeline(timeline: Timeline) -> Group:
    totals = timeline.totals
    most = max(totals)
    blocks = "".join(_BLOCKS[-(-count * (len(_BLOCKS) - 1) // most)] for count in totals)
    scale = f"one column is {words.span(timeline.step_seconds)}, the highest {words.letters(most)}"
    return Group(
        Text("When they failed", style="bold"),
        Text(f"{blocks}"),
        Text(f"from {words.instant(timeline.start)}; {scale}", style="dim"),
    )


def _bars(shares: Sequence[Share]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", max_width=48)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    longest = max(share.count for share in shares)
    for share in shares[:_MOST_ROWS]:
        table.add_row(Text(share.name), f"{share.count:,}", Text("█" * max(1, share.count * _BAR // longest), "cyan"))
    if len(shares) > _MOST_ROWS:
        rest = shares[_MOST_ROWS:]
        table.add_row(f"{len(rest):,} more", f"{sum(share.count for share in rest):,}", "")
    return table


def _health(health: Health) -> list[RenderableType]:
    seconds = f" over {words.span(health.seconds)}" if health.seconds is not None else ""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for share in health.statuses:
        table.add_row(share.name, f"{share.count:,}", words.STATUSES.get(share.name, ""))
    return [
        Text("What became of them", style="bold"),
        Text(
            f"{words.letters(health.total)} that the ledger knows{seconds}, "
            f"{words.unsettled(health.open, health.gone)}. "
            f"{words.worked(health.success_rate)}".rstrip()
        ),
        table,
    ]
