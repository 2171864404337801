"""A report as one HTML page: nothing is loaded from elsewhere and no script is needed; the plots are drawn here.

It follows the reader's choice of light or dark, and prints on paper with everything unfolded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from turnout.recovery.report import words
from turnout.recovery.report.charts import stacked
from turnout.recovery.report.model import Report, Share

__all__ = ["render_html"]

_MOST_BARS = 8


class Bar(msgspec.Struct, frozen=True):
    """One bar of a list of bars: `width` in percent of the longest."""

    name: str
    title: str
    count: int
    width: float


def render_html(report: Report) -> str:
    """The page."""
    templates = Environment(
        loader=PackageLoader("turnout.recovery.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        instant=words.instant,
        letters=words.letters,
        moment=_moment,
        percent=words.percent,
        short=words.short,
        soft=_soft,
        span=words.span,
    )
    # Of our own making, not of the report's: the only texts that are not escaped.
    style, _, _ = templates.loader.get_source(templates, "report.css") if templates.loader else ("", "", "")
    return templates.get_template("report.html").render(
        report=report,
        style=style,
        plot=stacked(report.timeline) if report.timeline is not None else None,
        lists=[
            ("Targets", "Where letters did not arrive", _bars(report.targets, shortened=True)),
            ("Rules", "Which rules sent them there", _bars(report.rules, shortened=True)),
            ("Event types", "What the events are", _bars(report.event_types)),
            ("Origins", "Who gave up on them", _bars(report.origins)),
        ],
        ages=_bars([Share(age.label, age.count) for age in report.ages], every=True),
        age_seconds=(report.generated_at - report.oldest).total_seconds() if report.oldest else None,
        statuses=words.STATUSES,
    )


def _bars(shares: Sequence[Share], *, shortened: bool = False, every: bool = False) -> list[Bar]:
    shown = list(shares if every else shares[:_MOST_BARS])
    rest = [] if every else shares[_MOST_BARS:]
    longest = max((share.count for share in shown), default=0) or 1
    bars = [
        Bar(words.short(share.name) if shortened else share.name, share.name, share.count, 100 * share.count / longest)
        for share in shown
    ]
    if rest:
        count = sum(share.count for share in rest)
        bars.append(Bar(f"{len(rest):,} more", "", count, min(100.0, 100 * count / longest)))
    return bars


def _moment(moment: datetime, now: datetime) -> str:
    """`28 Nov 09:15`; `12 Dec 2025` of another year than now's."""
    return f"{moment:%d %b %H:%M}" if moment.year == now.year else f"{moment:%d %b %Y}"


def _soft(text: str) -> Markup:
    """A name that may be broken into lines behind its punctuation, and nowhere else."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[.:/_-])", text))
