"""The plot of letters over time, reckoned: where each bar and each tick is, in percent of the plot's size.

The page draws it. In percent, so that it is as wide as the window or the paper and its words stay as large as others.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from turnout.recovery.report.model import Timeline
from turnout.recovery.report.words import letters, span
from turnout.words import count

__all__ = ["Plot", "Segment", "Series", "Tick", "stacked"]

_MOST_SERIES = 6
_FEWEST_SLOTS = 16
"""So that few bars are bars and not walls."""
_GAP = 0.16
_X_TICKS = 8
_LAST_X_TICK = 93.0
"""Further to the right there is no room for its words."""
_ROUND = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)
_DAY = 86_400


class Segment(msgspec.Struct, frozen=True):
    """A part of a bar: `x` from the left, `y` from the top."""

    x: float
    y: float
    width: float
    height: float
    series: int
    label: str


class Tick(msgspec.Struct, frozen=True):
    """A mark of an axis. `note` is a second line; what is `minor` may be left out where there is little room."""

    position: float
    label: str
    note: str = ""
    minor: bool = False


class Series(msgspec.Struct, frozen=True):
    """A cause in the legend."""

    name: str
    count: int
    series: int


class Plot(msgspec.Struct, frozen=True):
    """A plot. `description` says in words what is to be seen."""

    segments: tuple[Segment, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    legend: tuple[Series, ...]
    description: str
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    """The same as a table: each step with its counts, in the legend's order; empty steps are left out."""


def stacked(timeline: Timeline) -> Plot:
    """Letters over time as stacked bars, one colour for each of the most frequent causes and one for the others."""
    series = _series(timeline)
    totals = timeline.totals
    top = _nice(max(totals))
    slots = max(timeline.steps, _FEWEST_SLOTS)
    offset = (slots - timeline.steps) // 2
    width = 100 / slots
    start = timeline.start - timedelta(seconds=offset * timeline.step_seconds)
    segments = []
    for n in range(timeline.steps):
        below = 0
        for index, (name, counts) in enumerate(series):
            if number := counts[n]:
                below += number
                segments.append(
                    Segment(
                        x=(offset + n + _GAP / 2) * width,
                        y=100 * (1 - below / top),
                        width=(1 - _GAP) * width,
                        height=100 * number / top,
                        series=index,
                        label=f"{_moment(timeline, n)}: {letters(number)}, {name}",
                    )
                )
    peak = totals.index(max(totals))
    return Plot(
        segments=tuple(segments),
        x_ticks=_x_ticks(start, timeline.step_seconds, slots),
        y_ticks=tuple(Tick(100 * (1 - value / top), f"{value:,}") for value in _y_values(top)),
        legend=tuple(Series(name, sum(counts), index) for index, (name, counts) in enumerate(series)),
        description=f"{letters(sum(totals))} over {count(timeline.steps, 'step')} of {span(timeline.step_seconds)}; "
        f"the most, {totals[peak]:,}, from {_moment(timeline, peak)}.",
        rows=tuple(
            (_moment(timeline, n), tuple(counts[n] for _, counts in series)) for n in range(timeline.steps) if totals[n]
        ),
    )


def _series(timeline: Timeline) -> list[tuple[str, tuple[int, ...]]]:
    if len(timeline.causes) <= _MOST_SERIES:
        return list(timeline.causes)
    rest = timeline.causes[_MOST_SERIES - 1 :]
    others = tuple(map(sum, zip(*(counts for _, counts in rest), strict=True)))
    return [*timeline.causes[: _MOST_SERIES - 1], ("other causes", others)]


def _nice(value: int) -> int:
    """The least round number that is not less."""
    power = 1
    while True:
        for tenths in _ROUND:
            if tenths * power >= 10 * value and tenths * power % 10 == 0:
                return tenths * power // 10
        power *= 10


def _y_values(top: int) -> list[int]:
    parts = next(parts for parts in (4, 3, 5, 2, 1) if top % parts == 0)
    return [top * n // parts for n in range(parts + 1)]


def _x_ticks(start: datetime, step: int, slots: int) -> tuple[Tick, ...]:
    every = -(-slots // _X_TICKS)
    ticks = []
    day = ""
    for n in range(0, slots, every):
        if 100 * n / slots > _LAST_X_TICK:
            break
        moment = start + timedelta(seconds=n * step)
        date = f"{moment.day} {moment:%b}"
        minor = n % (2 * every) != 0
        if step >= _DAY:
            ticks.append(Tick(100 * n / slots, date, f"{moment:%Y}" if n == 0 else "", minor))
        else:
            ticks.append(Tick(100 * n / slots, f"{moment:%H:%M}", date if date != day else "", minor))
        day = date
    return tuple(ticks)


def _moment(timeline: Timeline, n: int) -> str:
    moment = timeline.start + timedelta(seconds=n * timeline.step_seconds)
    return f"{moment:%Y-%m-%d}" if timeline.step_seconds >= _DAY else f"{moment:%Y-%m-%d %H:%M}"
